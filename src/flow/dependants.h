/*
 * dependants.h: runs that start after the success of runs of other jobs (options.after).
 *
 * Each run of a job that others start after is linked to each of them (execution_dependencies). A dependant's run is admitted
 * with its predecessors' runs: its scheduled time is their planned end, its reservation follows that, and it is not dispatched
 * before all have succeeded; then it is let go at once, also early (C13). It is cancelled when one ends for good without success.
 *
 * All is decided from rows, job by job, by si_dependants_settle, as often as anybody likes: status is a level, not an edge. A
 * job that somebody has in hand is left to the tick. Locks go from a job to those that start after it, which is never a cycle.
 */
#ifndef SI_FLOW_DEPENDANTS_H
#define SI_FLOW_DEPENDANTS_H

#include "store/executions.h"
#include "store/jobs.h"

/* A first attempt of a production run was admitted: the jobs that start after it are told. */
extern void si_dependants_open(const SiExecution *execution, const char *actor, TimestampTz now);

/* A run was planned otherwise, or has ended: so are those that start after it. */
extern void si_dependants_follow(const SiExecution *execution, const char *actor, TimestampTz now);

/* A run was tried again: those that start after it wait for its next attempt. */
extern void si_dependants_retried(const SiExecution *execution, const SiExecution *next, const char *actor, TimestampTz now);

/* A run that waited for others has ended, before it was let go: others may take what stood by for it. */
extern void si_dependants_forget(const SiExecution *execution);

/* A locked job may run from now on, or starts after others than before: it is linked to what is planned of them. */
extern void si_dependants_link(SiJob *job, const char *actor, TimestampTz now);

/* The jobs that start after a job that was dropped are told that it will not start them any more. */
extern void si_dependants_drop(const SiJob *job, const char *actor);

/* All jobs whose predecessors ended or are planned otherwise than was followed, but those that somebody has in hand. Returns how many. */
extern int si_dependants_tick(const char *actor, TimestampTz now);

#endif
