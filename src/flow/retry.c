/*
 * retry.c: another attempt after a failure (J7).
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "utils/timestamp.h"

#include "flow/admit.h"
#include "flow/options.h"
#include "flow/retry.h"
#include "store/pools.h"
#include "store/sql.h"

/* ingest.py: source unreachable or login refused. */
#define EXIT_UNREACHABLE 69

static bool
may_pass(const SiExecution *e)
{
    if (e->state == SI_LOST)
        return true;
    if (e->state != SI_FAILED || e->error_class == NULL)
        return false;
    return strcmp(e->error_class, "out_of_memory") == 0 || strcmp(e->error_class, "node_lost") == 0 ||
           strcmp(e->error_class, "platform") == 0 || (e->has_exit_code && e->exit_code == EXIT_UNREACHABLE);
}

/* Half as much again in whole GiB, but no more than the run's namespace has. */
static int64
raised_memory(const SiExecution *e)
{
    int64 raised = (e->memory_mib * 3 / 2 + 1023) / 1024 * 1024;
    SiNamespace namespace;

    if (!si_namespace_load(e->namespace_name, &namespace))
        elog(ERROR, "namespace \"%s\" of an execution is missing", e->namespace_name);
    return Max(Min(raised, namespace.memory_mib), e->memory_mib);
}

bool
si_retry(const SiJob *job, const SiExecution *e, const char *actor, TimestampTz now)
{
    SiAdmission admission = {.scheduled_for = e->scheduled_for, .started_by = e->started_by, .actor = actor};
    SiOptions options;
    bool preempted = e->state == SI_PREEMPTED; /* not for anything that it did: it is tried again at once, uncounted (C11) */
    SiExecution next;
    int failed;
    int64 backoff;

    si_options_read(job, &options);
    if (e->is_draft || job->draft || job->version != e->job_version || job->status != SI_JOB_ACTIVE || !job->tenant_active ||
        !(preempted || (options.max_attempts >= 2 && may_pass(e))))
        return false;
    failed = si_executions_failed(&job->job_id, e->scheduled_for);
    if (!preempted && failed >= options.max_attempts)
        return false;
    backoff = preempted ? 0 : USECS_PER_MINUTE << (failed - 1);
    admission.not_before = now + backoff + (int64) (pg_prng_double(&pg_global_prng_state) * backoff / 4);
    admission.attempt = e->attempt + 1;
    admission.run_id = &e->run_id;
    admission.cause = preempted ? pstrdup("the run before made room for the owner of the units that it had borrowed")
                                : psprintf("attempt %d of %d after %s", failed + 1, options.max_attempts,
                                           e->error_class ? e->error_class : si_state_name(e->state));
    /* What an earlier attempt was given more of, it keeps. */
    admission.memory_mib =
        e->error_class != NULL && strcmp(e->error_class, "out_of_memory") == 0 ? raised_memory(e) : e->memory_mib;
    return si_admit(job, &admission, now, &next);
}
