/*
 * books.c: the hash chains of balance_entries.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "store/books.h"
#include "store/rows.h"
#include "store/sql.h"

#define ENTRY_TEXT \
    "b.tenant_id || '|' || (EXTRACT(epoch FROM b.at) * 1000000)::bigint || '|' || b.grant_id || '|' || " \
    "COALESCE(b.execution_id::text, '') || '|' || COALESCE(b.reservation_id::text, '') || '|' || b.entry_type || '|' || b.amount || " \
    "COALESCE('|' || b.terms, '')"

int
si_books_tenants(pg_uuid_t **out)
{
    static SiStatement find = {"SELECT DISTINCT g.tenant_id FROM sparkingest.grants AS g WHERE EXISTS "
                               "(SELECT FROM sparkingest.balance_entries AS b WHERE b.grant_id = g.grant_id AND b.chain_no IS NULL)",
                               0,
                               {0}};

    return si_sql_ids(&find, NULL, out);
}

int
si_books_unsealed(const pg_uuid_t *tenant_id, int most, SiLink **out)
{
    static SiStatement find = {"WITH free AS MATERIALIZED (SELECT g.grant_id FROM sparkingest.grants AS g WHERE g.tenant_id = $1 "
                               "AND EXISTS (SELECT FROM sparkingest.balance_entries AS b "
                               "WHERE b.grant_id = g.grant_id AND b.chain_no IS NULL) FOR NO KEY UPDATE SKIP LOCKED) "
                               "SELECT b.entry_id, " ENTRY_TEXT " FROM sparkingest.balance_entries AS b "
                               "JOIN free USING (grant_id) WHERE b.chain_no IS NULL AND b.tenant_id = $1 ORDER BY b.entry_id LIMIT $2",
                               2,
                               {UUIDOID, INT4OID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {UUIDPGetDatum(tenant_id), Int32GetDatum(most)};
    uint64 n;

    si_sql_open();
    n = si_sql_run(&find, values, NULL);
    *out = MemoryContextAllocZero(context, (n + 1) * sizeof(SiLink));
    for (uint64 i = 0; i < n; i++)
    {
        (*out)[i].entry_id = si_sql_int8(i, 1);
        (*out)[i].text = si_sql_text_copy(i, 2, context);
    }
    si_sql_close();
    return (int) n;
}

void
si_books_last(const pg_uuid_t *tenant_id, SiLink *out)
{
    static SiStatement find = {"SELECT chain_no, chain_hash FROM sparkingest.balance_chains WHERE tenant_id = $1 FOR UPDATE", 1, {UUIDOID}};
    Datum values[] = {UUIDPGetDatum(tenant_id)};

    memset(out, 0, sizeof(*out));
    si_sql_open();
    if (si_sql_run(&find, values, NULL) > 0)
    {
        bool isnull;
        bytea *hash = DatumGetByteaPP(si_sql_get(0, 2, &isnull));

        out->chain_no = si_sql_int8(0, 1);
        if (VARSIZE_ANY_EXHDR(hash) == SI_HASH_BYTES) /* else somebody changed it: verify_books() tells */
            memcpy(out->hash, VARDATA_ANY(hash), SI_HASH_BYTES);
    }
    si_sql_close();
}

static Datum
hash_datum(const SiLink *link)
{
    bytea *hash = palloc(VARHDRSZ + SI_HASH_BYTES);

    SET_VARSIZE(hash, VARHDRSZ + SI_HASH_BYTES);
    memcpy(VARDATA(hash), link->hash, SI_HASH_BYTES);
    return PointerGetDatum(hash);
}

