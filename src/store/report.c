/*
 * report.c: sums of what a tenant used and paid.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "store/report.h"
#include "store/sql.h"

void
si_report_hours(const pg_uuid_t *tenant_id, TimestampTz now, TimestampTz *from, TimestampTz *until)
{
    static SiStatement hours = {
        "SELECT pg_catalog.date_trunc('hour', $2, time_zone), LEAST($4, CASE WHEN pg_catalog.date_trunc('hour', $3, time_zone) = $3 "
        "THEN $3 ELSE pg_catalog.date_trunc('hour', $3 + '1 hour'::interval, time_zone) END) "
        "FROM sparkingest.tenants WHERE tenant_id = $1",
        4,
        {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(tenant_id), TimestampTzGetDatum(*from), TimestampTzGetDatum(*until), TimestampTzGetDatum(now)};

    si_sql_open();
    si_sql_run(&hours, values, NULL);
    *from = si_sql_time(0, 1);
    *until = si_sql_time(0, 2);
    si_sql_close();
}

void
si_report_month(const pg_uuid_t *tenant_id, DateADT day, TimestampTz *from, TimestampTz *until)
{
    static SiStatement month = {"SELECT m.first AT TIME ZONE t.time_zone, (m.first + '1 month'::interval) AT TIME ZONE t.time_zone "
                                "FROM sparkingest.tenants AS t, pg_catalog.date_trunc('month', $2::timestamp) AS m (first) "
                                "WHERE t.tenant_id = $1",
                                2,
                                {UUIDOID, DATEOID}};
    Datum values[] = {UUIDPGetDatum(tenant_id), DateADTGetDatum(day)};

    si_sql_open();
    si_sql_run(&month, values, NULL);
    *from = si_sql_time(0, 1);
    *until = si_sql_time(0, 2);
    si_sql_close();
}

/* Millicore-seconds that the tenant's units ($1) supply in [$2, until). */
#define SUPPLIED(until) \
    "(SELECT COALESCE(pg_catalog.sum(g.cpu_millicores * pg_catalog.date_part('epoch', LEAST(g.ends_at, " until ") - " \
    "GREATEST(g.starts_at, $2))::numeric), 0)::bigint AS supplied FROM sparkingest.grants AS g WHERE g.tenant_id = $1 " \
    "AND g.resource_type = 'dedicated_units' AND g.ends_at > $2 AND g.starts_at < " until ")"

/* What of them was used in the hours from $2 to $3, by the tenant and by others. */
#define USED \
    "(SELECT COALESCE(pg_catalog.sum(millicore_seconds) FILTER (WHERE place = 'dedicated'), 0)::bigint AS own_use, " \
    "COALESCE(pg_catalog.sum(millicore_seconds) FILTER (WHERE place = 'lent'), 0)::bigint AS lent " \
    "FROM sparkingest.usage_load WHERE tenant_id = $1 AND hour >= $2 AND hour < $3)"

