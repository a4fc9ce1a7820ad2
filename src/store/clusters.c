/*
 * clusters.c: rows of clusters and worker_status.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/clusters.h"
#include "store/sql.h"

#define CLUSTER_COLUMNS \
    "SELECT cluster_name, kubeconfig, kube_context, dispatch, dispatch_reason, api_status, api_detail, api_since " \
    "FROM sparkingest.clusters "

static void
read_cluster(uint64 row, SiCluster *out, MemoryContext context)
{
    out->cluster_name = si_sql_text_copy(row, 1, context);
    out->kubeconfig = si_sql_text_copy(row, 2, context);
    out->kube_context = si_sql_text_copy(row, 3, context);
    out->dispatch = si_sql_text_copy(row, 4, context);
    out->dispatch_reason = si_sql_text_copy(row, 5, context);
    out->api_status = si_sql_text_copy(row, 6, context);
    out->api_detail = si_sql_text_copy(row, 7, context);
    out->api_since = si_sql_time(row, 8);
}

int
si_clusters_load(SiCluster **out)
{
    static SiStatement all = {CLUSTER_COLUMNS "ORDER BY cluster_name", 0, {0}};
    MemoryContext context = CurrentMemoryContext;
    int count;

    si_sql_open();
    count = (int) si_sql_run(&all, NULL, NULL);
    *out = MemoryContextAllocZero(context, sizeof(SiCluster) * Max(count, 1));
    for (int i = 0; i < count; i++)
        read_cluster(i, &(*out)[i], context);
    si_sql_close();
    return count;
}

bool
si_cluster_load(const char *cluster_name, SiCluster *out)
{
    static SiStatement one = {CLUSTER_COLUMNS "WHERE cluster_name = $1", 1, {TEXTOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {si_text_datum(cluster_name)};
    bool found;

    si_sql_open();
    found = si_sql_run(&one, values, NULL) > 0;
    if (found)
        read_cluster(0, out, context);
    si_sql_close();
    return found;
}

int
si_cluster_namespaces(SiClusterNamespace **out)
{
    static SiStatement all = {"SELECT cluster_name, namespace FROM sparkingest.namespaces ORDER BY namespace", 0, {0}};
    MemoryContext context = CurrentMemoryContext;
    int count;

    si_sql_open();
    count = (int) si_sql_run(&all, NULL, NULL);
    *out = MemoryContextAllocZero(context, sizeof(SiClusterNamespace) * Max(count, 1));
    for (int i = 0; i < count; i++)
    {
        (*out)[i].cluster_name = si_sql_text_copy(i, 1, context);
        (*out)[i].namespace_name = si_sql_text_copy(i, 2, context);
    }
    si_sql_close();
    return count;
}

void
si_cluster_set_kubeconfig(const char *cluster_name, const char *kubeconfig, const char *kube_context, TimestampTz now)
{
    static SiStatement update = {"UPDATE sparkingest.clusters SET kubeconfig = $2, kube_context = $3, api_status = 'unknown', "
                                 "api_detail = NULL, api_since = $4 WHERE cluster_name = $1",
                                 4,
                                 {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}};
    Datum values[] = {si_text_datum(cluster_name), kubeconfig ? si_text_datum(kubeconfig) : (Datum) 0,
                      kube_context ? si_text_datum(kube_context) : (Datum) 0, TimestampTzGetDatum(now)};
    char nulls[] = {' ', kubeconfig ? ' ' : 'n', kube_context ? ' ' : 'n', ' ', '\0'};

    si_sql_open();
    si_sql_run(&update, values, nulls);
    si_sql_close();
}

void
si_cluster_set_dispatch(const char *cluster_name, const char *dispatch, const char *reason)
{
    static SiStatement update = {"UPDATE sparkingest.clusters SET dispatch = $2, dispatch_reason = $3 WHERE cluster_name = $1",
                                 3,
                                 {TEXTOID, TEXTOID, TEXTOID}};
    Datum values[] = {si_text_datum(cluster_name), si_text_datum(dispatch), reason ? si_text_datum(reason) : (Datum) 0};
    char nulls[] = {' ', ' ', reason ? ' ' : 'n', '\0'};

    si_sql_open();
    si_sql_run(&update, values, nulls);
    si_sql_close();
}

void
si_cluster_set_api(const char *cluster_name, const char *api_status, const char *api_detail, TimestampTz now)
{
    static SiStatement update = {
        "UPDATE sparkingest.clusters SET api_status = $2, api_detail = $3, "
        "api_since = CASE WHEN api_status = $2 THEN api_since ELSE $4 END "
        "WHERE cluster_name = $1 AND (api_status <> $2 OR api_detail IS DISTINCT FROM $3)",
        4,
        {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}};
    Datum values[] = {si_text_datum(cluster_name), si_text_datum(api_status),
                      api_detail ? si_text_datum(api_detail) : (Datum) 0, TimestampTzGetDatum(now)};
    char nulls[] = {' ', ' ', api_detail ? ' ' : 'n', ' ', '\0'};

    si_sql_open();
    si_sql_run(&update, values, nulls);
    si_sql_close();
}

char *
si_namespace_settings(const char *namespace_name, Jsonb *changes)
{
    static SiStatement find = {
        "SELECT (SELECT COALESCE(pg_catalog.jsonb_object_agg(e.key, e.value), '{}') FROM pg_catalog.jsonb_each(pg_catalog.jsonb_build_object("
        "'cluster_name', n.cluster_name, 'tenant_cpu_cores', pg_catalog.trim_scale(n.tenant_cpu_millicores / 1000.0), "
        "'tenant_memory_gb', pg_catalog.trim_scale(n.tenant_memory_mib / 1024.0), 'spark_profile', n.spark_profile)) AS e "
        "WHERE $2 ? e.key) FROM sparkingest.namespaces AS n WHERE n.namespace = $1 FOR NO KEY UPDATE OF n",
        2,
        {TEXTOID, JSONBOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {si_text_datum(namespace_name), JsonbPGetDatum(changes)};
    char *settings = NULL;

    si_sql_open();
    if (si_sql_run(&find, values, NULL) > 0)
        settings = si_sql_text_copy(0, 1, context);
    si_sql_close();
    return settings;
}

bool
si_namespace_change(const char *namespace_name, const SiNamespaceChange *change)
{
    static SiStatement update = {
        "UPDATE sparkingest.namespaces SET cluster_name = COALESCE($2, cluster_name), "
        "tenant_cpu_millicores = CASE WHEN $3 THEN NULLIF($4, -1) ELSE tenant_cpu_millicores END, "
        "tenant_memory_mib = CASE WHEN $5 THEN NULLIF($6, -1) ELSE tenant_memory_mib END, "
        "spark_profile = spark_profile || COALESCE($7, '{}'::jsonb) WHERE namespace = $1",
        7,
        {TEXTOID, TEXTOID, BOOLOID, INT8OID, BOOLOID, INT8OID, JSONBOID}};
    Datum values[] = {si_text_datum(namespace_name),
                      change->cluster_name ? si_text_datum(change->cluster_name) : (Datum) 0,
                      BoolGetDatum(change->has_cpu_cap),
                      Int64GetDatum(change->cpu_cap_millicores),
                      BoolGetDatum(change->has_memory_cap),
                      Int64GetDatum(change->memory_cap_mib),
                      change->spark_profile ? JsonbPGetDatum(change->spark_profile) : (Datum) 0};
    char nulls[] = {' ', change->cluster_name ? ' ' : 'n', ' ', ' ', ' ', ' ', change->spark_profile ? ' ' : 'n', '\0'};
    bool found;

    si_sql_open();
    found = si_sql_run(&update, values, nulls) > 0;
    si_sql_close();
    return found;
}

void
si_worker_beat(const char *worker_name, int32 pid, const char *error, TimestampTz now)
{
    static SiStatement upsert = {
        "INSERT INTO sparkingest.worker_status AS w (worker_name, pid, started_at, beat_at, last_error, last_error_at) "
        "VALUES ($1, $2, $4, $4, $3, CASE WHEN $3 IS NULL THEN NULL ELSE $4 END) "
        "ON CONFLICT (worker_name) DO UPDATE SET pid = $2, beat_at = $4, "
        "started_at = CASE WHEN w.pid = $2 THEN w.started_at ELSE $4 END, "
        "last_error = COALESCE($3, w.last_error), last_error_at = CASE WHEN $3 IS NULL THEN w.last_error_at ELSE $4 END",
        4,
        {TEXTOID, INT4OID, TEXTOID, TIMESTAMPTZOID}};
    Datum values[] = {si_text_datum(worker_name), Int32GetDatum(pid), error ? si_text_datum(error) : (Datum) 0,
                      TimestampTzGetDatum(now)};
    char nulls[] = {' ', ' ', error ? ' ' : 'n', ' ', '\0'};

    si_sql_open();
    si_sql_run(&upsert, values, nulls);
    si_sql_close();
}

TimestampTz
si_worker_beaten(const char *worker_name)
{
    static SiStatement find = {"SELECT beat_at FROM sparkingest.worker_status WHERE worker_name = $1", 1, {TEXTOID}};
    Datum values[] = {si_text_datum(worker_name)};
    TimestampTz beat = SI_NO_TIME;

    si_sql_open();
    if (si_sql_run(&find, values, NULL) > 0)
        beat = si_sql_time(0, 1);
    si_sql_close();
    return beat;
}

bool
si_worker_status_load(const char *worker_name, const char *backend_type, SiWorkerStatus *out)
{
    static SiStatement find = {
        "SELECT w.pid, w.started_at, w.beat_at, w.last_error, w.last_error_at, EXISTS (SELECT FROM "
        "pg_catalog.pg_stat_activity a WHERE a.backend_type = $2 AND a.datname = pg_catalog.current_database()) "
        "FROM (SELECT $1) AS n (name) LEFT JOIN sparkingest.worker_status w ON w.worker_name = n.name",
        2,
        {TEXTOID, TEXTOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {si_text_datum(worker_name), si_text_datum(backend_type)};

    si_sql_open();
    si_sql_run(&find, values, NULL);
    out->pid = si_sql_int4(0, 1);
    out->started_at = si_sql_time(0, 2);
    out->beat_at = si_sql_time(0, 3);
    out->last_error = si_sql_text_copy(0, 4, context);
    out->last_error_at = si_sql_time(0, 5);
    out->connected = si_sql_bool(0, 6);
    si_sql_close();
    return out->pid != 0;
}
