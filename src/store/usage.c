/*
 * usage.c: what a tenant bought, holds and has used.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "store/sql.h"
#include "store/usage.h"

/* Asked for "now", by a clock that was read a moment ago. */
#define MOMENT USECS_PER_SEC

int
si_grant_balances(const pg_uuid_t *tenant_id, TimestampTz at, TimestampTz now, SiGrantBalance **out)
{
    static SiStatement current = {"SELECT purchase_id, grant_id, starts_at, ends_at, granted, held, spent "
                                  "FROM sparkingest.grant_balances WHERE tenant_id = $1 AND starts_at <= $2 AND ends_at > $2 "
                                  "ORDER BY priority, ends_at, account_no",
                                  2,
                                  {UUIDOID, TIMESTAMPTZOID}};
    /* What is sealed is found by the tenant's chain, the rest by grant. */
    static SiStatement past = {
        "SELECT g.purchase_id, g.grant_id, g.starts_at, g.ends_at, s.granted, s.held, s.spent FROM sparkingest.grants AS g JOIN "
        "(SELECT b.grant_id, pg_catalog.sum(CASE b.entry_type WHEN 'grant' THEN b.amount WHEN 'lapse' THEN -b.amount ELSE 0 END)::bigint "
        "AS granted, pg_catalog.sum(CASE b.entry_type WHEN 'hold' THEN b.amount WHEN 'release' THEN -b.amount WHEN 'charge' THEN -b.amount "
        "ELSE 0 END)::bigint AS held, pg_catalog.sum(CASE b.entry_type WHEN 'charge' THEN b.amount ELSE 0 END)::bigint AS spent FROM "
        "(SELECT e.grant_id, e.entry_type, e.amount, e.at FROM sparkingest.balance_entries AS e WHERE e.tenant_id = $1 "
        "AND e.chain_no IS NOT NULL UNION ALL SELECT e.grant_id, e.entry_type, e.amount, e.at FROM sparkingest.grants AS o "
        "JOIN sparkingest.balance_entries AS e ON e.grant_id = o.grant_id AND e.chain_no IS NULL WHERE o.tenant_id = $1) AS b "
        "WHERE b.at <= $2 GROUP BY 1) AS s USING (grant_id) "
        "WHERE g.tenant_id = $1 AND g.resource_type = 'vcpu_hours' AND g.starts_at <= $2 AND g.ends_at > $2 "
        "ORDER BY g.priority, g.ends_at, g.account_no",
        2,
        {UUIDOID, TIMESTAMPTZOID},
        .by_index = true};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {UUIDPGetDatum(tenant_id), TimestampTzGetDatum(at)};
    uint64 n;

    si_sql_open();
    n = si_sql_run(at < now - MOMENT ? &past : &current, values, NULL);
    *out = MemoryContextAlloc(context, (n + 1) * sizeof(SiGrantBalance));
    for (uint64 i = 0; i < n; i++)
        (*out)[i] = (SiGrantBalance){si_sql_uuid(i, 1, NULL), si_sql_uuid(i, 2, NULL), si_sql_time(i, 3), si_sql_time(i, 4),
                                     si_sql_int8(i, 5), si_sql_int8(i, 6), si_sql_int8(i, 7)};
    si_sql_close();
    return (int) n;
}

void
si_holdings(const pg_uuid_t *tenant_id, TimestampTz at, SiHoldings *out)
{
    static SiStatement find = {
        "SELECT COALESCE(g.cpu, 0)::bigint, COALESCE(g.memory, 0)::bigint, COALESCE(r.cpu, 0)::bigint, "
        "COALESCE(r.memory, 0)::bigint, COALESCE(r.lent_cpu, 0)::bigint, COALESCE(r.lent_memory, 0)::bigint, "
        "e.scheduled, e.waiting, e.running FROM "
        "(SELECT pg_catalog.sum(cpu_millicores) AS cpu, pg_catalog.sum(memory_mib) AS memory FROM sparkingest.grants "
        "WHERE tenant_id = $1 AND resource_type = 'dedicated_units' AND starts_at <= $2 AND ends_at > $2) AS g, "
        "(SELECT pg_catalog.sum(r.cpu_millicores) FILTER (WHERE NOT r.borrowed) AS cpu, "
        "pg_catalog.sum(r.memory_mib) FILTER (WHERE NOT r.borrowed) AS memory, "
        "pg_catalog.sum(r.cpu_millicores) FILTER (WHERE r.borrowed) AS lent_cpu, "
        "pg_catalog.sum(r.memory_mib) FILTER (WHERE r.borrowed) AS lent_memory "
        "FROM sparkingest.reservations AS r JOIN sparkingest.pools AS p USING (pool_id) WHERE p.tenant_id = $1 "
        "AND r.status = 'active' AND r.starts_at <= $2 AND r.ends_at > $2) AS r, "
        "(SELECT pg_catalog.count(*) FILTER (WHERE state = 'scheduled') AS scheduled, "
        "pg_catalog.count(*) FILTER (WHERE state = 'waiting') AS waiting, "
        "pg_catalog.count(*) FILTER (WHERE state IN ('dispatching', 'submitted', 'running')) AS running "
        "FROM sparkingest.job_executions WHERE tenant_id = $1 "
        "AND state IN ('scheduled', 'waiting', 'dispatching', 'submitted', 'running')) AS e",
        2,
        {UUIDOID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(tenant_id), TimestampTzGetDatum(at)};

    si_sql_open();
    si_sql_run(&find, values, NULL);
    *out = (SiHoldings){si_sql_int8(0, 1), si_sql_int8(0, 2), si_sql_int8(0, 3), si_sql_int8(0, 4),
                        si_sql_int8(0, 5), si_sql_int8(0, 6), si_sql_int8(0, 7), si_sql_int8(0, 8), si_sql_int8(0, 9)};
    si_sql_close();
}
