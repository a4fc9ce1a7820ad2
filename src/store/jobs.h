/*
 * jobs.h: rows of ingestion_jobs, and the SLA tiers that they name.
 */
#ifndef SI_STORE_JOBS_H
#define SI_STORE_JOBS_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "domain/misfire.h"
#include "domain/spill.h"

typedef enum SiJobStatus
{
    SI_JOB_ACTIVE,
    SI_JOB_PAUSED,
    SI_JOB_DROPPED
} SiJobStatus;

typedef struct SiJob
{
    pg_uuid_t job_id;
    pg_uuid_t tenant_id;
    char *job_name;
    bool draft; /* stage */
    SiJobStatus status;
    int32 version;
    char *source_type;
    Jsonb *source_config;
    Jsonb *destination_config;
    int64 cpu_millicores;
    int64 memory_mib;
    int32 executors;
    int64 estimated_millis; /* multiple of 60: thousandths of a minute */
    char *schedule_cron;    /* NULL = none */
    char *time_zone;
    TimestampTz next_fire_at; /* SI_NO_TIME = none */
    TimestampTz plan_at;      /* when plan() next looks at it; SI_NO_TIME = never */
    Jsonb *sla_requirements;
    char *tier;
    int32 priority;
    int64 sla_window_millihours;
    int32 max_runtime_minutes; /* 0 = not stated */
    SiOnNoCapacity on_no_capacity;
    SiOverlapPolicy overlap_policy;
    SiMisfire misfire_policy;
    int64 catchup_usecs;
    Jsonb *options;
    char *watermark;
    char *target_namespace; /* NULL while draft */
    Oid owner;
    char *owner_name; /* as it was when the job was last written */
    char *blocked_reason;
    TimestampTz created_at;
    TimestampTz updated_at;
    int64 raised_memory_mib; /* of production runs since one ran out of memory; 0 = as stated. Written by si_job_set_raised_memory */
    /* Of the tenant, the owner and other jobs; loaded only. */
    bool tenant_active;
    char *tenant_status;
    bool owner_exists;
    bool has_dependants; /* jobs start after it */
} SiJob;

typedef struct SiTier
{
    int64 high_permille;
    int64 medium_permille;
    int64 adjustment_permille;
    int32 required_successes;
    int32 of_last;
} SiTier;

extern const char *si_job_status_name(SiJobStatus status);

/* Whose it is, and nothing more; whether it exists. */
extern bool si_job_tenant(const pg_uuid_t *job_id, pg_uuid_t *tenant_id);

/* Whether it exists; for_update locks the row until the end of the transaction (the job's lock comes before its executions'). */
extern bool si_job_load(const pg_uuid_t *job_id, bool for_update, SiJob *out);

/* The same with the lock, but false when someone else holds it. */
extern bool si_job_load_if_free(const pg_uuid_t *job_id, SiJob *out);

/* Those of the jobs that plan() has something to do for by now and that nobody else holds, locked; in the order of si_jobs_due. */
extern int si_jobs_load_due_if_free(const pg_uuid_t *job_ids, int n, TimestampTz now, SiJob **out);

/* Raises 42710 when the tenant has a job of that name. */
extern void si_job_insert(const SiJob *job);

/* Writes all that may change of a job whose row is locked. Raises 42710 when the name is another job's. */
extern void si_job_update(const SiJob *job);

/* Memory of a locked job's production runs from now on; 0 = as stated (J7). */
extern void si_job_set_raised_memory(const pg_uuid_t *job_id, int64 memory_mib);

/* Why it is not planned, NULL = nothing wrong. Whether that is new; fills the job's tenant then. */
extern bool si_job_set_blocked(const pg_uuid_t *job_id, const char *reason, pg_uuid_t *tenant_id);

/* Active jobs whose owner was dropped and which are not blocked for it, palloc'd; returns how many. */
extern int si_jobs_orphaned(const char *reason_like, pg_uuid_t **out);

/* A job that plan() has something to do for. */
typedef struct SiDueJob
{
    pg_uuid_t job_id;
    bool blocked; /* it failed when it was tried last */
} SiDueJob;

/*
 * Jobs whose plan_at has come, most important first; only those whose next fire is not after `fire_by`, SI_NO_TIME = all.
 * Reads nothing of the others. palloc'd; returns how many.
 */
extern int si_jobs_due(TimestampTz now, TimestampTz fire_by, SiDueJob **out);

/* When a job fires next and is looked at next; nothing else is written. */
typedef struct SiJobPlan
{
    pg_uuid_t job_id;
    TimestampTz next_fire_at;
    TimestampTz plan_at;
} SiJobPlan;

extern void si_jobs_set_plans(const SiJobPlan *plans, int n);

/*
 * Jobs of tenants that are not active leave the plan. It looks at the tenant after the job was locked: who makes the tenant
 * active again has changed the job before, or waits for it.
 */
extern void si_jobs_leave_plan(const pg_uuid_t *job_ids, int n);

/* Jobs of a tenant whose schedules fire are looked at again at once. Waits for those who have them in hand. */
extern void si_jobs_rejoin_plan(const pg_uuid_t *tenant_id, TimestampTz now);

/* How many jobs a tenant has that are not dropped, and how many of them with a schedule; also of transactions just committed. */
extern void si_jobs_count(const pg_uuid_t *tenant_id, int64 *jobs, int64 *schedules);

/* Whether the tier exists. */
extern bool si_tier_load(const char *tier, SiTier *out);

#endif
