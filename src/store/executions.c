/*
 * executions.c: rows of job_executions.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "domain/quantity.h"
#include "pg/wake.h"
#include "store/append.h"
#include "store/executions.h"
#include "store/sql.h"

#define SELECT_EXECUTION \
    "SELECT job_id, tenant_id, job_version, attempt, state, started_by, is_draft, draft_fallback, namespace, " \
    "scheduled_for, planned_start, planned_end, reservation_id, cpu_millicores, memory_mib, executors, " \
    "(estimated_runtime_minutes * 60000)::bigint, hard_minutes, waiting_reason, object_name, manifest, " \
    "manifest_sha256, object_uid, claimed_at, posted_at, submitted_at, started_at, finished_at, tries, next_try_at, " \
    "last_error, stop_requested_at, stop_cause, stop_reason, error_class, cursor_value, exit_code IS NOT NULL, " \
    "exit_code, evaluation, held, COALESCE(charged, -1), created_at, run_id, " \
    "awaits, overrun_reason, plan_reason, not_before FROM sparkingest.job_executions WHERE execution_id = $1"

static SiState
state_of(const char *word)
{
    SiState state;

    if (!si_state_from_name(word, &state))
        elog(ERROR, "unknown state \"%s\" in job_executions", word);
    return state;
}

static void
execution_from_row(const pg_uuid_t *execution_id, MemoryContext context, SiExecution *out)
{
    bool no_reservation;

    /* The id may be a part of what is filled. */
    const pg_uuid_t id = *execution_id;

    memset(out, 0, sizeof(*out));
    out->execution_id = id;
    out->job_id = si_sql_uuid(0, 1, NULL);
    out->tenant_id = si_sql_uuid(0, 2, NULL);
    out->job_version = si_sql_int4(0, 3);
    out->attempt = si_sql_int4(0, 4);
    out->state = state_of(si_sql_text_copy(0, 5, CurrentMemoryContext));
    out->started_by = si_sql_text_copy(0, 6, context);
    out->is_draft = si_sql_bool(0, 7);
    out->draft_fallback = si_sql_bool(0, 8);
    strlcpy(out->namespace_name, si_sql_text_copy(0, 9, CurrentMemoryContext), sizeof(out->namespace_name));
    out->scheduled_for = si_sql_time(0, 10);
    out->planned_start = si_sql_time(0, 11);
    out->planned_end = si_sql_time(0, 12);
    out->reservation_id = si_sql_uuid(0, 13, &no_reservation);
    out->has_reservation = !no_reservation;
    out->cpu_millicores = si_sql_int8(0, 14);
    out->memory_mib = si_sql_int8(0, 15);
    out->executors = si_sql_int4(0, 16);
    out->estimated_millis = si_sql_int8(0, 17);
    out->hard_minutes = si_sql_int4(0, 18);
    out->waiting_reason = si_sql_text_copy(0, 19, context);
    out->object_name = si_sql_text_copy(0, 20, context);
    out->manifest = si_sql_jsonb_copy(0, 21, context);
    out->manifest_sha256 = si_sql_text_copy(0, 22, context);
    out->object_uid = si_sql_text_copy(0, 23, context);
    out->claimed_at = si_sql_time(0, 24);
    out->posted_at = si_sql_time(0, 25);
    out->submitted_at = si_sql_time(0, 26);
    out->started_at = si_sql_time(0, 27);
    out->finished_at = si_sql_time(0, 28);
    out->tries = si_sql_int4(0, 29);
    out->next_try_at = si_sql_time(0, 30);
    out->last_error = si_sql_text_copy(0, 31, context);
    out->stop_requested_at = si_sql_time(0, 32);
    out->stop_cause = si_sql_text_copy(0, 33, context);
    out->stop_reason = si_sql_text_copy(0, 34, context);
    out->error_class = si_sql_text_copy(0, 35, context);
    out->cursor_value = si_sql_text_copy(0, 36, context);
    out->has_exit_code = si_sql_bool(0, 37);
    out->exit_code = si_sql_int4(0, 38);
    out->evaluation = si_sql_jsonb_copy(0, 39, context);
    out->held = si_sql_int8(0, 40);
    out->charged = si_sql_int8(0, 41);
    out->created_at = si_sql_time(0, 42);
    out->run_id = si_sql_uuid(0, 43, NULL);
    out->awaits = si_sql_bool(0, 44);
    out->overrun_reason = si_sql_text_copy(0, 45, context);
    out->plan_reason = si_sql_text_copy(0, 46, context);
    out->not_before = si_sql_time(0, 47);
}

