/*
 * balance.h: vCPU-hours of tenants, in millicore-seconds (1 vCPU-hour = 3,600,000). Every movement writes one
 * balance_entries row per grant touched (M5) and keeps available + held + spent = granted (M4).
 */
#ifndef SI_STORE_BALANCE_H
#define SI_STORE_BALANCE_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

/* Available at an instant: over grants whose period contains it. Takes no lock. */
extern int64 si_balance_available(const pg_uuid_t *tenant_id, TimestampTz at);

/*
 * Sets amount aside for an execution from the grants valid at `at`, in draw-down order: priority, earliest expiry,
 * oldest. Returns the part that is not covered: 0 = all is held, above 0 = nothing was changed. Locks the grant rows.
 */
extern int64 si_balance_hold(const pg_uuid_t *tenant_id, const pg_uuid_t *execution_id, int64 amount, TimestampTz at,
                             TimestampTz now);

/*
 * Ends an execution's hold: charges actual, from what is held first and then from what its grants still have, and
 * returns the rest. Sets held = 0 and charged of the execution. Call once.
 */
extern void si_balance_settle(const pg_uuid_t *execution_id, int64 actual, TimestampTz now);

#endif
