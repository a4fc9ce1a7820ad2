/*
 * funds.h: vCPU-hours in the ledger: one account per grant (M4), in millicore-seconds. Holding takes from accounts and adds
 * entries; no row of a grant is locked or written, so that nobody waits for another's transaction (C6), and two sessions
 * never hold the same hour.
 */
#ifndef SI_FLOW_FUNDS_H
#define SI_FLOW_FUNDS_H

#include "store/balance.h"
#include "utils/snapshot.h"

/* Grants that a need may draw on, see si_balance_grants. */
typedef struct SiFunds
{
    pg_uuid_t tenant_id;
    SiFundsGrant *grants;
    int n;
} SiFunds;

/* Valid at some instant of [from, until]. */
extern void si_funds_find(const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until, SiFunds *out);

/* What grants valid at an instant have available, as this transaction may use it; also on a standby. Raises SI005 without a ledger. */
extern int64 si_funds_available(const SiFunds *funds, TimestampTz at);

/*
 * Holds an amount for the payer out of grants valid at an instant, in draw-down order (M5). Returns the part that is not
 * covered: 0 = all is held, above 0 = nothing is.
 */
extern int64 si_funds_hold(const SiFunds *funds, const SiDebtor *payer, int64 amount, TimestampTz at, TimestampTz now);

/*
 * Ends what is held for the payer: charges `actual`, from what is held first, then from what grants valid now have available,
 * and gives back the rest. Returns what was charged: less than actual when even that does not cover it. Call once.
 */
extern int64 si_funds_settle(const SiDebtor *payer, int64 actual, TimestampTz now);

/* What is available of a grant goes back to where it came from: it is granted no more (M3). Returns how much. */
extern int64 si_funds_lapse(const pg_uuid_t *grant_id, TimestampTz now);

/* A grant's supply, or what is held or spent of it, was changed by amounts in the tables; `force`: even if it does not fit. */
extern void si_funds_book(const pg_uuid_t *tenant_id, int32 account_no, int64 granted, int64 used, bool force);

/* What the tables say of a tenant's accounts by a registered snapshot, own changes left out; palloc'd. */
extern void si_funds_from_tables(const pg_uuid_t *tenant_id, int64 first, int32 n, Snapshot as_of, SiSlots *granted, SiSlots *used);

#endif
