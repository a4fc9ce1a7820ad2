/*
 * fires.c: schedules turned into executions.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "domain/misfire.h"
#include "flow/admit.h"
#include "flow/availability.h"
#include "flow/fires.h"
#include "flow/owner.h"
#include "flow/schedule.h"
#include "pg/json.h"
#include "pg/times.h"
#include "store/events.h"
#include "store/sql.h"

/* Fires that came due since next_fire_at and may still run; those too old to run are counted only. */
typedef struct Missed
{
    TimestampTz *due; /* within the catch-up window, ascending */
    int n;
    int64 expired; /* before it */
    TimestampTz first_expired;
    TimestampTz last_expired;
} Missed;

static void
tell(const SiJob *job, const char *event, TimestampTz first, TimestampTz last, int64 count, const char *actor, const char *cause)
{
    StringInfoData after;

    initStringInfo(&after);
    appendStringInfoChar(&after, '{');
    si_json_put_raw(&after, "first_fire", si_time_json(first));
    si_json_put_raw(&after, "last_fire", si_time_json(last));
    si_json_put_quantity(&after, "fires", count, 1);
    appendStringInfoChar(&after, '}');
    si_event(event, &job->tenant_id, &job->job_id, NULL, actor, cause, NULL, after.data);
}

static bool
admit(const SiJob *job, TimestampTz fire, const char *actor, const char *cause, TimestampTz now)
{
    SiAdmission admission = {.scheduled_for = fire,
                             .not_before = SI_NO_TIME,
                             .started_by = "schedule",
                             .attempt = si_execution_next_attempt(&job->job_id, fire),
                             .actor = actor,
                             .cause = cause};
    SiExecution e;

    if (si_admit(job, &admission, now, &e))
        return true;
    tell(job, "fire.refused", fire, fire, 1, actor, e.waiting_reason);
    return false;
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

/* What came due: on time, made up for, or skipped (J3). */
static int
catch_up(const SiJob *job, const Missed *missed, const char *actor, TimestampTz now)
{
    bool *keep = palloc((missed->n + 1) * sizeof(bool));
    int64 skipped = 0;
    TimestampTz first_skipped = SI_NO_TIME;
    TimestampTz last_skipped = SI_NO_TIME;
    int made = 0;

    if (missed->expired > 0)
        tell(job, "fire.missed", missed->first_expired, missed->last_expired, missed->expired, actor,
             "no tick came within catchup_window");
    (void) si_misfire_keep(missed->due, missed->n, now, job->catchup_usecs, job->misfire_policy, keep);
    for (int i = 0; i < missed->n; i++)
    {
        bool late = now - missed->due[i] > SI_ON_TIME_USECS;

        if (keep[i])
        {
            made += admit(job, missed->due[i], actor, late ? "schedule, made up for (misfire_policy)" : "schedule", now);
            continue;
        }
        if (skipped++ == 0)
            first_skipped = missed->due[i];
        last_skipped = missed->due[i];
    }
    if (skipped > 0)
        tell(job, "fire.missed", first_skipped, last_skipped, skipped, actor, "no tick came in time (misfire_policy)");
    return made;
}

int
si_materialise(const pg_uuid_t *job_id, const char *actor, TimestampTz now)
{
    TimestampTz until = Min(now + SI_MATERIALISE_DAYS * USECS_PER_DAY, si_horizon(now));
    SiSchedule schedule;
    Missed missed;
    pg_uuid_t *planned;
    TimestampTz fire;
    SiJob job;
    int ahead;
    int made;

    if (!si_job_load_if_free(job_id, &job))
        return -1;
    if (job.draft || job.status != SI_JOB_ACTIVE || !job.tenant_active || job.schedule_cron == NULL ||
        job.next_fire_at == SI_NO_TIME)
        return 0;
    if (!job.owner_exists)
    {
        si_job_block_orphan(&job, actor, now);
        return 0;
    }
    si_schedule_open(job.schedule_cron, job.time_zone, &schedule);
    fire = collect(&job, &schedule, now, &missed);
    made = catch_up(&job, &missed, actor, now);
    ahead = si_executions_of_job(job_id, SI_EXECUTIONS_PENDING_SCHEDULED, &planned);
    while (fire != SI_NO_TIME && fire <= until && ahead < SI_MATERIALISE_LIMIT)
    {
        CHECK_FOR_INTERRUPTS();
        made += admit(&job, fire, actor, "schedule", now);
        ahead++;
        if (!si_schedule_next(&schedule, fire, &fire))
            fire = SI_NO_TIME;
    }
    if (fire != job.next_fire_at)
    {
        job.next_fire_at = fire;
        si_job_update(&job);
    }
    if (job.blocked_reason != NULL)
        si_job_block(job_id, NULL, actor);
    return made;
}
