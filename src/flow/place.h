/*
 * place.h: finding and taking capacity: earliest fit in the spillover order (C1, C3, C8, C12).
 */
#ifndef SI_FLOW_PLACE_H
#define SI_FLOW_PLACE_H

#include "flow/availability.h"
#include "flow/funds.h"
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
    TimestampTz earliest; /* not placed: first start that fits beyond the window; SI_NO_TIME = none in the horizon */
    bool too_large;       /* not placed: no namespace that it may use has so much, even when it is empty */
    bool lacks_balance;   /* not placed: more vCPU-hours would open further namespaces */
    int64 lacking;        /* millicore-seconds that are missing then */
} SiPlacement;

/* A namespace of the spillover order, and how a walk over it went. */
typedef struct SiCandidate
{
    SiPoolRef pool;
    bool fallback; /* production work in the draft namespace */
    bool costs;    /* vCPU-hours pay there */
    /* Filled as it is tried: */
    int64 cost;    /* millicore-seconds; 0 = nothing */
    SiFunds funds; /* what pays for it */
    int64 available;
    bool open;         /* what it costs is covered */
    TimestampTz start; /* first start that fits in the window; SI_NO_TIME = none. Looked at only */
    TimestampTz end;   /* end of the reservation then */
} SiCandidate;

/*
 * Walks over the order as si_place does, to the first place that fits, and takes nothing; also on a standby. Fills the list,
 * palloc'd, and returns how many were tried: the last one fits, or none does. *earliest: as in SiPlacement.
 */
extern int si_place_look(const SiNeed *need, TimestampTz now, SiCandidate **out, TimestampTz *earliest);

/* The whole order, palloc'd; returns how many. Raises 42704 for an unknown namespace. */
extern int si_place_candidates(const SiNeed *need, SiCandidate **out);

/* The most that each candidate has when it is empty, in words, palloc'd; NULL = the need is not too large for one of them. */
extern char *si_candidates_outgrown(const SiNeed *need, const SiCandidate *list, int n);

/* Prices a candidate: fills cost, funds, available, open. */
extern void si_candidate_price(SiCandidate *candidate, const SiNeed *need, TimestampTz now);

/* The slots that a need touches in a pool when it starts as early as it may. */
extern void si_candidate_slots(const SiCandidate *candidate, const SiNeed *need, TimestampTz now, int64 *first, int32 *length);

/*
 * Finds the earliest fit and takes it; locks the pool that it takes from until the end of the transaction. Never raises
 * for "no fit". Raises SI005 when not_before is beyond the horizon, 42704 for an unknown namespace.
 */
extern void si_place(const SiNeed *need, TimestampTz now, SiPlacement *out);

/* Earliest start of a need in one pool, or SI_NO_TIME. Takes nothing, locks nothing. */
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
