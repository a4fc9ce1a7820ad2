/*
 * executions.h: rows of job_executions. States are moved by flow/state.h only (J5).
 */
#ifndef SI_STORE_EXECUTIONS_H
#define SI_STORE_EXECUTIONS_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "domain/state.h"

typedef struct SiExecution
{
    pg_uuid_t execution_id;
    pg_uuid_t job_id;
    pg_uuid_t tenant_id;
    int32 job_version;
    int32 attempt;
    pg_uuid_t run_id; /* execution of the first attempt */
    SiState state;
    char *started_by; /* run_job, schedule, auto_draft, dependency */
    bool is_draft;
    bool draft_fallback;
    char namespace_name[64];
    TimestampTz scheduled_for;
    TimestampTz planned_start; /* times: SI_NO_TIME = not yet */
    TimestampTz planned_end;
    bool has_reservation;
    pg_uuid_t reservation_id;
    bool borrowed; /* it, as placing it told; not loaded */
    int64 cpu_millicores;
    int64 memory_mib;
    int32 executors;
    int64 estimated_millis;
    int32 hard_minutes;
    char *waiting_reason;
    char *object_name;
    Jsonb *manifest;
    char *manifest_sha256;
    char *object_uid;
    TimestampTz claimed_at;
    TimestampTz posted_at;
    TimestampTz submitted_at;
    TimestampTz started_at;
    TimestampTz finished_at;
    int32 tries;
    TimestampTz next_try_at;
    char *last_error;
    TimestampTz stop_requested_at;
    char *stop_cause; /* cancelled, timed_out, preempted */
    char *stop_reason;
    char *error_class;
    char *cursor_value;
    bool has_exit_code;
    int32 exit_code;
    Jsonb *evaluation; /* NULL = none */
    int64 held;
    int64 charged; /* -1 = not final */
    TimestampTz created_at;
    bool awaits;            /* runs of other jobs that it starts after have not all succeeded */
    char *overrun_reason;   /* why its reservation was not extended; NULL = it was, or need not be */
    char *plan_reason;      /* why its planned start was last moved; NULL = it never was */
    TimestampTz not_before; /* end of a retry's backoff; SI_NO_TIME = it has none */
} SiExecution;

/* How an execution ended, as written into its row. */
typedef struct SiEnding
{
    TimestampTz started_at; /* SI_NO_TIME = never ran */
    TimestampTz finished_at;
    bool has_exit_code;
    int32 exit_code;
    const char *error_class;
    const char *error_message;
    int64 rows_read; /* -1 = not known, as the next two */
    int64 bytes_out;
    int64 files_written;
    const char *cursor_value;
    Jsonb *metrics;
    int sla_met; /* 1, 0, or -1 = NULL */
} SiEnding;

/* Whose it is and of which job, and nothing more; whether it exists. */
extern bool si_execution_owner(const pg_uuid_t *execution_id, pg_uuid_t *tenant_id, pg_uuid_t *job_id);

/* Whether it exists; for_update locks the row until the end of the transaction. Lock the job first. */
extern bool si_execution_load(const pg_uuid_t *execution_id, bool for_update, SiExecution *out);

/* The same with the lock, but false when someone else holds it. */
extern bool si_execution_load_if_free(const pg_uuid_t *execution_id, SiExecution *out);

/* Whether a reservation belongs to an execution; which. */
extern bool si_execution_of_reservation(const pg_uuid_t *reservation_id, pg_uuid_t *execution_id);

/* A reservation and, where one owns it, its execution: what could give way. */
typedef struct SiVictim
{
    pg_uuid_t reservation_id;
    int32 pool_id;
    pg_uuid_t tenant_id;
    int64 cpu_millicores;
    int64 memory_mib;
    TimestampTz starts_at;
    TimestampTz ends_at;
    bool borrowed;
    bool tentative;
    bool has_execution; /* the rest is set only then */
    pg_uuid_t execution_id;
    SiState state;
    int32 priority;
    TimestampTz started_at;        /* SI_NO_TIME = its driver does not run yet */
    TimestampTz stop_requested_at; /* SI_NO_TIME = no stop is asked for */
} SiVictim;

