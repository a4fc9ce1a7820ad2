/*
 * place.h: finding and taking capacity: earliest fit in the spillover order (C1, C3, C8, C12), of cores and memory of a pool
 * and of named limits, all over the whole duration.
 */
#ifndef SI_FLOW_PLACE_H
#define SI_FLOW_PLACE_H

#include "flow/availability.h"
#include "flow/limit_account.h"
#include "store/reservations.h"

typedef struct SiNeed
{
    pg_uuid_t tenant_id;
    int64 cpu_millicores;
    int64 memory_mib;
    int64 duration_usecs;
    TimestampTz not_before;
    int64 window_usecs;         /* latest start = not_before + window */
    const char *namespace_name; /* NULL = spillover order */
    bool draft_job;             /* only the draft namespace */
    bool pays;                  /* an application's own: vCPU-hours are held for it where they pay */
    bool same_length;           /* a reservation that moves: a late start in the present slot takes no slot more */
    SiOnNoCapacity last_step;
    const char *actor;
    int32 not_of_pool;         /* made room in this pool: borrows nothing there, and takes nothing back itself; 0 = did not */
    const pg_uuid_t *revives;  /* a released reservation that gets the place; NULL = a new one does */
    const SiLimitNeed *limits; /* each limit once */
    int n_limits;
} SiNeed;

typedef struct SiPlacement
{
    bool placed;
    pg_uuid_t reservation_id;
    char namespace_name[64];
    SiPurpose purpose;
    TimestampTz starts_at;
    TimestampTz ends_at;
    bool borrowed;
    bool draft_fallback;
    char *reason;         /* not placed: why, in words */
    char *shortage;       /* not placed: which limit was in the way where there were cores and memory, in words; NULL = none */
    TimestampTz earliest; /* not placed: first start that fits beyond the window; SI_NO_TIME = none in the horizon */
    bool lacks_balance;   /* not placed: more vCPU-hours would open further namespaces */
    int64 lacking;        /* millicore-seconds that are missing then */
} SiPlacement;

/*
 * Finds the earliest fit and takes it; an owner has units that it lent back for it (reclaim.h). Never raises for "no fit".
 * Raises SI005 when not_before is beyond the horizon, 42704 for an unknown namespace.
 */
extern void si_place(const SiNeed *need, TimestampTz now, SiPlacement *out);

/* Earliest start of a need in one pool, for an owner with what it would have back; or SI_NO_TIME. Takes nothing, locks nothing. */
extern TimestampTz si_earliest_start(const SiPoolRef *pool, const SiNeed *need, TimestampTz now);

/* Releases; whether it was active. Others see the capacity when this commits (C5). */
extern bool si_unplace(const pg_uuid_t *reservation_id, TimestampTz now);

/*
 * Moves a reservation to the slot at or after starts_at; whether it fits there. When not, the caller must raise: the
 * transaction has given it up.
 */
extern bool si_place_again(SiReservation *reservation, TimestampTz starts_at, TimestampTz now);

/* vCPU-hours that a need costs in a namespace, millicore-seconds (M6); raises 22023 when it overflows. */
extern int64 si_planned_cost(const SiNamespace *namespace, int64 cpu_millicores, int64 memory_mib, int64 duration_usecs);

#endif
