/*
 * promote.c: from draft to production (S4).
 */
#include "postgres.h"

#include "flow/admit.h"
#include "flow/availability.h"
#include "flow/dependants.h"
#include "flow/evaluate.h"
#include "flow/promote.h"
#include "flow/requirements.h"
#include "flow/schedule.h"
#include "flow/target.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/times.h"
#include "store/events.h"
#include "store/fires.h"
#include "store/sql.h"

/* What the latest draft runs say together. */
typedef struct Record
{
    bool eligible;
    const char *reason;
    const char *action;
    bool adjusted; /* some eligible run asks for more; the most that any asks for follows */
    int64 cpu_millicores;
    int64 memory_mib;
} Record;

/* Judges the latest runs anew: the tier may have changed since they ended (S4, "re-check"). */
static void
look_back(const SiJob *job, Record *out)
{
    SiTier tier;
    pg_uuid_t *ids;
    int n;
    int good = 0;

    memset(out, 0, sizeof(*out));
    if (!si_tier_load(job->tier, &tier))
        elog(ERROR, "tier \"%s\" of a job is missing", job->tier);
    n = si_draft_runs(&job->job_id, job->version, tier.of_last, &ids);
    for (int i = 0; i < n; i++)
    {
        SiExecution e;
        SiVerdict verdict;

        if (!si_execution_load(&ids[i], false, &e))
            elog(ERROR, "a draft run is missing");
        si_judge(job, &e, &verdict);
        if (i == 0 && !verdict.eligible)
        {
            out->reason = verdict.reason;
            out->action = verdict.action;
        }
        if (!verdict.eligible)
            continue;
        good++;
        if (verdict.adjusted)
        {
            out->adjusted = true;
            out->cpu_millicores = Max(out->cpu_millicores, verdict.cpu_millicores);
            out->memory_mib = Max(out->memory_mib, verdict.memory_mib);
        }
    }
    out->eligible = good >= tier.required_successes;
    if (out->eligible)
        out->reason = out->action = NULL;
    else if (n == 0)
    {
        out->reason = "no_finished_draft_run";
        out->action = "run_the_draft_with_run_job";
    }
    else if (out->reason == NULL)
    {
        out->reason = psprintf("%d_of_%d_eligible_draft_runs", good, tier.required_successes);
        out->action = "run_the_draft_with_run_job";
    }
}

static char *
answer(const SiJob *job, bool promoted, const char *first_run, const Record *record)
{
    StringInfoData text;

    initStringInfo(&text);
    appendStringInfoChar(&text, '{');
    si_json_put_text(&text, "status", promoted ? "promoted" : "not_eligible");
    si_json_put_text(&text, "job_id", si_uuid_text(&job->job_id));
    si_json_put_text(&text, "namespace", promoted ? job->target_namespace : NULL);
    si_json_put_raw(&text, "updated_requirements", promoted ? si_requirements_json(job) : NULL);
    si_json_put_raw(&text, "first_run", first_run);
    si_json_put_text(&text, "reason", record->reason);
    si_json_put_text(&text, "recommended_action", record->action);
    appendStringInfoChar(&text, '}');
    return text.data;
}

/* More resources at medium confidence (S3); they must still be good for Kubernetes and for some namespace. */
static void
adjust(SiJob *job, const Record *record)
{
    if (!record->adjusted)
        return;
    job->cpu_millicores = Max(job->cpu_millicores, record->cpu_millicores);
    job->memory_mib = Max(job->memory_mib, record->memory_mib);
    si_requirements_check_size(job);
}

/* Admits the first fire and moves next_fire_at behind it; NULL when the job has no schedule or its fire is too far away. */
static char *
reserve_first_run(SiJob *job, const char *actor, TimestampTz now)
{
    SiAdmission admission = {.not_before = SI_NO_TIME, .started_by = "schedule", .insist = true, .actor = actor};
    SiExecution first;
    StringInfoData text;

    si_job_fire_from(job, now);
    while (job->next_fire_at != SI_NO_TIME && si_fire_is_taken(&job->job_id, job->next_fire_at))
        si_job_set_next_fire(job, si_job_next_fire(job, job->next_fire_at), now);
    if (job->next_fire_at == SI_NO_TIME || job->next_fire_at > si_horizon(now))
        return NULL;
    admission.scheduled_for = job->next_fire_at;
    admission.attempt = si_execution_next_attempt(&job->job_id, job->next_fire_at);
    admission.cause = "first production run";
    (void) si_admit(job, &admission, now, &first);
    si_job_set_next_fire(job, si_job_next_fire(job, job->next_fire_at), now);

    initStringInfo(&text);
    appendStringInfoChar(&text, '{');
    si_json_put_text(&text, "execution_id", si_uuid_text(&first.execution_id));
    si_json_put_raw(&text, "starts_at", si_time_json(first.planned_start));
    appendStringInfoChar(&text, '}');
    return text.data;
}

char *
si_promote(SiJob *job, const char *actor, const char *cause, TimestampTz now)
{
    Record record;
    SiNamespace target;
    TimestampTz first_fire;
    char *first_run;
    char *text;

    if (job->status != SI_JOB_ACTIVE)
        ereport(ERROR, (errcode(ERRCODE_SI_STATE),
                        errmsg("job \"%s\" is %s", job->job_name, si_job_status_name(job->status))));
    if (!job->draft)
        ereport(ERROR, (errcode(ERRCODE_SI_STATE), errmsg("job \"%s\" is in production already", job->job_name)));
    look_back(job, &record);
    if (!record.eligible)
    {
        text = answer(job, false, NULL, &record);
        si_event("job.not_eligible", &job->tenant_id, &job->job_id, NULL, actor, record.reason, NULL, text);
        return text;
    }

    adjust(job, &record);
    first_fire = si_job_next_fire(job, now);
    si_target_choose(job, first_fire == SI_NO_TIME ? now : first_fire, &target);
    job->draft = false;
    job->target_namespace = pstrdup(target.name);
    /* The row first: the run that is admitted next belongs to a production job. */
    si_job_update(job);
    first_run = reserve_first_run(job, actor, now);
    si_job_update(job);
    si_dependants_link(job, actor, now);
    text = answer(job, true, first_run, &record);
    si_event("job.promoted", &job->tenant_id, &job->job_id, NULL, actor, cause, "{\"stage\": \"draft\"}", text);
    return text;
}
