/*
 * duration.h: lengths of time given as text.
 */
#ifndef SI_PG_DURATION_H
#define SI_PG_DURATION_H

/*
 * Microseconds of an interval as text ("30 minutes", "01:30", "PT30M"); a day counts 24 hours. False when it is no
 * interval, has months or years, which have no fixed length, or does not fit.
 */
extern bool si_duration_parse(const char *text, int64 *usecs);

#endif
