/*
 * availability.h: what is free in a pool, slot by slot: supply (grants, base capacity, overrides) less demand
 * (reservations). Reads the newest committed state and the transaction's own changes, at any isolation level.
 */
#ifndef SI_FLOW_AVAILABILITY_H
#define SI_FLOW_AVAILABILITY_H

#include "domain/slots.h"
#include "store/pools.h"

/* A pool to look at: a namespace and, in dedicated ones, whose units. */
typedef struct SiPoolRef
{
    SiNamespace namespace;
    const pg_uuid_t *tenant_id; /* dedicated: owner of the pool. Elsewhere: whose cap counts; NULL = none */
    const pg_uuid_t *except;    /* reservation to leave out, NULL = none (C5) */
} SiPoolRef;

/*
 * Fills free with n slots from `first`: the least of what the pool, the tenant's cap and, where overrides bound a
 * dedicated namespace as a whole, the namespace has left. Arrays are palloc'd. Negative = over-committed.
 */
extern void si_availability(const SiPoolRef *pool, int64 first, int32 n, SiSlots *free_slots);

/* Total and allocated of a pool, or with pool->tenant_id NULL of a whole namespace, for capacity(). */
extern void si_occupancy(const SiPoolRef *pool, int64 first, int32 n, SiSlots *total, SiSlots *allocated);

/* Locks what si_availability rests on, creating the pool's row when missing; returns the pool's id. Held to the end. */
extern int32 si_availability_lock(const SiPoolRef *pool);

/* Last instant that may be reserved; raises SI005 when `at` lies beyond. */
extern TimestampTz si_horizon(TimestampTz now);
extern void si_require_horizon(const char *field, TimestampTz at, TimestampTz now);

#endif
