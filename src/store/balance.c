/*
 * balance.c: vCPU-hours of tenants.
 */
#include "postgres.h"

#include "common/int.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "domain/billing.h"
#include "store/balance.h"
#include "store/sql.h"

/* A grant that a hold or settlement may touch. */
typedef struct Account
{
    pg_uuid_t grant_id;
    pg_uuid_t tenant_id;
} Account;

static void
enter(const Account *account, const pg_uuid_t *execution_id, const char *entry_type, int64 amount, TimestampTz now)
{
    static SiStatement insert = {"INSERT INTO sparkingest.balance_entries (at, tenant_id, grant_id, execution_id, entry_type, amount) "
                                 "VALUES ($1, $2, $3, $4, $5, $6)",
                                 6,
                                 {TIMESTAMPTZOID, UUIDOID, UUIDOID, UUIDOID, TEXTOID, INT8OID}};
    Datum values[] = {TimestampTzGetDatum(now), UUIDPGetDatum(&account->tenant_id), UUIDPGetDatum(&account->grant_id),
                      UUIDPGetDatum(execution_id), si_text_datum(entry_type), Int64GetDatum(amount)};

    if (amount > 0)
        si_sql_run(&insert, values, NULL);
}

static void
change(const Account *account, int64 held, int64 spent)
{
    static SiStatement update = {"UPDATE sparkingest.grants SET held = held + $2, spent = spent + $3 WHERE grant_id = $1",
                                 3,
                                 {UUIDOID, INT8OID, INT8OID}};
    Datum values[] = {UUIDPGetDatum(&account->grant_id), Int64GetDatum(held), Int64GetDatum(spent)};

    if (held != 0 || spent != 0)
        si_sql_run(&update, values, NULL);
}

int64
si_balance_available(const pg_uuid_t *tenant_id, TimestampTz at)
{
    /* Added up here: the server needs longer to set up an aggregate than to find these few rows. */
    static SiStatement find = {"SELECT granted - held - spent FROM sparkingest.grants "
                               "WHERE tenant_id = $1 AND resource_type = 'vcpu_hours' AND starts_at <= $2 AND ends_at > $2",
                               2,
                               {UUIDOID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(tenant_id), TimestampTzGetDatum(at)};
    int64 available = 0;
    uint64 n;

    si_sql_open();
    n = si_sql_run(&find, values, NULL);
    for (uint64 i = 0; i < n; i++)
        if (pg_add_s64_overflow(available, si_sql_int8(i, 1), &available))
            ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("a balance cannot be counted")));
    si_sql_close();
    return available;
}

int64
si_balance_hold(const pg_uuid_t *tenant_id, const pg_uuid_t *execution_id, int64 amount, TimestampTz at, TimestampTz now)
{
    static SiStatement grants = {"SELECT g.grant_id, g.granted - g.held - g.spent FROM sparkingest.grants AS g "
                                 "JOIN sparkingest.resource_purchases AS p USING (purchase_id) "
                                 "WHERE g.tenant_id = $1 AND g.resource_type = 'vcpu_hours' AND g.starts_at <= $2 AND g.ends_at > $2 "
                                 "ORDER BY g.priority, g.ends_at, p.created_at, g.grant_id FOR UPDATE OF g",
                                 2,
                                 {UUIDOID, TIMESTAMPTZOID}};
    static SiStatement note = {"UPDATE sparkingest.job_executions SET held = held + $2 WHERE execution_id = $1", 2, {UUIDOID, INT8OID}};
    Datum values[] = {UUIDPGetDatum(tenant_id), TimestampTzGetDatum(at)};
    Datum note_values[] = {UUIDPGetDatum(execution_id), Int64GetDatum(amount)};
    Account *accounts;
    int64 *available;
    int64 *take;
    int64 missing;
    int n;

    si_sql_open();
    n = (int) si_sql_run(&grants, values, NULL);
    accounts = palloc((n + 1) * sizeof(Account));
    available = palloc((n + 1) * sizeof(int64));
    take = palloc0((n + 1) * sizeof(int64));
    for (int i = 0; i < n; i++)
    {
        accounts[i] = (Account){si_sql_uuid(i, 1, NULL), *tenant_id};
        available[i] = si_sql_int8(i, 2);
    }
    missing = si_draw(available, n, amount, take);
    if (missing == 0)
    {
        for (int i = 0; i < n; i++)
        {
            change(&accounts[i], take[i], 0);
            enter(&accounts[i], execution_id, "hold", take[i], now);
        }
        si_sql_run(&note, note_values, NULL);
    }
    si_sql_close();
    return missing;
}

