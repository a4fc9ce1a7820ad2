/*
 * place.h: finding and taking capacity: earliest fit in the spillover order (C1, C3, C8, C12), of cores and memory of a pool
 * and of named limits, all over the whole duration.
 */
#ifndef SI_FLOW_PLACE_H
#define SI_FLOW_PLACE_H

#include "flow/funds.h"
#include "flow/search.h"
#include "store/reservations.h"

typedef struct SiPlacement
{
    bool placed; /* within the window */
    bool ahead;  /* not placed, but there is a tentative place beyond the window: reservation_id to ends_at are set */
    pg_uuid_t reservation_id;
    char namespace_name[64];
    SiPurpose purpose;
    TimestampTz starts_at;
    TimestampTz ends_at;
    bool borrowed;
    bool draft_fallback;
    SiFunds funds;        /* placed where vCPU-hours pay: what may pay; else none */
    char *reason;         /* not placed: why, in words */
    char *shortage;       /* not placed: which limit was in the way where there were cores and memory, in words; NULL = none */
    TimestampTz earliest; /* not placed: first start beyond the window; SI_NO_TIME = none in the horizon */
    bool too_large;       /* not placed: no namespace that it may use has so much, even when it is empty */
    bool lacks_balance;   /* not placed: more vCPU-hours would open further namespaces */
    int64 lacking;        /* millicore-seconds that are missing then */
} SiPlacement;

/*
 * Finds the earliest fit and takes it; an owner has units that it lent back for it (reclaim.h). With need->keep the place that
 * it has becomes the new one, or is given back. Never raises for "no fit". Raises SI005 when not_before is beyond the horizon,
 * 42704 for an unknown namespace.
 */
extern void si_place(const SiNeed *need, TimestampTz now, SiPlacement *out);

/* A pool that a need may be placed in. */
typedef struct SiCandidate
{
    SiPoolRef pool;
    bool fallback; /* production work in the draft namespace: within the window only */
    bool costs;    /* vCPU-hours pay */
    /* As it is tried: */
    int64 cost;        /* millicore-seconds; 0 = nothing */
    SiFunds funds;     /* what may pay for it */
    int64 available;   /* millicore-seconds */
    bool open;         /* what it costs is covered */
    TimestampTz start; /* looked at only: first start that fits in the window, SI_NO_TIME = none; */
    TimestampTz end;   /* and the end of the reservation then */
    char *shortage;    /* which limit was in the way where there were cores and memory, in words; NULL = none */
} SiCandidate;

/*
 * Those of the spillover order (C12), or the namespace that the need names, in the order in which they are tried; of those who
 * lend, the one where the need starts first is tried first. palloc'd.
 */
extern int si_place_candidates(const SiNeed *need, SiCandidate **out);

/* Whether the tenant's vCPU-hours cover the need in a pool, where they pay: fills cost to open. */
extern bool si_place_is_covered(const SiNeed *need, SiCandidate *candidate, TimestampTz now);

/*
 * Walks over the order as si_place does, to the first place that fits in the window, and takes nothing; also on a standby. Fills
 * the list, palloc'd, and returns how many were tried: the last one fits, or none does. *earliest: its start, or as in SiPlacement.
 */
extern int si_place_look(const SiNeed *need, TimestampTz now, SiCandidate **out, TimestampTz *earliest);

/* The most that each candidate has when it is empty, in words, palloc'd; NULL = the need is not too large for one of them. */
extern char *si_place_outgrown(const SiNeed *need, const SiCandidate *list, int n);

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
