/*
 * reclaim.h: an owner takes back units that it lent (C11).
 *
 * Within its guarantee an owner starts when it would start had it lent nothing, but for those who run on its units and need
 * time to end. What has not begun is moved where that lets it start earlier; what runs is asked to stop where that does
 * still; of them as few as suffice (domain/victims.h). Only borrowed reservations of its own pool give way. Who is locked by
 * somebody is left alone, as if it were not borrowed.
 */
#ifndef SI_FLOW_RECLAIM_H
#define SI_FLOW_RECLAIM_H

#include "flow/availability.h"
#include "flow/displace.h"

typedef struct SiReclaim
{
    const SiPoolRef *pool;
    TimestampTz now;
    SiSlots free;      /* at first, in the slots that are looked at */
    SiVictim *victims; /* who could give way */
    SiOffer *offers;   /* and what is free then */
    int n;
    pg_uuid_t *busy; /* reservations that somebody is at: they stay */
    int n_busy;
    SiDisplaced **displaced; /* who gave way */
    int n_displaced;
} SiReclaim;

/*
 * Looks at the slots [first, first + n) of a dedicated pool, for its owner; whether anybody could give way there. To be
 * called again when capacity was lost to another; `reclaim` is all zeros at first. Takes nothing.
 */
extern bool si_reclaim_look(SiReclaim *reclaim, const SiPoolRef *pool, int64 first, int32 n, TimestampTz now);

/* What would be free if all did whose harm is at most this; palloc'd. */
extern void si_reclaim_free(const SiReclaim *reclaim, SiHarm most, SiSlots *out);

/*
 * Has those give way who must, so that cpu and mem are free in [start, start + n) for this transaction. False: somebody is at
 * one of them; it is left out, look at what is free again.
 */
extern bool si_reclaim_make_room(SiReclaim *reclaim, int64 start, int32 n, int64 cpu_millicores, int64 memory_mib);

/* Other places for those who gave way, after the owner took its own. */
extern void si_reclaim_settle(SiReclaim *reclaim);

#endif
