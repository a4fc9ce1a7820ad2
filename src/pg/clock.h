/*
 * clock.h: the only reader of the clock. Decisions take `now` as an argument; callers get it here.
 */
#ifndef SI_PG_CLOCK_H
#define SI_PG_CLOCK_H

#include "datatype/timestamp.h"
#include "utils/guc.h"

/* The product's time: real, frozen or shifted as sparkingest.clock says. Raises nothing. */
extern TimestampTz si_now(void);

/* Milliseconds of a clock that never steps back, for timeouts inside one process; not related to si_now(). */
extern int64 si_monotonic_millis(void);

/* GUC hooks of sparkingest.clock: '' = real, a timestamptz = frozen there, '+2 days' or '-1 hour' = shifted. */
extern bool si_clock_check(char **newval, void **extra, GucSource source);
extern void si_clock_assign(const char *newval, void *extra);

/* Whether sparkingest.clock is set to anything but real time. */
extern bool si_clock_is_moved(void);

#endif
