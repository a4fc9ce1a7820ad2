/*
 * quantities.h: quantities as text for messages.
 */
#ifndef SI_PG_QUANTITIES_H
#define SI_PG_QUANTITIES_H

/* value / divisor as an exact decimal (domain/quantity.h), palloc'd. */
extern char *si_quantity_text(int64 value, int64 divisor);

/* The same as a numeric. */
extern Datum si_quantity_numeric(int64 value, int64 divisor);

/* Millionths of a vCPU-hour of millicore-seconds, rounded up. */
extern int64 si_hours_millionths(int64 millicore_seconds);

/* vCPU-hours of millicore-seconds, rounded up to a millionth, palloc'd. */
extern char *si_hours_text(int64 millicore_seconds);

/* vCPU-hours that cover an amount: rounded up to whole ones. */
extern int64 si_hours_whole(int64 millicore_seconds);

#endif
