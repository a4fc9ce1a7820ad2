/*
 * reservations.c: rows of reservations.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/append.h"
#include "store/reservations.h"
#include "store/sql.h"

#define SELECT_RESERVATION \
    "SELECT r.pool_id, r.namespace, r.tenant_id, r.cpu_millicores, r.memory_mib, r.starts_at, r.ends_at, " \
    "r.status = 'active', r.borrowed, r.draft_fallback, r.held, r.tentative, " \
    "EXISTS (SELECT FROM sparkingest.job_executions AS e WHERE e.reservation_id = r.reservation_id), r.limited " \
    "FROM sparkingest.reservations AS r WHERE r.reservation_id = $1"

bool
si_reservation_tenant(const pg_uuid_t *reservation_id, pg_uuid_t *tenant_id)
{
    static SiStatement find = {"SELECT tenant_id FROM sparkingest.reservations WHERE reservation_id = $1", 1, {UUIDOID}, .by_index = true};
    Datum values[] = {UUIDPGetDatum(reservation_id)};
    bool found;

    si_sql_open();
    found = si_sql_run(&find, values, NULL) > 0;
    if (found)
        *tenant_id = si_sql_uuid(0, 1, NULL);
    si_sql_close();
    return found;
}

static bool
load(SiStatement *find, const pg_uuid_t *reservation_id, SiReservation *out)
{
    Datum values[] = {UUIDPGetDatum(reservation_id)};
    bool found;

    si_sql_open();
    found = si_sql_run(find, values, NULL) > 0;
    if (found)
    {
        out->reservation_id = *reservation_id;
        out->pool_id = si_sql_int4(0, 1);
        strlcpy(out->namespace_name, si_sql_text_copy(0, 2, CurrentMemoryContext), sizeof(out->namespace_name));
        out->tenant_id = si_sql_uuid(0, 3, NULL);
        out->cpu_millicores = si_sql_int8(0, 4);
        out->memory_mib = si_sql_int8(0, 5);
        out->starts_at = si_sql_time(0, 6);
        out->ends_at = si_sql_time(0, 7);
        out->active = si_sql_bool(0, 8);
        out->borrowed = si_sql_bool(0, 9);
        out->draft_fallback = si_sql_bool(0, 10);
        out->held = si_sql_int8(0, 11);
        out->tentative = si_sql_bool(0, 12);
        out->has_execution = si_sql_bool(0, 13);
        out->limited = si_sql_bool(0, 14);
    }
    si_sql_close();
    return found;
}

bool
si_reservation_load(const pg_uuid_t *reservation_id, bool for_update, SiReservation *out)
{
    static SiStatement find = {SELECT_RESERVATION, 1, {UUIDOID}, .by_index = true};
    static SiStatement find_locked = {SELECT_RESERVATION " FOR UPDATE OF r", 1, {UUIDOID}, .by_index = true};

    return load(for_update ? &find_locked : &find, reservation_id, out);
}

bool
si_reservation_load_if_free(const pg_uuid_t *reservation_id, SiReservation *out)
{
    static SiStatement find = {SELECT_RESERVATION " FOR UPDATE OF r SKIP LOCKED", 1, {UUIDOID}, .by_index = true};

    return load(&find, reservation_id, out);
}

bool
si_reservation_append(const SiReservation *reservation, const char *actor, TimestampTz now)
{
    const Datum values[] = {UUIDPGetDatum(&reservation->reservation_id),
                            Int32GetDatum(reservation->pool_id),
                            si_text_datum(reservation->namespace_name),
                            UUIDPGetDatum(&reservation->tenant_id),
                            Int64GetDatum(reservation->cpu_millicores),
                            Int64GetDatum(reservation->memory_mib),
                            TimestampTzGetDatum(reservation->starts_at),
                            TimestampTzGetDatum(reservation->ends_at),
                            si_text_datum("active"),
                            BoolGetDatum(reservation->borrowed),
                            BoolGetDatum(reservation->draft_fallback),
                            TimestampTzGetDatum(now),
                            si_text_datum(actor),
                            (Datum) 0, /* released_at */
                            Int64GetDatum(reservation->held),
                            BoolGetDatum(reservation->limited),
                            BoolGetDatum(reservation->tentative)};
    const bool nulls[lengthof(values)] = {[lengthof(values) - 4] = true};

    return si_append("reservations", values, nulls, lengthof(values), 6, "ledger");
}

