/*
 * dispatch.h: the dispatcher's view of job_executions: what is due, what lives, and what became of posts. States are
 * moved by flow/state.h and flow/finish.h only (J5); these functions write the other columns.
 */
#ifndef SI_STORE_DISPATCH_H
#define SI_STORE_DISPATCH_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

#include "domain/manifest.h"
#include "domain/state.h"

/* A row in dispatching, submitted or running: Kubernetes knows of it, or may. */
typedef struct SiLiveRow
{
    pg_uuid_t execution_id;
    SiState state;
    char *cluster_name;
    char *namespace_name;
    char *object_name;
    char *object_uid; /* NULL = not known yet */
    char *manifest_sha256;
    int32 tries;
    TimestampTz started_at;
    int32 hard_minutes;
    TimestampTz start_by;    /* end of its reservation; a run that was posted late has as long as that one was */
    TimestampTz planned_end; /* the soft line (C14) */
    char *stop_cause;        /* NULL = no stop requested, or not yet */
    char *last_error;
} SiLiveRow;

/*
 * Executions to claim in a cluster, in order of planned start: scheduled, planned start reached, awaiting no run of another
 * job, tenant active, cluster enabled. Takes no lock: claim each by si_dispatch_claimable. Returns how many, at most limit.
 */
extern int si_dispatch_due(const char *cluster_name, TimestampTz now, int limit, pg_uuid_t **out);

/* The next planned start after now in any enabled cluster, or stop that is asked for ahead; SI_NO_TIME = none. */
extern TimestampTz si_dispatch_next_due(TimestampTz now);

/* Locks job, then execution (FOR UPDATE); whether it is still due. */
extern bool si_dispatch_claimable(const pg_uuid_t *execution_id, TimestampTz now);

/* Locks the execution; its state. False when it is not there. */
extern bool si_dispatch_lock(const pg_uuid_t *execution_id, SiState *state);

/* All of an execution that its manifest is made from, palloc'd. False when it is not there. */
extern bool si_dispatch_manifest_input(const pg_uuid_t *execution_id, SiManifestInput *out);

/* The manifest that was fixed at the claim, as text; NULL before it. */
extern char *si_dispatch_manifest(const pg_uuid_t *execution_id);

/* At the claim (J9): the object's name, the manifest and what it asks for are fixed. */
extern void si_dispatch_record_claim(const pg_uuid_t *execution_id, const char *object_name, const char *manifest,
                                     const char *sha256, int64 cpu_millicores, int64 memory_mib, TimestampTz now);

/* Kubernetes acknowledged the object. */
extern void si_dispatch_record_post(const pg_uuid_t *execution_id, const char *object_uid, TimestampTz now);

/* A post did not succeed and is tried again. */
extern void si_dispatch_record_retry(const pg_uuid_t *execution_id, const char *error, TimestampTz next_try_at,
                                     TimestampTz now);

/* Sets or, with NULL, clears last_error. */
extern void si_dispatch_record_error(const pg_uuid_t *execution_id, const char *error);

extern void si_dispatch_record_start(const pg_uuid_t *execution_id, TimestampTz started_at);

/* Asks for a stop unless one was asked for by now; whether this call did. cause: cancelled, timed_out, preempted. */
extern bool si_dispatch_request_stop(const pg_uuid_t *execution_id, const char *cause, const char *reason, TimestampTz now);

/* Rows that Kubernetes knows of or may know of, palloc'd; returns how many. */
extern int si_dispatch_live(TimestampTz now, SiLiveRow **out);

/* Work that should have started: scheduled and due, or waiting; how many, and the oldest wanted start. */
extern int64 si_dispatch_waiting(TimestampTz now, TimestampTz *oldest, int64 *with_error, char **last_error);

/* Whether the execution exists; its tenant. */
extern bool si_dispatch_tenant(const pg_uuid_t *execution_id, pg_uuid_t *tenant_id);

#endif
