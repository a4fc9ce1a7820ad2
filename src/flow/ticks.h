/*
 * ticks.h: what pg_cron, or any other scheduler, calls. Each is safe at any time and concurrently: a second call while one
 * is at work does nothing.
 */
#ifndef SI_FLOW_TICKS_H
#define SI_FLOW_TICKS_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* Fires, waiting work, over-committed namespaces. Returns the rows handled. */
extern int si_tick_plan(const char *actor);

/*
 * What plan() does beside schedules, for a worker that plans those in transactions of its own (flow/fires.h): over-committed
 * namespaces and waiting work.
 */
extern int si_tick_plan_again(const char *actor);

/* Waiting work alone; false = somebody else is at it, who may have looked too early. *handled: executions that changed. */
extern bool si_tick_plan_waiting(const char *actor, int *handled);

/* Whether plan() was not called for so long that a worker must stand in for the tick. */
extern bool si_tick_plan_is_late(TimestampTz now);

/* Ended reservations without an execution, old idempotency keys, what is rolled over (M3). Returns the rows handled. */
extern int si_tick_maintain(const char *actor);

/* usage_hourly and usage_load. Returns the rows written or removed. */
extern int si_tick_roll_up(const char *actor);

/* The same from scratch; waits for a roll-up that is under way. Returns the rows written. */
extern int64 si_usage_rebuild(void);

#endif