static bool
load(SiStatement *statement, const pg_uuid_t *execution_id, SiExecution *out)
{
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {UUIDPGetDatum(execution_id)};
    bool found;

    si_sql_open();
    found = si_sql_run(statement, values, NULL) > 0;
    if (found)
        execution_from_row(execution_id, context, out);
    si_sql_close();
    return found;
}

bool
si_execution_owner(const pg_uuid_t *execution_id, pg_uuid_t *tenant_id, pg_uuid_t *job_id)
{
    static SiStatement find = {"SELECT tenant_id, job_id FROM sparkingest.job_executions WHERE execution_id = $1", 1, {UUIDOID}, .by_index = true};
    Datum values[] = {UUIDPGetDatum(execution_id)};
    bool found;

    si_sql_open();
    found = si_sql_run(&find, values, NULL) > 0;
    if (found)
    {
        *tenant_id = si_sql_uuid(0, 1, NULL);
        *job_id = si_sql_uuid(0, 2, NULL);
    }
    si_sql_close();
    return found;
}

bool
si_execution_load(const pg_uuid_t *execution_id, bool for_update, SiExecution *out)
{
    static SiStatement find = {SELECT_EXECUTION, 1, {UUIDOID}, .by_index = true};
    static SiStatement find_locked = {SELECT_EXECUTION " FOR NO KEY UPDATE", 1, {UUIDOID}, .by_index = true};

    return load(for_update ? &find_locked : &find, execution_id, out);
}

bool
si_execution_load_if_free(const pg_uuid_t *execution_id, SiExecution *out)
{
    static SiStatement find_free = {SELECT_EXECUTION " FOR NO KEY UPDATE SKIP LOCKED", 1, {UUIDOID}, .by_index = true};

    return load(&find_free, execution_id, out);
}

#define NEW_COLUMNS 25

