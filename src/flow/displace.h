/*
 * displace.h: reservations that give way to an owner (C11), or to less supply (C9): who could, how, and where they go.
 */
#ifndef SI_FLOW_DISPLACE_H
#define SI_FLOW_DISPLACE_H

#include "domain/victims.h"
#include "flow/admit.h"
#include "store/executions.h"
#include "store/jobs.h"
#include "store/reservations.h"

#define SI_DISPLACE_ACTOR "sparkingest"

/* Who goes first, see domain/victims.h. */
typedef enum SiHarm
{
    SI_HARM_BORROWED,  /* on borrowed units, not begun */
    SI_HARM_TENTATIVE, /* a run whose place may still move, the same */
    SI_HARM_OWN,       /* a run on its own units or in a common pool, not begun */
    SI_HARM_CLAIMED,   /* a run on borrowed units on its way to Kubernetes, or there, whose driver does not run yet */
    SI_HARM_RUNNING    /* on borrowed units, running */
} SiHarm;

/* A victim that is locked. */
typedef struct SiDisplaced
{
    SiVictim victim;
    SiReservation reservation; /* as it was */
    SiJob job;                 /* of an execution, as the next */
    SiExecution e;
    SiPlan plan; /* as it was */
    bool stops;  /* it has begun, and ends early */
} SiDisplaced;

/*
 * What is free when it gives way. What has begun on borrowed units goes once it has run for sparkingest.reclaim_min_run_minutes
 * and was given sparkingest.reclaim_grace_seconds to end. False when it cannot: it runs on its own, belongs to an application,
 * or is about to end anyway.
 */
extern bool si_displace_offer(const SiVictim *victim, int64 step, TimestampTz now, SiOffer *out);

/* Locks the job and the execution, or the reservation; false when somebody is at it, or it is not as it was. Waits for nobody. */
extern bool si_displace_lock(const SiVictim *victim, SiDisplaced *out);

/*
 * Gives up its place to this transaction. A run that has not begun waits; what has begun is told to end, and keeps its place
 * until the first slot after that: a run by stop_cause preempted, an application's reservation by an earlier end.
 */
extern void si_displace_out(SiDisplaced *displaced, const char *cause, int64 step, TimestampTz now);

/*
 * Afterwards: looks for another place for what has not begun, elsewhere than in its lender's pool, and at nobody's cost; an
 * event names cause and new time. An application's reservation keeps its identifier; without a place within a day it is
 * released.
 */
extern void si_displace_in(SiDisplaced *displaced, const char *cause, TimestampTz now);

#endif
