/*
 * purchases.c: rows of resource_purchases and their grants.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "pg/lock.h"
#include "pg/quantities.h"
#include "store/books.h"
#include "store/purchases.h"
#include "store/sql.h"

#define MILLION 1000000

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
                                 "valid_from, valid_until, lending_limit, priority, unit_price, currency, created_at, rollover_share, discount) "
                                 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::numeric, $11, $12, $13::numeric, $14::numeric)",
                                 14,
                                 {UUIDOID, UUIDOID, TEXTOID, INT4OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, INT4OID, TEXTOID,
                                  TEXTOID, TIMESTAMPTZOID, TEXTOID, TEXTOID}};
    Datum values[14] = {UUIDPGetDatum(&purchase->purchase_id), UUIDPGetDatum(&purchase->tenant_id),
                        si_text_datum(purchase->resource_type), Int32GetDatum(purchase->quantity),
                        si_text_datum(purchase->time_period), TimestampTzGetDatum(purchase->valid_from),
                        TimestampTzGetDatum(purchase->valid_until), Int32GetDatum(purchase->lending_limit),
                        Int32GetDatum(purchase->priority)};
    char nulls[] = "              ";

    values[9] = si_text_or_null(purchase->unit_price < 0 ? NULL : si_quantity_text(purchase->unit_price, MILLION), &nulls[9]);
    values[10] = si_text_or_null(purchase->currency, &nulls[10]);
    values[11] = TimestampTzGetDatum(now);
    values[12] = si_text_datum(si_quantity_text(purchase->rollover_share, MILLION));
    values[13] = si_text_datum(si_quantity_text(purchase->discount, MILLION));
    si_sql_open();
    si_sql_run(&insert, values, nulls);
    si_sql_close();
}

/* Accounts are numbered by those that are there. A tick holds many tenants' turns: it must not wait for one. */
static void
take_turn(const pg_uuid_t *tenant_id, bool wait)
{
    uint32 key = hash_bytes(tenant_id->data, UUID_LEN);

    if (wait)
        si_lock_transaction(SI_LOCK_ACCOUNTS, key, 0);
    else if (!si_lock_transaction_try(SI_LOCK_ACCOUNTS, key, 0))
        ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("tenant \"%s\" buys just now", si_uuid_text(tenant_id))));
}

/* Each grant that comes or changes has an entry of its terms from then on: CHANGED, an UPDATE, RETURNING_TERMS, TELL_TERMS; $3 is now. */
#define CHANGED "changed AS (UPDATE sparkingest.grants AS g SET "
#define RETURNING_TERMS \
    " RETURNING g.grant_id, g.tenant_id, g.starts_at, g.ends_at, g.namespace, g.granted, " SI_GRANT_TERMS("g") " AS terms) "
#define TELL_TERMS \
    "INSERT INTO sparkingest.balance_entries (at, tenant_id, grant_id, entry_type, amount, terms) " \
    "SELECT $3, tenant_id, grant_id, 'terms', 0, terms FROM changed"

