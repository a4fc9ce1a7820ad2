/*
 * overlap.c: runs of one job at the same time (J4).
 */
#include "postgres.h"

#include "domain/misfire.h"
#include "flow/admit.h"
#include "flow/cancel.h"
#include "flow/options.h"
#include "flow/overlap.h"
#include "flow/state.h"
#include "pg/clock.h"
#include "store/events.h"
#include "store/sql.h"

static const char *
policy_word(SiOverlapPolicy policy)
{
    static const char *const words[] = {[SI_OVERLAP_FORBID] = "forbid",
                                        [SI_OVERLAP_QUEUE_ONE] = "queue_one",
                                        [SI_OVERLAP_ALLOW] = "allow",
                                        [SI_OVERLAP_REPLACE] = "replace"};

    return words[policy];
}

char *
si_overlap_reason(const SiJob *job)
{
    return psprintf("an earlier run of the job has not finished (overlap_policy %s)", policy_word(job->overlap_policy));
}

/* A fire that was turned into an execution in time; anything else was asked for and is not thrown away. */
static bool
may_be_skipped(const SiExecution *e)
{
    return !e->is_draft && strcmp(e->started_by, "schedule") == 0 &&
           e->created_at - e->scheduled_for <= SI_ON_TIME_USECS;
}

static void
queue(SiExecution *e, const SiJob *job, const char *actor, TimestampTz now)
{
    si_admission_undo(e, now);
    e->waiting_reason = si_overlap_reason(job);
    si_execution_set_plan(e);
    si_execution_move(e, SI_WAITING, actor, e->waiting_reason);
}

static void
skip(SiExecution *e, const SiJob *job, const char *actor, TimestampTz now)
{
    const char *cause = si_overlap_reason(job);

    si_event("fire.skipped", &e->tenant_id, &e->job_id, &e->execution_id, actor, cause, NULL, NULL);
    (void) si_cancel(e, cause, actor, now);
}

static SiOverlap
decide(const SiJob *job, const SiExecution *e)
{
    SiOptions options;
    int active;
    int waiting;
    SiOverlap verdict;

    si_options_read(job, &options);
    si_executions_count(&job->job_id, &e->execution_id, &active, &waiting);
    verdict = si_overlap_decide(job->overlap_policy, options.overlap_limit, active, waiting);
    return verdict == SI_OVERLAP_SKIP && !may_be_skipped(e) ? SI_OVERLAP_QUEUE : verdict;
}

bool
si_overlap_allows(SiExecution *e, const char *actor)
{
    TimestampTz now = si_now();
    SiJob job;

    if (!si_job_load(&e->job_id, true, &job))
        elog(ERROR, "job of an execution is missing");
    switch (decide(&job, e))
    {
        case SI_OVERLAP_RUN:
            return true;
        case SI_OVERLAP_QUEUE:
            queue(e, &job, actor, now);
            return false;
        case SI_OVERLAP_SKIP:
            skip(e, &job, actor, now);
            return false;
        case SI_OVERLAP_SUPERSEDE:
            (void) si_cancel_group(&job, SI_EXECUTIONS_LIVE, "replaced by a newer run (overlap_policy replace)", actor, now);
            queue(e, &job, actor, now);
            return false;
    }
    pg_unreachable();
}

bool
si_overlap_holds_back(const SiJob *job, const SiExecution *e)
{
    return decide(job, e) != SI_OVERLAP_RUN;
}