void
si_reservation_insert(const SiReservation *reservation, const char *actor, TimestampTz now)
{
    static SiStatement insert = {"INSERT INTO sparkingest.reservations (reservation_id, pool_id, namespace, tenant_id, cpu_millicores, "
                                 "memory_mib, starts_at, ends_at, borrowed, draft_fallback, created_at, created_by, held, limited, tentative) "
                                 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
                                 15,
                                 {UUIDOID, INT4OID, TEXTOID, UUIDOID, INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID,
                                  BOOLOID, TIMESTAMPTZOID, TEXTOID, INT8OID, BOOLOID, BOOLOID}};
    Datum values[] = {UUIDPGetDatum(&reservation->reservation_id), Int32GetDatum(reservation->pool_id),
                      si_text_datum(reservation->namespace_name), UUIDPGetDatum(&reservation->tenant_id),
                      Int64GetDatum(reservation->cpu_millicores), Int64GetDatum(reservation->memory_mib),
                      TimestampTzGetDatum(reservation->starts_at), TimestampTzGetDatum(reservation->ends_at),
                      BoolGetDatum(reservation->borrowed), BoolGetDatum(reservation->draft_fallback),
                      TimestampTzGetDatum(now), si_text_datum(actor), Int64GetDatum(reservation->held),
                      BoolGetDatum(reservation->limited), BoolGetDatum(reservation->tentative)};

    si_sql_open();
    si_sql_run(&insert, values, NULL);
    si_sql_close();
}

