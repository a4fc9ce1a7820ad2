/*
 * search.h: where a need could start in one pool: cores and memory, and named limits, over the whole duration (C1, C8), and what
 * an owner would have back for it (C11). Nothing is taken here.
 */
#ifndef SI_FLOW_SEARCH_H
#define SI_FLOW_SEARCH_H

#include "flow/availability.h"
#include "flow/limit_account.h"
#include "store/reservations.h"

struct SiReclaim; /* reclaim.h */

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
    bool covered;              /* its vCPU-hours are held already */
    bool tentative;            /* the place may still move (J2) */
    bool ahead;                /* where the window has no place, a tentative one beyond it is taken (C15) */
    const SiReservation *keep; /* the place it has: free for it, and kept when there is no better one; NULL = none */
    const char *actor;
    const SiLimitNeed *limits; /* each limit once */
    int n_limits;
    int32 not_of_pool;        /* made room in this pool: borrows nothing there, and takes nothing back itself; 0 = did not */
    const pg_uuid_t *revives; /* a released reservation that gets the place; NULL = a new one does */
} SiNeed;

/* In which slots of a pool a need may start, and how many it takes. */
typedef struct SiStarts
{
    int64 present;  /* the slot that holds now */
    int64 earliest; /* first slot to start in */
    int64 latest;   /* last slot to start in */
    int32 length;   /* slots that the need touches when it starts on the grid */
    bool begun;     /* `earliest` is the present slot: work starts late in it and needs length_begun slots */
    int32 length_begun;
    bool over; /* the last start was before the present slot */
} SiStarts;

/* Of a need in a grid with this step, starting not after `latest`, nor after the horizon. */
extern void si_search_starts(const SiNeed *need, int64 step, TimestampTz now, TimestampTz latest, SiStarts *out);

/*
 * First slot that fits, in what is free, or, unless that is NULL, in `free`; SI_NO_SLOT = none. *length = slots that it takes
 * there. *shortage, unless NULL, tells of the limit that was in the way first.
 */
extern int64 si_search(const SiPoolRef *pool, const SiClaim *claim, const SiNeed *need, TimestampTz now, TimestampTz latest_start,
                       const SiSlots *free, int32 *length, char **shortage);

/*
 * Looks whether an owner would start earlier than it finds room when it takes back what it lent (C11); of equally good starts
 * the one that harms least counts. `start` and `length` follow.
 */
extern bool si_search_reclaims(const SiPoolRef *pool, const SiClaim *claim, const SiNeed *need, TimestampTz now, TimestampTz latest,
                               struct SiReclaim *reclaim, int64 *start, int32 *length);

/* First slot for which there is room, for owners also that which they have back: who gives way does so; SI_NO_SLOT = none. */
extern int64 si_search_room(const SiPoolRef *pool, const SiClaim *claim, const SiNeed *need, TimestampTz now, TimestampTz latest,
                            struct SiReclaim *reclaim, int32 *length, char **shortage);

#endif
