/*
 * fires.c: schedules turned into executions.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "domain/ahead.h"
#include "domain/misfire.h"
#include "flow/admit.h"
#include "flow/availability.h"
#include "flow/cancel.h"
#include "flow/fires.h"
#include "flow/owner.h"
#include "flow/schedule.h"
#include "pg/attempt.h"
#include "pg/json.h"
#include "pg/times.h"
#include "store/events.h"
#include "store/fires.h"
#include "store/sql.h"

/* Jobs that are planned together, locked, and what there is of them already. */
typedef struct Batch
{
    SiJob *jobs;
    int n;
    SiFire *pending; /* by job and time */
    int n_pending;
    SiFire *attempted; /* from next_fire_at on, by job and time */
    int n_attempted;
    const char *actor;
    TimestampTz now;
    int made;
} Batch;

/* One job of a batch while it is planned. */
typedef struct Schedule
{
    Batch *batch;
    SiJob *job;
    SiSchedule schedule;
    TimestampTz *times; /* of the fires that are planned, ascending */
    int n_times;
    int max_times;
} Schedule;

/* Fires that came due since next_fire_at and may still run; those too old to run are counted only. */
typedef struct Missed
{
    TimestampTz *due; /* within the catch-up window, ascending */
    int n;
    int64 expired; /* before it */
    TimestampTz first_expired;
    TimestampTz last_expired;
} Missed;

static char *
range_json(TimestampTz first, TimestampTz last, int64 count)
{
    StringInfoData after;

    initStringInfo(&after);
    appendStringInfoChar(&after, '{');
    si_json_put_raw(&after, "first_fire", si_time_json(first));
    si_json_put_raw(&after, "last_fire", si_time_json(last));
    si_json_put_quantity(&after, "fires", count, 1);
    appendStringInfoChar(&after, '}');
    return after.data;
}

static void
tell(const SiJob *job, const char *event, TimestampTz first, TimestampTz last, int64 count, const char *actor, const char *cause)
{
    si_event(event, &job->tenant_id, &job->job_id, NULL, actor, cause, NULL, range_json(first, last, count));
}

static int
compare(const SiFire *fire, const pg_uuid_t *job_id, TimestampTz at)
{
    int order = memcmp(fire->job_id.data, job_id->data, UUID_LEN);

    return order != 0 ? order : (fire->at > at) - (fire->at < at);
}

/* The first of the fires that is not before this one. */
static int
find(const SiFire *fires, int n, const pg_uuid_t *job_id, TimestampTz at)
{
    int low = 0;

    while (n > low)
    {
        int middle = low + (n - low) / 2;

        if (compare(&fires[middle], job_id, at) < 0)
            low = middle + 1;
        else
            n = middle;
    }
    return low;
}

/* What there is of a fire already, NULL = nothing. */
static const SiFire *
earlier(const Batch *batch, const pg_uuid_t *job_id, TimestampTz at)
{
    int i = find(batch->attempted, batch->n_attempted, job_id, at);

    return i < batch->n_attempted && compare(&batch->attempted[i], job_id, at) == 0 ? &batch->attempted[i] : NULL;
}

static void
remember(Schedule *plan, TimestampTz at)
{
    if (plan->n_times == plan->max_times)
        plan->times = repalloc(plan->times, (plan->max_times *= 2) * sizeof(TimestampTz));
    plan->times[plan->n_times++] = at;
}

static void
open_plan(Schedule *plan, Batch *batch, SiJob *job)
{
    memset(plan, 0, sizeof(*plan));
    plan->batch = batch;
    plan->job = job;
    plan->max_times = 2 * SI_AHEAD_LIMIT;
    plan->times = palloc(plan->max_times * sizeof(TimestampTz));
    for (int i = find(batch->pending, batch->n_pending, &job->job_id, PG_INT64_MIN);
         i < batch->n_pending && si_uuid_equal(&batch->pending[i].job_id, &job->job_id); i++)
        remember(plan, batch->pending[i].at);
    si_schedule_open(job->schedule_cron, job->time_zone, &plan->schedule);
}

static void
admit(Schedule *plan, TimestampTz fire, const char *cause)
{
    Batch *batch = plan->batch;
    const SiFire *before = earlier(batch, &plan->job->job_id, fire);
    SiAdmission admission = {.scheduled_for = fire,
                             .not_before = SI_NO_TIME,
                             .started_by = "schedule",
                             .attempt = before ? before->attempt + 1 : 1,
                             .actor = batch->actor,
                             .cause = cause};
    SiExecution e;

    if (before && before->taken)
        return;
    if (si_admit(plan->job, &admission, batch->now, &e))
        batch->made++;
    else
        tell(plan->job, "fire.refused", fire, fire, 1, batch->actor, e.waiting_reason);
    remember(plan, fire);
}

