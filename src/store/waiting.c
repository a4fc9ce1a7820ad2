/*
 * waiting.c: what the plan of waiting work goes by.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "store/sql.h"
#include "store/waiting.h"

/* clang-format off */
#define QUEUED(held_back)                                                                                              \
    "SELECT e.execution_id, e.job_id, e.tenant_id, e.state, e.started_by, e.is_draft, e.namespace, e.scheduled_for, "  \
    "e.created_at, e.planned_start, e.cpu_millicores, e.memory_mib, e.held, j.priority, j.sla_requirements, "          \
    "(j.sla_window_hours * 1000)::bigint, j.max_runtime_minutes, (j.estimated_runtime_minutes * 60000)::bigint, "      \
    "pg_catalog.array_position(ARRAY['draft', 'wait', 'reject'], j.on_no_capacity) - 1, r.reservation_id, "            \
    "r.namespace, r.cpu_millicores, r.memory_mib, r.starts_at, r.ends_at, " held_back ", "                             \
    "CASE WHEN j.options OPERATOR(pg_catalog.?) 'limits' THEN j.options ELSE '{}' END, COALESCE(r.limited, false), "   \
    "r.pool_id, COALESCE(r.borrowed, false), e.not_before"                                                             \
    " FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j ON j.job_id = e.job_id "

#define WAITING                                                                                                        \
    "JOIN sparkingest.tenants AS t ON t.tenant_id = e.tenant_id "                                                      \
    "LEFT JOIN sparkingest.reservations AS r ON r.reservation_id = e.reservation_id AND r.status = 'active' "          \
    "LEFT JOIN (SELECT DISTINCT job_id FROM sparkingest.job_executions "                                               \
    "WHERE state IN ('dispatching', 'submitted', 'running')) AS a ON a.job_id = e.job_id "                             \
    "WHERE e.state = 'waiting' AND NOT e.awaits AND j.status = 'active' AND t.status = 'active'"

#define TENTATIVE                                                                                                      \
    "JOIN sparkingest.reservations AS r ON r.reservation_id = e.reservation_id "                                       \
    "WHERE r.status = 'active' AND r.tentative AND r.starts_at < $1 AND e.state = 'scheduled' "                        \
    "ORDER BY r.starts_at, r.reservation_id LIMIT $2"

#define LATE                                                                                                           \
    "JOIN sparkingest.tenants AS t ON t.tenant_id = e.tenant_id "                                                      \
    "JOIN sparkingest.reservations AS r ON r.reservation_id = e.reservation_id "                                       \
    "WHERE e.state = 'scheduled' AND e.attempt = 1 AND e.planned_start > $1 "                                          \
    "AND e.planned_start - e.scheduled_for >= '5 minutes' "                                                            \
    "AND r.status = 'active' AND j.status = 'active' AND t.status = 'active' "                                         \
    "ORDER BY j.priority DESC, e.scheduled_for, e.execution_id LIMIT $2"
/* clang-format on */

StaticAssertDecl(SI_NO_CAPACITY_DRAFT == 0 && SI_NO_CAPACITY_WAIT == 1 && SI_NO_CAPACITY_REJECT == 2,
                 "the statement knows the order of the words");

static void
queued_from_row(uint64 row, MemoryContext context, SiQueued *out)
{
    bool no_place;

    memset(out, 0, sizeof(*out));
    out->e.execution_id = si_sql_uuid(row, 1, NULL);
    out->e.job_id = out->job.job_id = si_sql_uuid(row, 2, NULL);
    out->e.tenant_id = out->job.tenant_id = out->place.tenant_id = si_sql_uuid(row, 3, NULL);
    if (!si_state_from_name(si_sql_text_copy(row, 4, CurrentMemoryContext), &out->e.state))
        elog(ERROR, "unknown state of an execution");
    out->e.started_by = si_sql_text_copy(row, 5, context);
    out->e.is_draft = si_sql_bool(row, 6);
    strlcpy(out->e.namespace_name, si_sql_text_copy(row, 7, CurrentMemoryContext), sizeof(out->e.namespace_name));
    out->e.scheduled_for = si_sql_time(row, 8);
    out->e.created_at = si_sql_time(row, 9);
    out->e.planned_start = si_sql_time(row, 10);
    out->e.cpu_millicores = si_sql_int8(row, 11);
    out->e.memory_mib = si_sql_int8(row, 12);
    out->e.held = si_sql_int8(row, 13);
    out->job.priority = si_sql_int4(row, 14);
    out->job.sla_requirements = si_sql_jsonb_copy(row, 15, context);
    out->job.sla_window_millihours = si_sql_int8(row, 16);
    out->job.max_runtime_minutes = si_sql_int4(row, 17);
    out->job.estimated_millis = si_sql_int8(row, 18);
    out->job.on_no_capacity = (SiOnNoCapacity) si_sql_int4(row, 19);
    out->place.reservation_id = out->e.reservation_id = si_sql_uuid(row, 20, &no_place);
    out->e.has_reservation = out->place.active = !no_place;
    out->held_back = si_sql_bool(row, 26);
    out->job.options = si_sql_jsonb_copy(row, 27, context);
    out->place.limited = si_sql_bool(row, 28);
    out->e.not_before = si_sql_time(row, 31);
    if (no_place)
        return;
    out->place.pool_id = si_sql_int4(row, 29);
    out->place.borrowed = si_sql_bool(row, 30);
    strlcpy(out->place.namespace_name, si_sql_text_copy(row, 21, CurrentMemoryContext), sizeof(out->place.namespace_name));
    out->place.cpu_millicores = si_sql_int8(row, 22);
    out->place.memory_mib = si_sql_int8(row, 23);
    out->place.starts_at = si_sql_time(row, 24);
    out->place.ends_at = si_sql_time(row, 25);
}