/*
 * Active reservations of a namespace, or of one pool (0 = all), that touch [from, until), all or the borrowed ones: tentative
 * before firm, not started before started, low priority before high, late before early (C9). palloc'd; returns how many.
 */
extern int si_executions_in(const char *namespace_name, int32 pool_id, bool borrowed, TimestampTz from, TimestampTz until,
                            SiVictim **out);

/* The same of reservations that hold something of a limit then. */
extern int si_executions_limited(const pg_uuid_t *limit_id, TimestampTz from, TimestampTz until, SiVictim **out);

/* Inserts with what admission decides. */
extern void si_execution_insert(const SiExecution *execution);

/* Attempt number that a new execution of a job for a scheduled time gets: one above those there are. */
extern int32 si_execution_next_attempt(const pg_uuid_t *job_id, TimestampTz scheduled_for);

/* Attempts of a run that failed, timed out or were lost (J7). */
extern int si_executions_failed(const pg_uuid_t *job_id, const pg_uuid_t *run_id);

/* Attempts of a job's runs but the first ones, admitted after an instant (J7). */
extern int si_executions_retried(const pg_uuid_t *job_id, TimestampTz since);

/* Whether the row was in state `from` and is in state `to` now. */
extern bool si_execution_set_state(const pg_uuid_t *execution_id, SiState from, SiState to);

/* Writes namespace, draft_fallback, planned_start, planned_end, reservation, waiting_reason and plan_reason. */
extern void si_execution_set_plan(const SiExecution *execution);

/* Another amount of memory: of one that has no reservation. */
extern void si_execution_set_memory(const pg_uuid_t *execution_id, int64 memory_mib);

/* Whether it waits for runs of other jobs, and its scheduled time, which follows theirs. */
extern void si_execution_set_awaiting(const pg_uuid_t *execution_id, bool awaits, TimestampTz scheduled_for);

/* Why it could not be extended (C14), NULL = it was. */
extern void si_execution_set_overrun(const pg_uuid_t *execution_id, const char *reason);

/* When the backoff of a retry ends (J7). */
extern void si_execution_set_not_before(const pg_uuid_t *execution_id, TimestampTz not_before);

/* Running executions whose reservation is over and of which no stop was asked for; palloc'd. Returns how many. */
extern int si_executions_overrun(TimestampTz now, pg_uuid_t **out);

extern void si_execution_set_ending(const pg_uuid_t *execution_id, const SiEnding *ending);
/* Its SLA is its next attempt's: all attempts share one clock (J7). */
extern void si_execution_leave_unjudged(const pg_uuid_t *execution_id);

extern void si_execution_set_stop(const pg_uuid_t *execution_id, const char *cause, const char *reason, TimestampTz at);
extern void si_execution_set_stop_reason(const pg_uuid_t *execution_id, const char *reason);
extern void si_execution_set_evaluation(const pg_uuid_t *execution_id, Jsonb *evaluation);

typedef enum SiExecutionGroup
{
    SI_EXECUTIONS_PENDING,           /* scheduled or waiting */
    SI_EXECUTIONS_PENDING_SCHEDULED, /* of them those that the schedule, or a run of another job, started */
    SI_EXECUTIONS_LIVE,              /* dispatching, submitted or running, no stop asked for but to make room */
    SI_EXECUTIONS_UNPLACED           /* waiting, without a place */
} SiExecutionGroup;

/* Ids of a job's executions of a group, by scheduled time. Returns how many. */
extern int si_executions_of_job(const pg_uuid_t *job_id, SiExecutionGroup group, pg_uuid_t **out);

/* Other executions of the job: claimed ones that have not ended, and those that wait for capacity. */
extern void si_executions_count(const pg_uuid_t *job_id, const pg_uuid_t *except, int *active, int *waiting);

/* The latest finished draft runs of a job version that ran or failed to, newest first; up to n. Returns how many. */
extern int si_draft_runs(const pg_uuid_t *job_id, int32 job_version, int n, pg_uuid_t **out);

/* Whether a successful production run of the same version that started later has a cursor: ours must not go back to it. */
extern bool si_execution_is_overtaken(const SiExecution *execution, TimestampTz started_at);

#endif
