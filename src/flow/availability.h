/*
 * availability.h: what is free in a pool, slot by slot: supply (grants, base capacity, overrides) less demand
 * (reservations), in the ledger, and on a standby in the tables.
 */
#ifndef SI_FLOW_AVAILABILITY_H
#define SI_FLOW_AVAILABILITY_H

#include "domain/slots.h"
#include "ledger/ledger.h"
#include "store/reservations.h"

/* A pool to look at: a namespace and, in dedicated ones, whose units. */
typedef struct SiPoolRef
{
    SiNamespace namespace;
    const pg_uuid_t *tenant_id; /* dedicated: owner of the pool. Elsewhere: whose cap counts; NULL = none */
    const pg_uuid_t *borrower;  /* who wants what the owner lends of it (C10); NULL = the owner itself */
} SiPoolRef;

/*
 * The accounts of the ledger in which a reservation counts: dedicated: the tenant's units and the namespace; draft: the
 * namespace and the tenant's share; else the namespace. No accounts = the tenant has no pool there: it never bought units.
 */
extern void si_claim_make(const SiNamespace *namespace, const pg_uuid_t *tenant_id, int64 cpu_millicores, int64 memory_mib,
                          SiClaim *out);

/* The same of a pool; who borrows counts in what its owner lends besides. */
extern void si_claim_for(const SiPoolRef *pool, int64 cpu_millicores, int64 memory_mib, SiClaim *out);

/* The same of a reservation; false when its row names another pool than the one that it would count in. */
extern bool si_claim_of(const SiReservation *reservation, const SiNamespace *namespace, SiClaim *out);

/*
 * Takes, or gives back, what is claimed in [first, first + n); see ledger.h. What is missing of the accounts is brought into
 * the ledger. Whether it fits. Raises SI005 when the ledger is full.
 */
extern bool si_claim_take(const SiNamespace *namespace, const SiClaim *claim, int64 first, int32 n, bool force);
extern void si_claim_give(const SiNamespace *namespace, const SiClaim *claim, int64 first, int32 n);

/*
 * First start in [earliest, latest] from which `length` slots have what is claimed, counting what this transaction gave up;
 * SI_NO_SLOT when there is none. Raises SI005 when there is no ledger.
 */
extern int64 si_available_from(const SiPoolRef *pool, const SiClaim *claim, int32 length, int64 earliest, int64 latest);

/*
 * Total and allocated of each account of a claim, in its order, for [first, first + n), counting what this transaction gave
 * up; palloc'd. Also on a standby. Raises SI005 when there is no ledger.
 */
extern void si_claim_read(const SiPoolRef *pool, const SiClaim *claim, int64 first, int32 n, SiSlots *total, SiSlots *allocated);

/* What is free in an account of a claim, slot by slot, counting what this transaction gave up; palloc'd. Raises SI005. */
extern void si_claim_free(const SiNamespace *namespace, const SiClaim *claim, int account, int64 first, int32 n, SiSlots *out);

/* Total and allocated of a pool, or with pool->tenant_id NULL of a whole namespace, for capacity(); palloc'd. */
extern void si_occupancy(const SiPoolRef *pool, int64 first, int32 n, SiSlots *total, SiSlots *allocated);

/* What the owner of a dedicated pool lends, and what of it is borrowed; palloc'd. Raises SI005 without a ledger. */
extern void si_lent_occupancy(const SiPoolRef *pool, int64 first, int32 n, SiSlots *total, SiSlots *allocated);

/* What a namespace has physically: its base with overrides, as this transaction sees them; palloc'd. */
extern void si_physical_total(const SiNamespace *namespace, int64 first, int32 n, SiSlots *total);

/* What the tables say of an account of the ledger by a registered snapshot, this transaction's own changes left out; palloc'd. */
extern void si_account_from_tables(const SiAccount *account, const SiPool *pool, const SiNamespace *namespace, int64 first,
                                   int32 n, Snapshot as_of, SiSlots *total, SiSlots *allocated);

/* Last instant that may be reserved; raises SI005 when `at` lies beyond. */
extern TimestampTz si_horizon(TimestampTz now);
extern void si_require_horizon(const char *field, TimestampTz at, TimestampTz now);

#endif
