/*
 * job.c: what owners do with their jobs.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "flow/admit.h"
#include "flow/after.h"
#include "flow/availability.h"
#include "flow/cancel.h"
#include "flow/dependants.h"
#include "flow/fires.h"
#include "flow/idempotency.h"
#include "flow/job.h"
#include "flow/limits.h"
#include "flow/memory.h"
#include "flow/options.h"
#include "flow/owner.h"
#include "flow/promote.h"
#include "flow/requirements.h"
#include "flow/schedule.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/times.h"
#include "store/events.h"
#include "store/sql.h"

static char *
jsonb_text(Jsonb *j)
{
    return j ? JsonbToCString(NULL, &j->root, VARSIZE(j)) : NULL;
}

/* All arguments as JSON: what makes two calls the same (J8). */
static char *
body_of(const SiJobRequest *request)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_text(&buf, "job_name", request->job_name);
    si_json_put_text(&buf, "source_type", request->source_type);
    si_json_put_raw(&buf, "source_config", jsonb_text(request->source_config));
    si_json_put_raw(&buf, "destination_config", jsonb_text(request->destination_config));
    si_json_put_raw(&buf, "resource_requirements", jsonb_text(request->resource_requirements));
    si_json_put_text(&buf, "schedule_cron", request->schedule_cron);
    si_json_put_raw(&buf, "sla_requirements", jsonb_text(request->sla_requirements));
    si_json_put_text(&buf, "time_zone", request->time_zone);
    si_json_put_raw(&buf, "options", jsonb_text(request->options));
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

static char *
version_json(const SiJob *job)
{
    return psprintf("{\"version\": %d, \"stage\": \"%s\", \"status\": \"%s\"}", job->version,
                    job->draft ? "draft" : "production", si_job_status_name(job->status));
}

