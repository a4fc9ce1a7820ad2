/*
 * purchases.c: rows of resource_purchases and their grants.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "store/purchases.h"
#include "store/sql.h"

int
si_period_boundaries(TimestampTz valid_from, TimestampTz until, const char *time_period, const char *time_zone, int max,
                     TimestampTz *out)
{
    /* Calendar periods are counted on the local clock from the first start; hours are absolute. A day that the zone left
     * out is no period. */
    static SiStatement boundaries = {
        "SELECT DISTINCT b.boundary FROM pg_catalog.generate_series(0, $5 - 1) AS k, LATERAL (SELECT CASE "
        "WHEN k = 0 THEN $1 WHEN $3 = 'hourly' THEN $1 + k * '1 hour'::interval "
        "ELSE (($1 AT TIME ZONE $4) + k * CASE $3 WHEN 'daily' THEN '1 day'::interval "
        "WHEN 'monthly' THEN '1 month'::interval ELSE '1 year'::interval END) AT TIME ZONE $4 END) AS b (boundary) "
        "WHERE b.boundary <= $2 ORDER BY 1",
        5,
        {TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, INT4OID}};
    Datum values[] = {TimestampTzGetDatum(valid_from), TimestampTzGetDatum(until), si_text_datum(time_period),
                      si_text_datum(time_zone), Int32GetDatum(max)};
    int n;

    si_sql_open();
    n = (int) si_sql_run(&boundaries, values, NULL);
    for (int i = 0; i < n; i++)
        out[i] = si_sql_time(i, 1);
    si_sql_close();
    return n;
}

void
si_purchase_insert(const SiPurchase *purchase, TimestampTz now)
{
    static SiStatement insert = {"INSERT INTO sparkingest.resource_purchases (purchase_id, tenant_id, resource_type, quantity, time_period, "
                                 "valid_from, valid_until, lending_limit, priority, unit_price, currency, created_at) "
                                 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::numeric, $11, $12)",
                                 12,
                                 {UUIDOID, UUIDOID, TEXTOID, INT4OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, INT4OID, TEXTOID,
                                  TEXTOID, TIMESTAMPTZOID}};
    Datum values[12] = {UUIDPGetDatum(&purchase->purchase_id), UUIDPGetDatum(&purchase->tenant_id),
                        si_text_datum(purchase->resource_type), Int32GetDatum(purchase->quantity),
                        si_text_datum(purchase->time_period), TimestampTzGetDatum(purchase->valid_from),
                        TimestampTzGetDatum(purchase->valid_until), Int32GetDatum(purchase->lending_limit),
                        Int32GetDatum(purchase->priority)};
    char nulls[] = "            ";

    if (purchase->unit_price)
    {
        values[9] = si_text_datum(purchase->unit_price);
        values[10] = si_text_datum(purchase->currency);
    }
    else
        nulls[9] = nulls[10] = 'n';
    values[11] = TimestampTzGetDatum(now);
    si_sql_open();
    si_sql_run(&insert, values, nulls);
    si_sql_close();
}

void
si_grants_insert(const SiPurchase *purchase, const char *namespace_name, const TimestampTz *boundaries, int n,
                 int64 cpu_millicores, int64 memory_mib, int64 granted, TimestampTz now)
{
    static SiStatement insert = {
        "WITH added AS (INSERT INTO sparkingest.grants (grant_id, purchase_id, tenant_id, resource_type, namespace, "
        "starts_at, ends_at, cpu_millicores, memory_mib, granted, priority, account_no) "
        "SELECT pg_catalog.gen_random_uuid(), $1, $2, $3, $4, b.boundary, b.next_one, $6, $7, $8, $9, "
        "CASE $3 WHEN 'vcpu_hours' THEN pg_catalog.row_number() OVER (ORDER BY b.boundary) + (SELECT COALESCE("
        "pg_catalog.max(a.account_no), -1) FROM sparkingest.grants AS a WHERE a.tenant_id = $2) END FROM "
        "(SELECT u.boundary, pg_catalog.lead(u.boundary) OVER (ORDER BY u.boundary) AS next_one "
        "FROM pg_catalog.unnest($5) AS u (boundary)) AS b WHERE b.next_one IS NOT NULL RETURNING grant_id, tenant_id, granted) "
        "INSERT INTO sparkingest.balance_entries (at, tenant_id, grant_id, entry_type, amount) "
        "SELECT $10, tenant_id, grant_id, 'grant', granted FROM added WHERE granted > 0",
        10,
        {UUIDOID, UUIDOID, TEXTOID, TEXTOID, TIMESTAMPTZARRAYOID, INT8OID, INT8OID, INT8OID, INT4OID, TIMESTAMPTZOID}};
    Datum *elements = palloc(n * sizeof(Datum));
    Datum values[10] = {UUIDPGetDatum(&purchase->purchase_id), UUIDPGetDatum(&purchase->tenant_id),
                        si_text_datum(purchase->resource_type)};
    char nulls[] = "          ";

    for (int i = 0; i < n; i++)
        elements[i] = TimestampTzGetDatum(boundaries[i]);
    if (namespace_name)
        values[3] = si_text_datum(namespace_name);
    else
        nulls[3] = 'n';
    values[4] = PointerGetDatum(
        construct_array(elements, n, TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
    values[5] = Int64GetDatum(cpu_millicores);
    values[6] = Int64GetDatum(memory_mib);
    values[7] = Int64GetDatum(granted);
    values[8] = Int32GetDatum(purchase->priority);
    values[9] = TimestampTzGetDatum(now);
    si_sql_open();
    si_sql_run(&insert, values, nulls);
    si_sql_close();
}

void
si_dedicated_peak(const char *namespace_name, TimestampTz from, TimestampTz until, int64 *cpu_millicores, int64 *memory_mib)
{
    /* The sum only rises where a grant starts: look at the beginning and at each start inside. */
    static SiStatement peak = {
        "SELECT COALESCE(pg_catalog.max(s.cpu), 0)::bigint, COALESCE(pg_catalog.max(s.memory), 0)::bigint FROM "
        "(SELECT pg_catalog.sum(g.cpu_millicores) AS cpu, pg_catalog.sum(g.memory_mib) AS memory FROM "
        "(SELECT $2 AS at UNION SELECT starts_at FROM sparkingest.grants WHERE resource_type = 'dedicated_units' "
        "AND namespace = $1 AND starts_at > $2 AND starts_at < $3) AS p "
        "JOIN sparkingest.grants AS g ON g.resource_type = 'dedicated_units' AND g.namespace = $1 "
        "AND g.starts_at <= p.at AND g.ends_at > p.at GROUP BY p.at) AS s",
        3,
        {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
    Datum values[] = {si_text_datum(namespace_name), TimestampTzGetDatum(from), TimestampTzGetDatum(until)};

    si_sql_open();
    si_sql_run_latest(&peak, values, NULL);
    *cpu_millicores = si_sql_int8(0, 1);
    *memory_mib = si_sql_int8(0, 2);
    si_sql_close();
}