static int
load(SiStatement *statement, Datum *values, SiQueued **out)
{
    MemoryContext context = CurrentMemoryContext;
    uint64 n;

    si_sql_open();
    n = si_sql_run(statement, values, NULL);
    *out = MemoryContextAllocHuge(context, (n + 1) * sizeof(SiQueued));
    for (uint64 i = 0; i < n; i++)
        queued_from_row(i, context, &(*out)[i]);
    si_sql_close();
    return (int) n;
}

int
si_queued_waiting(SiQueued **out)
{
    static SiStatement find = {QUEUED("j.overlap_policy <> 'allow' AND a.job_id IS NOT NULL") WAITING, 0};

    return load(&find, NULL, out);
}

int
si_queued_idle(pg_uuid_t **out)
{
    static SiStatement find = {"SELECT e.execution_id FROM sparkingest.job_executions AS e "
                               "JOIN sparkingest.ingestion_jobs AS j ON j.job_id = e.job_id "
                               "JOIN sparkingest.tenants AS t ON t.tenant_id = e.tenant_id "
                               "WHERE e.state = 'waiting' AND NOT e.awaits AND e.reservation_id IS NOT NULL "
                               "AND (j.status <> 'active' OR t.status <> 'active') "
                               "ORDER BY e.execution_id",
                               0};

    return si_sql_ids(&find, NULL, out);
}

int
si_queued_tentative(TimestampTz before, SiQueued **out)
{
    static SiStatement find = {QUEUED("false") TENTATIVE, 2, {TIMESTAMPTZOID, INT4OID}};
    Datum values[] = {TimestampTzGetDatum(before), Int32GetDatum(SI_MOST_TENTATIVE)};

    return load(&find, values, out);
}

int
si_queued_late(TimestampTz now, SiQueued **out)
{
    static SiStatement find = {QUEUED("false") LATE, 2, {TIMESTAMPTZOID, INT4OID}};
    Datum values[] = {TimestampTzGetDatum(now), Int32GetDatum(SI_MOST_TENTATIVE)};

    return load(&find, values, out);
}

int
si_uses(TimestampTz now, SiTenantUse **out)
{
    static SiStatement find = {
        "SELECT w.tenant_id, COALESCE(u.cpu, 0) + COALESCE(h.cpu, 0), COALESCE(u.mem, 0) + COALESCE(h.mem, 0) FROM "
        "(SELECT DISTINCT tenant_id FROM sparkingest.job_executions WHERE state = 'waiting') AS w LEFT JOIN LATERAL "
        "(SELECT pg_catalog.sum(s.cpu_millicore_seconds * s.weight) AS cpu, pg_catalog.sum(s.memory_mib_seconds * s.weight) AS mem FROM "
        "(SELECT x.*, pg_catalog.power(0.5::double precision, EXTRACT(epoch FROM $1 - x.hour)::double precision / $2) AS weight "
        "FROM sparkingest.usage_hourly AS x JOIN sparkingest.namespaces AS n USING (namespace) "
        "WHERE x.tenant_id = w.tenant_id AND x.hour > $1 - '7 days'::interval AND x.hour <= $1 AND n.purpose <> 'dedicated') AS s) AS u ON true "
        "LEFT JOIN (SELECT e.tenant_id, pg_catalog.sum(e.cpu_millicores * l.secs) AS cpu, pg_catalog.sum(e.memory_mib * l.secs) AS mem "
        "FROM sparkingest.job_executions AS e JOIN sparkingest.namespaces AS n USING (namespace), "
        "LATERAL (SELECT GREATEST(EXTRACT(epoch FROM e.planned_end - $1)::double precision, 0) AS secs) AS l "
        "WHERE e.state IN ('dispatching', 'submitted', 'running') AND n.purpose <> 'dedicated' GROUP BY e.tenant_id) AS h USING (tenant_id) "
        "ORDER BY 1",
        2,
        {TIMESTAMPTZOID, FLOAT8OID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {TimestampTzGetDatum(now), Float8GetDatum(SI_USE_HALF_LIFE_HOURS * 3600.0)};
    bool null;
    uint64 n;

    si_sql_open();
    n = si_sql_run(&find, values, NULL);
    *out = MemoryContextAlloc(context, (n + 1) * sizeof(SiTenantUse));
    for (uint64 i = 0; i < n; i++)
        (*out)[i] = (SiTenantUse){si_sql_uuid(i, 1, NULL), {DatumGetFloat8(si_sql_get(i, 2, &null)), DatumGetFloat8(si_sql_get(i, 3, &null))}};
    si_sql_close();
    return (int) n;
}