void
si_books_write(const pg_uuid_t *tenant_id, const SiLink *links, int n)
{
    static SiStatement seal = {"UPDATE sparkingest.balance_entries AS b SET chain_no = u.chain_no, chain_hash = u.chain_hash "
                               "FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)) "
                               "AS u (entry_id, chain_no, chain_hash) WHERE b.entry_id = u.entry_id",
                               3,
                               {INT8ARRAYOID, INT8ARRAYOID, BYTEAARRAYOID}};
    static SiStatement count = {
        "UPDATE sparkingest.grants AS g SET held = g.held + s.held, spent = g.spent + s.spent FROM (SELECT b.grant_id, "
        "COALESCE(pg_catalog.sum(CASE b.entry_type WHEN 'hold' THEN b.amount WHEN 'release' THEN -b.amount "
        "WHEN 'charge' THEN -b.amount END), 0)::bigint AS held, "
        "COALESCE(pg_catalog.sum(b.amount) FILTER (WHERE b.entry_type = 'charge'), 0)::bigint AS spent "
        "FROM sparkingest.balance_entries AS b WHERE b.tenant_id = $1 AND b.chain_no BETWEEN $2 AND $3 GROUP BY b.grant_id) AS s "
        "WHERE g.grant_id = s.grant_id AND (s.held <> 0 OR s.spent <> 0)",
        3,
        {UUIDOID, INT8OID, INT8OID}};
    static SiStatement note = {"INSERT INTO sparkingest.balance_chains (tenant_id, chain_no, chain_hash) VALUES ($1, $2, $3) "
                               "ON CONFLICT (tenant_id) DO UPDATE SET chain_no = EXCLUDED.chain_no, chain_hash = EXCLUDED.chain_hash",
                               3,
                               {UUIDOID, INT8OID, BYTEAOID}};
    Datum *ids = palloc(n * sizeof(Datum));
    Datum *numbers = palloc(n * sizeof(Datum));
    Datum *hashes = palloc(n * sizeof(Datum));
    Datum seal_values[3];
    Datum count_values[] = {UUIDPGetDatum(tenant_id), Int64GetDatum(links[0].chain_no), Int64GetDatum(links[n - 1].chain_no)};
    Datum note_values[] = {UUIDPGetDatum(tenant_id), Int64GetDatum(links[n - 1].chain_no), hash_datum(&links[n - 1])};

    for (int i = 0; i < n; i++)
    {
        ids[i] = Int64GetDatum(links[i].entry_id);
        numbers[i] = Int64GetDatum(links[i].chain_no);
        hashes[i] = hash_datum(&links[i]);
    }
    seal_values[0] = PointerGetDatum(construct_array(ids, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
    seal_values[1] = PointerGetDatum(construct_array(numbers, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
    seal_values[2] = PointerGetDatum(construct_array(hashes, n, BYTEAOID, -1, false, TYPALIGN_INT));
    si_sql_open();
    si_sql_run(&seal, seal_values, NULL);
    si_sql_run(&count, count_values, NULL);
    si_sql_run(&note, note_values, NULL);
    si_sql_close();
}

#define ADDS_UP \
    "COALESCE(pg_catalog.sum(CASE b.entry_type WHEN 'hold' THEN b.amount WHEN 'release' THEN -b.amount " \
    "WHEN 'charge' THEN -b.amount END), 0) AS held, " \
    "COALESCE(pg_catalog.sum(b.amount) FILTER (WHERE b.entry_type = 'charge'), 0) AS spent "
#define TERMS SI_GRANT_TERMS("o")
#define SEALED "FROM sparkingest.balance_entries AS b WHERE b.chain_no IS NOT NULL "

/* Each finds one kind of problem: tenant, what is wrong with what. */
static SiStatement checks[] = {
    {"SELECT c.tenant_id, 'entry was changed after it was sealed', pg_catalog.format('entry %s, place %s of the chain', c.entry_id, c.chain_no) "
     "FROM (SELECT b.tenant_id, b.entry_id, b.chain_no, b.chain_hash, pg_catalog.sha256(pg_catalog.lag(b.chain_hash, 1, "
     "pg_catalog.decode(pg_catalog.repeat('00', 32), 'hex')) OVER w || pg_catalog.convert_to(b.chain_no || '|' || " ENTRY_TEXT
     ", 'UTF8')) AS hash " SEALED
     "WINDOW w AS (PARTITION BY b.tenant_id ORDER BY b.chain_no)) AS c WHERE c.hash <> c.chain_hash"},
    {"SELECT c.tenant_id, 'entries are missing', pg_catalog.format('%s before place %s of the chain', c.chain_no - c.before - 1, c.chain_no) "
     "FROM (SELECT b.tenant_id, b.chain_no, pg_catalog.lag(b.chain_no, 1, 0::bigint) OVER (PARTITION BY b.tenant_id ORDER BY b.chain_no) "
     "AS before " SEALED ") AS c WHERE c.before + 1 <> c.chain_no"},
    {"SELECT tenant_id, 'end of the chain', pg_catalog.format('place %s in balance_chains, %s in balance_entries, or other hashes', "
     "h.chain_no, b.chain_no) FROM sparkingest.balance_chains AS h FULL JOIN (SELECT DISTINCT ON (b.tenant_id) b.tenant_id, b.chain_no, "
     "b.chain_hash " SEALED "ORDER BY b.tenant_id, b.chain_no DESC) AS b USING (tenant_id) "
     "WHERE (h.chain_no, h.chain_hash) IS DISTINCT FROM (b.chain_no, b.chain_hash)"},
    {"SELECT g.tenant_id, 'grant and its entries', pg_catalog.format('grant %s: granted %s, held %s, spent %s; entries %s, %s, %s', "
     "g.grant_id, g.granted, g.held, g.spent, e.granted, e.held, e.spent) FROM sparkingest.grants AS g LEFT JOIN (SELECT b.grant_id, " ADDS_UP
     ", pg_catalog.sum(CASE b.entry_type WHEN 'grant' THEN b.amount WHEN 'lapse' THEN -b.amount END) AS granted "
     "FROM sparkingest.balance_entries AS b WHERE b.chain_no IS NOT NULL OR b.entry_type IN ('grant', 'lapse') GROUP BY 1) AS e USING (grant_id) "
     "WHERE (g.granted, g.held, g.spent) "
     "IS DISTINCT FROM (COALESCE(e.granted, 0), COALESCE(e.held, 0), COALESCE(e.spent, 0))"},
    {"SELECT g.tenant_id, 'grant and its terms', pg_catalog.format('grant %s: %s; entries %s', g.grant_id, g.terms, e.terms) "
     "FROM (SELECT o.tenant_id, o.grant_id, " TERMS " AS terms FROM sparkingest.grants AS o) AS g "
     "LEFT JOIN (SELECT DISTINCT ON (b.grant_id) b.grant_id, b.terms FROM sparkingest.balance_entries AS b "
     "WHERE b.terms IS NOT NULL ORDER BY b.grant_id, b.entry_id DESC) AS e USING (grant_id) WHERE g.terms IS DISTINCT FROM e.terms"},
    {"SELECT g.tenant_id, 'more than was granted', pg_catalog.format('grant %s: granted %s, held %s, spent %s', g.grant_id, g.granted, "
     "g.held, g.spent) FROM sparkingest.grant_balances AS g WHERE g.available < 0 OR g.held < 0 OR g.spent < 0"},
    {"SELECT e.tenant_id, 'execution and its entries', pg_catalog.format('execution %s: held %s, charged %s; entries %s, %s', "
     "e.execution_id, e.held, e.charged, b.held, b.spent) FROM sparkingest.job_executions AS e LEFT JOIN (SELECT b.execution_id, " ADDS_UP
     "FROM sparkingest.balance_entries AS b WHERE b.execution_id IS NOT NULL GROUP BY 1) AS b USING (execution_id) "
     "WHERE e.held <> COALESCE(b.held, 0) OR COALESCE(e.charged, 0) <> COALESCE(b.spent, 0)"},
    {"SELECT r.tenant_id, 'reservation and its entries', pg_catalog.format('reservation %s: held %s; entries %s', r.reservation_id, r.held, "
     "b.held) FROM sparkingest.reservations AS r LEFT JOIN (SELECT b.reservation_id, " ADDS_UP
     "FROM sparkingest.balance_entries AS b WHERE b.reservation_id IS NOT NULL GROUP BY 1) AS b USING (reservation_id) "
     "WHERE r.held <> COALESCE(b.held, 0)"},
    {"SELECT b.tenant_id, 'entry of nothing', pg_catalog.format('entry %s', b.entry_id) FROM sparkingest.balance_entries AS b "
     "LEFT JOIN sparkingest.grants AS g ON g.grant_id = b.grant_id AND g.tenant_id = b.tenant_id "
     "LEFT JOIN sparkingest.job_executions AS e ON e.execution_id = b.execution_id AND e.tenant_id = b.tenant_id "
     "LEFT JOIN sparkingest.reservations AS r ON r.reservation_id = b.reservation_id AND r.tenant_id = b.tenant_id "
     "WHERE g.grant_id IS NULL OR (b.execution_id IS NOT NULL AND e.execution_id IS NULL) "
     "OR (b.reservation_id IS NOT NULL AND r.reservation_id IS NULL)"}};

/*
 * Entries are only added, until they are sealed and the chain guards them: a row that an UPDATE left says so in its header. Returns
 * how many problems there are with these.
 */
static int
find_edited(SiBookProblem **out, int count)
{
    Oid schema = get_namespace_oid("sparkingest", false);
    Relation relation = table_open(get_relname_relid("balance_entries", schema), AccessShareLock);
    TupleDesc desc = RelationGetDescr(relation);
    SysScanDesc scan = systable_beginscan(relation, get_relname_relid("unsealed_entries", schema), true, GetActiveSnapshot(), 0, NULL);
    HeapTuple row;

    while ((row = systable_getnext(scan)) != NULL)
    {
        SiBookProblem *problem;
        SiEntryRow entry;

        if ((row->t_data->t_infomask & HEAP_UPDATED) == 0)
            continue;
        si_entry_from_row(row, desc, &entry);
        *out = repalloc_huge(*out, (count + 2) * sizeof(SiBookProblem));
        problem = &(*out)[count++];
        problem->has_tenant = si_row_tenant(row, desc, &problem->tenant_id);
        problem->problem = "entry was changed before it was sealed";
        problem->detail = psprintf("entry " INT64_FORMAT, entry.entry_id);
    }
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return count;
}

int
si_books_verify(SiBookProblem **out)
{
    MemoryContext context = CurrentMemoryContext;
    int count = 0;

    *out = palloc(sizeof(SiBookProblem));
    si_sql_open();
    for (int c = 0; c < lengthof(checks); c++)
    {
        uint64 n = si_sql_run(&checks[c], NULL, NULL);

        *out = repalloc_huge(*out, (count + n + 1) * sizeof(SiBookProblem));
        for (uint64 i = 0; i < n; i++)
        {
            SiBookProblem *problem = &(*out)[count++];
            bool isnull;

            problem->tenant_id = si_sql_uuid(i, 1, &isnull);
            problem->has_tenant = !isnull;
            problem->problem = si_sql_text_copy(i, 2, context);
            problem->detail = si_sql_text_copy(i, 3, context);
        }
    }
    si_sql_close();
    return find_edited(out, count);
}
