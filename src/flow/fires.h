/*
 * fires.h: schedules turned into executions, ahead of time and, where a tick came late, afterwards (J2, J3). A fire that gets
 * no execution is told by an event, so that none vanishes.
 */
#ifndef SI_FLOW_FIRES_H
#define SI_FLOW_FIRES_H

#include "store/executions.h"
#include "store/jobs.h"

/* So many jobs are planned together: by the same statements, in one subtransaction. */
#define SI_FIRES_BATCH 200

/*
 * Plans jobs that are due (store/jobs.h): turns their fires up to SI_AHEAD_DAYS from now, or the horizon if that is nearer, into
 * executions: missed ones by the job's misfire policy, coming ones up to SI_AHEAD_LIMIT; moves next_fire_at behind them and
 * sets plan_at. Jobs that somebody else holds are left out. A job that fails is blocked with the reason, and takes nothing of
 * the others with it (J12). Returns the executions made.
 */
extern int si_fires_plan(const SiDueJob *due, int n, const char *actor, TimestampTz now);

/*
 * Before the schedule of a locked job changes: what has come due by the old one, and no tick has seen, is caught up with as a
 * tick would. Moves job->next_fire_at behind it; writing the row is the caller's.
 */
extern void si_fires_catch_up(SiJob *job, const char *actor, TimestampTz now);

/*
 * Before a locked job stops firing: what has come due and no tick has seen is told as missed, for this cause. Moves
 * job->next_fire_at behind it; writing the row is the caller's.
 */
extern void si_fires_give_up(SiJob *job, const char *cause, const char *actor, TimestampTz now);

/*
 * A scheduled execution, locked after its job, that nobody started in the time that was reserved for it: the same rules hold
 * for its fire as for one that no tick saw (J3). True when it is given up: cancelled, and told as missed.
 */
extern bool si_fires_give_up_late(const SiJob *job, SiExecution *execution, const char *actor, TimestampTz now);

#endif
