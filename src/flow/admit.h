/*
 * admit.h: admission of a run: capacity is reserved and its cost held, or it waits with a reason (C8, C12, M4, S2).
 */
#ifndef SI_FLOW_ADMIT_H
#define SI_FLOW_ADMIT_H

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
 * waiting. Returns false when it is refused: production work whose on_no_capacity is reject finds no capacity and nobody
 * insists; then nothing is written and out->waiting_reason tells why. A draft run that could never fit raises SI001.
 */
extern bool si_admit(const SiJob *job, const SiAdmission *admission, TimestampTz now, SiExecution *out);

/*
 * Admits a run of a locked job that starts after others: it waits without a place, and `awaits` them (flow/dependants.h). reason
 * says so.
 */
extern void si_admit_awaiting(const SiJob *job, const SiAdmission *admission, const char *reason, TimestampTz now, SiExecution *out);

/* The earliest start that the job's SLA leaves a run, by its scheduled time (S1). */
extern TimestampTz si_admission_earliest(const SiJob *job, const SiExecution *execution);

/* Tries again for a waiting execution, loaded and locked after its job. Whether it is scheduled now. */
extern bool si_admit_again(const SiJob *job, SiExecution *execution, const char *actor, const char *cause, TimestampTz now);

/*
 * The same for a run that was withdrawn, and where an owner took its units back: neither from its pool, nor at the cost of who
 * borrowed of its own. Those that start after the run follow, also when it has no place.
 */
extern bool si_admit_elsewhere(const SiJob *job, SiExecution *execution, int32 not_of_pool, const char *actor, const char *cause,
                               TimestampTz now);

/*
 * Gives back the reservation of a scheduled execution, in the struct and in the pool; writing the row and moving its
 * state is the caller's. What is held of the balance stays: the run is still to come.
 */
extern void si_admission_undo(SiExecution *execution, TimestampTz now);

/* Gives up the place of a scheduled execution, locked after its job: it waits. What is held of the balance stays. */
extern void si_admission_withdraw(SiExecution *execution, const char *actor, const char *cause, TimestampTz now);

/* The same, and looks for another. Whether there is one now. */
extern bool si_admit_anew(const SiJob *job, SiExecution *execution, const char *actor, const char *cause, TimestampTz now);

/*
 * A scheduled execution, locked after its job, whose reservation is over before it started (dispatch was disabled, the server
 * down) may not start without one (C7): it is placed anew. False when its reservation holds still.
 */
extern bool si_admit_late(SiExecution *execution, const char *actor, TimestampTz now);

#endif
