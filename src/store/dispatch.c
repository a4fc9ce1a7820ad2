/*
 * dispatch.c: the dispatcher's view of job_executions.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/json.h"
#include "store/dispatch.h"
#include "store/sql.h"

int
si_dispatch_due(const char *cluster_name, TimestampTz now, int limit, pg_uuid_t **out)
{
    static SiStatement due = {
        "SELECT e.execution_id FROM sparkingest.job_executions e JOIN sparkingest.namespaces n ON n.namespace = e.namespace "
        "JOIN sparkingest.clusters c ON c.cluster_name = n.cluster_name "
        "JOIN sparkingest.tenants t ON t.tenant_id = e.tenant_id "
        "WHERE e.state = 'scheduled' AND NOT e.awaits AND e.planned_start <= $2 AND (e.next_try_at IS NULL OR e.next_try_at <= $2) "
        "AND c.cluster_name = $1 AND c.dispatch = 'enabled' AND t.status = 'active' "
        "ORDER BY e.planned_start, e.created_at LIMIT $3",
        3,
        {TEXTOID, TIMESTAMPTZOID, INT4OID},
        .by_index = true};
    Datum values[] = {si_text_datum(cluster_name), TimestampTzGetDatum(now), Int32GetDatum(limit)};

    return si_sql_ids(&due, values, out);
}

TimestampTz
si_dispatch_next_due(TimestampTz now)
{
    /* By the index, whatever is scheduled for later; who is tried again soon is due already. */
    static SiStatement next = {
        "SELECT LEAST((SELECT e.planned_start FROM sparkingest.job_executions e "
        "JOIN sparkingest.namespaces n ON n.namespace = e.namespace JOIN sparkingest.clusters c ON c.cluster_name = n.cluster_name "
        "WHERE e.state = 'scheduled' AND NOT e.awaits AND e.planned_start > $1 AND c.dispatch = 'enabled' ORDER BY e.planned_start LIMIT 1), "
        "(SELECT pg_catalog.min(e.next_try_at) FROM sparkingest.job_executions e "
        "JOIN sparkingest.namespaces n ON n.namespace = e.namespace JOIN sparkingest.clusters c ON c.cluster_name = n.cluster_name "
        "WHERE e.state = 'scheduled' AND NOT e.awaits AND e.planned_start <= $1 AND e.next_try_at > $1 AND c.dispatch = 'enabled'), "
        "(SELECT pg_catalog.min(e.stop_requested_at) FROM sparkingest.job_executions e "
        "WHERE e.state IN ('dispatching', 'submitted', 'running') AND e.stop_requested_at > $1)) "
        "WHERE EXISTS (SELECT FROM sparkingest.clusters WHERE dispatch = 'enabled')",
        1,
        {TIMESTAMPTZOID},
        .by_index = true};
    Datum values[] = {TimestampTzGetDatum(now)};
    TimestampTz at = SI_NO_TIME;

    si_sql_open();
    if (si_sql_run(&next, values, NULL) > 0)
        at = si_sql_time(0, 1);
    si_sql_close();
    return at;
}