/* A schedule fires once a minute at most, so the window (7 days) bounds the array; older fires only move counters. */
static TimestampTz
collect(const SiJob *job, const SiSchedule *schedule, TimestampTz now, Missed *out)
{
    TimestampTz window_start = now - Max(job->catchup_usecs, SI_ON_TIME_USECS);
    TimestampTz fire = job->next_fire_at;
    int room = 64;

    memset(out, 0, sizeof(*out));
    out->due = palloc(room * sizeof(TimestampTz));
    while (fire <= now)
    {
        CHECK_FOR_INTERRUPTS();
        if (fire < window_start)
        {
            if (out->expired++ == 0)
                out->first_expired = fire;
            out->last_expired = fire;
        }
        else
        {
            if (out->n == room)
                out->due = repalloc(out->due, (room *= 2) * sizeof(TimestampTz));
            out->due[out->n++] = fire;
        }
        if (!si_schedule_next(schedule, fire, &fire))
            return SI_NO_TIME;
    }
    return fire;
}

/* What came due: on time, made up for, or skipped (J3). Moves next_fire_at behind it. */
static void
catch_up(Schedule *plan)
{
    SiJob *job = plan->job;
    const char *actor = plan->batch->actor;
    TimestampTz now = plan->batch->now;
    TimestampTz next;
    Missed missed;
    bool *keep;
    int64 skipped = 0;
    TimestampTz first_skipped = SI_NO_TIME;
    TimestampTz last_skipped = SI_NO_TIME;

    if (job->next_fire_at > now)
        return;
    next = collect(job, &plan->schedule, now, &missed);
    keep = palloc((missed.n + 1) * sizeof(bool));
    if (missed.expired > 0)
        tell(job, "fire.missed", missed.first_expired, missed.last_expired, missed.expired, actor,
             "no tick came within catchup_window");
    (void) si_misfire_keep(missed.due, missed.n, now, job->catchup_usecs, job->misfire_policy, keep);
    for (int i = 0; i < missed.n; i++)
    {
        bool late = now - missed.due[i] > SI_ON_TIME_USECS;

        if (keep[i])
        {
            admit(plan, missed.due[i], late ? "schedule, made up for (misfire_policy)" : "schedule");
            continue;
        }
        if (skipped++ == 0)
            first_skipped = missed.due[i];
        last_skipped = missed.due[i];
    }
    if (skipped > 0)
        tell(job, "fire.missed", first_skipped, last_skipped, skipped, actor, "no tick came in time (misfire_policy)");
    job->next_fire_at = next;
}

static void
plan_job(Batch *batch, SiJob *job)
{
    TimestampTz until = Min(batch->now + SI_AHEAD_DAYS * USECS_PER_DAY, si_horizon(batch->now));
    TimestampTz fire;
    Schedule plan;

    open_plan(&plan, batch, job);
    catch_up(&plan);
    fire = job->next_fire_at;
    while (fire != SI_NO_TIME && fire <= until && plan.n_times < SI_AHEAD_LIMIT)
    {
        CHECK_FOR_INTERRUPTS();
        admit(&plan, fire, "schedule");
        if (!si_schedule_next(&plan.schedule, fire, &fire))
            fire = SI_NO_TIME;
    }
    job->next_fire_at = fire;
    job->plan_at = fire == SI_NO_TIME
                       ? SI_NO_TIME
                       : si_ahead_look_again(fire, until - batch->now, plan.times, plan.n_times, batch->now);
}

static void
read_fires(Batch *batch)
{
    pg_uuid_t *ids = palloc((batch->n + 1) * sizeof(pg_uuid_t));
    TimestampTz *from = palloc((batch->n + 1) * sizeof(TimestampTz));

    for (int i = 0; i < batch->n; i++)
    {
        ids[i] = batch->jobs[i].job_id;
        from[i] = batch->jobs[i].next_fire_at;
    }
    batch->n_pending = si_fires_pending(ids, batch->n, &batch->pending);
    batch->n_attempted = si_fires_attempted(ids, from, batch->n, &batch->attempted);
}

static bool
fires(const SiJob *job)
{
    return !job->draft && job->status == SI_JOB_ACTIVE && job->schedule_cron != NULL && job->next_fire_at != SI_NO_TIME;
}

/* What is asked of a batch. */
typedef struct Request
{
    const pg_uuid_t *ids;
    int n;
    const char *actor;
    TimestampTz now;
    int made;
} Request;

