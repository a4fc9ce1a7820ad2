/*
 * dependants.c: runs that start after the success of runs of other jobs.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "domain/after.h"
#include "flow/admit.h"
#include "flow/cancel.h"
#include "flow/dependants.h"
#include "flow/overlap.h"
#include "flow/state.h"
#include "pg/attempt.h"
#include "pg/json.h"
#include "pg/times.h"
#include "pg/wake.h"
#include "store/dependencies.h"
#include "store/events.h"
#include "store/sql.h"

/* A locked job that starts after others, and what is open of it. */
typedef struct Dependant
{
    SiJob *job;
    SiDependency *predecessors;
    int n_predecessors;
    SiLink *links;
    int n_links;
    pg_uuid_t *runs; /* that wait, oldest first */
    int n_runs;
    const char *actor;
    TimestampTz now;
} Dependant;

static bool
may_run(const SiJob *job)
{
    return job->status == SI_JOB_ACTIVE && !job->draft;
}

static bool
failed(const SiLink *link)
{
    return si_state_final(link->state) && link->state != SI_SUCCEEDED;
}

static SiLink *
link_of(const Dependant *d, const pg_uuid_t *run, const pg_uuid_t *predecessor, bool spare)
{
    for (int i = 0; i < d->n_links; i++)
        if (d->links[i].assigned && d->links[i].spare == spare && si_uuid_equal(&d->links[i].execution_id, run) &&
            si_uuid_equal(&d->links[i].after_job_id, predecessor))
            return &d->links[i];
    return NULL;
}

static void
close_link(const Dependant *d, SiLink *link)
{
    si_link_close(&d->job->job_id, &link->after_execution_id);
    link->assigned = false;
}

static void
assign(const Dependant *d, SiLink *link, const pg_uuid_t *run, bool spare)
{
    si_link_assign(&d->job->job_id, &link->after_execution_id, run, spare);
    link->assigned = true;
    link->execution_id = *run;
    link->spare = spare;
}

/* Ids of version 7 are in the order of their making, but not within one transaction; which is older does not matter there. */
static int
compare_runs(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(pg_uuid_t));
}

static void
collect_runs(Dependant *d)
{
    d->runs = palloc((d->n_links + 1) * sizeof(pg_uuid_t));
    for (int i = 0; i < d->n_links; i++)
    {
        bool known = !d->links[i].assigned;

        for (int r = 0; r < d->n_runs && !known; r++)
            known = si_uuid_equal(&d->runs[r], &d->links[i].execution_id);
        if (!known)
            d->runs[d->n_runs++] = d->links[i].execution_id;
    }
    qsort(d->runs, d->n_runs, sizeof(pg_uuid_t), compare_runs);
}

static bool
is_complete(const Dependant *d, const pg_uuid_t *run)
{
    for (int p = 0; p < d->n_predecessors; p++)
        if (link_of(d, run, &d->predecessors[p].job_id, false) == NULL)
            return false;
    return true;
}

/* A run without a place: it gets one when all its predecessors have one. */
static void
begin_run(Dependant *d, SiLink *link)
{
    SiAdmission admission = {.scheduled_for = link->planned_end == SI_NO_TIME ? d->now : link->planned_end,
                             .not_before = SI_NO_TIME,
                             .started_by = "dependency",
                             .attempt = 1,
                             .actor = d->actor,
                             .cause = "a run of a job that it starts after was admitted"};
    SiExecution e;

    si_admit_awaiting(d->job, &admission, "waits for runs of the jobs that it starts after", d->now, &e);
    assign(d, link, &e.execution_id, false);
    d->runs[d->n_runs++] = e.execution_id;
}

/* Each link that has no run yet gets one. */
static void
assign_links(Dependant *d)
{
    for (int i = 0; i < d->n_links; i++)
    {
        SiLink *link = &d->links[i];
        SiAfterRun *runs;
        bool spare;
        int at;

        if (link->assigned)
            continue;
        if (failed(link))
        {
            close_link(d, link);
            continue;
        }
        runs = palloc((d->n_runs + 1) * sizeof(SiAfterRun));
        for (int r = 0; r < d->n_runs; r++)
            runs[r] = (SiAfterRun){link_of(d, &d->runs[r], &link->after_job_id, false) != NULL, is_complete(d, &d->runs[r])};
        at = si_after_run_for(runs, d->n_runs, &spare);
        if (at == d->n_runs)
            begin_run(d, link);
        else
            assign(d, link, &d->runs[at], spare);
    }
}

