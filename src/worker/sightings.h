/*
 * sightings.h: what the list of a namespace that is under way has shown so far, and writing it down when it is complete, so
 * that runaway_executions() can hold it against the rows.
 */
#ifndef SI_WORKER_SIGHTINGS_H
#define SI_WORKER_SIGHTINGS_H

#include "worker/fleet.h"
#include "worker/judge.h"

/* One object of a list. execution_id is NULL or a uuid. */
extern void si_sightings_add(SiStream *stream, const SiApplication *application);

/* The list is complete: one transaction. When that fails, the next list makes up for it. */
extern void si_sightings_complete(SiStream *stream, int64 now_millis);

extern void si_sightings_free(SiStream *stream);

#endif
