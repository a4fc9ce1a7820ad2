/*
 * finish.c: the end of an execution and all that follows from it.
 */
#include "postgres.h"

#include "domain/billing.h"
#include "domain/sla.h"
#include "flow/admit.h"
#include "flow/dependants.h"
#include "flow/evaluate.h"
#include "flow/finish.h"
#include "flow/funds.h"
#include "flow/metrics.h"
#include "flow/options.h"
#include "flow/overlap.h"
#include "flow/place.h"
#include "flow/promote.h"
#include "flow/retry.h"
#include "flow/sla.h"
#include "flow/state.h"
#include "guc.h"
#include "pg/attempt.h"
#include "pg/clock.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "store/events.h"
#include "store/metering.h"
#include "store/sql.h"

/* What one end is about. */
typedef struct End
{
    SiJob job;
    SiExecution e;
    const SiOutcome *outcome;
    SiMetrics metrics;
    const char *actor;
    TimestampTz now;
} End;

static bool
did_run(const End *end)
{
    return end->e.started_at != SI_NO_TIME;
}

/* 1, 0 or -1 for NULL: drafts and draft fallback stand outside, and so does what its owner cancelled (S1). */
static int
judge_sla(const End *end)
{
    const SiExecution *e = &end->e;
    SiSla sla;

    if (e->is_draft || e->draft_fallback || end->outcome->state == SI_CANCELLED)
        return -1;
    si_sla_bounds(&end->job, &sla);
    return si_sla_met(&sla, e->scheduled_for, e->started_at, e->finished_at,
                      did_run(end) && end->outcome->state == SI_SUCCEEDED);
}

static void
write_ending(End *end)
{
    const SiOutcome *outcome = end->outcome;
    SiEnding ending = {.started_at = end->e.started_at,
                       .finished_at = end->e.finished_at,
                       .has_exit_code = outcome->has_exit_code,
                       .exit_code = outcome->exit_code,
                       .error_class = outcome->error_class,
                       .error_message = outcome->error_message,
                       .rows_read = end->metrics.rows_read,
                       .bytes_out = end->metrics.bytes_out,
                       .files_written = end->metrics.files_written,
                       .cursor_value = end->metrics.cursor_value,
                       .metrics = outcome->metrics,
                       .sla_met = judge_sla(end)};

    si_execution_set_ending(&end->e.execution_id, &ending);
    end->e.has_exit_code = outcome->has_exit_code;
    end->e.exit_code = outcome->exit_code;
    end->e.error_class = outcome->error_class ? pstrdup(outcome->error_class) : NULL;
    end->e.cursor_value = end->metrics.cursor_value;
}

static void
move(End *end, const char *cause)
{
    const SiOutcome *outcome = end->outcome;
    StringInfoData members;

    initStringInfo(&members);
    if (outcome->has_exit_code)
        si_json_put_quantity(&members, "exit_code", outcome->exit_code, 1);
    if (outcome->error_class != NULL)
        si_json_put_text(&members, "error_class", outcome->error_class);
    si_execution_move_noting(&end->e, outcome->state, end->actor, cause, members.data);
}

/* What a run that began is metered as: requested, not used, resources, from driver running to last pod gone (M7, M8). */
static void
meter(const End *end, bool borrowed, SiConsumption *out)
{
    SiRunEnd run = {.state = end->outcome->state,
                    .platform_fault = end->outcome->platform_fault,
                    .is_draft = end->e.is_draft,
                    .draft_fallback = end->e.draft_fallback,
                    .borrowed = borrowed};
    SiNamespace namespace;

    if (!si_namespace_load(end->e.namespace_name, &namespace))
        elog(ERROR, "namespace \"%s\" of an execution is missing", end->e.namespace_name);
    run.purpose = namespace.purpose;
    *out = (SiConsumption){.started_at = end->e.started_at,
                           .ended_at = end->e.finished_at,
                           .billed_seconds = si_billed_seconds(end->e.started_at, end->e.finished_at),
                           .borrowed = borrowed,
                           .payer = si_payer(&run)};
    if (!si_cost(si_billable_millicores(end->e.cpu_millicores, end->e.memory_mib, namespace.memory_mib_per_core),
                 out->billed_seconds, &out->billable))
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("cost of an execution is out of range")));
}

/* A lender's share of what the run paid (M9). */
static void
credit_lender(const End *end, int32 pool_id, const SiConsumption *consumption)
{
    SiPool pool;

    if (!si_pool_load(pool_id, &pool))
        elog(ERROR, "pool of a reservation is missing");
    if (pool.has_tenant)
        si_lending_credit_insert(&end->e, &pool.tenant_id, consumption,
                                 si_lender_credit(consumption->charged, si_guc_lender_share));
}

/* Meters what ran and settles what was held, in the same transaction (M4). */
static void
settle(End *end)
{
    SiConsumption consumption = {0};
    SiReservation reservation = {{{0}}};

    if (end->e.has_reservation && !si_reservation_load(&end->e.reservation_id, false, &reservation))
        elog(ERROR, "reservation of an execution is missing");
    if (did_run(end))
        meter(end, reservation.borrowed, &consumption);
    consumption.charged = si_funds_settle(&(SiDebtor){end->e.tenant_id, &end->e.execution_id, NULL},
                                          consumption.payer == SI_PAYER_VCPU_HOURS ? consumption.billable : 0, end->now);
    si_balance_note(&end->e.execution_id, 0, consumption.charged);
    if (!did_run(end))
        return;
    si_consumption_insert(&end->e, &consumption);
    if (reservation.borrowed)
        credit_lender(end, reservation.pool_id, &consumption);
}

