/*
 * retry.c: another attempt after a failure (J7).
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "utils/timestamp.h"

#include "flow/admit.h"
#include "flow/memory.h"
#include "flow/options.h"
#include "flow/retry.h"
#include "pg/json.h"
#include "pg/quantities.h"
#include "pg/times.h"
#include "store/events.h"
#include "store/sql.h"

/* One end, and what the job says of it. */
typedef struct Failure
{
    SiJob *job;
    const SiExecution *e;
    SiErrorClass class;
    SiRetryPolicy policy;
    int failed;
    const char *actor;
    TimestampTz now;
} Failure;

/* Why the job is not to run any more as it did; NULL = it is. */
static const char *
obstacle(const SiJob *job, const SiExecution *e)
{
    if (job->status != SI_JOB_ACTIVE)
        return psprintf("the job is %s", si_job_status_name(job->status));
    if (!job->tenant_active)
        return psprintf("the tenant is %s", job->tenant_status);
    if (job->draft || job->version != e->job_version)
        return "the job was changed";
    return NULL;
}

/* Why the job's policy does not want another attempt; NULL = it does. */
static const char *
refusal(const Failure *f)
{
    int spent = si_executions_retried(&f->job->job_id, f->now - USECS_PER_DAY);

    switch (si_retry_decide(&f->policy, f->class, f->failed, spent))
    {
        case SI_RETRY_YES:
            return NULL;
        case SI_RETRY_NOT_OF_CLASS:
            return psprintf("%s is not tried again (options.retry.on)", si_error_class_name(f->class));
        case SI_RETRY_NO_ATTEMPTS:
            return psprintf("attempt %d of %d failed with %s (options.retry.max_attempts)", f->failed, f->policy.max_attempts,
                            si_error_class_name(f->class));
        case SI_RETRY_NO_BUDGET:
            return psprintf("the job had %d retries in 24 hours, of the %d that it may have (options.retry.budget_per_day)", spent,
                            f->policy.budget_per_day);
    }
    pg_unreachable();
}

static void
tell(const Failure *f, const SiExecution *next, TimestampTz not_before, const char *cause)
{
    StringInfoData after;

    initStringInfo(&after);
    appendStringInfoChar(&after, '{');
    si_json_put_text(&after, "error_class", si_error_class_name(f->class));
    if (next != NULL)
    {
        si_json_put_text(&after, "next_execution_id", si_uuid_text(&next->execution_id));
        si_json_put_raw(&after, "not_before", si_time_json(not_before));
        si_json_put_quantity(&after, "memory_gb", next->memory_mib, 1024);
    }
    appendStringInfoChar(&after, '}');
    si_event(next ? "execution.retried" : "execution.not_retried", &f->e->tenant_id, &f->e->job_id, &f->e->execution_id, f->actor,
             cause, NULL, after.data);
}

/* Whether the next attempt was admitted; *why = why not. */
static bool
admit(const Failure *f, int64 memory_mib, SiExecution *next, const char **why)
{
    SiAdmission admission = {.scheduled_for = f->e->scheduled_for,
                             .not_before = f->now,
                             .started_by = f->e->started_by,
                             .attempt = f->e->attempt + 1,
                             .run_id = &f->e->run_id,
                             .memory_mib = memory_mib,
                             .actor = f->actor};

    /* Who was preempted has done nothing wrong: it need not wait. */
    if (f->class != SI_ERROR_PREEMPTED)
        admission.not_before += si_retry_backoff(&f->policy, f->failed, pg_prng_double(&pg_global_prng_state));
    admission.cause = f->class == SI_ERROR_PREEMPTED
                          ? "the run before made room for the owner of the units that it had borrowed"
                          : psprintf("attempt %d after %s", admission.attempt, si_error_class_name(f->class));
    if (!si_admit(f->job, &admission, f->now, next))
    {
        *why = next->waiting_reason;
        return false;
    }
    si_execution_set_not_before(&next->execution_id, next->not_before);
    tell(f, next, admission.not_before, admission.cause);
    return true;
}

bool
si_retry(SiJob *job, const SiExecution *e, const char *actor, TimestampTz now, SiExecution *next)
{
    Failure f = {.job = job, .e = e, .actor = actor, .now = now};
    int64 memory_mib = e->memory_mib; /* what an earlier attempt was given more of, it keeps */
    SiOptions options;
    const char *why;

    if (e->is_draft || !si_error_classify(e->state, e->error_class, e->has_exit_code ? e->exit_code : -1, &f.class))
        return false;
    si_options_read(job, &options);
    f.policy = options.retry;
    if (f.policy.max_attempts < 2 && f.class != SI_ERROR_PREEMPTED)
        return false;
    f.failed = si_executions_failed(&job->job_id, &e->run_id);
    why = obstacle(job, e);
    if (why == NULL && f.class == SI_ERROR_OUT_OF_MEMORY && (f.policy.classes & SI_ERROR_BIT(f.class)))
    {
        memory_mib = si_memory_raise(job, e, &f.policy, actor, now);
        if (memory_mib <= e->memory_mib)
            why = psprintf("memory is at its ceiling, %s GiB (options.retry.max_memory_gb, the namespace, the tenant's units)",
                           si_quantity_text(e->memory_mib, 1024));
    }
    if (why == NULL)
        why = refusal(&f);
    if (why == NULL && admit(&f, memory_mib, next, &why))
        return true;
    tell(&f, NULL, SI_NO_TIME, why);
    return false;
}