void
si_reservation_move(const pg_uuid_t *reservation_id, TimestampTz starts_at, TimestampTz ends_at)
{
    static SiStatement update = {"UPDATE sparkingest.reservations SET starts_at = $2, ends_at = $3 WHERE reservation_id = $1",
                                 3,
                                 {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(reservation_id), TimestampTzGetDatum(starts_at), TimestampTzGetDatum(ends_at)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

void
si_reservation_revive(const SiReservation *r)
{
    static SiStatement update = {"UPDATE sparkingest.reservations SET pool_id = $2, namespace = $3, starts_at = $4, ends_at = $5, "
                                 "borrowed = $6, draft_fallback = $7, held = $8, tentative = $9, status = 'active', released_at = NULL "
                                 "WHERE reservation_id = $1",
                                 9,
                                 {UUIDOID, INT4OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, BOOLOID, INT8OID, BOOLOID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(&r->reservation_id), Int32GetDatum(r->pool_id), si_text_datum(r->namespace_name),
                      TimestampTzGetDatum(r->starts_at), TimestampTzGetDatum(r->ends_at), BoolGetDatum(r->borrowed),
                      BoolGetDatum(r->draft_fallback), Int64GetDatum(r->held), BoolGetDatum(r->tentative)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

void
si_reservation_set_tentative(const pg_uuid_t *reservation_id, bool tentative)
{
    static SiStatement update = {"UPDATE sparkingest.reservations SET tentative = $2 WHERE reservation_id = $1",
                                 2,
                                 {UUIDOID, BOOLOID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(reservation_id), BoolGetDatum(tentative)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

int64
si_reservations_make_firm(TimestampTz before)
{
    static SiStatement update = {"UPDATE sparkingest.reservations SET tentative = false WHERE reservation_id = ANY (ARRAY("
                                 "SELECT r.reservation_id FROM sparkingest.reservations AS r "
                                 "JOIN sparkingest.job_executions AS e USING (reservation_id) "
                                 "WHERE r.status = 'active' AND r.tentative AND r.starts_at < $1 AND e.state <> 'waiting' "
                                 "FOR UPDATE OF r SKIP LOCKED))",
                                 1,
                                 {TIMESTAMPTZOID},
                                 .by_index = true};
    Datum values[] = {TimestampTzGetDatum(before)};
    int64 n;

    si_sql_open();
    n = (int64) si_sql_run(&update, values, NULL);
    si_sql_close();
    return n;
}

bool
si_reservation_release(const pg_uuid_t *reservation_id, TimestampTz now)
{
    static SiStatement update = {"UPDATE sparkingest.reservations SET status = 'released', released_at = $2, held = 0 "
                                 "WHERE reservation_id = $1 AND status = 'active'",
                                 2,
                                 {UUIDOID, TIMESTAMPTZOID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(reservation_id), TimestampTzGetDatum(now)};
    bool released;

    si_sql_open();
    released = si_sql_run(&update, values, NULL) > 0;
    si_sql_close();
    return released;
}

int
si_demand(int32 pool_id, const char *namespace_name, const pg_uuid_t *tenant_id, const pg_uuid_t *except, TimestampTz from,
          TimestampTz until, SiAmount **out)
{
    static SiStatement in_pool = {"SELECT starts_at, ends_at, cpu_millicores, memory_mib, tenant_id IS NOT DISTINCT FROM $2 "
                                  "FROM sparkingest.reservations WHERE pool_id = $1 AND status = 'active' "
                                  "AND ends_at > $4 AND starts_at < $5 AND reservation_id IS DISTINCT FROM $3",
                                  5,
                                  {INT4OID, UUIDOID, UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
                                  .by_index = true};
    static SiStatement in_namespace = {"SELECT r.starts_at, r.ends_at, r.cpu_millicores, r.memory_mib, r.tenant_id IS NOT DISTINCT FROM $2 "
                                       "FROM sparkingest.reservations AS r WHERE r.pool_id = ANY (ARRAY("
                                       "SELECT p.pool_id FROM sparkingest.pools AS p WHERE p.namespace = $1)) AND r.status = 'active' "
                                       "AND r.ends_at > $4 AND r.starts_at < $5 AND r.reservation_id IS DISTINCT FROM $3",
                                       5,
                                       {TEXTOID, UUIDOID, UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
                                       .by_index = true};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {pool_id ? Int32GetDatum(pool_id) : si_text_datum(namespace_name), UUIDPGetDatum(tenant_id),
                      UUIDPGetDatum(except), TimestampTzGetDatum(from), TimestampTzGetDatum(until)};
    char nulls[] = "     ";
    uint64 n;

    nulls[1] = tenant_id ? ' ' : 'n';
    nulls[2] = except ? ' ' : 'n';
    si_sql_open();
    n = si_sql_run_latest(pool_id ? &in_pool : &in_namespace, values, nulls);
    *out = MemoryContextAlloc(context, (n + 1) * sizeof(SiAmount));
    for (uint64 i = 0; i < n; i++)
        (*out)[i] = (SiAmount){si_sql_time(i, 1), si_sql_time(i, 2), si_sql_int8(i, 3), si_sql_int8(i, 4), si_sql_bool(i, 5)};
    si_sql_close();
    return (int) n;
}

int
si_reservations_over(TimestampTz now, pg_uuid_t **out)
{
    static SiStatement find = {"SELECT reservation_id FROM sparkingest.reservations WHERE status = 'active' AND ends_at <= $1 AND held > 0 "
                               "FOR UPDATE SKIP LOCKED",
                               1,
                               {TIMESTAMPTZOID},
                               .by_index = true};
    Datum values[] = {TimestampTzGetDatum(now)};

    return si_sql_ids(&find, values, out);
}

int64
si_reservations_expire(TimestampTz now)
{
    static SiStatement update = {"UPDATE sparkingest.reservations AS r SET status = 'released', released_at = $1 "
                                 "WHERE status = 'active' AND ends_at <= $1 AND held = 0 AND NOT EXISTS "
                                 "(SELECT FROM sparkingest.job_executions AS e WHERE e.reservation_id = r.reservation_id)",
                                 1,
                                 {TIMESTAMPTZOID},
                                 .by_index = true};
    Datum values[] = {TimestampTzGetDatum(now)};
    int64 n;

    si_sql_open();
    n = (int64) si_sql_run(&update, values, NULL);
    si_sql_close();
    return n;
}