/* Grants that a settlement may touch, in the order of drawing down. $1 execution, $2 now, $3 whether it costs. */
#define TOUCHED_GRANTS \
    "FROM sparkingest.grants AS g JOIN sparkingest.resource_purchases AS p USING (purchase_id) WHERE g.grant_id IN " \
    "(SELECT grant_id FROM sparkingest.balance_entries WHERE execution_id = $1) OR ($3 AND g.resource_type = 'vcpu_hours' " \
    "AND g.starts_at <= $2 AND g.ends_at > $2 AND g.tenant_id = " \
    "(SELECT tenant_id FROM sparkingest.job_executions WHERE execution_id = $1)) " \
    "ORDER BY g.priority, g.ends_at, p.created_at, g.grant_id"

void
si_balance_settle(const pg_uuid_t *execution_id, int64 actual, TimestampTz now)
{
    /*
     * What is held = holds so far less releases and charges; an execution settles once, so holds are all there is. What
     * goes beyond them is drawn as a hold is: from every grant of the day, locked in the same order (M5).
     */
    static SiStatement lock = {"SELECT " TOUCHED_GRANTS " FOR UPDATE OF g", 3, {UUIDOID, TIMESTAMPTZOID, BOOLOID}};
    static SiStatement holds = {"SELECT g.grant_id, g.tenant_id, "
                                "COALESCE((SELECT pg_catalog.sum(b.amount) FROM sparkingest.balance_entries AS b "
                                "WHERE b.execution_id = $1 AND b.grant_id = g.grant_id AND b.entry_type = 'hold'), 0)::bigint, "
                                "g.granted - g.held - g.spent " TOUCHED_GRANTS,
                                3,
                                {UUIDOID, TIMESTAMPTZOID, BOOLOID}};
    static SiStatement note = {"UPDATE sparkingest.job_executions SET held = 0, charged = $2 WHERE execution_id = $1",
                               2,
                               {UUIDOID, INT8OID}};
    Datum values[] = {UUIDPGetDatum(execution_id), TimestampTzGetDatum(now), BoolGetDatum(actual > 0)};
    Datum note_values[] = {UUIDPGetDatum(execution_id), 0};
    Account *accounts;
    int64 *held;
    int64 *available;
    int64 *from_held;
    int64 *from_available;
    int64 uncovered;
    int n;

    si_sql_open();
    si_sql_run(&lock, values, NULL);
    n = (int) si_sql_run(&holds, values, NULL);
    accounts = palloc((n + 1) * sizeof(Account));
    held = palloc((n + 1) * sizeof(int64));
    available = palloc((n + 1) * sizeof(int64));
    from_held = palloc0((n + 1) * sizeof(int64));
    from_available = palloc0((n + 1) * sizeof(int64));
    for (int i = 0; i < n; i++)
    {
        accounts[i] = (Account){si_sql_uuid(i, 1, NULL), si_sql_uuid(i, 2, NULL)};
        held[i] = si_sql_int8(i, 3);
        available[i] = si_sql_int8(i, 4);
    }
    uncovered = si_settle(held, available, n, actual, from_held, from_available);
    for (int i = 0; i < n; i++)
    {
        int64 charge = from_held[i] + from_available[i];

        change(&accounts[i], -held[i], charge);
        /* A charge takes what was held, so that the entries of a grant add up to it. */
        enter(&accounts[i], execution_id, "hold", from_available[i], now);
        enter(&accounts[i], execution_id, "charge", charge, now);
        enter(&accounts[i], execution_id, "release", held[i] - from_held[i], now);
    }
    note_values[1] = Int64GetDatum(actual - uncovered);
    si_sql_run(&note, note_values, NULL);
    si_sql_close();
}
