/*
 * rate.h: how often something may happen in a second, over all backends. A place in shared memory per id that is limited;
 * who has not done anything for a second needs none.
 *
 * Locks: a spinlock per place, for a few instructions.
 */
#ifndef SI_PG_RATE_H
#define SI_PG_RATE_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

/* _PG_init. */
extern void si_rate_init(void);

/*
 * Counts one: 0, or, when that is one too many, the microseconds after which it would not be, and nothing is counted. All of
 * a second's may come at once, then they come evenly. Without shared memory (not preloaded) nothing is too many.
 */
extern int64 si_rate_take(const pg_uuid_t *id, int per_second, TimestampTz now);

/* Waits, but not for long: who asks again at once is to cost others little. Can be cancelled. */
extern void si_rate_pause(int64 usecs);

#endif