/* Where a predecessor's run failed for good and another one stands by, that takes its place. */
static void
use_spares(Dependant *d, const pg_uuid_t *run)
{
    for (int p = 0; p < d->n_predecessors; p++)
    {
        const pg_uuid_t *predecessor = &d->predecessors[p].job_id;
        SiLink *link = link_of(d, run, predecessor, false);
        SiLink *spare;

        while (link && failed(link) && (spare = link_of(d, run, predecessor, true)) != NULL)
        {
            if (failed(spare))
            {
                close_link(d, spare);
                continue;
            }
            close_link(d, link);
            assign(d, spare, run, false);
            link = spare;
        }
    }
}

/* Waits, and says why; a place that it had is free again. */
static void
keep_waiting(const Dependant *d, SiExecution *e, const char *reason)
{
    if (e->state == SI_WAITING && e->waiting_reason && strcmp(e->waiting_reason, reason) == 0)
        return;
    si_admission_undo(e, d->now);
    e->waiting_reason = pstrdup(reason);
    si_execution_set_plan(e);
    if (e->state == SI_SCHEDULED)
        si_execution_move(e, SI_WAITING, d->actor, reason);
}

/* Its place follows the end of its predecessors. A place that is late enough, and was not taken for a later end, is kept. */
static void
follow(const Dependant *d, SiExecution *e, TimestampTz at)
{
    TimestampTz before = e->scheduled_for;

    if (before != at)
    {
        e->scheduled_for = at;
        si_execution_set_awaiting(&e->execution_id, true, at);
    }
    if (e->state == SI_WAITING)
        (void) si_admit_again(d->job, e, d->actor, "its place follows the planned end of what it starts after", d->now);
    else if (at < before || (at > before && e->planned_start < si_admission_earliest(d->job, e)))
        (void) si_admit_anew(d->job, e, d->actor, "what it starts after is planned otherwise", d->now);
}

static void
let_go(const Dependant *d, SiExecution *e, TimestampTz at)
{
    const char *cause = "the jobs that it starts after have succeeded";
    StringInfoData after;

    si_links_close(&e->execution_id);
    e->awaits = false;
    e->scheduled_for = at;
    si_execution_set_awaiting(&e->execution_id, false, at);
    initStringInfo(&after);
    appendStringInfoChar(&after, '{');
    si_json_put_raw(&after, "scheduled_for", si_time_json(at));
    appendStringInfoChar(&after, '}');
    si_event("execution.released", &e->tenant_id, &e->job_id, &e->execution_id, d->actor, cause, NULL, after.data);
    if (e->state == SI_SCHEDULED && e->planned_start > Max(d->now, si_admission_earliest(d->job, e)))
        (void) si_admit_anew(d->job, e, d->actor, cause, d->now);
    else if (e->state == SI_WAITING && !si_overlap_holds_back(d->job, e))
        (void) si_admit_again(d->job, e, d->actor, cause, d->now);
    si_wake_at_commit();
}

static const char *
unplanned(const SiDependency *predecessor, SiState state)
{
    return psprintf(state == SI_WAITING ? "waits for job \"%s\", which waits itself" : "waits for job \"%s\", which runs beyond its planned end",
                    predecessor->job_name);
}

static void
settle_run(Dependant *d, const pg_uuid_t *run)
{
    SiPredecessor *predecessors = palloc0(d->n_predecessors * sizeof(SiPredecessor));
    const char *cause;
    SiExecution e;
    SiTime at;
    int which;

    if (!si_execution_load(run, true, &e))
        elog(ERROR, "execution \"%s\" is missing", si_uuid_text(run));
    if (!e.awaits || (e.state != SI_SCHEDULED && e.state != SI_WAITING))
    {
        si_links_close(run);
        return;
    }
    use_spares(d, run);
    for (int p = 0; p < d->n_predecessors; p++)
    {
        const SiLink *link = link_of(d, run, &d->predecessors[p].job_id, false);

        if (link)
            predecessors[p] = (SiPredecessor){true, link->state, link->planned_end != SI_NO_TIME, link->planned_end,
                                              link->finished_at};
    }
    switch (si_after_decide(predecessors, d->n_predecessors, d->now, &at, &which))
    {
        case SI_AFTER_CANCEL:
            cause = psprintf("it starts after job \"%s\", whose run ended as %s", d->predecessors[which].job_name,
                             si_state_name(predecessors[which].state));
            (void) si_cancel(&e, cause, d->actor, d->now);
            break;
        case SI_AFTER_MISSING:
            keep_waiting(d, &e, psprintf("waits for a run of job \"%s\"", d->predecessors[which].job_name));
            break;
        case SI_AFTER_UNPLANNED:
            keep_waiting(d, &e, unplanned(&d->predecessors[which], predecessors[which].state));
            break;
        case SI_AFTER_FOLLOW:
            follow(d, &e, at);
            break;
        case SI_AFTER_RELEASE:
            let_go(d, &e, at);
            break;
    }
}

