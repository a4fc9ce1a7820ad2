/*
 * rollup.c: what was used, summed by the hour.
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/proc.h"
#include "utils/timestamp.h"

#include "store/rollup.h"
#include "store/sql.h"

/*
 * The last one: the end of an execution changes several rows of the same time. In one subtransaction, which keeps or loses
 * all of its rows.
 */
typedef struct Noted
{
    LocalTransactionId transaction;
    SubTransactionId by;
    TimestampTz at;
    pg_uuid_t tenant_id;
} Noted;

static Noted noted = {InvalidLocalTransactionId};

void
si_usage_note(const pg_uuid_t *tenant_id, TimestampTz at)
{
    static SiStatement note = {"INSERT INTO sparkingest.usage_changes (tenant_id, hour) "
                               "SELECT tenant_id, pg_catalog.date_trunc('hour', $2, time_zone) FROM sparkingest.tenants WHERE tenant_id = $1",
                               2,
                               {UUIDOID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(tenant_id), TimestampTzGetDatum(at)};

    if (noted.transaction == MyProc->lxid && noted.by == GetCurrentSubTransactionId() && noted.at == at &&
        si_uuid_equal(&noted.tenant_id, tenant_id))
        return;
    si_sql_open();
    si_sql_run(&note, values, NULL);
    si_sql_close();
    noted = (Noted){MyProc->lxid, GetCurrentSubTransactionId(), at, *tenant_id};
}

/* clang-format off */

/* The hours to sum. A zone may shift its clock by half an hour: then two hours overlap, and the name of the hour decides. */
#define DIRTY \
    "taken AS (DELETE FROM sparkingest.usage_changes RETURNING tenant_id, hour), " \
    "dirty AS MATERIALIZED (SELECT c.tenant_id, c.hour, t.time_zone " \
    "FROM (SELECT DISTINCT tenant_id, hour FROM taken WHERE hour >= " SI_KEPT_SINCE ") AS c " \
    "JOIN sparkingest.tenants AS t USING (tenant_id)), "

/*
 * What of the tenant of d ended in that hour. OFFSET 0 keeps it a search for each d, by the index on tenant and time: a join
 * planned for many hours reads all of history.
 */
#define ENDED_IN(row, column) \
    row ".tenant_id = d.tenant_id AND " row "." column " >= d.hour AND " row "." column " < d.hour + '1 hour'::interval " \
    "AND pg_catalog.date_trunc('hour', " row "." column ", d.time_zone) = d.hour OFFSET 0"

#define CONSUMED \
    "consumed AS MATERIALIZED (SELECT d.tenant_id, d.hour, d.time_zone, c.namespace, c.started_at, c.billed_seconds, " \
    "c.cpu_millicore_seconds, c.memory_mib_seconds, c.billable_millicore_seconds, c.borrowed, c.charged " \
    "FROM dirty AS d, LATERAL (SELECT * FROM sparkingest.resource_consumption AS c WHERE " ENDED_IN("c", "ended_at") ") AS c), "

#define HOURLY \
    "metered AS (SELECT tenant_id, hour, namespace, pg_catalog.count(*) AS executions, " \
    "pg_catalog.sum(cpu_millicore_seconds)::bigint AS cpu, pg_catalog.sum(memory_mib_seconds)::bigint AS memory, " \
    "pg_catalog.sum(billable_millicore_seconds)::bigint AS billable, pg_catalog.sum(charged)::bigint AS charged " \
    "FROM consumed GROUP BY 1, 2, 3), " \
    "outcomes AS (SELECT d.tenant_id, d.hour, e.namespace, pg_catalog.count(*) AS ended, " \
    "pg_catalog.count(*) FILTER (WHERE e.state = 'succeeded') AS succeeded, " \
    "COALESCE(pg_catalog.sum(pg_catalog.round(pg_catalog.date_part('epoch', e.finished_at - e.started_at) * 1000)::bigint) " \
    "FILTER (WHERE e.state = 'succeeded'), 0)::bigint AS succeeded_millis, " \
    "pg_catalog.count(*) FILTER (WHERE e.sla_met) AS sla_met, pg_catalog.count(*) FILTER (WHERE NOT e.sla_met) AS sla_missed, " \
    "COALESCE(pg_catalog.sum(e.bytes_out) FILTER (WHERE e.state = 'succeeded'), 0)::bigint AS bytes_out " \
    "FROM dirty AS d, LATERAL (SELECT * FROM sparkingest.job_executions AS e WHERE e.finished_at IS NOT NULL AND " \
    ENDED_IN("e", "finished_at") ") AS e WHERE NOT e.is_draft AND e.state <> 'cancelled' GROUP BY 1, 2, 3), " \
    "hourly AS (SELECT tenant_id, hour, namespace, COALESCE(m.executions, 0), COALESCE(m.cpu, 0), COALESCE(m.memory, 0), " \
    "COALESCE(m.billable, 0), COALESCE(m.charged, 0), COALESCE(o.ended, 0), COALESCE(o.succeeded, 0), " \
    "COALESCE(o.succeeded_millis, 0), COALESCE(o.sla_met, 0), COALESCE(o.sla_missed, 0), COALESCE(o.bytes_out, 0) " \
    "FROM metered AS m FULL JOIN outcomes AS o USING (tenant_id, hour, namespace)), "

/*
 * An execution is in use from started_at for billed_seconds, in whole seconds, so that its pieces add up to what is billed.
 * Quarters of an hour are what hours on every clock are made of.
 */
#define LOAD \
    "runs AS (SELECT c.tenant_id, c.hour, c.time_zone, c.started_at, c.billed_seconds, c.billable_millicore_seconds, " \
    "CASE WHEN c.borrowed THEN 'borrowed' ELSE COALESCE(n.purpose, 'shared') END AS place " \
    "FROM consumed AS c LEFT JOIN sparkingest.namespaces AS n USING (namespace) " \
    "UNION ALL SELECT d.tenant_id, d.hour, d.time_zone, c.started_at, c.billed_seconds, c.billable_millicore_seconds, 'lent' " \
    "FROM dirty AS d, LATERAL (SELECT * FROM sparkingest.lending_credits AS l WHERE " ENDED_IN("l", "ended_at") ") AS l " \
    "JOIN sparkingest.resource_consumption AS c ON c.execution_id = l.execution_id AND c.ended_at = l.ended_at), " \
    "pieces AS (SELECT r.tenant_id, r.hour AS ended_hour, r.time_zone, r.place, q.at, " \
    "r.billable_millicore_seconds / GREATEST(r.billed_seconds, 1) * " \
    "(LEAST(r.billed_seconds, pg_catalog.ceil(pg_catalog.date_part('epoch', q.at - r.started_at + '15 minutes'::interval))::bigint) - " \
    "GREATEST(0, pg_catalog.ceil(pg_catalog.date_part('epoch', q.at - r.started_at))::bigint)) AS used FROM runs AS r, " \
    "LATERAL pg_catalog.generate_series(pg_catalog.date_bin('15 minutes', r.started_at, '2000-01-01 00:00:00+00'), " \
    "r.started_at + (r.billed_seconds - 1) * '1 second'::interval, '15 minutes') AS q (at)), " \
    "quarters AS (SELECT tenant_id, at, ended_hour, time_zone, place, pg_catalog.sum(used) AS used FROM pieces GROUP BY 1, 2, 3, 4, 5), " \
    "load AS (SELECT tenant_id, pg_catalog.date_trunc('hour', at, time_zone), ended_hour, place, pg_catalog.sum(used)::bigint " \
    "FROM quarters WHERE used > 0 GROUP BY 1, 2, 3, 4), "

/* clang-format on */

int64
si_usage_roll_up(void)
{
    /* What is the same stays as it is: a row of a day ago is seldom summed to anything new. */
    static SiStatement roll_up = {
        "WITH " DIRTY CONSUMED HOURLY LOAD
        "hourly_there AS MATERIALIZED (SELECT u.* FROM dirty AS d, LATERAL (SELECT * FROM sparkingest.usage_hourly AS u "
        "WHERE u.tenant_id = d.tenant_id AND u.hour = d.hour OFFSET 0) AS u), "
        "hourly_gone AS (DELETE FROM sparkingest.usage_hourly AS u USING (SELECT tenant_id, hour, namespace FROM hourly_there "
        "EXCEPT SELECT tenant_id, hour, namespace FROM hourly) AS g "
        "WHERE u.tenant_id = g.tenant_id AND u.hour = g.hour AND u.namespace = g.namespace RETURNING 1), "
        "hourly_new AS (INSERT INTO sparkingest.usage_hourly AS u SELECT * FROM (SELECT * FROM hourly EXCEPT SELECT * FROM hourly_there) AS n "
        "ON CONFLICT (tenant_id, hour, namespace) DO UPDATE SET (executions, cpu_millicore_seconds, memory_mib_seconds, "
        "billable_millicore_seconds, charged, ended, succeeded, succeeded_millis, sla_met, sla_missed, bytes_out) = "
        "(excluded.executions, excluded.cpu_millicore_seconds, excluded.memory_mib_seconds, excluded.billable_millicore_seconds, "
        "excluded.charged, excluded.ended, excluded.succeeded, excluded.succeeded_millis, excluded.sla_met, excluded.sla_missed, "
        "excluded.bytes_out) RETURNING 1), "
        "load_there AS MATERIALIZED (SELECT u.* FROM dirty AS d, LATERAL (SELECT * FROM sparkingest.usage_load AS u "
        "WHERE u.tenant_id = d.tenant_id AND u.ended_hour = d.hour OFFSET 0) AS u), "
        "load_gone AS (DELETE FROM sparkingest.usage_load AS u USING (SELECT tenant_id, hour, ended_hour, place FROM load_there "
        "EXCEPT SELECT tenant_id, date_trunc, ended_hour, place FROM load) AS g "
        "WHERE u.tenant_id = g.tenant_id AND u.hour = g.hour AND u.ended_hour = g.ended_hour AND u.place = g.place RETURNING 1), "
        "load_new AS (INSERT INTO sparkingest.usage_load AS u SELECT * FROM (SELECT * FROM load EXCEPT SELECT * FROM load_there) AS n "
        "ON CONFLICT (tenant_id, hour, ended_hour, place) DO UPDATE SET millicore_seconds = excluded.millicore_seconds RETURNING 1) "
        "SELECT (SELECT pg_catalog.count(*) FROM hourly_gone) + (SELECT pg_catalog.count(*) FROM hourly_new) + "
        "(SELECT pg_catalog.count(*) FROM load_gone) + (SELECT pg_catalog.count(*) FROM load_new)",
        0};
    int64 n;

    noted.transaction = InvalidLocalTransactionId; /* what this transaction noted is taken now */
    si_sql_open();
    si_sql_run(&roll_up, NULL, NULL);
    n = si_sql_int8(0, 1);
    si_sql_close();
    return n;
}

void
si_usage_forget(void)
{
    static SiStatement forget = {"WITH hourly AS (DELETE FROM sparkingest.usage_hourly WHERE hour >= " SI_KEPT_SINCE "), "
                                 "load AS (DELETE FROM sparkingest.usage_load WHERE ended_hour >= " SI_KEPT_SINCE "), "
                                 "noted AS (DELETE FROM sparkingest.usage_changes) "
                                 "INSERT INTO sparkingest.usage_changes (tenant_id, hour) "
                                 "SELECT DISTINCT r.tenant_id, pg_catalog.date_trunc('hour', r.at, t.time_zone) FROM "
                                 "(SELECT tenant_id, ended_at FROM sparkingest.resource_consumption "
                                 "UNION ALL SELECT tenant_id, ended_at FROM sparkingest.lending_credits "
                                 "UNION ALL SELECT tenant_id, finished_at FROM sparkingest.job_executions WHERE finished_at IS NOT NULL) "
                                 "AS r (tenant_id, at) JOIN sparkingest.tenants AS t USING (tenant_id)",
                                 0};

    si_sql_open();
    si_sql_run(&forget, NULL, NULL);
    si_sql_close();
}
