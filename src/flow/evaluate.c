/*
 * evaluate.c: verdicts on draft runs (S2, S3).
 */
#include "postgres.h"

#include "flow/evaluate.h"
#include "flow/target.h"
#include "pg/json.h"
#include "store/events.h"
#include "store/sql.h"

void
si_judge(const SiJob *job, const SiExecution *e, SiVerdict *out)
{
    bool ran = e->started_at != SI_NO_TIME && e->finished_at != SI_NO_TIME;
    SiTier tier;
    SiTrial trial;

    if (!si_tier_load(job->tier, &tier))
        elog(ERROR, "tier \"%s\" of a job is missing", job->tier);
    trial.succeeded = ran && e->state == SI_SUCCEEDED;
    trial.actual_millis = ran ? Max((e->finished_at - e->started_at) / 1000, 1) : 1;
    trial.estimated_millis = e->estimated_millis;
    trial.high_permille = tier.high_permille;
    trial.medium_permille = tier.medium_permille;
    trial.adjustment_permille = tier.adjustment_permille;
    trial.cpu_millicores = e->cpu_millicores;
    trial.memory_mib = e->memory_mib;
    si_evaluate(&trial, out);
}

char *
si_verdict_json(const SiJob *job, const SiExecution *e, const SiVerdict *verdict, TimestampTz now)
{
    bool ran = e->started_at != SI_NO_TIME && e->finished_at != SI_NO_TIME;
    StringInfoData text;
    SiNamespace target;

    initStringInfo(&text);
    appendStringInfoChar(&text, '{');
    si_json_put_raw(&text, "promotion_eligible", verdict->eligible ? "true" : "false");
    if (ran)
        si_json_put_quantity(&text, "performance_ratio", verdict->ratio_permille, 1000);
    else
        si_json_put_raw(&text, "performance_ratio", NULL);
    si_json_put_text(&text, "confidence", si_confidence_name(verdict->confidence));
    if (verdict->eligible)
        si_target_choose(job, now, &target);
    si_json_put_text(&text, "recommended_namespace", verdict->eligible ? target.name : NULL);
    if (verdict->adjusted)
    {
        StringInfoData adjustment;

        initStringInfo(&adjustment);
        appendStringInfoChar(&adjustment, '{');
        si_json_put_quantity(&adjustment, "cpu_cores", verdict->cpu_millicores, 1000);
        si_json_put_quantity(&adjustment, "memory_gb", verdict->memory_mib, 1024);
        appendStringInfoChar(&adjustment, '}');
        si_json_put_raw(&text, "resource_adjustment", adjustment.data);
    }
    else
        si_json_put_raw(&text, "resource_adjustment", NULL);
    si_json_put_text(&text, "reason", verdict->reason);
    si_json_put_text(&text, "recommended_action", verdict->action);
    appendStringInfoChar(&text, '}');
    return text.data;
}

void
si_evaluate_execution_now(const SiJob *job, SiExecution *e, const char *actor, TimestampTz now, SiVerdict *out)
{
    char *text;

    Assert(e->is_draft && si_state_final(e->state));
    si_judge(job, e, out);
    text = si_verdict_json(job, e, out, now);
    e->evaluation = si_json_parse(text);
    si_execution_set_evaluation(&e->execution_id, e->evaluation);
    si_event("execution.evaluated", &e->tenant_id, &e->job_id, &e->execution_id, actor,
             out->eligible ? "eligible for promotion" : out->reason, NULL, text);
}
