/*
 * limits.c: rows of limits and reservation_limits.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/limits.h"
#include "store/sql.h"

#define SELECT_LIMIT "SELECT limit_id, tenant_id, limit_name, quantity FROM sparkingest.limits "

/* tenant_id is $1, or for the service's own an argument that is not looked at: no index answers IS NOT DISTINCT FROM. */
#define OF_TENANT "WHERE tenant_id = $1 AND limit_name = $2"
#define OF_SERVICE "WHERE tenant_id IS NULL AND $1 IS NULL AND limit_name = $2"

static bool
load(SiStatement *statement, Datum *values, const char *nulls, SiLimit *out)
{
    MemoryContext context = CurrentMemoryContext;
    bool found;
    bool common;

    si_sql_open();
    found = si_sql_run_latest(statement, values, nulls) > 0;
    if (found)
    {
        out->limit_id = si_sql_uuid(0, 1, NULL);
        out->tenant_id = si_sql_uuid(0, 2, &common);
        out->has_tenant = !common;
        out->limit_name = si_sql_text_copy(0, 3, context);
        out->quantity = si_sql_int4(0, 4);
    }
    si_sql_close();
    return found;
}

bool
si_limit_load(const pg_uuid_t *limit_id, SiLimit *out)
{
    static SiStatement find = {SELECT_LIMIT "WHERE limit_id = $1", 1, {UUIDOID}, .by_index = true};
    Datum values[] = {UUIDPGetDatum(limit_id)};

    return load(&find, values, NULL, out);
}

bool
si_limit_find(const pg_uuid_t *tenant_id, const char *limit_name, SiLimit *out)
{
    static SiStatement of_tenant = {SELECT_LIMIT OF_TENANT, 2, {UUIDOID, TEXTOID}, .by_index = true};
    static SiStatement of_service = {SELECT_LIMIT OF_SERVICE, 2, {UUIDOID, TEXTOID}, .by_index = true};
    Datum values[] = {UUIDPGetDatum(tenant_id), si_text_datum(limit_name)};

    return load(tenant_id ? &of_tenant : &of_service, values, tenant_id ? NULL : "n ", out);
}

bool
si_limit_lock(const pg_uuid_t *tenant_id, const char *limit_name, SiLimit *out)
{
    static SiStatement lock_of_tenant = {"SELECT FROM sparkingest.limits " OF_TENANT " FOR NO KEY UPDATE", 2, {UUIDOID, TEXTOID}, .by_index = true};
    static SiStatement lock_of_service = {"SELECT FROM sparkingest.limits " OF_SERVICE " FOR NO KEY UPDATE", 2, {UUIDOID, TEXTOID}, .by_index = true};
    Datum values[] = {UUIDPGetDatum(tenant_id), si_text_datum(limit_name)};

    si_sql_open();
    si_sql_run(tenant_id ? &lock_of_tenant : &lock_of_service, values, tenant_id ? NULL : "n ");
    si_sql_close();
    return si_limit_find(tenant_id, limit_name, out);
}

bool
si_limit_insert(const SiLimit *limit)
{
    static SiStatement insert = {"INSERT INTO sparkingest.limits (limit_id, tenant_id, limit_name, quantity) VALUES ($1, $2, $3, $4) "
                                 "ON CONFLICT (tenant_id, limit_name) DO NOTHING",
                                 4,
                                 {UUIDOID, UUIDOID, TEXTOID, INT4OID}};
    Datum values[] = {UUIDPGetDatum(&limit->limit_id), UUIDPGetDatum(&limit->tenant_id), si_text_datum(limit->limit_name),
                      Int32GetDatum((int32) limit->quantity)};
    bool inserted;

    si_sql_open();
    inserted = si_sql_run(&insert, values, limit->has_tenant ? NULL : " n  ") > 0;
    si_sql_close();
    return inserted;
}