static void
plan_batch(void *arg)
{
    Request *request = arg;
    Batch batch = {.actor = request->actor, .now = request->now};
    SiJobPlan *plans = palloc((request->n + 1) * sizeof(SiJobPlan));
    pg_uuid_t *leaving = palloc((request->n + 1) * sizeof(pg_uuid_t));
    int n_plans = 0;
    int n_leaving = 0;

    batch.n = si_jobs_load_due_if_free(request->ids, request->n, request->now, &batch.jobs);
    read_fires(&batch);
    for (int i = 0; i < batch.n; i++)
    {
        SiJob *job = &batch.jobs[i];

        if (fires(job) && !job->tenant_active)
        {
            leaving[n_leaving++] = job->job_id;
            continue;
        }
        if (fires(job) && !job->owner_exists)
        {
            si_job_block_orphan(job, batch.actor, batch.now);
            continue;
        }
        if (fires(job))
            plan_job(&batch, job);
        else
            job->plan_at = SI_NO_TIME;
        plans[n_plans++] = (SiJobPlan){job->job_id, job->next_fire_at, job->plan_at};
        if (job->blocked_reason != NULL)
            si_job_block(&job->job_id, NULL, batch.actor);
    }
    if (n_plans > 0)
        si_jobs_set_plans(plans, n_plans);
    if (n_leaving > 0)
        si_jobs_leave_plan(leaving, n_leaving);
    request->made = batch.made;
}

/* Those that fail together are planned one by one. */
static int
plan_or_block(const pg_uuid_t *ids, int n, const char *actor, TimestampTz now)
{
    Request request = {ids, n, actor, now, 0};
    ErrorData *error = si_attempt(plan_batch, &request);
    int made = 0;

    if (error == NULL)
        return request.made;
    if (n == 1 && !si_error_is_passing(error))
        si_job_block(&ids[0], error->message, actor);
    for (int i = 0; n > 1 && i < n; i++)
        made += plan_or_block(&ids[i], 1, actor, now);
    return made;
}

int
si_fires_plan(const SiDueJob *due, int n, const char *actor, TimestampTz now)
{
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "sparkingest fires", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    int made = 0;
    int i = 0;

    while (i < n)
    {
        pg_uuid_t ids[SI_FIRES_BATCH];
        int count = 0;

        CHECK_FOR_INTERRUPTS();
        /* What failed before most likely fails again. */
        do
            ids[count++] = due[i].job_id;
        while (!due[i++].blocked && i < n && !due[i].blocked && count < SI_FIRES_BATCH);
        made += plan_or_block(ids, count, actor, now);
        MemoryContextReset(context);
    }
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    return made;
}

void
si_fires_catch_up(SiJob *job, const char *actor, TimestampTz now)
{
    Batch batch = {.jobs = job, .n = 1, .actor = actor, .now = now};
    Schedule plan;

    if (!fires(job) || job->next_fire_at > now)
        return;
    read_fires(&batch);
    open_plan(&plan, &batch, job);
    catch_up(&plan);
}

void
si_fires_give_up(SiJob *job, const char *cause, const char *actor, TimestampTz now)
{
    SiSchedule schedule;
    TimestampTz first = job->next_fire_at;
    TimestampTz last = first;
    int64 count = 0;

    if (!fires(job) || first > now)
        return;
    si_schedule_open(job->schedule_cron, job->time_zone, &schedule);
    while (job->next_fire_at <= now)
    {
        CHECK_FOR_INTERRUPTS();
        last = job->next_fire_at;
        count++;
        if (!si_schedule_next(&schedule, last, &job->next_fire_at))
            job->next_fire_at = SI_NO_TIME;
    }
    tell(job, "fire.missed", first, last, count, actor, cause);
}

bool
si_fires_give_up_late(const SiJob *job, SiExecution *e, const char *actor, TimestampTz now)
{
    const TimestampTz due[] = {e->scheduled_for, now};
    bool later = job->next_fire_at <= now || si_fire_due_after(&job->job_id, e->scheduled_for, now);
    const char *cause = "its reservation ended before it could start (misfire_policy)";
    bool keep[lengthof(due)];

    if (e->is_draft || strcmp(e->started_by, "schedule") != 0 || !si_uuid_equal(&e->run_id, &e->execution_id))
        return false;
    (void) si_misfire_keep(due, later ? 2 : 1, now, job->catchup_usecs, job->misfire_policy, keep);
    if (keep[0])
        return false;
    si_event("fire.missed", &e->tenant_id, &e->job_id, &e->execution_id, actor, cause, NULL,
             range_json(e->scheduled_for, e->scheduled_for, 1));
    (void) si_cancel(e, cause, actor, now);
    return true;
}
