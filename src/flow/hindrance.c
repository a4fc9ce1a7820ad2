/*
 * hindrance.c: what keeps a run from starting wherever it would run.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "flow/hindrance.h"
#include "flow/options.h"
#include "flow/overlap.h"
#include "store/inquiry.h"
#include "store/sql.h"

/* Of a constraint without numbers that lasts until somebody acts. */
static void
add(List **rows, const char *constraint_name, TimestampTz from, TimestampTz until, const char *remedy)
{
    si_explanation_add(rows, &(SiBinding){.constraint_name = constraint_name, .from = from, .until = until, .remedy = remedy});
}

/* A run that has its place goes on without what would give it one. */
static bool
has_place(const SiSubject *s)
{
    return s->exists && s->e->state == SI_SCHEDULED;
}

static void
tenant_status(List **rows, const SiSubject *s)
{
    if (!s->job->tenant_active)
        add(rows, "tenant_status", SI_NO_TIME, SI_NO_TIME,
            psprintf("the tenant is %s: an operator sets it active by set_tenant_status()", s->job->tenant_status));
}

static void
job_status(List **rows, const SiSubject *s)
{
    if (s->job->status == SI_JOB_PAUSED && !has_place(s))
        add(rows, "job_status", SI_NO_TIME, SI_NO_TIME, "the job is paused: resume_job()");
}

/* Without its owner a job is blocked, and blocked_reason says so too. */
static void
job_owner(List **rows, const SiSubject *s)
{
    if (has_place(s))
        return;
    if (!s->job->owner_exists)
        add(rows, "job_owner", SI_NO_TIME, SI_NO_TIME,
            psprintf("the job's owner, role \"%s\", was dropped: resume_job() takes the job over", s->job->owner_name));
    else if (s->job->blocked_reason != NULL)
        add(rows, "job_blocked", SI_NO_TIME, SI_NO_TIME,
            psprintf("the job's schedule could not be planned: %s; the next plan() tries again", s->job->blocked_reason));
}

static void
job_stage(List **rows, const SiSubject *s)
{
    if (s->by_schedule && s->job->draft)
        add(rows, "job_stage", SI_NO_TIME, SI_NO_TIME,
            "the schedule of a draft job does not fire: run_job() tries it, then promote_job()");
}

/* Runs of the job at the same time (J4). */
static void
overlap(List **rows, const SiSubject *s)
{
    pg_uuid_t ahead;
    TimestampTz until;
    SiOptions options;
    int active;
    int waiting;

    if (s->e->scheduled_for > s->now || !si_overlap_holds_back(s->job, s->e) ||
        !si_inquiry_run_ahead(&s->job->job_id, &s->e->execution_id, s->job->overlap_policy != SI_OVERLAP_ALLOW, &ahead, &until))
        return;
    si_options_read(s->job, &options);
    si_executions_count(&s->job->job_id, &s->e->execution_id, &active, &waiting);
    si_explanation_add(rows,
                       &(SiBinding){.constraint_name = "overlap_policy",
                                    .numbers = {active + 1, Max(options.overlap_limit, 1), SI_SCALE_COUNT},
                                    .from = s->now,
                                    .until = until > s->now ? until : SI_NO_TIME,
                                    .remedy = psprintf("run %s of the job is to end by %s; cancel_execution() ends it sooner",
                                                       si_uuid_text(&ahead), si_explanation_time(until))});
}

static void
next_try(List **rows, const SiSubject *s)
{
    if (s->exists && s->e->next_try_at != SI_NO_TIME && s->e->next_try_at > s->now)
        si_explanation_add(rows, &(SiBinding){.namespace_name = s->e->namespace_name,
                                              .constraint_name = "next_try_at",
                                              .from = s->now,
                                              .until = s->e->next_try_at,
                                              .remedy = psprintf("it is posted again at %s; the last error: %s",
                                                                 si_explanation_time(s->e->next_try_at),
                                                                 s->e->last_error ? s->e->last_error : "none")});
}

void
si_hindrances_of_post(List **rows, const SiSubject *s)
{
    next_try(rows, s);
}

static void (*const constraints[])(List **, const SiSubject *) = {tenant_status, job_status, job_owner, job_stage, overlap, next_try};

void
si_hindrances_add(List **rows, const SiSubject *subject)
{
    for (int i = 0; i < lengthof(constraints); i++)
        constraints[i](rows, subject);
}

bool
si_dispatch_open(List **rows, const SiSubject *s, const char *namespace_name)
{
    SiBinding row = {.namespace_name = namespace_name, .constraint_name = "dispatch", .from = SI_NO_TIME, .until = SI_NO_TIME};
    SiOutlet outlet;

    si_inquiry_outlet(namespace_name, &outlet);
    if (strcmp(outlet.dispatch, "disabled") == 0)
        row.remedy = psprintf("nothing is posted to cluster \"%s\": an operator calls enable_dispatch()", outlet.cluster_name);
    else if (strcmp(outlet.dispatch, "fenced") == 0)
        row.remedy = psprintf("cluster \"%s\" is fenced until it is reconciled: an operator sees to it by health()", outlet.cluster_name);
    else if (outlet.api_fails)
    {
        row.from = outlet.since;
        row.remedy = psprintf("the API of cluster \"%s\" does not answer as it should: an operator sees to it by health()",
                              outlet.cluster_name);
    }
    else
        return true;
    si_explanation_add(rows, &row);
    return false;
}
