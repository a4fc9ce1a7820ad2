/*
 * balance.c: rows of balance_entries, and grants of vCPU-hours.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "commands/sequence.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "store/append.h"
#include "store/balance.h"
#include "store/sql.h"

#define TABLE "balance_entries"

/* The order of drawing down (M5). */
static int
compare_grants(const void *a, const void *b)
{
    const SiFundsGrant *x = a;
    const SiFundsGrant *y = b;

    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    if (x->ends_at != y->ends_at)
        return x->ends_at < y->ends_at ? -1 : 1;
    return x->account_no < y->account_no ? -1 : 1;
}

/* Columns of an SiFundsGrant. */
static int
take_grants(uint64 n, MemoryContext context, SiFundsGrant **out)
{
    *out = MemoryContextAlloc(context, (n + 1) * sizeof(SiFundsGrant));
    for (uint64 i = 0; i < n; i++)
        (*out)[i] = (SiFundsGrant){si_sql_uuid(i, 1, NULL), si_sql_int4(i, 2), si_sql_time(i, 3),
                                   si_sql_time(i, 4), si_sql_int4(i, 5), si_sql_int8(i, 6)};
    /* Here, because the server needs longer to set up a sort than to find these few rows. */
    qsort(*out, n, sizeof(SiFundsGrant), compare_grants);
    return (int) n;
}

