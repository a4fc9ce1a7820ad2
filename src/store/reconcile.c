/*
 * reconcile.c: holding what is written down in one place against another.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/reconcile.h"
#include "store/rollup.h"
#include "store/sql.h"

/* The rules of metering, written down a second time (M6, M7, M8, M9). */
#define EXPECTED \
    "expected AS (SELECT e.execution_id, e.tenant_id, e.charged, e.cpu_millicores, e.memory_mib, s.seconds, " \
    "s.seconds * GREATEST(e.cpu_millicores, pg_catalog.ceil(e.memory_mib * 1000::numeric / n.memory_mib_per_core)) AS billable, " \
    "CASE WHEN e.state IN ('preempted', 'lost') OR (e.state = 'failed' AND e.error_class IN ('platform', 'node_lost', 'rejected')) " \
    "THEN 'platform' WHEN e.is_draft THEN 'draft' WHEN n.purpose = 'dedicated' AND NOT COALESCE(r.borrowed, false) THEN 'dedicated' " \
    "ELSE 'vcpu_hours' END AS payer FROM sparkingest.job_executions AS e JOIN sparkingest.namespaces AS n USING (namespace) " \
    "LEFT JOIN sparkingest.reservations AS r USING (reservation_id), " \
    "LATERAL (SELECT GREATEST(60, pg_catalog.ceil(EXTRACT(epoch FROM e.finished_at - e.started_at))) AS seconds) AS s " \
    "WHERE e.state IN ('succeeded', 'failed', 'cancelled', 'timed_out', 'preempted', 'lost') AND e.started_at IS NOT NULL " \
    "AND e.finished_at >= " SI_KEPT_SINCE "), "

/* Execution by execution. */
#define METERING \
    "metering AS (SELECT b.book, COALESCE(x.tenant_id, c.tenant_id), COALESCE(x.execution_id, c.execution_id), " \
    "NULL::timestamptz, b.found, b.expected " \
    "FROM expected AS x FULL JOIN sparkingest.resource_consumption AS c USING (execution_id), LATERAL (VALUES " \
    "('missing', 0, 1, c.execution_id IS NULL), ('unwanted', 1, 0, x.execution_id IS NULL), " \
    "('seconds', c.billed_seconds, x.seconds, c.billed_seconds <> x.seconds), " \
    "('cpu', c.cpu_millicore_seconds, x.cpu_millicores * x.seconds, c.cpu_millicore_seconds <> x.cpu_millicores * x.seconds), " \
    "('memory', c.memory_mib_seconds, x.memory_mib * x.seconds, c.memory_mib_seconds <> x.memory_mib * x.seconds), " \
    "('billable', c.billable_millicore_seconds, x.billable, c.billable_millicore_seconds <> x.billable), " \
    "('payer', 1, 0, c.charge_to <> x.payer), " \
    "('charged', c.charged, CASE WHEN x.payer = 'vcpu_hours' THEN x.billable ELSE 0 END, " \
    "c.charged > CASE WHEN x.payer = 'vcpu_hours' THEN x.billable ELSE 0 END), " \
    "('execution', x.charged, c.charged, x.charged IS DISTINCT FROM c.charged AND c.execution_id = x.execution_id)) " \
    "AS b (book, found, expected, wrong) WHERE b.wrong), "

/* A charge is an entry for each grant that paid. */
#define ENTRIES \
    "entries AS (SELECT 'entries', COALESCE(c.tenant_id, b.tenant_id), execution_id, NULL::timestamptz, " \
    "COALESCE(b.amount, 0), COALESCE(c.charged, 0) " \
    "FROM sparkingest.resource_consumption AS c FULL JOIN (SELECT execution_id, pg_catalog.min(tenant_id::text)::uuid AS tenant_id, " \
    "pg_catalog.sum(amount) AS amount FROM sparkingest.balance_entries " \
    "WHERE entry_type = 'charge' AND execution_id IS NOT NULL GROUP BY 1) AS b USING (execution_id) " \
    "LEFT JOIN sparkingest.job_executions AS e USING (execution_id) " \
    "WHERE NOT COALESCE(e.finished_at < " SI_KEPT_SINCE ", false) AND COALESCE(b.amount, 0) <> COALESCE(c.charged, 0)), "

#define CREDITS \
    "credits AS (SELECT 'credit', COALESCE(l.tenant_id, p.tenant_id), execution_id, NULL::timestamptz, " \
    "l.charged::numeric, c.charged::numeric FROM sparkingest.lending_credits AS l FULL JOIN " \
    "(sparkingest.resource_consumption AS c JOIN sparkingest.job_executions AS e USING (execution_id) " \
    "JOIN sparkingest.reservations AS r USING (reservation_id) JOIN sparkingest.pools AS p ON p.pool_id = r.pool_id " \
    "AND p.tenant_id IS NOT NULL AND r.borrowed) USING (execution_id) " \
    "WHERE COALESCE(l.ended_at, c.ended_at) >= " SI_KEPT_SINCE " " \
    "AND (l.tenant_id, l.charged, l.ended_at) IS DISTINCT FROM (p.tenant_id, c.charged, c.ended_at)), "

