/*
 * ticks.h: what pg_cron, or any other scheduler, calls. Each is safe at any time and concurrently: a second call while one
 * is at work does nothing.
 */
#ifndef SI_FLOW_TICKS_H
#define SI_FLOW_TICKS_H

#include "postgres.h"

/* Fires, waiting work, over-committed namespaces. Returns the rows handled. */
extern int si_tick_plan(const char *actor);

/* Ended reservations without an execution, old idempotency keys, what is rolled over (M3). Returns the rows handled. */
extern int si_tick_maintain(const char *actor);

/* usage_hourly. Returns the rows written or removed. */
extern int si_tick_roll_up(const char *actor);

#endif