void
si_grants_insert(const SiPurchase *purchase, const char *namespace_name, const TimestampTz *boundaries, int n,
                 const SiSupply *first, const SiSupply *each, TimestampTz now)
{
    static SiStatement insert = {
        "WITH changed AS (INSERT INTO sparkingest.grants AS g (grant_id, purchase_id, tenant_id, resource_type, namespace, "
        "starts_at, ends_at, cpu_millicores, memory_mib, granted, priority, price, rolled_from, rollover_left, lending_limit, account_no) "
        "SELECT pg_catalog.gen_random_uuid(), $1, $2, $3, $4, b.boundary, b.next_one, $6, $7, "
        "CASE b.boundary WHEN $5[1] THEN $11 ELSE $8 END, $9, CASE b.boundary WHEN $5[1] THEN $12 ELSE $13 END::numeric, $14, "
        "CASE b.boundary WHEN $5[1] THEN $15 ELSE $16 END, $17, "
        "CASE $3 WHEN 'vcpu_hours' THEN pg_catalog.row_number() OVER (ORDER BY b.boundary) + (SELECT COALESCE("
        "pg_catalog.max(a.account_no), -1) FROM sparkingest.grants AS a WHERE a.tenant_id = $2) END FROM "
        "(SELECT u.boundary, pg_catalog.lead(u.boundary) OVER (ORDER BY u.boundary) AS next_one "
        "FROM pg_catalog.unnest($5) AS u (boundary)) AS b WHERE b.next_one IS NOT NULL " RETURNING_TERMS
        "INSERT INTO sparkingest.balance_entries (at, tenant_id, grant_id, entry_type, amount, terms) "
        "SELECT $10, tenant_id, grant_id, CASE WHEN granted > 0 THEN 'grant' ELSE 'terms' END, granted, terms FROM changed",
        17,
        {UUIDOID, UUIDOID, TEXTOID, TEXTOID, TIMESTAMPTZARRAYOID, INT8OID, INT8OID, INT8OID, INT4OID, TIMESTAMPTZOID, INT8OID, TEXTOID,
         TEXTOID, UUIDOID, INT8OID, INT8OID, INT4OID}};
    Datum *elements = palloc(n * sizeof(Datum));
    Datum values[17] = {UUIDPGetDatum(&purchase->purchase_id), UUIDPGetDatum(&purchase->tenant_id),
                        si_text_datum(purchase->resource_type)};
    char nulls[] = "                 ";

    for (int i = 0; i < n; i++)
        elements[i] = TimestampTzGetDatum(boundaries[i]);
    values[3] = si_text_or_null(namespace_name, &nulls[3]);
    values[4] = PointerGetDatum(
        construct_array(elements, n, TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
    values[5] = Int64GetDatum(each->cpu_millicores);
    values[6] = Int64GetDatum(each->memory_mib);
    values[7] = Int64GetDatum(each->granted);
    values[8] = Int32GetDatum(purchase->priority);
    values[9] = TimestampTzGetDatum(now);
    values[10] = Int64GetDatum(first->granted);
    values[11] = si_text_or_null(first->price, &nulls[11]);
    values[12] = si_text_or_null(each->price, &nulls[12]);
    values[13] = UUIDPGetDatum(first->rolled_from);
    nulls[13] = first->rolled_from ? ' ' : 'n';
    values[14] = Int64GetDatum(first->rollover);
    values[15] = Int64GetDatum(each->rollover);
    values[16] = Int32GetDatum(purchase->lending_limit);
    take_turn(&purchase->tenant_id, first->rolled_from == NULL);
    si_sql_open();
    si_sql_run(&insert, values, nulls);
    si_sql_close();
}

#define SELECT_PURCHASE \
    "SELECT tenant_id, resource_type, quantity, time_period, valid_from, valid_until, lending_limit, priority, " \
    "(rollover_share * 1000000)::bigint, COALESCE(unit_price * 1000000, -1)::bigint, (discount * 1000000)::bigint, currency, " \
    "cancelled_from FROM sparkingest.resource_purchases WHERE purchase_id = $1"

bool
si_purchase_load(const pg_uuid_t *purchase_id, bool for_update, SiPurchase *out)
{
    static SiStatement find = {SELECT_PURCHASE, 1, {UUIDOID}};
    static SiStatement lock = {SELECT_PURCHASE " FOR UPDATE", 1, {UUIDOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {UUIDPGetDatum(purchase_id)};
    bool found;

    si_sql_open();
    found = si_sql_run(for_update ? &lock : &find, values, NULL) > 0;
    if (found)
        *out = (SiPurchase){.purchase_id = *purchase_id,
                            .tenant_id = si_sql_uuid(0, 1, NULL),
                            .resource_type = si_sql_text_copy(0, 2, context),
                            .quantity = si_sql_int4(0, 3),
                            .time_period = si_sql_text_copy(0, 4, context),
                            .valid_from = si_sql_time(0, 5),
                            .valid_until = si_sql_time(0, 6),
                            .lending_limit = si_sql_int4(0, 7),
                            .priority = si_sql_int4(0, 8),
                            .rollover_share = si_sql_int8(0, 9),
                            .unit_price = si_sql_int8(0, 10),
                            .discount = si_sql_int8(0, 11),
                            .currency = si_sql_text_copy(0, 12, context),
                            .cancelled_from = si_sql_time(0, 13)};
    si_sql_close();
    return found;
}

void
si_purchase_set_cancelled(const pg_uuid_t *purchase_id, TimestampTz from, TimestampTz now)
{
    static SiStatement update = {"UPDATE sparkingest.resource_purchases SET status = 'cancelled', cancelled_from = $2, cancelled_at = $3 "
                                 "WHERE purchase_id = $1",
                                 3,
                                 {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(purchase_id), TimestampTzGetDatum(from), TimestampTzGetDatum(now)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

void
si_grants_cut(const SiPurchase *purchase, TimestampTz at, TimestampTz now, SiCut *out)
{
    /* Whole microseconds and millionths, so that the rounding is ours: half up. */
    static SiStatement cut = {
        "WITH " CHANGED "ends_at = GREATEST(g.starts_at, $2), rollover_left = 0, price = CASE g.resource_type "
        "WHEN 'vcpu_hours' THEN g.price ELSE pg_catalog.div(2 * g.price * 1000000 * s.remaining + s.whole, 2 * s.whole) * 0.000001 END "
        "FROM (SELECT o.grant_id, 1000000 * EXTRACT(epoch FROM o.ends_at - o.starts_at) AS whole, "
        "1000000 * EXTRACT(epoch FROM GREATEST(o.starts_at, $2) - o.starts_at) AS remaining "
        "FROM sparkingest.grants AS o WHERE o.purchase_id = $1 AND o.ends_at > $2) AS s "
        "WHERE g.grant_id = s.grant_id" RETURNING_TERMS ", told AS (" TELL_TERMS ") "
        "SELECT grant_id, starts_at = ends_at, namespace FROM changed",
        3,
        {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {UUIDPGetDatum(&purchase->purchase_id), TimestampTzGetDatum(at), TimestampTzGetDatum(now)};
    int last;

    si_sql_open();
    *out = (SiCut){.tenant_id = purchase->tenant_id, .n = (int) si_sql_run(&cut, values, NULL)};
    out->grants = MemoryContextAlloc(context, (out->n + 1) * sizeof(pg_uuid_t));
    last = out->n;
    for (int i = 0; i < out->n; i++)
        out->grants[si_sql_bool(i, 2) ? out->n_void++ : --last] = si_sql_uuid(i, 1, NULL);
    if (out->n > 0)
        out->namespace_name = si_sql_text_copy(0, 3, context);
    si_sql_close();
}

/* What a payer holds of grants $2, and whether of the first $3 of them, as its entries say. */
#define HOLDING \
    "HAVING pg_catalog.sum(CASE b.entry_type WHEN 'hold' THEN b.amount ELSE -b.amount END) > 0"
#define LOSES_PERIOD "pg_catalog.bool_or(b.grant_id = ANY ($2[1:$3]))"

int
si_grants_holders(const SiCut *cut, TimestampTz after, SiHolder **out)
{
    static SiStatement find = {
        "SELECT true, e.execution_id, " LOSES_PERIOD ", j.priority, e.planned_start AS starts_at "
        "FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id) "
        "JOIN sparkingest.balance_entries AS b USING (execution_id) WHERE e.tenant_id = $1 "
        "AND e.state IN ('scheduled', 'waiting', 'dispatching', 'submitted', 'running') AND COALESCE(e.planned_end, 'infinity') > $4 "
        "AND b.grant_id = ANY ($2) GROUP BY e.execution_id, j.priority, e.planned_start " HOLDING
        " UNION ALL SELECT false, r.reservation_id, " LOSES_PERIOD ", 0, r.starts_at "
        "FROM sparkingest.reservations AS r JOIN sparkingest.balance_entries AS b USING (reservation_id) WHERE r.tenant_id = $1 "
        "AND r.status = 'active' AND r.held > 0 AND r.ends_at > $4 AND b.grant_id = ANY ($2) GROUP BY r.reservation_id, r.starts_at " HOLDING
        " ORDER BY priority DESC, starts_at, 2",
        4,
        {UUIDOID, UUIDARRAYOID, INT4OID, TIMESTAMPTZOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum *elements = palloc((cut->n + 1) * sizeof(Datum));
    Datum values[4] = {UUIDPGetDatum(&cut->tenant_id), 0, Int32GetDatum(cut->n_void), TimestampTzGetDatum(after)};
    int n;

    for (int i = 0; i < cut->n; i++)
        elements[i] = UUIDPGetDatum(&cut->grants[i]);
    values[1] = PointerGetDatum(construct_array(elements, cut->n, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
    si_sql_open();
    n = (int) si_sql_run(&find, values, NULL);
    *out = MemoryContextAlloc(context, (n + 1) * sizeof(SiHolder));
    for (int i = 0; i < n; i++)
        (*out)[i] = (SiHolder){si_sql_bool(i, 1), si_sql_uuid(i, 2, NULL), si_sql_bool(i, 3)};
    si_sql_close();
    return n;
}

void
si_grant_price_rest(const pg_uuid_t *grant_id, int64 lapsed, TimestampTz now)
{
    static SiStatement update = {
        "WITH " CHANGED "price = pg_catalog.div(2 * price * 1000000 * granted + GREATEST(granted + $2::numeric, 1), "
        "2 * GREATEST(granted + $2::numeric, 1)) * 0.000001 WHERE grant_id = $1 AND price IS NOT NULL" RETURNING_TERMS TELL_TERMS,
        3,
        {UUIDOID, INT8OID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(grant_id), Int64GetDatum(lapsed), TimestampTzGetDatum(now)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

int
si_grants_ended(TimestampTz now, pg_uuid_t **out)
{
    static SiStatement find = {"SELECT grant_id FROM sparkingest.grants WHERE resource_type = 'vcpu_hours' AND held + spent < granted "
                               "AND ends_at <= $1 ORDER BY ends_at, grant_id",
                               1,
                               {TIMESTAMPTZOID}};
    Datum values[] = {TimestampTzGetDatum(now)};

    return si_sql_ids(&find, values, out);
}

bool
si_grant_ended(const pg_uuid_t *grant_id, SiEndedGrant *out)
{
    static SiStatement find = {"SELECT g.purchase_id, g.rollover_left, g.ends_at, (SELECT n.ends_at FROM sparkingest.grants AS n "
                               "WHERE n.purchase_id = g.purchase_id AND n.starts_at = g.ends_at AND n.rolled_from IS NULL) "
                               "FROM sparkingest.grants AS g JOIN sparkingest.resource_purchases AS p USING (purchase_id) "
                               "WHERE g.grant_id = $1 FOR UPDATE OF p SKIP LOCKED",
                               1,
                               {UUIDOID}};
    Datum values[] = {UUIDPGetDatum(grant_id)};
    bool found;

    si_sql_open();
    found = si_sql_run(&find, values, NULL) > 0;
    if (found)
        *out = (SiEndedGrant){si_sql_uuid(0, 1, NULL), si_sql_int8(0, 2), si_sql_time(0, 3), si_sql_time(0, 4)};
    si_sql_close();
    return found;
}

void
si_grant_rolled_over(const pg_uuid_t *grant_id, int64 amount, TimestampTz now)
{
    static SiStatement update = {"WITH " CHANGED "rollover_left = rollover_left - $2 WHERE grant_id = $1" RETURNING_TERMS TELL_TERMS,
                                 3,
                                 {UUIDOID, INT8OID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(grant_id), Int64GetDatum(amount), TimestampTzGetDatum(now)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

int
si_pools_cut(TimestampTz from, TimestampTz until, SiPool **out)
{
    static SiStatement find = {"SELECT DISTINCT g.namespace, g.tenant_id FROM sparkingest.resource_purchases AS p "
                               "JOIN sparkingest.grants AS g USING (purchase_id) WHERE p.status = 'cancelled' "
                               "AND p.resource_type = 'dedicated_units' AND p.valid_until > $1 AND p.cancelled_from < $2 ORDER BY 1, 2",
                               2,
                               {TIMESTAMPTZOID, TIMESTAMPTZOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {TimestampTzGetDatum(from), TimestampTzGetDatum(until)};
    int n;

    si_sql_open();
    n = (int) si_sql_run(&find, values, NULL);
    *out = MemoryContextAlloc(context, (n + 1) * sizeof(SiPool));
    for (int i = 0; i < n; i++)
    {
        strlcpy((*out)[i].namespace_name, si_sql_text_copy(i, 1, CurrentMemoryContext), sizeof((*out)[i].namespace_name));
        (*out)[i].has_tenant = true;
        (*out)[i].tenant_id = si_sql_uuid(i, 2, NULL);
    }
    si_sql_close();
    return n;
}

void
si_dedicated_peak(const char *namespace_name, TimestampTz from, TimestampTz until, int64 *cpu_millicores, int64 *memory_mib)
{
    /* From one start or end to the next: an end is not in its period any more, so both at one instant count together. */
    static SiStatement peak = {
        "WITH sold AS (SELECT GREATEST(g.starts_at, $2) AS starts_at, g.ends_at, g.cpu_millicores, g.memory_mib FROM sparkingest.grants AS g "
        "WHERE g.resource_type = 'dedicated_units' AND g.namespace = $1 AND g.starts_at < $3 AND g.ends_at > $2 AND g.ends_at > g.starts_at) "
        "SELECT COALESCE(pg_catalog.max(s.cpu), 0)::bigint, COALESCE(pg_catalog.max(s.memory), 0)::bigint FROM "
        "(SELECT pg_catalog.sum(pg_catalog.sum(c.cpu)) OVER (ORDER BY c.at) AS cpu, "
        "pg_catalog.sum(pg_catalog.sum(c.memory)) OVER (ORDER BY c.at) AS memory FROM "
        "(SELECT starts_at AS at, cpu_millicores AS cpu, memory_mib AS memory FROM sold "
        "UNION ALL SELECT ends_at, -cpu_millicores, -memory_mib FROM sold) AS c GROUP BY c.at) AS s",
        3,
        {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
    Datum values[] = {si_text_datum(namespace_name), TimestampTzGetDatum(from), TimestampTzGetDatum(until)};

    si_sql_open();
    si_sql_run_latest(&peak, values, NULL);
    *cpu_millicores = si_sql_int8(0, 1);
    *memory_mib = si_sql_int8(0, 2);
    si_sql_close();
}