/* The same with what the keys of `changes` (arguments of create_job) are. */
static char *
values_json(const SiJob *job, Jsonb *changes)
{
    const struct
    {
        const char *key;
        const char *text; /* or as JSON: */
        const char *json;
    } values[] = {{"job_name", job->job_name},
                  {"source_type", job->source_type},
                  {"source_config", NULL, jsonb_text(job->source_config)},
                  {"destination_config", NULL, jsonb_text(job->destination_config)},
                  {"resource_requirements", NULL, si_requirements_json(job)},
                  {"schedule_cron", job->schedule_cron},
                  {"sla_requirements", NULL, jsonb_text(job->sla_requirements)},
                  {"time_zone", job->time_zone},
                  {"options", NULL, jsonb_text(job->options)}};
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoString(&buf, version_json(job));
    buf.data[--buf.len] = '\0';
    for (int i = 0; i < lengthof(values); i++)
    {
        if (!si_json_has_key(changes, values[i].key))
            continue;
        if (values[i].json)
            si_json_put_raw(&buf, values[i].key, values[i].json);
        else
            si_json_put_text(&buf, values[i].key, values[i].text);
    }
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

static void
require_not_dropped(const SiJob *job)
{
    if (job->status == SI_JOB_DROPPED)
        ereport(ERROR, (errcode(ERRCODE_SI_STATE), errmsg("job \"%s\" was dropped", job->job_name)));
}

static pg_uuid_t
admit(const SiJob *job, TimestampTz at, const char *started_by, const char *actor, TimestampTz now)
{
    SiAdmission admission = {.scheduled_for = at,
                             .not_before = SI_NO_TIME,
                             .started_by = started_by,
                             .attempt = 1,
                             .insist = true,
                             .actor = actor,
                             .cause = started_by};
    SiExecution e;

    (void) si_admit(job, &admission, now, &e);
    return e.execution_id;
}

pg_uuid_t
si_job_create(const SiCaller *caller, const SiJobRequest *request, const char *key, TimestampTz now)
{
    SiOptions options;
    SiJob job;
    pg_uuid_t known;

    si_jobspec_new(request, &job);
    if (si_idempotency_known_uuid(&request->tenant_id, "create_job", key, body_of(request), &known))
        return known;
    si_limits_check_job(&job, true, job.schedule_cron != NULL);
    job.job_id = si_uuid_new();
    job.owner = caller->role;
    job.owner_name = pstrdup(caller->name);
    job.created_at = now;
    job.updated_at = now;
    si_job_insert(&job);
    (void) si_after_set(&job);
    si_schedule_announce(&job, now);
    si_event("job.created", &job.tenant_id, &job.job_id, NULL, caller->name, NULL, NULL, version_json(&job));
    si_options_read(&job, &options);
    if (options.auto_draft)
        (void) admit(&job, now, "auto_draft", caller->name, now);
    si_idempotency_keep_uuid(&request->tenant_id, "create_job", key, body_of(request), &job.job_id);
    return job.job_id;
}

/* Runs ahead belong to the old schedule or the old definition; what is due already goes on. */
static void
cancel_ahead(const SiJob *job, const char *reason, const char *actor, TimestampTz now)
{
    pg_uuid_t *ids;
    int n = si_executions_of_job(&job->job_id, SI_EXECUTIONS_PENDING_SCHEDULED, &ids);

    for (int i = 0; i < n; i++)
    {
        SiExecution e;

        if (si_execution_load(&ids[i], true, &e) && e.scheduled_for > now)
            (void) si_cancel(&e, reason, actor, now);
    }
}

/* The schedule is planned anew from now on (J2); none of its fires is lost, or comes twice. */
static void
replan(SiJob *job, const char *actor, TimestampTz now)
{
    cancel_ahead(job, "the job was changed", actor, now);
    if (job->draft || job->status != SI_JOB_ACTIVE)
        si_job_set_next_fire(job, SI_NO_TIME, now);
    else
        si_job_fire_from(job, now);
}

void
si_job_alter(const SiCaller *caller, SiJob *job, Jsonb *changes, TimestampTz now)
{
    SiJob was = *job;
    bool taken_over;
    SiJobEdit edit;
    bool relink;

    require_not_dropped(job);
    taken_over = si_job_take_over(caller, job);
    relink = taken_over;
    si_jobspec_apply(job, changes, &edit);
    if (si_json_has(changes, "resource_requirements"))
        si_memory_reset(job, caller->name);
    job->updated_at = now;
    /* By the old schedule: what is due is decided as by a tick, unless a draft is made of the job. */
    if (taken_over)
        si_fires_give_up(&was, "the job's owner was dropped", caller->name, now);
    else if (edit.definition)
        si_fires_give_up(&was, "the job was changed", caller->name, now);
    else if (edit.schedule)
        si_fires_catch_up(&was, caller->name, now);
    if (edit.definition)
    {
        job->version++;
        job->draft = true;
        job->target_namespace = NULL;
        (void) si_cancel_group(job, SI_EXECUTIONS_PENDING, "the job was changed", caller->name, now);
    }
    if (was.schedule_cron == NULL && job->schedule_cron != NULL)
        si_limits_check_job(job, false, true);
    if (edit.data)
        job->watermark = NULL;
    if (taken_over || edit.definition || edit.schedule || edit.limits)
        replan(job, caller->name, now);
    if (edit.schedule)
        si_schedule_announce(job, now);
    si_job_update(job);
    if (si_json_has(changes, "options") && si_after_set(job))
    {
        relink = true;
        (void) si_cancel_group(job, SI_EXECUTIONS_PENDING_SCHEDULED, "the job was changed", caller->name, now);
    }
    if (relink || edit.schedule)
        si_dependants_link(job, caller->name, now);
    si_event("job.altered", &job->tenant_id, &job->job_id, NULL, caller->name, NULL, values_json(&was, changes),
             values_json(job, changes));
}

void
si_job_pause(const SiCaller *caller, SiJob *job, TimestampTz now)
{
    char *before = version_json(job);

    require_not_dropped(job);
    if (job->status == SI_JOB_PAUSED)
        return;
    si_fires_give_up(job, "the job was paused", caller->name, now);
    job->status = SI_JOB_PAUSED;
    si_job_set_next_fire(job, SI_NO_TIME, now);
    job->updated_at = now;
    (void) si_cancel_group(job, SI_EXECUTIONS_PENDING_SCHEDULED, "the job was paused", caller->name, now);
    si_job_update(job);
    si_event("job.paused", &job->tenant_id, &job->job_id, NULL, caller->name, NULL, before, version_json(job));
}

void
si_job_resume(const SiCaller *caller, SiJob *job, TimestampTz now)
{
    char *before = version_json(job);

    require_not_dropped(job);
    if (!si_job_take_over(caller, job) && job->status == SI_JOB_ACTIVE)
        return;
    si_fires_give_up(job, "the job's owner was dropped", caller->name, now);
    job->status = SI_JOB_ACTIVE;
    if (!job->draft)
        si_job_fire_from(job, now);
    job->updated_at = now;
    si_job_update(job);
    si_dependants_link(job, caller->name, now);
    si_event("job.resumed", &job->tenant_id, &job->job_id, NULL, caller->name, NULL, before, version_json(job));
}

void
si_job_drop(const SiCaller *caller, SiJob *job, TimestampTz now)
{
    char *before = version_json(job);

    if (job->status == SI_JOB_DROPPED)
        return;
    si_fires_give_up(job, "the job was dropped", caller->name, now);
    job->status = SI_JOB_DROPPED;
    si_job_set_next_fire(job, SI_NO_TIME, now);
    job->updated_at = now;
    /* Before its runs end: nothing of a dropped job is placed or tried again. */
    si_job_update(job);
    (void) si_cancel_group(job, SI_EXECUTIONS_PENDING, "the job was dropped", caller->name, now);
    (void) si_cancel_group(job, SI_EXECUTIONS_LIVE, "the job was dropped", caller->name, now);
    if (job->has_dependants)
        si_dependants_drop(job, caller->name);
    si_event("job.dropped", &job->tenant_id, &job->job_id, NULL, caller->name, NULL, before, version_json(job));
}

pg_uuid_t
si_job_run(const SiCaller *caller, SiJob *job, TimestampTz at, const char *key, TimestampTz now)
{
    char *body = psprintf("%s at %s", si_uuid_text(&job->job_id), at == SI_NO_TIME ? "now" : si_time_json(at));
    pg_uuid_t id;

    if (si_idempotency_known_uuid(&job->tenant_id, "run_job", key, body, &id))
        return id;
    if (job->status != SI_JOB_ACTIVE)
        ereport(ERROR, (errcode(ERRCODE_SI_STATE),
                        errmsg("job \"%s\" is %s", job->job_name, si_job_status_name(job->status)),
                        job->status == SI_JOB_PAUSED ? errhint("Call sparkingest.resume_job() first.") : 0));
    si_job_require_owner(job);
    if (at != SI_NO_TIME && at < now - USECS_PER_DAY)
        si_bad_value("at", timestamptz_to_str(at), "must not be more than a day ago");
    si_require_horizon("at", at == SI_NO_TIME ? now : at, now);
    id = admit(job, at == SI_NO_TIME ? now : at, "run_job", caller->name, now);
    si_idempotency_keep_uuid(&job->tenant_id, "run_job", key, body, &id);
    return id;
}

char *
si_job_promote(const SiCaller *caller, SiJob *job, const char *key, TimestampTz now)
{
    char *body = si_uuid_text(&job->job_id);
    Jsonb *known = key ? si_idempotency_find(&job->tenant_id, "promote_job", key, body) : NULL;
    char *answer;

    if (known != NULL)
        return jsonb_text(known);
    si_job_require_owner(job);
    answer = si_promote(job, caller->name, NULL, now);
    if (key != NULL)
        si_idempotency_keep(&job->tenant_id, "promote_job", key, body, answer);
    return answer;
}
