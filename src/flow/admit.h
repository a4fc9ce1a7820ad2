/*
 * admit.h: admission of a run: capacity is reserved and its cost held, or it waits with a reason (C8, C12, M4, S2).
 */
#ifndef SI_FLOW_ADMIT_H
#define SI_FLOW_ADMIT_H

#include "flow/place.h"
#include "store/executions.h"
#include "store/jobs.h"

typedef struct SiAdmission
{
    TimestampTz scheduled_for; /* wanted start: SLA bounds are measured from here */
    TimestampTz not_before;    /* no earlier start than this; SI_NO_TIME = scheduled_for */
    const char *started_by;    /* run_job, schedule, auto_draft, dependency */
    int32 attempt;
    const pg_uuid_t *run_id; /* of the first attempt; NULL = this is it */
    int64 memory_mib;        /* 0 = the job's */
    bool insist;             /* raise SI002, and SI001 where on_no_capacity is reject, rather than wait or refuse */
    const char *actor;
    const char *cause;
} SiAdmission;

/*
 * Admits a run of a locked job: inserts its execution, scheduled with a reservation (and a hold where vCPU-hours pay), or
 * waiting, then with a tentative place beyond its window where there is one (C15). Returns false when it is refused: production
 * work whose on_no_capacity is reject finds no capacity and nobody insists; then nothing is written and out->waiting_reason tells
 * why. A draft run that could never fit raises SI001.
 */
extern bool si_admit(const SiJob *job, const SiAdmission *admission, TimestampTz now, SiExecution *out);

/*
 * Admits a run of a locked job that starts after others: it waits without a place, and `awaits` them (flow/dependants.h). reason
 * says so.
 */
extern void si_admit_awaiting(const SiJob *job, const SiAdmission *admission, const char *reason, TimestampTz now, SiExecution *out);

/* The earliest start that the job's SLA leaves a run, by its scheduled time (S1). */
extern TimestampTz si_admission_earliest(const SiJob *job, const SiExecution *execution);

/*
 * Tries again for a waiting execution, loaded and locked after its job: it is scheduled, or gets a tentative place, or an earlier
 * one; later than it was it is only where its place is not there any more. Writes and tells only what is new. Whether it is
 * scheduled now.
 */
extern bool si_admit_again(const SiJob *job, SiExecution *execution, const char *actor, const char *cause, TimestampTz now);

/* The execution that an admission would write, before it has a place: for who only asks (Q1). */
extern void si_admission_draft(const SiJob *job, const SiAdmission *admission, TimestampTz now, SiExecution *out);

/* When a run may start. */
typedef struct SiWish
{
    TimestampTz start;  /* not before */
    TimestampTz latest; /* not after */
    int64 planned_usecs;
} SiWish;

/* What an execution that has no place asks for at this instant. `again`: it waits, and has a window from now on. */
extern void si_admission_ask(const SiJob *job, const SiExecution *execution, bool again, TimestampTz now, SiWish *wish, SiNeed *need);

/* What si_admit_again asks for, but for its present place. */
extern void si_admission_need(const SiJob *job, const SiExecution *execution, const char *actor, TimestampTz now, SiNeed *out);

/*
 * Gives back the reservation of a scheduled execution, in the struct and in the pool; writing the row and moving its
 * state is the caller's. What is held of the balance stays: the run is still to come.
 */
extern void si_admission_undo(SiExecution *execution, TimestampTz now);

/* Where and when a run was planned, for who hears that this changed. */
typedef struct SiPlan
{
    TimestampTz planned_start; /* SI_NO_TIME = not known */
    char namespace_name[64];
    int32 left_pool; /* where it made room for the owner, who is not to be troubled again: see SiNeed.not_of_pool; 0 = did not */
} SiPlan;

/*
 * In two steps, between which others take its place: a scheduled or waiting execution, locked after its job, gives up its place
 * and waits; and looks for another, whose time is told with the cause. The second returns whether it is scheduled now.
 */
extern void si_admit_lift(SiExecution *execution, const char *actor, const char *cause, TimestampTz now, SiPlan *before);
extern bool si_admit_lifted(const SiJob *job, SiExecution *execution, const SiPlan *before, const char *actor, const char *cause,
                            TimestampTz now);

/* Both at once: for one that cannot have its place any more. */
extern bool si_admit_anew(const SiJob *job, SiExecution *execution, const char *actor, const char *cause, TimestampTz now);

/* A waiting execution, locked after its job, has to wait for something else than capacity: it gives its place back, with the reason. */
extern void si_admit_hold_back(SiExecution *execution, const char *reason, const char *actor, TimestampTz now);

/*
 * A scheduled execution, locked after its job, whose reservation is over before it started (dispatch was disabled, the server
 * down) may not start without one (C7): it is placed anew, or given up by the job's misfire_policy (J3). False when its
 * reservation holds still.
 */
extern bool si_admit_late(SiExecution *execution, const char *actor, TimestampTz now);

/* What a scheduled execution asks for to start before its place begins; a window below 0 means that it cannot be wanted. */
extern void si_admission_need_sooner(const SiJob *job, const SiExecution *execution, const SiReservation *place, const char *actor,
                                     TimestampTz now, SiNeed *out);

/*
 * Moves a scheduled execution, locked after its job, to an earlier start (C13) and tells so. False when there is none to be wanted;
 * raises SI001 when nothing is free, and then the caller's subtransaction must undo it.
 */
extern bool si_admit_sooner(const SiJob *job, SiExecution *execution, const char *actor, const char *cause, TimestampTz now);

#endif