/*
 * The cursor moves in the transaction that marks success. Of runs side by side the one that began last counts, since each
 * fixed its upper bound when it began.
 */
static void
advance_watermark(End *end)
{
    if (end->e.state != SI_SUCCEEDED || end->e.is_draft || end->metrics.cursor_value == NULL ||
        end->job.version != end->e.job_version || end->job.draft || si_json_get(end->job.source_config, "incremental") == NULL ||
        si_execution_is_overtaken(&end->e, end->e.started_at))
        return;
    end->job.watermark = end->metrics.cursor_value;
    si_job_update(&end->job);
}

static void
observe(const End *end)
{
    SiObservation observation = {.source_type = end->job.source_type,
                                 .rows_read = end->metrics.rows_read,
                                 .bytes_out = end->metrics.bytes_out,
                                 .runtime_millis = (end->e.finished_at - end->e.started_at) / 1000,
                                 .peak_memory_mib = end->metrics.peak_memory_mib,
                                 .cpu_millis = end->metrics.cpu_millis,
                                 .observed_at = end->e.finished_at};

    if (did_run(end) && end->e.state == SI_SUCCEEDED)
        si_observation_insert(&end->e, &observation);
}

static void
promote(void *arg)
{
    End *end = arg;

    (void) si_promote(&end->job, end->actor, "auto_promote", end->now);
}

/* A verdict on each draft run that began or was refused, and what options.auto_promote makes of it (S2). */
static void
conclude_draft(End *end)
{
    SiOptions options;
    SiVerdict verdict;
    ErrorData *error;

    if (!end->e.is_draft || (end->e.state == SI_CANCELLED && !did_run(end)))
        return;
    si_evaluate_execution_now(&end->job, &end->e, end->actor, end->now, &verdict);
    si_options_read(&end->job, &options);
    if (!verdict.eligible || !options.auto_promote || !end->job.draft || end->job.version != end->e.job_version ||
        end->job.status != SI_JOB_ACTIVE || !end->job.tenant_active)
        return;
    /* A promotion that fails leaves the job as it was (S4), and the run's end must stand. */
    error = si_attempt(promote, end);
    if (error == NULL)
        return;
    if (si_error_is_passing(error))
        ReThrowError(error);
    si_event("job.not_promoted", &end->job.tenant_id, &end->job.job_id, &end->e.execution_id, end->actor, error->message,
             NULL, NULL);
    if (!si_job_load(&end->job.job_id, true, &end->job))
        elog(ERROR, "job of an execution is missing");
}

/*
 * The next attempt, whose SLA is this one's: they share one clock (J7). What starts after the run waits for that one, or
 * learns of the end.
 */
static void
retry(End *end)
{
    bool followed = end->job.has_dependants && !end->e.is_draft;
    SiExecution next;

    if (end->e.awaits)
        si_dependants_forget(&end->e);
    if (si_retry(&end->job, &end->e, end->actor, end->now, &next))
    {
        si_execution_leave_unjudged(&end->e.execution_id);
        if (followed)
            si_dependants_retried(&end->e, &next, end->actor, end->now);
    }
    else if (followed)
        si_dependants_follow(&end->e, end->actor, end->now);
}

/*
 * Runs of the job that waited for this one to end may have their place now (J4, C13): one, or as many as may run. Those that have a
 * place wait for capacity: whose turn it is, plan() knows.
 */
static void
place_waiting(End *end)
{
    pg_uuid_t *ids;
    int n;

    if (end->job.status != SI_JOB_ACTIVE || !end->job.tenant_active)
        return;
    n = si_executions_of_job(&end->job.job_id, SI_EXECUTIONS_UNPLACED, &ids);
    for (int i = 0; i < n; i++)
    {
        SiExecution waiting;

        if (!si_execution_load(&ids[i], true, &waiting) || waiting.state != SI_WAITING ||
            si_overlap_holds_back(&end->job, &waiting))
            continue;
        if (si_admit_again(&end->job, &waiting, end->actor, "an earlier run has finished", end->now) &&
            end->job.overlap_policy != SI_OVERLAP_ALLOW)
            break;
    }
}

void
si_execution_finish(const pg_uuid_t *execution_id, const SiOutcome *outcome, const char *actor, const char *cause)
{
    End *end = palloc0(sizeof(End));

    if (!si_execution_load(execution_id, false, &end->e))
        elog(ERROR, "execution \"%s\" is missing", si_uuid_text(execution_id));
    /* Job before execution: the order of all flows. */
    if (!si_job_load(&end->e.job_id, true, &end->job) || !si_execution_load(execution_id, true, &end->e))
        elog(ERROR, "execution \"%s\" is missing", si_uuid_text(execution_id));
    if (si_state_final(end->e.state))
        return;
    if (!si_state_final(outcome->state))
        elog(ERROR, "\"%s\" is not the end of an execution", si_state_name(outcome->state));

    end->outcome = outcome;
    end->actor = actor;
    end->now = si_now();
    si_metrics_read(outcome->metrics, &end->metrics);
    if (outcome->started_at != SI_NO_TIME)
        end->e.started_at = outcome->started_at;
    end->e.finished_at = outcome->finished_at == SI_NO_TIME ? end->now : outcome->finished_at;
    /* Clocks of nodes differ; no run ends before it began. */
    if (did_run(end))
        end->e.finished_at = Max(end->e.finished_at, end->e.started_at);

    write_ending(end);
    move(end, cause);
    if (end->e.has_reservation)
        (void) si_unplace(&end->e.reservation_id, end->now);
    settle(end);
    advance_watermark(end);
    observe(end);
    conclude_draft(end);
    retry(end);
    place_waiting(end);
}