bool
si_dispatch_claimable(const pg_uuid_t *execution_id, TimestampTz now)
{
    /* Job before execution: the order of every flow, or two sessions could wait for each other. */
    static SiStatement lock_job = {"SELECT FROM sparkingest.ingestion_jobs WHERE job_id = (SELECT job_id FROM "
                                   "sparkingest.job_executions WHERE execution_id = $1) FOR UPDATE",
                                   1,
                                   {UUIDOID}};
    static SiStatement lock_execution = {
        "SELECT FROM sparkingest.job_executions WHERE execution_id = $1 AND state = 'scheduled' AND NOT awaits AND planned_start <= $2 "
        "AND (next_try_at IS NULL OR next_try_at <= $2) FOR UPDATE",
        2,
        {UUIDOID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(execution_id), TimestampTzGetDatum(now)};
    bool due;

    si_sql_open();
    si_sql_run(&lock_job, values, NULL);
    due = si_sql_run(&lock_execution, values, NULL) > 0;
    si_sql_close();
    return due;
}

bool
si_dispatch_lock(const pg_uuid_t *execution_id, SiState *state)
{
    static SiStatement lock_job = {"SELECT FROM sparkingest.ingestion_jobs WHERE job_id = (SELECT job_id FROM "
                                   "sparkingest.job_executions WHERE execution_id = $1) FOR UPDATE",
                                   1,
                                   {UUIDOID}};
    static SiStatement lock = {"SELECT state FROM sparkingest.job_executions WHERE execution_id = $1 FOR UPDATE", 1, {UUIDOID}};
    Datum values[] = {UUIDPGetDatum(execution_id)};
    bool found;

    si_sql_open();
    si_sql_run(&lock_job, values, NULL);
    found = si_sql_run(&lock, values, NULL) > 0;
    if (found && !si_state_from_name(si_sql_text_copy(0, 1, CurrentMemoryContext), state))
        elog(ERROR, "unknown state of an execution");
    si_sql_close();
    return found;
}

bool
si_dispatch_manifest_input(const pg_uuid_t *execution_id, SiManifestInput *out)
{
    static SiStatement find = {
        "SELECT e.execution_id, e.job_id, e.tenant_id, e.attempt, e.namespace, e.cpu_millicores, e.memory_mib, e.executors, "
        "j.source_type, j.source_config, j.destination_config, j.options, n.spark_profile, j.watermark, e.run_id, e.is_draft "
        "FROM sparkingest.job_executions e JOIN sparkingest.ingestion_jobs j ON j.job_id = e.job_id "
        "JOIN sparkingest.namespaces n ON n.namespace = e.namespace WHERE e.execution_id = $1",
        1,
        {UUIDOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {UUIDPGetDatum(execution_id)};
    bool found;

    si_sql_open();
    found = si_sql_run(&find, values, NULL) > 0;
    if (found)
    {
        out->execution_id = si_sql_text_copy(0, 1, context);
        out->job_id = si_sql_text_copy(0, 2, context);
        out->tenant_id = si_sql_text_copy(0, 3, context);
        out->attempt = si_sql_int4(0, 4);
        out->namespace_name = si_sql_text_copy(0, 5, context);
        out->cpu_millicores = si_sql_int8(0, 6);
        out->memory_mib = si_sql_int8(0, 7);
        out->executors = si_sql_int4(0, 8);
        out->source_type = si_sql_text_copy(0, 9, context);
        out->source_config = si_sql_text_copy(0, 10, context);
        out->destination_config = si_sql_text_copy(0, 11, context);
        out->options = si_sql_text_copy(0, 12, context);
        out->spark_profile = si_sql_text_copy(0, 13, context);
        out->watermark = si_sql_text_copy(0, 14, context);
        out->run_id = si_sql_text_copy(0, 15, context);
        out->is_draft = si_sql_bool(0, 16);
    }
    si_sql_close();
    return found;
}

char *
si_dispatch_manifest(const pg_uuid_t *execution_id)
{
    static SiStatement find = {"SELECT manifest FROM sparkingest.job_executions WHERE execution_id = $1", 1, {UUIDOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {UUIDPGetDatum(execution_id)};
    char *manifest = NULL;

    si_sql_open();
    if (si_sql_run(&find, values, NULL) > 0)
        manifest = si_sql_text_copy(0, 1, context);
    si_sql_close();
    return manifest;
}

void
si_dispatch_record_claim(const pg_uuid_t *execution_id, const char *object_name, const char *manifest, const char *sha256,
                         int64 cpu_millicores, int64 memory_mib, TimestampTz now)
{
    static SiStatement update = {
        "UPDATE sparkingest.job_executions SET object_name = $2, manifest = $3, manifest_sha256 = $4, "
        "posted_cpu_millicores = $5, posted_memory_mib = $6, claimed_at = $7, tries = 0, next_try_at = NULL, last_error = NULL "
        "WHERE execution_id = $1",
        7,
        {UUIDOID, TEXTOID, JSONBOID, TEXTOID, INT8OID, INT8OID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(execution_id), si_text_datum(object_name), JsonbPGetDatum(si_json_parse(manifest)),
                      si_text_datum(sha256), Int64GetDatum(cpu_millicores), Int64GetDatum(memory_mib),
                      TimestampTzGetDatum(now)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

void
si_dispatch_record_post(const pg_uuid_t *execution_id, const char *object_uid, TimestampTz now)
{
    static SiStatement update = {"UPDATE sparkingest.job_executions SET object_uid = $2, posted_at = $3, submitted_at = $3, "
                                 "next_try_at = NULL, last_error = NULL WHERE execution_id = $1",
                                 3,
                                 {UUIDOID, TEXTOID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(execution_id), si_text_datum(object_uid), TimestampTzGetDatum(now)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

void
si_dispatch_record_retry(const pg_uuid_t *execution_id, const char *error, TimestampTz next_try_at, TimestampTz now)
{
    static SiStatement update = {"UPDATE sparkingest.job_executions SET tries = tries + 1, last_error = $2, next_try_at = $3, "
                                 "posted_at = $4 WHERE execution_id = $1 AND state IN ('scheduled', 'dispatching')",
                                 4,
                                 {UUIDOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(execution_id), si_text_datum(error), TimestampTzGetDatum(next_try_at),
                      TimestampTzGetDatum(now)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

void
si_dispatch_record_error(const pg_uuid_t *execution_id, const char *error)
{
    static SiStatement update = {
        "UPDATE sparkingest.job_executions SET last_error = $2 WHERE execution_id = $1 AND last_error IS DISTINCT FROM $2",
        2,
        {UUIDOID, TEXTOID}};
    Datum values[] = {UUIDPGetDatum(execution_id), error ? si_text_datum(error) : (Datum) 0};
    char nulls[] = {' ', error ? ' ' : 'n', '\0'};

    si_sql_open();
    si_sql_run(&update, values, nulls);
    si_sql_close();
}

void
si_dispatch_record_start(const pg_uuid_t *execution_id, TimestampTz started_at)
{
    static SiStatement update = {
        "UPDATE sparkingest.job_executions SET started_at = $2, last_error = NULL WHERE execution_id = $1 AND started_at IS NULL",
        2,
        {UUIDOID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(execution_id), TimestampTzGetDatum(started_at)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

bool
si_dispatch_request_stop(const pg_uuid_t *execution_id, const char *cause, const char *reason, TimestampTz now)
{
    static SiStatement update = {"UPDATE sparkingest.job_executions SET stop_requested_at = $4, stop_cause = $2, stop_reason = $3 "
                                 "WHERE execution_id = $1 AND COALESCE(stop_requested_at > $4, true) "
                                 "AND state IN ('dispatching', 'submitted', 'running')",
                                 4,
                                 {UUIDOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(execution_id), si_text_datum(cause), si_text_datum(reason), TimestampTzGetDatum(now)};
    bool done;

    si_sql_open();
    done = si_sql_run(&update, values, NULL) > 0;
    si_sql_close();
    return done;
}

int
si_dispatch_live(TimestampTz now, SiLiveRow **out)
{
    static SiStatement live = {
        "SELECT e.execution_id, e.state, n.cluster_name, e.namespace, e.object_name, e.object_uid, e.manifest_sha256, e.tries, "
        "e.started_at, e.hard_minutes, CASE WHEN e.stop_requested_at <= $1 THEN e.stop_cause END, e.last_error, "
        "GREATEST(e.planned_end, COALESCE(e.submitted_at, $1) + (e.planned_end - e.planned_start)), e.planned_end FROM sparkingest.job_executions e "
        "JOIN sparkingest.namespaces n ON n.namespace = e.namespace "
        "WHERE e.state IN ('dispatching', 'submitted', 'running') ORDER BY e.claimed_at",
        1,
        {TIMESTAMPTZOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {TimestampTzGetDatum(now)};
    int count;

    si_sql_open();
    count = (int) si_sql_run(&live, values, NULL);
    *out = MemoryContextAllocZero(context, sizeof(SiLiveRow) * Max(count, 1));
    for (int i = 0; i < count; i++)
    {
        SiLiveRow *row = &(*out)[i];

        row->execution_id = si_sql_uuid(i, 1, NULL);
        if (!si_state_from_name(si_sql_text_copy(i, 2, CurrentMemoryContext), &row->state))
            elog(ERROR, "unknown state of an execution");
        row->cluster_name = si_sql_text_copy(i, 3, context);
        row->namespace_name = si_sql_text_copy(i, 4, context);
        row->object_name = si_sql_text_copy(i, 5, context);
        row->object_uid = si_sql_text_copy(i, 6, context);
        row->manifest_sha256 = si_sql_text_copy(i, 7, context);
        row->tries = si_sql_int4(i, 8);
        row->started_at = si_sql_time(i, 9);
        row->hard_minutes = si_sql_int4(i, 10);
        row->stop_cause = si_sql_text_copy(i, 11, context);
        row->last_error = si_sql_text_copy(i, 12, context);
        row->start_by = si_sql_time(i, 13);
        row->planned_end = si_sql_time(i, 14);
    }
    si_sql_close();
    return count;
}

int64
si_dispatch_waiting(TimestampTz now, TimestampTz *oldest, int64 *with_error, char **last_error)
{
    static SiStatement waiting = {
        "SELECT pg_catalog.count(*), pg_catalog.min(scheduled_for), pg_catalog.count(last_error), "
        "pg_catalog.max(COALESCE(last_error, waiting_reason)) FROM sparkingest.job_executions "
        "WHERE (state = 'scheduled' AND NOT awaits AND planned_start <= $1) OR (state = 'waiting' AND NOT awaits AND scheduled_for <= $1) "
        "OR state = 'dispatching'",
        1,
        {TIMESTAMPTZOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {TimestampTzGetDatum(now)};
    int64 count;

    si_sql_open();
    si_sql_run(&waiting, values, NULL);
    count = si_sql_int8(0, 1);
    *oldest = si_sql_time(0, 2);
    *with_error = si_sql_int8(0, 3);
    *last_error = si_sql_text_copy(0, 4, context);
    si_sql_close();
    return count;
}

bool
si_dispatch_tenant(const pg_uuid_t *execution_id, pg_uuid_t *tenant_id)
{
    static SiStatement find = {"SELECT tenant_id FROM sparkingest.job_executions WHERE execution_id = $1", 1, {UUIDOID}};
    Datum values[] = {UUIDPGetDatum(execution_id)};
    bool found;

    si_sql_open();
    found = si_sql_run(&find, values, NULL) > 0;
    if (found)
        *tenant_id = si_sql_uuid(0, 1, NULL);
    si_sql_close();
    return found;
}