int
si_balance_grants(const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until, SiFundsGrant **out)
{
    static SiStatement find = {"SELECT grant_id, account_no, starts_at, ends_at, priority, 0::bigint FROM sparkingest.grants "
                               "WHERE tenant_id = $1 AND resource_type = 'vcpu_hours' AND starts_at <= $3 AND ends_at > $2",
                               3,
                               {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
                               .by_index = true};
    Datum values[] = {UUIDPGetDatum(tenant_id), TimestampTzGetDatum(from), TimestampTzGetDatum(until)};
    MemoryContext context = CurrentMemoryContext;
    int n;

    si_sql_open();
    n = take_grants(si_sql_run(&find, values, NULL), context, out);
    si_sql_close();
    return n;
}

#define SELECT_HELD \
    "SELECT g.grant_id, g.account_no, g.starts_at, g.ends_at, g.priority, " \
    "CASE b.entry_type WHEN 'hold' THEN b.amount ELSE -b.amount END FROM sparkingest.balance_entries AS b " \
    "JOIN sparkingest.grants AS g USING (grant_id) WHERE b."

int
si_balance_held(const SiDebtor *payer, SiFundsGrant **out)
{
    static SiStatement by_execution = {SELECT_HELD "execution_id = $1", 1, {UUIDOID}, .by_index = true};
    static SiStatement by_reservation = {SELECT_HELD "reservation_id = $1", 1, {UUIDOID}, .by_index = true};
    Datum values[] = {UUIDPGetDatum(payer->execution_id ? payer->execution_id : payer->reservation_id)};
    MemoryContext context = CurrentMemoryContext;
    SiFundsGrant *g;
    int n;
    int kept = 0;

    si_sql_open();
    n = take_grants(si_sql_run_latest(payer->execution_id ? &by_execution : &by_reservation, values, NULL), context, out);
    si_sql_close();
    /* Entries of one grant stand together. */
    g = *out;
    for (int i = 0; i < n; i++)
    {
        if (kept > 0 && g[kept - 1].account_no == g[i].account_no)
            g[kept - 1].held += g[i].held;
        else
            g[kept++] = g[i];
        if (g[kept - 1].held == 0 && (i + 1 == n || g[i + 1].account_no != g[kept - 1].account_no))
            kept--;
    }
    return kept;
}

void
si_balance_read(const pg_uuid_t *tenant_id, SiSlots *granted, SiSlots *used)
{
    static SiStatement find = {
        "SELECT account_no, granted, g.held + g.spent + COALESCE((SELECT pg_catalog.sum(CASE b.entry_type WHEN 'hold' "
        "THEN b.amount ELSE -b.amount END) FROM sparkingest.balance_entries AS b WHERE b.grant_id = g.grant_id "
        "AND b.chain_no IS NULL AND b.entry_type IN ('hold', 'release')), 0)::bigint FROM sparkingest.grants AS g "
        "WHERE g.tenant_id = $1 AND g.account_no >= $2 AND g.account_no < $3",
        3,
        {UUIDOID, INT8OID, INT8OID},
        .by_index = true};
    Datum values[] = {UUIDPGetDatum(tenant_id), Int64GetDatum(granted->first), Int64GetDatum(granted->first + granted->n)};
    uint64 n;

    si_sql_open();
    n = si_sql_run_latest(&find, values, NULL);
    for (uint64 i = 0; i < n; i++)
    {
        int64 at = si_sql_int4(i, 1) - granted->first;

        granted->cpu[at] = si_sql_int8(i, 2);
        used->cpu[at] = si_sql_int8(i, 3);
    }
    si_sql_close();
}

int64
si_balance_next_id(void)
{
    Oid sequence = get_relname_relid(TABLE "_entry_id_seq", get_namespace_oid("sparkingest", false));

    if (!OidIsValid(sequence))
        elog(ERROR, "the sequence of " TABLE " is missing");
    return nextval_internal(sequence, false);
}

bool
si_balance_append(const SiEntry *e)
{
    const Datum values[] = {Int64GetDatum(e->entry_id),
                            TimestampTzGetDatum(e->at),
                            UUIDPGetDatum(&e->payer.tenant_id),
                            UUIDPGetDatum(&e->grant_id),
                            UUIDPGetDatum(e->payer.execution_id),
                            UUIDPGetDatum(e->payer.reservation_id),
                            si_text_datum(e->entry_type),
                            Int64GetDatum(e->amount),
                            (Datum) 0,
                            (Datum) 0,
                            (Datum) 0};
    const bool nulls[lengthof(values)] = {
        [4] = e->payer.execution_id == NULL, [5] = e->payer.reservation_id == NULL, [8] = true, [9] = true, [10] = true};

    return si_append(TABLE, values, nulls, lengthof(values), 5, "ledger");
}

void
si_balance_insert(const SiEntry *e)
{
    static SiStatement insert = {"INSERT INTO sparkingest.balance_entries (entry_id, at, tenant_id, grant_id, execution_id, "
                                 "reservation_id, entry_type, amount) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                                 8,
                                 {INT8OID, TIMESTAMPTZOID, UUIDOID, UUIDOID, UUIDOID, UUIDOID, TEXTOID, INT8OID}};
    Datum values[] = {Int64GetDatum(e->entry_id), TimestampTzGetDatum(e->at),
                      UUIDPGetDatum(&e->payer.tenant_id), UUIDPGetDatum(&e->grant_id),
                      UUIDPGetDatum(e->payer.execution_id), UUIDPGetDatum(e->payer.reservation_id),
                      si_text_datum(e->entry_type), Int64GetDatum(e->amount)};
    char nulls[] = "        ";

    nulls[4] = e->payer.execution_id ? ' ' : 'n';
    nulls[5] = e->payer.reservation_id ? ' ' : 'n';
    si_sql_open();
    si_sql_run(&insert, values, nulls);
    si_sql_close();
}

void
si_balance_note(const pg_uuid_t *execution_id, int64 held, int64 charged)
{
    static SiStatement update = {"UPDATE sparkingest.job_executions SET held = $2, charged = COALESCE($3, charged) WHERE execution_id = $1",
                                 3,
                                 {UUIDOID, INT8OID, INT8OID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(execution_id), Int64GetDatum(held), Int64GetDatum(charged)};

    si_sql_open();
    si_sql_run(&update, values, charged < 0 ? "  n" : NULL);
    si_sql_close();
}

void
si_balance_lower(const pg_uuid_t *grant_id, int64 by)
{
    static SiStatement update = {"UPDATE sparkingest.grants SET granted = granted - $2 WHERE grant_id = $1", 2, {UUIDOID, INT8OID}, .by_index = true};
    Datum values[] = {UUIDPGetDatum(grant_id), Int64GetDatum(by)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

bool
si_balance_account(const pg_uuid_t *grant_id, pg_uuid_t *tenant_id, int32 *account_no)
{
    static SiStatement find = {"SELECT tenant_id, account_no FROM sparkingest.grants WHERE grant_id = $1 AND account_no IS NOT NULL",
                               1,
                               {UUIDOID},
                               .by_index = true};
    Datum values[] = {UUIDPGetDatum(grant_id)};
    bool found;

    si_sql_open();
    found = si_sql_run_latest(&find, values, NULL) > 0;
    if (found)
    {
        *tenant_id = si_sql_uuid(0, 1, NULL);
        *account_no = si_sql_int4(0, 2);
    }
    si_sql_close();
    return found;
}

bool
si_balance_grant_of(const pg_uuid_t *tenant_id, int32 account_no, pg_uuid_t *grant_id)
{
    static SiStatement find = {"SELECT grant_id FROM sparkingest.grants WHERE tenant_id = $1 AND account_no = $2",
                               2,
                               {UUIDOID, INT4OID},
                               .by_index = true};
    Datum values[] = {UUIDPGetDatum(tenant_id), Int32GetDatum(account_no)};
    bool found;

    si_sql_open();
    found = si_sql_run_latest(&find, values, NULL) > 0;
    if (found)
        *grant_id = si_sql_uuid(0, 1, NULL);
    si_sql_close();
    return found;
}