void
si_limit_set_quantity(const pg_uuid_t *limit_id, int64 quantity)
{
    static SiStatement update = {"UPDATE sparkingest.limits SET quantity = $2 WHERE limit_id = $1", 2, {UUIDOID, INT4OID}, .by_index = true};
    Datum values[] = {UUIDPGetDatum(limit_id), Int32GetDatum((int32) quantity)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

void
si_limit_delete(const pg_uuid_t *limit_id)
{
    static SiStatement removal = {"DELETE FROM sparkingest.limits WHERE limit_id = $1", 1, {UUIDOID}, .by_index = true};
    Datum values[] = {UUIDPGetDatum(limit_id)};

    si_sql_open();
    si_sql_run(&removal, values, NULL);
    si_sql_close();
}

int64
si_limits_count(const pg_uuid_t *tenant_id)
{
    static SiStatement find = {"SELECT pg_catalog.count(*) FROM sparkingest.limits WHERE tenant_id = $1", 1, {UUIDOID}, .by_index = true};
    Datum values[] = {UUIDPGetDatum(tenant_id)};
    int64 n;

    si_sql_open();
    si_sql_run_latest(&find, values, NULL);
    n = si_sql_int8(0, 1);
    si_sql_close();
    return n;
}

void
si_limit_uses(const SiLimit *limit, int64 *jobs, int64 *reservations)
{
    static SiStatement find = {"SELECT (SELECT pg_catalog.count(*) FROM sparkingest.ingestion_jobs AS j "
                               "WHERE ($2 IS NULL OR j.tenant_id = $2) AND j.status <> 'dropped' AND (j.options -> 'limits') ? $3), "
                               "(SELECT pg_catalog.count(*) FROM sparkingest.reservation_limits AS l WHERE l.limit_id = $1)",
                               3,
                               {UUIDOID, UUIDOID, TEXTOID}};
    Datum values[] = {UUIDPGetDatum(&limit->limit_id), UUIDPGetDatum(&limit->tenant_id), si_text_datum(limit->limit_name)};

    si_sql_open();
    si_sql_run_latest(&find, values, limit->has_tenant ? NULL : " n ");
    *jobs = si_sql_int8(0, 1);
    *reservations = si_sql_int8(0, 2);
    si_sql_close();
}

int
si_limit_demand(const pg_uuid_t *limit_id, TimestampTz from, TimestampTz until, SiAmount **out)
{
    static SiStatement find = {"SELECT starts_at, ends_at, quantity FROM sparkingest.reservation_limits "
                               "WHERE limit_id = $1 AND ends_at > $2 AND starts_at < $3",
                               3,
                               {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
                               .by_index = true};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {UUIDPGetDatum(limit_id), TimestampTzGetDatum(from), TimestampTzGetDatum(until)};
    uint64 n;

    si_sql_open();
    n = si_sql_run_latest(&find, values, NULL);
    *out = MemoryContextAlloc(context, (n + 1) * sizeof(SiAmount));
    for (uint64 i = 0; i < n; i++)
        (*out)[i] = (SiAmount){si_sql_time(i, 1), si_sql_time(i, 2), si_sql_int4(i, 3), 0, true};
    si_sql_close();
    return (int) n;
}

int
si_reservation_limits(const pg_uuid_t *reservation_id, SiHeldLimit **out)
{
    static SiStatement find = {"SELECT r.limit_id, r.tenant_id, l.limit_name, r.quantity, r.starts_at, r.ends_at "
                               "FROM sparkingest.reservation_limits AS r LEFT JOIN sparkingest.limits AS l USING (limit_id) "
                               "WHERE r.reservation_id = $1 ORDER BY l.limit_name, r.limit_id",
                               1,
                               {UUIDOID},
                               .by_index = true};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {UUIDPGetDatum(reservation_id)};
    uint64 n;

    si_sql_open();
    n = si_sql_run(&find, values, NULL);
    *out = MemoryContextAlloc(context, (n + 1) * sizeof(SiHeldLimit));
    for (uint64 i = 0; i < n; i++)
        (*out)[i] = (SiHeldLimit){*reservation_id,
                                  si_sql_uuid(i, 1, NULL),
                                  si_sql_uuid(i, 2, NULL),
                                  si_sql_text_copy(i, 3, context),
                                  si_sql_int4(i, 4),
                                  si_sql_time(i, 5),
                                  si_sql_time(i, 6)};
    si_sql_close();
    return (int) n;
}

void
si_reservation_limit_insert(const SiHeldLimit *held)
{
    static SiStatement insert = {"INSERT INTO sparkingest.reservation_limits (reservation_id, limit_id, tenant_id, quantity, starts_at, ends_at) "
                                 "VALUES ($1, $2, $3, $4, $5, $6)",
                                 6,
                                 {UUIDOID, UUIDOID, UUIDOID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(&held->reservation_id), UUIDPGetDatum(&held->limit_id), UUIDPGetDatum(&held->tenant_id),
                      Int32GetDatum((int32) held->quantity), TimestampTzGetDatum(held->starts_at), TimestampTzGetDatum(held->ends_at)};

    si_sql_open();
    si_sql_run(&insert, values, NULL);
    si_sql_close();
}

void
si_reservation_limits_move(const pg_uuid_t *reservation_id, const pg_uuid_t *limit_id, TimestampTz starts_at, TimestampTz ends_at)
{
    static SiStatement update = {"UPDATE sparkingest.reservation_limits SET starts_at = $3, ends_at = $4 "
                                 "WHERE reservation_id = $1 AND ($2 IS NULL OR limit_id = $2)",
                                 4,
                                 {UUIDOID, UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(reservation_id), UUIDPGetDatum(limit_id), TimestampTzGetDatum(starts_at), TimestampTzGetDatum(ends_at)};

    si_sql_open();
    si_sql_run(&update, values, limit_id ? NULL : " n  ");
    si_sql_close();
}

void
si_reservation_limits_delete(const pg_uuid_t *reservation_id)
{
    static SiStatement removal = {"DELETE FROM sparkingest.reservation_limits WHERE reservation_id = $1", 1, {UUIDOID}, .by_index = true};
    Datum values[] = {UUIDPGetDatum(reservation_id)};

    si_sql_open();
    si_sql_run(&removal, values, NULL);
    si_sql_close();
}