void
si_report_sums(const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until, SiUseSums *out)
{
    static SiStatement sums = {
        /* clang-format off */
        "SELECT s.supplied, l.own_use, l.lent, h.* FROM " SUPPLIED("$3") " AS s, " USED " AS l, "
        "(SELECT COALESCE(pg_catalog.sum(charged), 0)::bigint, COALESCE(pg_catalog.sum(ended), 0)::bigint, "
        "COALESCE(pg_catalog.sum(succeeded), 0)::bigint, COALESCE(pg_catalog.sum(succeeded_millis), 0)::bigint, "
        "COALESCE(pg_catalog.sum(sla_met), 0)::bigint, COALESCE(pg_catalog.sum(sla_missed), 0)::bigint, "
        "COALESCE(pg_catalog.sum(bytes_out), 0)::bigint FROM sparkingest.usage_hourly "
        "WHERE tenant_id = $1 AND hour >= $2 AND hour < $3) AS h",
        /* clang-format on */
        3,
        {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(tenant_id), TimestampTzGetDatum(from), TimestampTzGetDatum(until)};

    si_sql_open();
    si_sql_run(&sums, values, NULL);
    *out = (SiUseSums){si_sql_int8(0, 1), si_sql_int8(0, 2), si_sql_int8(0, 3), si_sql_int8(0, 4), si_sql_int8(0, 5),
                       si_sql_int8(0, 6), si_sql_int8(0, 7), si_sql_int8(0, 8), si_sql_int8(0, 9), si_sql_int8(0, 10)};
    si_sql_close();
}

int
si_report_week(const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until, SiWeekHour **out)
{
    /* Lengths are counted in quarters of an hour, which hours on every clock are made of; the last one may be cut short. */
    static SiStatement week = {
        "WITH zone AS (SELECT time_zone FROM sparkingest.tenants WHERE tenant_id = $1), "
        "used AS (SELECT pg_catalog.date_part('isodow', u.hour AT TIME ZONE z.time_zone)::integer AS weekday, "
        "pg_catalog.date_part('hour', u.hour AT TIME ZONE z.time_zone)::integer AS hour, pg_catalog.sum(u.millicore_seconds) AS used "
        "FROM zone AS z, sparkingest.usage_load AS u WHERE u.tenant_id = $1 AND u.hour >= $2 AND u.hour < $3 AND u.place <> 'lent' "
        "GROUP BY 1, 2), "
        "lengths AS (SELECT pg_catalog.date_part('isodow', q.at AT TIME ZONE z.time_zone)::integer AS weekday, "
        "pg_catalog.date_part('hour', q.at AT TIME ZONE z.time_zone)::integer AS hour, "
        "pg_catalog.sum(pg_catalog.date_part('epoch', LEAST(q.at + '15 minutes'::interval, $3) - q.at)) AS seconds FROM zone AS z, "
        "pg_catalog.generate_series($2, $3 - '1 microsecond'::interval, '15 minutes') AS q (at) GROUP BY 1, 2) "
        "SELECT weekday, hour, u.used::bigint, GREATEST(pg_catalog.ceil(l.seconds), 1)::bigint FROM used AS u JOIN lengths AS l "
        "USING (weekday, hour) ORDER BY u.used / GREATEST(pg_catalog.ceil(l.seconds), 1)::numeric DESC, weekday, hour",
        3,
        {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {UUIDPGetDatum(tenant_id), TimestampTzGetDatum(from), TimestampTzGetDatum(until)};
    uint64 n;

    si_sql_open();
    n = si_sql_run(&week, values, NULL);
    *out = MemoryContextAlloc(context, (n + 1) * sizeof(SiWeekHour));
    for (uint64 i = 0; i < n; i++)
        (*out)[i] = (SiWeekHour){si_sql_int4(i, 1), si_sql_int4(i, 2), si_sql_int8(i, 3), si_sql_int8(i, 4)};
    si_sql_close();
    return (int) n;
}

char *
si_report_costs(const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until, int64 bytes)
{
    static SiStatement costs = {
        "SELECT COALESCE(pg_catalog.jsonb_object_agg(c.currency, pg_catalog.round(c.cost * 1073741824 / $4, 6)), '{}')::text FROM "
        "(SELECT p.currency, pg_catalog.sum(g.price * pg_catalog.date_part('epoch', LEAST(g.ends_at, $3) - "
        "GREATEST(g.starts_at, $2))::numeric / pg_catalog.date_part('epoch', g.ends_at - g.starts_at)::numeric) AS cost "
        "FROM sparkingest.grants AS g JOIN sparkingest.resource_purchases AS p USING (purchase_id) WHERE g.tenant_id = $1 "
        "AND g.ends_at > $2 AND g.starts_at < $3 AND g.ends_at > g.starts_at AND g.price IS NOT NULL GROUP BY 1) AS c",
        4,
        {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {UUIDPGetDatum(tenant_id), TimestampTzGetDatum(from), TimestampTzGetDatum(until), Int64GetDatum(bytes)};
    char *object;

    si_sql_open();
    si_sql_run(&costs, values, NULL);
    object = si_sql_text_copy(0, 1, context);
    si_sql_close();
    return object;
}

/* clang-format off */

/* What was bought: periods that begin in [$2, $3), by purchase; parts of periods and discounts are in the grants' prices. */
#define BOUGHT \
    "bought AS (SELECT p.purchase_id, p.resource_type, p.quantity, p.time_period, g.namespace, " \
    "pg_catalog.count(*) FILTER (WHERE g.rolled_from IS NULL) AS periods, " \
    "pg_catalog.min(g.starts_at) AS starts_at, p.unit_price, p.currency, pg_catalog.sum(g.price) AS amount " \
    "FROM sparkingest.resource_purchases AS p JOIN sparkingest.grants AS g USING (purchase_id) " \
    "WHERE g.tenant_id = $1 AND g.starts_at >= $2 AND g.starts_at < $3 GROUP BY p.purchase_id, g.namespace), "

#define METERED \
    "metered AS (SELECT c.charge_to, c.job_id, c.namespace, pg_catalog.count(*) AS executions, " \
    "pg_catalog.sum(c.billable_millicore_seconds) AS used, pg_catalog.sum(c.charged) AS charged " \
    "FROM sparkingest.resource_consumption AS c WHERE c.tenant_id = $1 AND c.ended_at >= $2 AND c.ended_at < $3 GROUP BY 1, 2, 3), "

#define LENT \
    "lent AS (SELECT pg_catalog.sum(l.credit) AS credit, pg_catalog.sum(c.billable_millicore_seconds) AS used " \
    "FROM sparkingest.lending_credits AS l JOIN sparkingest.resource_consumption AS c ON c.execution_id = l.execution_id " \
    "AND c.ended_at = l.ended_at WHERE l.tenant_id = $1 AND l.ended_at >= $2 AND l.ended_at < $3 HAVING pg_catalog.count(*) > 0), "

#define UNITS \
    "units AS (SELECT s.supplied, l.own_use + l.lent AS used FROM " SUPPLIED("LEAST($3, $4)") " AS s, " USED " AS l WHERE s.supplied > 0), "

#define HOURS(amount) "pg_catalog.round((" amount ")::numeric / 3600000, 6)"

/* Lines are rounded before they are added up, so that readers who add them up come to the same. */
#define LINES \
    "lines AS (SELECT 1 AS place, 'purchase' AS kind, pg_catalog.format('%s %s per %s', quantity, " \
    "CASE resource_type WHEN 'vcpu_hours' THEN 'vCPU-hours' ELSE 'dedicated units' END, CASE time_period WHEN 'hourly' THEN 'hour' " \
    "WHEN 'daily' THEN 'day' WHEN 'monthly' THEN 'month' ELSE 'year' END) AS description, " \
    "pg_catalog.to_char(starts_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS ') || quantity || resource_type AS sorted, " \
    "purchase_id, NULL::uuid AS job_id, namespace, NULL::bigint AS executions, (periods * quantity)::numeric AS quantity, " \
    "unit_price, amount, currency, NULL::numeric AS used, NULL::numeric AS charged FROM bought " \
    "UNION ALL SELECT pg_catalog.array_position('{vcpu_hours,dedicated,draft,platform}'::text[], m.charge_to) + 1, " \
    "CASE m.charge_to WHEN 'vcpu_hours' THEN 'charge' ELSE m.charge_to END, j.job_name, j.job_name, NULL, m.job_id, m.namespace, " \
    "m.executions, NULL, NULL, NULL, NULL, " HOURS("m.used") ", " HOURS("m.charged") " " \
    "FROM metered AS m JOIN sparkingest.ingestion_jobs AS j USING (job_id) " \
    "UNION ALL SELECT 6, 'dedicated_idle', 'dedicated units that nobody used', '', NULL, NULL, NULL, NULL, " HOURS("supplied") ", " \
    "NULL, NULL, NULL, " HOURS("GREATEST(supplied - used, 0)") ", 0 FROM units " \
    "UNION ALL SELECT 7, 'lending_credit', 'share of what borrowers of dedicated units paid', '', NULL, NULL, NULL, NULL, " \
    "NULL, NULL, NULL, NULL, " HOURS("used") ", -" HOURS("credit") " FROM lent) "

/* clang-format on */

void
si_report_statement(const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until, TimestampTz now, ReturnSetInfo *result)
{
    static SiStatement lines = {
        "WITH " BOUGHT METERED LENT UNITS LINES
        "SELECT pg_catalog.row_number() OVER (ORDER BY place, sorted, namespace, purchase_id, job_id, currency)::integer, kind, description, "
        "purchase_id, job_id, namespace, executions, quantity, unit_price, amount, currency, used, charged FROM (SELECT * FROM lines "
        "UNION ALL SELECT 8, 'total', 'vCPU-hours', '', NULL, NULL, NULL, COALESCE(pg_catalog.sum(executions), 0)::bigint, NULL, NULL, NULL, "
        "NULL, COALESCE(pg_catalog.sum(used) FILTER (WHERE place < 6), 0), COALESCE(pg_catalog.sum(charged), 0) FROM lines "
        "UNION ALL SELECT 9, 'total', 'purchases', '', NULL, NULL, NULL, NULL, NULL, NULL, pg_catalog.sum(amount), currency, NULL, NULL "
        "FROM lines WHERE currency IS NOT NULL GROUP BY currency) AS l ORDER BY 1",
        4,
        {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(tenant_id), TimestampTzGetDatum(from), TimestampTzGetDatum(until), TimestampTzGetDatum(now)};

    si_sql_return(&lines, values, NULL, result->setResult, result->setDesc);
}
