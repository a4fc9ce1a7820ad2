/*
 * cancellation.h: a purchase ends before its time (C9).
 */
#ifndef SI_FLOW_CANCELLATION_H
#define SI_FLOW_CANCELLATION_H

#include "flow/relief.h"
#include "pg/caller.h"

/*
 * Ends a purchase at an instant, SI_NO_TIME = now: its grants end there, and those that have not begun by then never do. Runs
 * on dedicated units that no longer fit, and runs that hold vCPU-hours of grants that never begin, are planned anew; what
 * else is held stays until it is settled, the rest lapses. Returns who is affected, palloc'd. Waits for the transactions that
 * hold capacity. The caller's right to touch the purchase was checked. Again for the same instant it does nothing. Raises
 * 22023, SI003.
 */
extern int si_purchase_cancel(const SiCaller *caller, const pg_uuid_t *purchase_id, TimestampTz effective, TimestampTz now,
                              SiRelieved **out);

#endif
