/*
 * schedule.h: schedules of jobs: a cron expression in a zone (J1).
 */
#ifndef SI_FLOW_SCHEDULE_H
#define SI_FLOW_SCHEDULE_H

#include "datatype/timestamp.h"

#include "domain/cron.h"
#include "store/jobs.h"

/* A fire that is no further away does not wait for a tick, which comes each minute and may be late. */
#define SI_NEAR_USECS (90 * USECS_PER_SEC)

typedef struct SiSchedule
{
    SiCron cron;
    SiZone zone;
} SiSchedule;

/* Raises 22023 naming schedule_cron or time_zone. */
extern void si_schedule_open(const char *schedule_cron, const char *time_zone, SiSchedule *out);

/* First fire strictly after an instant; false when there is none that the calendar knows. */
extern bool si_schedule_next(const SiSchedule *schedule, TimestampTz after, TimestampTz *next);

/* First fire of a job after an instant; SI_NO_TIME when it has no schedule or never fires again. */
extern TimestampTz si_job_next_fire(const SiJob *job, TimestampTz after);

/*
 * Has a locked job fire next at this time, SI_NO_TIME = never, and be looked at by the next tick, or, where that might come
 * too late, by the planner when this commits. Writing the row is the caller's.
 */
extern void si_job_set_next_fire(SiJob *job, TimestampTz next, TimestampTz now);

/* The same by its schedule: the first fire from now on. */
extern void si_job_fire_from(SiJob *job, TimestampTz now);

/* Raises 22023 when the job's schedule never fires; tells the next five fire times in a NOTICE. Nothing without a schedule. */
extern void si_schedule_announce(const SiJob *job, TimestampTz now);

#endif
