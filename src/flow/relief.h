/*
 * relief.h: less supply than was promised: what no longer fits is planned anew, with least harm (C9).
 */
#ifndef SI_FLOW_RELIEF_H
#define SI_FLOW_RELIEF_H

#include "flow/availability.h"
#include "store/executions.h"
#include "store/reservations.h"

typedef enum SiReliefEffect
{
    SI_RELIEF_MOVED,          /* has another place or time */
    SI_RELIEF_WAITING,        /* has none yet */
    SI_RELIEF_STOPPING,       /* has begun on borrowed units, and was told to end */
    SI_RELIEF_RELEASED,       /* an application's, on borrowed units, for which there is no other place */
    SI_RELIEF_OVER_COMMITTED, /* cannot be moved: it runs, is held by its tenant, or is being changed by somebody */
    SI_RELIEF_KEEPS_HOLD      /* its place is not concerned, its vCPU-hours are: it keeps what it holds */
} SiReliefEffect;

typedef struct SiRelieved
{
    bool has_execution;
    SiExecution e;             /* when it has one */
    SiReservation reservation; /* as it was */
    SiReliefEffect effect;
} SiRelieved;

extern const char *si_relief_effect_name(SiReliefEffect effect);

/*
 * Plans a run anew, if it has not started and nobody is at it: r->e.execution_id is set, the rest of r->e is filled. With
 * `pays_anew` what it holds of vCPU-hours is given back first, and it holds others, or waits. Whether it could; r->effect.
 */
extern bool si_relieve_run(SiRelieved *r, bool pays_anew, const char *actor, const char *cause, TimestampTz now);

/* The object {"reservation_id": ...} for events, palloc'd. */
extern char *si_relief_name(const SiReservation *reservation);

/*
 * Looks at a namespace, or at a tenant's units in it and what it lends of them, over an interval and moves reservations off
 * over-committed slots, as few as suffice (domain/victims.h): borrowed before own, not started before running, low priority
 * before high, late before early; of what runs only what is borrowed is told to end. Every victim gets an event with the
 * cause; what cannot be moved is told by an event when `tell`. Returns who was affected, palloc'd. Waits for nobody's job or
 * execution.
 */
extern int si_relieve(const SiPoolRef *pool, TimestampTz from, TimestampTz until, const char *actor, const char *cause,
                      bool tell, TimestampTz now, SiRelieved **out);

/* The same for a limit, from now on. */
extern int si_relieve_limit(const pg_uuid_t *limit_id, const char *actor, const char *cause, TimestampTz now, SiRelieved **out);

#endif
