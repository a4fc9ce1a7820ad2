/*
 * memory.c: memory of a job that ran out of it.
 */
#include "postgres.h"

#include "flow/admit.h"
#include "flow/funds.h"
#include "flow/memory.h"
#include "pg/attempt.h"
#include "pg/json.h"
#include "pg/quantities.h"
#include "store/events.h"
#include "store/pools.h"
#include "store/sql.h"

/* One run that has not started. */
typedef struct Pending
{
    SiJob *job;
    SiExecution e;
    const char *actor;
    const char *cause;
    TimestampTz now;
} Pending;

/* What the job's runs can have at most where it belongs. */
static int64
ceiling_of(const SiJob *job, const SiRetryPolicy *policy, TimestampTz now)
{
    int64 stated = policy->max_memory_mib > 0 ? policy->max_memory_mib : job->memory_mib * SI_RETRY_MEMORY_FACTOR;
    int64 units = 0;
    SiNamespace namespace;
    SiAmount *grants;
    int n;

    if (!si_namespace_load(job->target_namespace, &namespace))
        elog(ERROR, "namespace \"%s\" of a job is missing", job->target_namespace);
    if (namespace.purpose != SI_NS_DEDICATED)
        return Min(stated, namespace.memory_mib);
    n = si_dedicated_supply(namespace.name, &job->tenant_id, now, now + 1, &grants);
    for (int i = 0; i < n; i++)
        units += grants[i].memory_mib;
    return Min(stated, Min(units, namespace.memory_mib));
}

static void
tell(const SiJob *job, const pg_uuid_t *execution_id, const char *event, const char *actor, const char *cause, int64 before, int64 after)
{
    StringInfoData was;
    StringInfoData is;

    initStringInfo(&was);
    initStringInfo(&is);
    appendStringInfoChar(&was, '{');
    appendStringInfoChar(&is, '{');
    si_json_put_quantity(&was, "memory_gb", before, 1024);
    si_json_put_quantity(&is, "memory_gb", after, 1024);
    appendStringInfoChar(&was, '}');
    appendStringInfoChar(&is, '}');
    si_event(event, &job->tenant_id, &job->job_id, execution_id, actor, cause, was.data, is.data);
}

/* What it holds of the balance is for the old amount: it holds anew. */
static void
plan_anew(void *arg)
{
    Pending *p = arg;

    if (p->e.held > 0)
    {
        (void) si_funds_settle(&(SiDebtor){p->e.tenant_id, &p->e.execution_id, NULL}, 0, p->now);
        si_balance_note(&p->e.execution_id, 0, -1);
        p->e.held = 0;
    }
    p->e.memory_mib = p->job->raised_memory_mib;
    si_execution_set_memory(&p->e.execution_id, p->e.memory_mib);
    if (p->e.state == SI_SCHEDULED)
        (void) si_admit_anew(p->job, &p->e, p->actor, p->cause, p->now);
}

static void
replan(SiJob *job, const char *actor, const char *cause, TimestampTz now)
{
    pg_uuid_t *ids;
    int n = si_executions_of_job(&job->job_id, SI_EXECUTIONS_PENDING, &ids);

    for (int i = 0; i < n; i++)
    {
        Pending p = {.job = job, .actor = actor, .cause = cause, .now = now};
        ErrorData *error;

        if (!si_execution_load(&ids[i], true, &p.e) || p.e.is_draft || p.e.memory_mib >= job->raised_memory_mib)
            continue;
        /* A run that cannot be planned anew keeps its place and its memory; the end of the other one must stand. */
        error = si_attempt(plan_anew, &p);
        if (error != NULL && si_error_is_passing(error))
            ReThrowError(error);
    }
}

int64
si_memory_raise(SiJob *job, const SiExecution *e, const SiRetryPolicy *policy, const char *actor, TimestampTz now)
{
    int64 before = Max(job->memory_mib, job->raised_memory_mib);
    int64 raised = si_retry_memory(e->memory_mib, ceiling_of(job, policy, now));
    char *cause;

    if (raised <= before)
        return before;
    cause = psprintf("a run with %s GiB ran out of memory", si_quantity_text(e->memory_mib, 1024));
    job->raised_memory_mib = raised;
    si_job_set_raised_memory(&job->job_id, raised);
    tell(job, &e->execution_id, "job.memory_raised", actor, cause, before, raised);
    replan(job, actor, cause, now);
    return raised;
}

void
si_memory_reset(SiJob *job, const char *actor)
{
    int64 before = job->raised_memory_mib;

    if (before == 0)
        return;
    job->raised_memory_mib = 0;
    si_job_set_raised_memory(&job->job_id, 0);
    tell(job, NULL, "job.memory_reset", actor, "resource_requirements were stated anew", before, job->memory_mib);
}
