/*
 * history.h: tables that are kept by months, which are partitions, on UTC's calendar. Making and dropping one wait for others at
 * most a second, then raise 55P03: call them by si_attempt.
 */
#ifndef SI_STORE_HISTORY_H
#define SI_STORE_HISTORY_H

#include "datatype/timestamp.h"

typedef enum SiHistory
{
    SI_HISTORY_CONSUMPTION, /* resource_consumption, by ended_at */
    SI_HISTORY_EVENTS       /* events, by at */
} SiHistory;

/* Beginnings of months that lack a partition, oldest first, palloc'd: of now, so many ahead, and what rows without one are of. */
extern int si_history_missing(SiHistory history, TimestampTz now, int ahead, TimestampTz **out);

/* Makes the partition of a month and moves its rows there. */
extern void si_history_make(SiHistory history, TimestampTz month);

/* The beginning of the month so many before that of now. */
extern TimestampTz si_history_begin(TimestampTz now, int months);

/* Drops the oldest partition that ends by then and remembers it; its name, palloc'd, or NULL when there is none. */
extern char *si_history_drop(SiHistory history, TimestampTz before);

#endif