/* Hour by hour, those that are up to date. */
#define SUMS \
    "summed AS (SELECT c.tenant_id, pg_catalog.date_trunc('hour', c.ended_at, t.time_zone) AS hour, " \
    "pg_catalog.sum(c.billable_millicore_seconds) AS billable, pg_catalog.sum(c.charged) AS charged, pg_catalog.count(*) AS executions " \
    "FROM sparkingest.resource_consumption AS c JOIN sparkingest.tenants AS t USING (tenant_id) GROUP BY 1, 2), " \
    "outcomes AS (SELECT e.tenant_id, pg_catalog.date_trunc('hour', e.finished_at, t.time_zone) AS hour, pg_catalog.count(*) AS ended, " \
    "pg_catalog.count(e.sla_met) AS judged FROM sparkingest.job_executions AS e JOIN sparkingest.tenants AS t USING (tenant_id) " \
    "WHERE e.finished_at IS NOT NULL AND NOT e.is_draft AND e.state <> 'cancelled' GROUP BY 1, 2), " \
    "hourly AS (SELECT tenant_id, hour, pg_catalog.sum(billable_millicore_seconds) AS billable, pg_catalog.sum(charged) AS charged, " \
    "pg_catalog.sum(executions) AS executions, pg_catalog.sum(ended) AS ended, pg_catalog.sum(sla_met + sla_missed) AS judged " \
    "FROM sparkingest.usage_hourly GROUP BY 1, 2), " \
    "load AS (SELECT tenant_id, ended_hour AS hour, pg_catalog.sum(millicore_seconds) AS used FROM sparkingest.usage_load " \
    "WHERE place <> 'lent' GROUP BY 1, 2), " \
    "sides AS (SELECT tenant_id, hour, h.billable AS h_billable, h.charged AS h_charged, h.executions AS h_executions, " \
    "h.ended AS h_ended, h.judged AS h_judged, l.used, s.billable, s.charged, s.executions, o.ended, o.judged " \
    "FROM summed AS s FULL JOIN outcomes AS o USING (tenant_id, hour) " \
    "FULL JOIN hourly AS h USING (tenant_id, hour) FULL JOIN load AS l USING (tenant_id, hour)), " \
    "sums AS (SELECT b.book, s.tenant_id, NULL::uuid, s.hour, COALESCE(b.found, 0), COALESCE(b.expected, 0) FROM sides AS s, LATERAL (VALUES " \
    "('hourly billable', s.h_billable, s.billable), ('hourly charged', s.h_charged, s.charged), " \
    "('hourly executions', s.h_executions, s.executions), " \
    "('hourly ended', s.h_ended, s.ended), ('hourly verdicts', s.h_judged, s.judged), ('load', s.used, s.billable)) " \
    "AS b (book, found, expected) WHERE COALESCE(b.found, 0) <> COALESCE(b.expected, 0) AND s.hour >= " SI_KEPT_SINCE " " \
    "AND NOT EXISTS (SELECT FROM sparkingest.usage_changes AS c WHERE c.tenant_id = s.tenant_id AND c.hour = s.hour)) "

void
si_reconcile_usage(ReturnSetInfo *result)
{
    static SiStatement differences = {
        "WITH " EXPECTED METERING ENTRIES CREDITS SUMS
        "SELECT * FROM metering UNION ALL SELECT * FROM entries UNION ALL SELECT * FROM credits UNION ALL SELECT * FROM sums "
        "ORDER BY 1, 2, 3, 4",
        0};

    si_sql_return(&differences, NULL, NULL, result->setResult, result->setDesc);
}