/* Decides anew, for each run of a locked job that waits for others, what becomes of it. */
static void
settle(SiJob *job, const char *actor, TimestampTz now)
{
    Dependant d = {.job = job, .actor = actor, .now = now};

    check_stack_depth();
    /* A tenant that is suspended, or an owner who is gone, may come back: what is open stays so. */
    if (may_run(job) && (!job->tenant_active || !job->owner_exists))
        return;
    d.n_links = si_links_load(&job->job_id, &d.links);
    d.n_predecessors = si_dependencies_of(&job->job_id, &d.predecessors);
    for (int i = 0; i < d.n_links; i++)
        if (!may_run(job) && !d.links[i].assigned)
            close_link(&d, &d.links[i]);
    if (!may_run(job) || d.n_predecessors == 0)
        return;
    collect_runs(&d);
    assign_links(&d);
    for (int r = 0; r < d.n_runs; r++)
        settle_run(&d, &d.runs[r]);
}

/* One job of several. */
typedef struct Row
{
    pg_uuid_t job_id;
    const char *actor;
    TimestampTz now;
    bool done;
} Row;

static void
settle_row(void *arg)
{
    Row *row = arg;
    SiJob job;

    if (!si_job_load_if_free(&row->job_id, &job))
        return;
    settle(&job, row->actor, row->now);
    row->done = true;
}

/* What is wrong with a dependant must not undo what its predecessor did: the tick tries it again. */
static int
settle_jobs(const pg_uuid_t *ids, int n, const char *actor, TimestampTz now)
{
    int done = 0;

    for (int i = 0; i < n; i++)
    {
        Row row = {ids[i], actor, now, false};

        CHECK_FOR_INTERRUPTS();
        if (si_attempt(settle_row, &row) == NULL)
            done += row.done;
    }
    return done;
}

void
si_dependants_open(const SiExecution *e, const char *actor, TimestampTz now)
{
    si_links_open(&e->job_id, &e->execution_id);
    si_dependants_follow(e, actor, now);
}

void
si_dependants_follow(const SiExecution *e, const char *actor, TimestampTz now)
{
    pg_uuid_t *ids;
    int n = si_links_jobs(&e->execution_id, &ids);

    (void) settle_jobs(ids, n, actor, now);
}

void
si_dependants_retried(const SiExecution *e, const SiExecution *next, const char *actor, TimestampTz now)
{
    si_links_follow(&e->execution_id, &next->execution_id);
    si_dependants_follow(next, actor, now);
}

void
si_dependants_forget(const SiExecution *e)
{
    si_links_close(&e->execution_id);
}

void
si_dependants_link(SiJob *job, const char *actor, TimestampTz now)
{
    if (!may_run(job))
        return;
    si_links_open_all(&job->job_id);
    settle(job, actor, now);
}

void
si_dependants_drop(const SiJob *job, const char *actor)
{
    SiDependency *dependants;
    int n = si_dependants_of(&job->job_id, &dependants);

    for (int i = 0; i < n; i++)
        si_event("job.predecessor_dropped", &job->tenant_id, &dependants[i].job_id, NULL, actor,
                 psprintf("job \"%s\", after which it starts, was dropped: nothing starts it until options.after is changed", job->job_name),
                 NULL, NULL);
}

int
si_dependants_tick(const char *actor, TimestampTz now)
{
    pg_uuid_t *ids;
    int n = si_links_moved(now, &ids);

    return settle_jobs(ids, n, actor, now);
}