static Datum
minutes_numeric(int64 millis)
{
    char minutes[64];

    si_quantity_print(millis / 60, 1000, minutes, sizeof(minutes));
    return DirectFunctionCall3(numeric_in, CStringGetDatum(minutes), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

/* In the order of the table. */
static void
columns_of(const SiExecution *e, SiColumn out[NEW_COLUMNS])
{
    const SiColumn columns[NEW_COLUMNS] = {
        {"execution_id", UUIDPGetDatum(&e->execution_id)},
        {"job_id", UUIDPGetDatum(&e->job_id)},
        {"tenant_id", UUIDPGetDatum(&e->tenant_id)},
        {"job_version", Int32GetDatum(e->job_version)},
        {"attempt", Int32GetDatum(e->attempt)},
        {"run_id", UUIDPGetDatum(&e->run_id)},
        {"state", si_text_datum(si_state_name(e->state))},
        {"started_by", si_text_datum(e->started_by)},
        {"is_draft", BoolGetDatum(e->is_draft)},
        {"draft_fallback", BoolGetDatum(e->draft_fallback)},
        {"namespace", si_text_datum(e->namespace_name)},
        {"scheduled_for", TimestampTzGetDatum(e->scheduled_for)},
        {"planned_start", TimestampTzGetDatum(e->planned_start), e->planned_start == SI_NO_TIME},
        {"planned_end", TimestampTzGetDatum(e->planned_end), e->planned_end == SI_NO_TIME},
        {"reservation_id", UUIDPGetDatum(&e->reservation_id), !e->has_reservation},
        {"cpu_millicores", Int64GetDatum(e->cpu_millicores)},
        {"memory_mib", Int64GetDatum(e->memory_mib)},
        {"executors", Int32GetDatum(e->executors)},
        {"estimated_runtime_minutes", minutes_numeric(e->estimated_millis)},
        {"hard_minutes", Int32GetDatum(e->hard_minutes)},
        {"waiting_reason", e->waiting_reason ? si_text_datum(e->waiting_reason) : (Datum) 0, e->waiting_reason == NULL},
        {"tries", Int32GetDatum(0)},
        {"held", Int64GetDatum(e->held)},
        {"created_at", TimestampTzGetDatum(e->created_at)},
        {"awaits", BoolGetDatum(e->awaits)},
    };

    memcpy(out, columns, sizeof(columns));
}

/* What an INSERT would check is so: see flow/admit.c, and the job, which is locked, keeps tenant and namespace there. */
static bool
append(const SiColumn columns[NEW_COLUMNS])
{
    return si_append_columns("job_executions", columns, NEW_COLUMNS, 11, 4, "usage");
}

void
si_execution_insert(const SiExecution *e)
{
    static SiStatement insert = {"INSERT INTO sparkingest.job_executions (execution_id, job_id, tenant_id, job_version, attempt, run_id, "
                                 "state, started_by, is_draft, draft_fallback, namespace, scheduled_for, planned_start, planned_end, "
                                 "reservation_id, cpu_millicores, memory_mib, executors, estimated_runtime_minutes, hard_minutes, "
                                 "waiting_reason, tries, held, created_at, awaits) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, "
                                 "$13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)",
                                 NEW_COLUMNS,
                                 {UUIDOID, UUIDOID, UUIDOID, INT4OID, INT4OID, UUIDOID, TEXTOID, TEXTOID, BOOLOID, BOOLOID, TEXTOID,
                                  TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, UUIDOID, INT8OID, INT8OID, INT4OID, NUMERICOID,
                                  INT4OID, TEXTOID, INT4OID, INT8OID, TIMESTAMPTZOID, BOOLOID}};
    SiColumn columns[NEW_COLUMNS];
    Datum values[NEW_COLUMNS];
    char nulls[NEW_COLUMNS + 1] = "";

    columns_of(e, columns);
    if (append(columns))
        return;
    for (int i = 0; i < NEW_COLUMNS; i++)
    {
        values[i] = columns[i].value;
        nulls[i] = columns[i].null ? 'n' : ' ';
    }
    si_sql_open();
    si_sql_run(&insert, values, nulls);
    si_sql_close();
}

int32
si_execution_next_attempt(const pg_uuid_t *job_id, TimestampTz scheduled_for)
{
    static SiStatement find = {"SELECT COALESCE(pg_catalog.max(attempt), 0) + 1 FROM sparkingest.job_executions "
                               "WHERE job_id = $1 AND scheduled_for = $2 AND started_by = 'schedule'",
                               2,
                               {UUIDOID, TIMESTAMPTZOID},
                               .by_index = true};
    Datum values[] = {UUIDPGetDatum(job_id), TimestampTzGetDatum(scheduled_for)};
    int32 attempt;

    si_sql_open();
    si_sql_run(&find, values, NULL);
    attempt = si_sql_int4(0, 1);
    si_sql_close();
    return attempt;
}

int
si_executions_failed(const pg_uuid_t *job_id, const pg_uuid_t *run_id)
{
    /* The first attempt is the oldest: what the job did before it is not looked at. */
    static SiStatement find = {"SELECT FROM sparkingest.job_executions AS e WHERE e.job_id = $1 AND e.run_id = $2 "
                               "AND e.created_at >= (SELECT f.created_at FROM sparkingest.job_executions AS f WHERE f.execution_id = $2) "
                               "AND e.state IN ('failed', 'timed_out', 'lost')",
                               2,
                               {UUIDOID, UUIDOID},
                               .by_index = true};
    Datum values[] = {UUIDPGetDatum(job_id), UUIDPGetDatum(run_id)};
    int n;

    si_sql_open();
    n = (int) si_sql_run(&find, values, NULL);
    si_sql_close();
    return n;
}

int
si_executions_retried(const pg_uuid_t *job_id, TimestampTz since)
{
    static SiStatement find = {"SELECT FROM sparkingest.job_executions WHERE job_id = $1 AND created_at > $2 AND run_id <> execution_id",
                               2,
                               {UUIDOID, TIMESTAMPTZOID},
                               .by_index = true};
    Datum values[] = {UUIDPGetDatum(job_id), TimestampTzGetDatum(since)};
    int n;

    si_sql_open();
    n = (int) si_sql_run(&find, values, NULL);
    si_sql_close();
    return n;
}

bool
si_execution_set_state(const pg_uuid_t *execution_id, SiState from, SiState to)
{
    static SiStatement update = {"UPDATE sparkingest.job_executions SET state = $3 WHERE execution_id = $1 AND state = $2",
                                 3,
                                 {UUIDOID, TEXTOID, TEXTOID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(execution_id), si_text_datum(si_state_name(from)), si_text_datum(si_state_name(to))};
    bool moved;

    si_sql_open();
    moved = si_sql_run(&update, values, NULL) > 0;
    si_sql_close();
    return moved;
}

void
si_execution_set_plan(const SiExecution *e)
{
    static SiStatement update = {"UPDATE sparkingest.job_executions SET namespace = $2, draft_fallback = $3, planned_start = $4, "
                                 "planned_end = $5, reservation_id = $6, waiting_reason = $7, plan_reason = $8 WHERE execution_id = $1",
                                 8,
                                 {UUIDOID, TEXTOID, BOOLOID, TIMESTAMPTZOID, TIMESTAMPTZOID, UUIDOID, TEXTOID, TEXTOID},
                                 .by_index = true};
    char nulls[] = "        ";
    Datum values[] = {UUIDPGetDatum(&e->execution_id),
                      si_text_datum(e->namespace_name),
                      BoolGetDatum(e->draft_fallback),
                      si_time_or_null(e->planned_start, &nulls[3]),
                      si_time_or_null(e->planned_end, &nulls[4]),
                      UUIDPGetDatum(&e->reservation_id),
                      si_text_or_null(e->waiting_reason, &nulls[6]),
                      si_text_or_null(e->plan_reason, &nulls[7])};

    nulls[5] = e->has_reservation ? ' ' : 'n';
    si_sql_open();
    si_sql_run(&update, values, nulls);
    si_sql_close();
}

void
si_execution_set_memory(const pg_uuid_t *execution_id, int64 memory_mib)
{
    static SiStatement update = {"UPDATE sparkingest.job_executions SET memory_mib = $2 WHERE execution_id = $1",
                                 2,
                                 {UUIDOID, INT8OID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(execution_id), Int64GetDatum(memory_mib)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

void
si_execution_set_awaiting(const pg_uuid_t *execution_id, bool awaits, TimestampTz scheduled_for)
{
    static SiStatement update = {"UPDATE sparkingest.job_executions SET awaits = $2, scheduled_for = $3 WHERE execution_id = $1",
                                 3,
                                 {UUIDOID, BOOLOID, TIMESTAMPTZOID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(execution_id), BoolGetDatum(awaits), TimestampTzGetDatum(scheduled_for)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
    si_waiting_changed();
}

void
si_execution_set_overrun(const pg_uuid_t *execution_id, const char *reason)
{
    static SiStatement update = {"UPDATE sparkingest.job_executions SET overrun_reason = $2 WHERE execution_id = $1",
                                 2,
                                 {UUIDOID, TEXTOID},
                                 .by_index = true};
    char nulls[] = "  ";
    Datum values[] = {UUIDPGetDatum(execution_id), si_text_or_null(reason, &nulls[1])};

    si_sql_open();
    si_sql_run(&update, values, nulls);
    si_sql_close();
}

void
si_execution_set_not_before(const pg_uuid_t *execution_id, TimestampTz not_before)
{
    static SiStatement update = {"UPDATE sparkingest.job_executions SET not_before = $2 WHERE execution_id = $1",
                                 2,
                                 {UUIDOID, TIMESTAMPTZOID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(execution_id), TimestampTzGetDatum(not_before)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

int
si_executions_overrun(TimestampTz now, pg_uuid_t **out)
{
    static SiStatement find = {"SELECT execution_id FROM sparkingest.job_executions WHERE state = 'running' AND planned_end <= $1 "
                               "AND stop_requested_at IS NULL ORDER BY planned_end, execution_id",
                               1,
                               {TIMESTAMPTZOID},
                               .by_index = true};
    Datum values[] = {TimestampTzGetDatum(now)};

    return si_sql_ids(&find, values, out);
}

void
si_execution_set_ending(const pg_uuid_t *execution_id, const SiEnding *ending)
{
    static SiStatement update = {"UPDATE sparkingest.job_executions SET started_at = $2, finished_at = $3, exit_code = $4, "
                                 "error_class = $5, error_message = $6, rows_read = $7, bytes_out = $8, files_written = $9, "
                                 "cursor_value = $10, metrics = $11, sla_met = $12, waiting_reason = NULL WHERE execution_id = $1",
                                 12,
                                 {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID, TEXTOID,
                                  JSONBOID, BOOLOID},
                                 .by_index = true};
    char nulls[] = "            ";
    Datum values[12] = {UUIDPGetDatum(execution_id),
                        si_time_or_null(ending->started_at, &nulls[1]),
                        si_time_or_null(ending->finished_at, &nulls[2]),
                        Int32GetDatum(ending->exit_code),
                        si_text_or_null(ending->error_class, &nulls[4]),
                        si_text_or_null(ending->error_message, &nulls[5]),
                        si_count_or_null(ending->rows_read, &nulls[6]),
                        si_count_or_null(ending->bytes_out, &nulls[7]),
                        si_count_or_null(ending->files_written, &nulls[8]),
                        si_text_or_null(ending->cursor_value, &nulls[9]),
                        JsonbPGetDatum(ending->metrics),
                        BoolGetDatum(ending->sla_met == 1)};

    nulls[3] = ending->has_exit_code ? ' ' : 'n';
    nulls[10] = ending->metrics ? ' ' : 'n';
    nulls[11] = ending->sla_met < 0 ? 'n' : ' ';
    si_sql_open();
    si_sql_run(&update, values, nulls);
    si_sql_close();
}

void
si_execution_leave_unjudged(const pg_uuid_t *execution_id)
{
    static SiStatement update = {"UPDATE sparkingest.job_executions SET sla_met = NULL WHERE execution_id = $1", 1, {UUIDOID}, .by_index = true};
    Datum values[] = {UUIDPGetDatum(execution_id)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

void
si_execution_set_stop(const pg_uuid_t *execution_id, const char *cause, const char *reason, TimestampTz at)
{
    static SiStatement update = {"UPDATE sparkingest.job_executions SET stop_requested_at = $2, stop_cause = $3, stop_reason = $4 "
                                 "WHERE execution_id = $1",
                                 4,
                                 {UUIDOID, TIMESTAMPTZOID, TEXTOID, TEXTOID},
                                 .by_index = true};
    char nulls[] = "    ";
    Datum values[] = {UUIDPGetDatum(execution_id), TimestampTzGetDatum(at), si_text_datum(cause),
                      si_text_or_null(reason, &nulls[3])};

    si_sql_open();
    si_sql_run(&update, values, nulls);
    si_sql_close();
}

void
si_execution_set_stop_reason(const pg_uuid_t *execution_id, const char *reason)
{
    static SiStatement update = {"UPDATE sparkingest.job_executions SET stop_reason = $2 WHERE execution_id = $1",
                                 2,
                                 {UUIDOID, TEXTOID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(execution_id), si_text_datum(reason)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

void
si_execution_set_evaluation(const pg_uuid_t *execution_id, Jsonb *evaluation)
{
    static SiStatement update = {"UPDATE sparkingest.job_executions SET evaluation = $2 WHERE execution_id = $1",
                                 2,
                                 {UUIDOID, JSONBOID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(execution_id), JsonbPGetDatum(evaluation)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

/* clang-format off */
#define OF_JOB(condition)                                                                                              \
    {                                                                                                                  \
        "SELECT execution_id FROM sparkingest.job_executions WHERE job_id = $1 AND " condition                         \
        " ORDER BY scheduled_for, created_at, execution_id",                                                           \
            1, {UUIDOID}                                                                                               \
    }
/* clang-format on */

int
si_executions_of_job(const pg_uuid_t *job_id, SiExecutionGroup group, pg_uuid_t **out)
{
    static SiStatement find[] = {
        [SI_EXECUTIONS_PENDING] = OF_JOB("state IN ('scheduled', 'waiting')"),
        [SI_EXECUTIONS_PENDING_SCHEDULED] = OF_JOB("state IN ('scheduled', 'waiting') AND started_by IN ('schedule', 'dependency')"),
        [SI_EXECUTIONS_LIVE] = OF_JOB("state IN ('dispatching', 'submitted', 'running') AND COALESCE(stop_cause, 'preempted') = 'preempted'"),
        [SI_EXECUTIONS_UNPLACED] = OF_JOB("state = 'waiting' AND reservation_id IS NULL AND NOT awaits"),
    };
    Datum values[] = {UUIDPGetDatum(job_id)};

    return si_sql_ids(&find[group], values, out);
}

void
si_executions_count(const pg_uuid_t *job_id, const pg_uuid_t *except, int *active, int *waiting)
{
    static SiStatement count = {"SELECT pg_catalog.count(*) FILTER (WHERE state IN ('dispatching', 'submitted', 'running'))::integer, "
                                "pg_catalog.count(*) FILTER (WHERE state = 'waiting' AND NOT awaits)::integer FROM sparkingest.job_executions "
                                "WHERE job_id = $1 AND execution_id IS DISTINCT FROM $2 "
                                "AND state IN ('waiting', 'dispatching', 'submitted', 'running')",
                                2,
                                {UUIDOID, UUIDOID},
                                .by_index = true};
    Datum values[] = {UUIDPGetDatum(job_id), UUIDPGetDatum(except)};

    si_sql_open();
    si_sql_run(&count, values, except ? NULL : " n");
    *active = si_sql_int4(0, 1);
    *waiting = si_sql_int4(0, 2);
    si_sql_close();
}

int
si_draft_runs(const pg_uuid_t *job_id, int32 job_version, int n, pg_uuid_t **out)
{
    static SiStatement find = {"SELECT execution_id FROM sparkingest.job_executions WHERE job_id = $1 AND job_version = $2 "
                               "AND is_draft AND evaluation IS NOT NULL ORDER BY finished_at DESC, created_at DESC, execution_id LIMIT $3",
                               3,
                               {UUIDOID, INT4OID, INT4OID},
                               .by_index = true};
    Datum values[] = {UUIDPGetDatum(job_id), Int32GetDatum(job_version), Int32GetDatum(n)};

    return si_sql_ids(&find, values, out);
}

bool
si_execution_is_overtaken(const SiExecution *e, TimestampTz started_at)
{
    static SiStatement find = {"SELECT FROM sparkingest.job_executions WHERE job_id = $1 AND job_version = $2 AND execution_id <> $3 "
                               "AND NOT is_draft AND state = 'succeeded' AND cursor_value IS NOT NULL AND started_at > $4",
                               4,
                               {UUIDOID, INT4OID, UUIDOID, TIMESTAMPTZOID},
                               .by_index = true};
    Datum values[] = {UUIDPGetDatum(&e->job_id), Int32GetDatum(e->job_version), UUIDPGetDatum(&e->execution_id),
                      TimestampTzGetDatum(started_at)};
    bool found;

    si_sql_open();
    found = si_sql_run(&find, values, NULL) > 0;
    si_sql_close();
    return found;
}

bool
si_execution_of_reservation(const pg_uuid_t *reservation_id, pg_uuid_t *execution_id)
{
    static SiStatement find = {"SELECT execution_id FROM sparkingest.job_executions WHERE reservation_id = $1", 1, {UUIDOID}, .by_index = true};
    Datum values[] = {UUIDPGetDatum(reservation_id)};
    bool found;

    si_sql_open();
    found = si_sql_run(&find, values, NULL) > 0;
    if (found)
        *execution_id = si_sql_uuid(0, 1, NULL);
    si_sql_close();
    return found;
}

#define SELECT_VICTIMS \
    "SELECT r.reservation_id, r.pool_id, r.tenant_id, r.cpu_millicores, r.memory_mib, r.starts_at, r.ends_at, r.borrowed, " \
    "e.execution_id, e.state, j.priority, e.started_at, e.stop_requested_at, r.tentative FROM sparkingest.reservations AS r " \
    "LEFT JOIN sparkingest.job_executions AS e USING (reservation_id) " \
    "LEFT JOIN sparkingest.ingestion_jobs AS j USING (job_id) "
#define IN_NAMESPACE \
    "WHERE r.namespace = $1 AND r.status = 'active' AND r.ends_at > $2 AND r.starts_at < $3 AND r.borrowed >= $4 "
#define ORDER_VICTIMS \
    "ORDER BY COALESCE(r.tentative AND e.state IN ('scheduled', 'waiting'), false) DESC, " \
    "COALESCE(e.state = 'scheduled', false) DESC, COALESCE(j.priority, 0), r.starts_at DESC, " \
    "r.created_at DESC, r.reservation_id"

static void
victim_from_row(uint64 row, SiVictim *out)
{
    bool none;

    *out = (SiVictim){.reservation_id = si_sql_uuid(row, 1, NULL),
                      .pool_id = si_sql_int4(row, 2),
                      .tenant_id = si_sql_uuid(row, 3, NULL),
                      .cpu_millicores = si_sql_int8(row, 4),
                      .memory_mib = si_sql_int8(row, 5),
                      .starts_at = si_sql_time(row, 6),
                      .ends_at = si_sql_time(row, 7),
                      .borrowed = si_sql_bool(row, 8),
                      .tentative = si_sql_bool(row, 14)};
    out->execution_id = si_sql_uuid(row, 9, &none);
    out->has_execution = !none;
    if (none)
        return;
    if (!si_state_from_name(si_sql_text_copy(row, 10, CurrentMemoryContext), &out->state))
        elog(ERROR, "unknown state of an execution");
    out->priority = si_sql_int4(row, 11);
    out->started_at = si_sql_time(row, 12);
    out->stop_requested_at = si_sql_time(row, 13);
}

static int
victims(SiStatement *find, Datum *values, SiVictim **out)
{
    MemoryContext context = CurrentMemoryContext;
    uint64 n;

    si_sql_open();
    n = si_sql_run_latest(find, values, NULL);
    *out = MemoryContextAlloc(context, (n + 1) * sizeof(SiVictim));
    for (uint64 i = 0; i < n; i++)
        victim_from_row(i, &(*out)[i]);
    si_sql_close();
    return (int) n;
}

int
si_executions_in(const char *namespace_name, int32 pool_id, bool borrowed, TimestampTz from, TimestampTz until, SiVictim **out)
{
    static SiStatement find[] = {
        {SELECT_VICTIMS IN_NAMESPACE ORDER_VICTIMS, 4, {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID}},
        {SELECT_VICTIMS IN_NAMESPACE "AND r.pool_id = $5 " ORDER_VICTIMS,
         5,
         {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, INT4OID},
         .by_index = true},
    };
    Datum values[] = {si_text_datum(namespace_name), TimestampTzGetDatum(from), TimestampTzGetDatum(until), BoolGetDatum(borrowed),
                      Int32GetDatum(pool_id)};

    return victims(&find[pool_id != 0], values, out);
}

int
si_executions_limited(const pg_uuid_t *limit_id, TimestampTz from, TimestampTz until, SiVictim **out)
{
    static SiStatement find = {SELECT_VICTIMS "JOIN sparkingest.reservation_limits AS l USING (reservation_id) "
                                              "WHERE l.limit_id = $1 AND l.ends_at > $2 AND l.starts_at < $3 " ORDER_VICTIMS,
                               3,
                               {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
                               .by_index = true};
    Datum values[] = {UUIDPGetDatum(limit_id), TimestampTzGetDatum(from), TimestampTzGetDatum(until)};

    return victims(&find, values, out);
}