void
si_reconcile_cluster(const char *namespace_prefix, ReturnSetInfo *result)
{
    /* An object is an execution's when label and name agree: anybody may write labels. */
    static SiStatement differences = {
        "WITH seen AS (SELECT o.namespace, o.object_name, o.object_state, o.since, l.listed_at, e.execution_id, e.state, e.submitted_at, "
        "e.finished_at, e.last_error, o.object_state IN ('new', 'starting', 'running') AS lives "
        "FROM sparkingest.cluster_objects AS o JOIN sparkingest.cluster_lists AS l USING (namespace) "
        "LEFT JOIN sparkingest.job_executions AS e ON e.execution_id = o.execution_id AND e.object_name = o.object_name "
        "AND e.namespace = o.namespace) "
        "SELECT e.execution_id, e.namespace, e.object_name, e.state, CASE WHEN l.namespace IS NULL THEN 'never listed' ELSE 'absent' END, "
        "COALESCE(l.listed_at, e.submitted_at), l.listed_at, CASE WHEN l.namespace IS NULL "
        "THEN 'the dispatcher has not listed the namespace yet: see sparkingest.health()' "
        "ELSE 'the dispatcher looks for it and records its end when it is gone for sure; if this stays, see last_error and sparkingest.health()' END "
        "FROM sparkingest.job_executions AS e LEFT JOIN sparkingest.cluster_lists AS l USING (namespace) "
        "WHERE e.state IN ('submitted', 'running') AND (l.listed_at IS NULL OR l.listed_at > e.submitted_at) "
        "AND NOT EXISTS (SELECT FROM seen AS s WHERE s.execution_id = e.execution_id) "
        "UNION ALL SELECT s.execution_id, s.namespace, s.object_name, COALESCE(s.state, 'unknown'), s.object_state, s.since, s.listed_at, "
        "CASE WHEN s.execution_id IS NULL THEN 'no execution of this database: unless another copy of it posted the object, ' "
        "WHEN s.state IN ('scheduled', 'waiting') THEN 'posted by a life of this database that was undone by a restore: ' "
        "WHEN s.lives THEN 'its execution has ended, and what it uses is metered no more: ' "
        "ELSE 'the dispatcher waits for its pods or cannot record its end, see last_error; if its pods are gone: ' END || "
        "pg_catalog.format('kubectl delete sparkapplication %s -n %s', s.object_name, $1 || s.namespace) FROM seen AS s "
        "WHERE s.execution_id IS NULL OR (s.state IN ('scheduled', 'waiting')) "
        "OR (s.lives AND s.finished_at < s.listed_at AND s.state NOT IN ('dispatching', 'submitted', 'running')) "
        "OR (NOT s.lives AND s.since < s.listed_at AND s.state IN ('dispatching', 'submitted', 'running')) "
        "ORDER BY 2, 3",
        1,
        {TEXTOID}};
    Datum values[] = {si_text_datum(namespace_prefix)};

    si_sql_return(&differences, values, NULL, result->setResult, result->setDesc);
}

static Datum
array_of(Datum *elements, bool *nulls, int n, Oid type)
{
    int dims[] = {n};
    int bounds[] = {1};

    if (type == UUIDOID)
        return PointerGetDatum(construct_md_array(elements, nulls, 1, dims, bounds, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
    return PointerGetDatum(construct_md_array(elements, nulls, 1, dims, bounds, TEXTOID, -1, false, TYPALIGN_INT));
}

void
si_sightings_replace(const char *namespace_name, TimestampTz began_at, const SiSighting *seen, int n)
{
    /* Pages of a list may show an object twice. */
    static SiStatement replace = {
        "WITH seen AS (SELECT DISTINCT ON (s.object_name) s.* FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4), "
        "pg_catalog.unnest($5), pg_catalog.unnest($6)) AS s (object_name, object_uid, execution_id, object_state)), "
        "gone AS (DELETE FROM sparkingest.cluster_objects AS o WHERE o.namespace = $1 "
        "AND NOT EXISTS (SELECT FROM seen AS s WHERE s.object_name = o.object_name)), "
        "there AS (INSERT INTO sparkingest.cluster_objects AS o (namespace, object_name, object_uid, execution_id, object_state, since) "
        "SELECT $1, object_name, object_uid, execution_id, object_state, $2 FROM seen ON CONFLICT (namespace, object_name) DO UPDATE "
        "SET object_uid = excluded.object_uid, execution_id = excluded.execution_id, object_state = excluded.object_state, "
        "since = excluded.since WHERE (o.object_uid, o.execution_id, o.object_state) "
        "IS DISTINCT FROM (excluded.object_uid, excluded.execution_id, excluded.object_state)) "
        "INSERT INTO sparkingest.cluster_lists AS l (namespace, listed_at) VALUES ($1, $2) "
        "ON CONFLICT (namespace) DO UPDATE SET listed_at = excluded.listed_at",
        6,
        {TEXTOID, TIMESTAMPTZOID, TEXTARRAYOID, TEXTARRAYOID, UUIDARRAYOID, TEXTARRAYOID}};
    Datum *names = palloc((n + 1) * sizeof(Datum));
    Datum *uids = palloc((n + 1) * sizeof(Datum));
    Datum *ids = palloc((n + 1) * sizeof(Datum));
    Datum *states = palloc((n + 1) * sizeof(Datum));
    bool *no_uid = palloc((n + 1) * sizeof(bool));
    bool *no_id = palloc((n + 1) * sizeof(bool));
    Datum values[6] = {si_text_datum(namespace_name), TimestampTzGetDatum(began_at)};

    for (int i = 0; i < n; i++)
    {
        names[i] = si_text_datum(seen[i].object_name);
        uids[i] = si_text_datum(seen[i].object_uid);
        no_uid[i] = seen[i].object_uid[0] == '\0';
        ids[i] = UUIDPGetDatum(&seen[i].execution_id);
        no_id[i] = !seen[i].has_execution;
        states[i] = si_text_datum(seen[i].object_state);
    }
    values[2] = array_of(names, NULL, n, TEXTOID);
    values[3] = array_of(uids, no_uid, n, TEXTOID);
    values[4] = array_of(ids, no_id, n, UUIDOID);
    values[5] = array_of(states, NULL, n, TEXTOID);
    si_sql_open();
    si_sql_run(&replace, values, NULL);
    si_sql_close();
}
