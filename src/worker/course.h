/*
 * course.h: the next step of each live execution (drive) and what answers of Kubernetes lead to.
 */
#ifndef SI_WORKER_COURSE_H
#define SI_WORKER_COURSE_H

#include "worker/fleet.h"
#include "worker/live.h"

/* Starts what is to be done next for each live execution. Returns the monotonic time of the next look, at most `most`. */
extern int64 si_course_step(int64 now_millis, int64 most);

/* Takes an answer to a call of one execution. */
extern void si_course_answer(SiAnswer *answer, int64 now_millis);

/* Handling the answer raised: its execution backs off. */
extern void si_course_failed(const SiAnswer *answer, int64 now_millis);

/* For si_fleet_init: what lists and watches show. */
extern const SiFleetEvents si_course_events;

#endif
