/*
 * reserve.h: reservations that applications make themselves, and changes of supply.
 */
#ifndef SI_FLOW_RESERVE_H
#define SI_FLOW_RESERVE_H

#include "flow/place.h"
#include "pg/caller.h"

/* Longest duration that may be reserved, microseconds: the horizon. */
extern int64 si_longest_reservation(void);

/* Raises SI001, or SI002 where vCPU-hours are all that is missing, for a placement that is none. */
extern void si_reserve_refuse(const SiNeed *need, const SiPlacement *placement) pg_attribute_noreturn();

/* What events tell of a reservation: identifier, place and size as a JSON object, palloc'd. */
extern char *si_reservation_describe(const SiReservation *reservation);

/* Locks the job and the execution that own a reservation, if any: their locks come before that of the reservation. */
extern void si_reservation_lock_owner(const SiReservation *reservation);

/* Of a locked reservation. Raises SI003 when an execution owns it. Whether it was active. */
extern bool si_release_now(const SiCaller *caller, const SiReservation *reservation, TimestampTz now);

/*
 * Moves a locked reservation, and the execution that owns it, if any and not claimed yet. Raises SI001 when it does not
 * fit there, SI003 when it was released or its execution was claimed.
 */
extern void si_move_now(const SiCaller *caller, SiReservation *reservation, TimestampTz starts_at, TimestampTz now);

/* Ends reservations of applications that are over; returns how many. */
extern int64 si_release_over(TimestampTz now);

#endif
