/*
 * pools.c: rows of namespaces, capacity_overrides and pools.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "domain/types.h"
#include "pg/lock.h"
#include "store/cache.h"
#include "store/pools.h"
#include "store/sql.h"

static SiPurpose
purpose_of(const char *word)
{
    if (strcmp(word, "dedicated") == 0)
        return SI_NS_DEDICATED;
    if (strcmp(word, "shared") == 0)
        return SI_NS_SHARED;
    Assert(strcmp(word, "draft") == 0);
    return SI_NS_DRAFT;
}

static void
namespace_from_row(uint64 row, SiNamespace *out)
{
    strlcpy(out->name, si_sql_text_copy(row, 1, CurrentMemoryContext), sizeof(out->name));
    out->purpose = purpose_of(si_sql_text_copy(row, 2, CurrentMemoryContext));
    out->cpu_millicores = si_sql_int8(row, 3);
    out->memory_mib = si_sql_int8(row, 4);
    out->tenant_cpu_millicores = si_sql_int8(row, 5);
    out->tenant_memory_mib = si_sql_int8(row, 6);
    out->step_usecs = si_sql_int4(row, 7) * SI_USECS_PER_MIN;
    out->memory_mib_per_core = si_sql_int8(row, 8);
}

#define SELECT_NAMESPACES \
    "SELECT namespace, purpose, cpu_millicores, memory_mib, COALESCE(tenant_cpu_millicores, -1), " \
    "COALESCE(tenant_memory_mib, -1), slot_minutes, memory_mib_per_core FROM sparkingest.namespaces "

bool
si_namespace_read(const char *name, SiNamespace *out)
{
    static SiStatement find = {SELECT_NAMESPACES "WHERE namespace = $1", 1, {TEXTOID}};
    Datum values[] = {si_text_datum(name)};
    bool found;

    si_sql_open();
    found = si_sql_run_latest(&find, values, NULL) > 0;
    if (found)
        namespace_from_row(0, out);
    si_sql_close();
    return found;
}

static SiCache namespaces_cache = {"namespaces"};
static SiNamespace *namespaces = NULL; /* all, by name */
static int n_namespaces = 0;

static SiNamespace *
read_all_namespaces(MemoryContext context, int *n)
{
    static SiStatement find = {SELECT_NAMESPACES "ORDER BY namespace", 0};
    SiNamespace *all;

    si_sql_open();
    *n = (int) si_sql_run_latest(&find, NULL, NULL);
    all = MemoryContextAllocZero(context, (*n + 1) * sizeof(SiNamespace));
    for (int i = 0; i < *n; i++)
        namespace_from_row(i, &all[i]);
    si_sql_close();
    return all;
}

static void
read_namespaces(void)
{
    bool keep = true;

    if (si_cache_holds(&namespaces_cache))
        return;
    namespaces = read_all_namespaces(namespaces_cache.context, &n_namespaces);
    if (si_cache_may_differ())
    {
        SiNamespace *committed;
        int n;

        si_sql_leave_own_out(true);
        committed = read_all_namespaces(CurrentMemoryContext, &n);
        si_sql_leave_own_out(false);
        keep = n == n_namespaces && memcmp(committed, namespaces, n * sizeof(SiNamespace)) == 0;
    }
    si_cache_filled(&namespaces_cache, keep);
}

bool
si_namespace_load(const char *name, SiNamespace *out)
{
    read_namespaces();
    for (int i = 0; i < n_namespaces; i++)
        if (strcmp(namespaces[i].name, name) == 0)
        {
            *out = namespaces[i];
            return true;
        }
    return false;
}

int
si_namespaces_of(SiPurpose purpose, SiNamespace **out)
{
    int n = 0;

    read_namespaces();
    *out = palloc((n_namespaces + 1) * sizeof(SiNamespace));
    for (int i = 0; i < n_namespaces; i++)
        if (namespaces[i].purpose == purpose)
            (*out)[n++] = namespaces[i];
    return n;
}

bool
si_pool_load(int32 pool_id, SiPool *out)
{
    static SiStatement find = {"SELECT namespace, tenant_id FROM sparkingest.pools WHERE pool_id = $1", 1, {INT4OID}};
    Datum values[] = {Int32GetDatum(pool_id)};
    bool found;
    bool common;

    si_sql_open();
    found = si_sql_run_latest(&find, values, NULL) > 0;
    if (found)
    {
        strlcpy(out->namespace_name, si_sql_text_copy(0, 1, CurrentMemoryContext), sizeof(out->namespace_name));
        out->tenant_id = si_sql_uuid(0, 2, &common);
        out->has_tenant = !common;
    }
    si_sql_close();
    return found;
}

typedef struct PoolKey
{
    char namespace_name[64];
    pg_uuid_t tenant_id; /* all zeros = common */
} PoolKey;

typedef struct PoolEntry
{
    PoolKey key;
    int32 pool_id;
} PoolEntry;

/* Pools never change nor go away; only those that are committed are kept. */
static SiCache pools_cache = {"pools"};
static HTAB *pools = NULL;

static int32
look_for_pool(const char *namespace_name, const pg_uuid_t *tenant_id)
{
    /* No index answers IS NOT DISTINCT FROM: it would read all pools of the namespace. */
    static SiStatement find = {"SELECT pool_id FROM sparkingest.pools WHERE namespace = $1 AND tenant_id = $2",
                               2,
                               {TEXTOID, UUIDOID},
                               .by_index = true};
    static SiStatement find_common = {"SELECT pool_id FROM sparkingest.pools WHERE namespace = $1 AND tenant_id IS NULL",
                                      1,
                                      {TEXTOID},
                                      .by_index = true};
    Datum values[] = {si_text_datum(namespace_name), UUIDPGetDatum(tenant_id)};
    int32 pool_id;

    si_sql_open();
    pool_id = si_sql_run_latest(tenant_id ? &find : &find_common, values, NULL) > 0 ? si_sql_int4(0, 1) : 0;
    si_sql_close();
    return pool_id;
}

int32
si_pool_find(const char *namespace_name, const pg_uuid_t *tenant_id)
{
    PoolEntry *entry;
    PoolKey key;
    int32 pool_id;

    if (!si_cache_holds(&pools_cache))
    {
        HASHCTL control = {.keysize = sizeof(PoolKey), .entrysize = sizeof(PoolEntry), .hcxt = pools_cache.context};

        pools = hash_create("sparkingest pools", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
        si_cache_filled(&pools_cache, true);
    }
    memset(&key, 0, sizeof(key));
    strlcpy(key.namespace_name, namespace_name, sizeof(key.namespace_name));
    if (tenant_id)
        key.tenant_id = *tenant_id;
    entry = hash_search(pools, &key, HASH_FIND, NULL);
    if (entry)
        return entry->pool_id;
    pool_id = look_for_pool(namespace_name, tenant_id);
    if (pool_id == 0)
        return 0;
    if (si_cache_may_differ())
    {
        int32 committed;

        si_sql_leave_own_out(true);
        committed = look_for_pool(namespace_name, tenant_id);
        si_sql_leave_own_out(false);
        if (committed == 0)
            return pool_id;
    }
    entry = hash_search(pools, &key, HASH_ENTER, NULL);
    entry->pool_id = pool_id;
    return pool_id;
}

int32
si_pool_get(const char *namespace_name, const pg_uuid_t *tenant_id)
{
    static SiStatement insert = {"INSERT INTO sparkingest.pools (namespace, tenant_id) VALUES ($1, $2) ON CONFLICT (namespace, tenant_id) DO NOTHING",
                                 2,
                                 {TEXTOID, UUIDOID}};
    Datum values[] = {si_text_datum(namespace_name), UUIDPGetDatum(tenant_id)};
    int32 pool_id = si_pool_find(namespace_name, tenant_id);

    if (pool_id == 0)
    {
        si_sql_open();
        si_sql_run(&insert, values, tenant_id ? NULL : " n");
        si_sql_close();
        pool_id = si_pool_find(namespace_name, tenant_id);
    }
    if (pool_id == 0)
        elog(ERROR, "a pool of namespace \"%s\" vanished", namespace_name);
    return pool_id;
}

void
si_namespace_lock(const char *namespace_name)
{
    si_lock_transaction(SI_LOCK_POOL, 0, hash_bytes((const unsigned char *) namespace_name, strlen(namespace_name)));
}

/* Rows of (from, until, cpu, memory) from the current result. */
static int
amounts_from_rows(uint64 n, MemoryContext context, SiAmount **out)
{
    *out = MemoryContextAlloc(context, (n + 1) * sizeof(SiAmount));
    for (uint64 i = 0; i < n; i++)
        (*out)[i] = (SiAmount){si_sql_time(i, 1), si_sql_time(i, 2), si_sql_int8(i, 3), si_sql_int8(i, 4), true};
    return (int) n;
}

int
si_overrides(const char *namespace_name, TimestampTz from, TimestampTz until, SiAmount **out)
{
    static SiStatement find = {"SELECT pg_catalog.lower(during), pg_catalog.upper(during), cpu_millicores, memory_mib "
                               "FROM sparkingest.capacity_overrides WHERE namespace = $1 "
                               "AND during && pg_catalog.tstzrange($2, $3) ORDER BY override_id",
                               3,
                               {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {si_text_datum(namespace_name), TimestampTzGetDatum(from), TimestampTzGetDatum(until)};
    int n;

    si_sql_open();
    n = amounts_from_rows(si_sql_run_latest(&find, values, NULL), context, out);
    si_sql_close();
    return n;
}

void
si_override_insert(const char *namespace_name, TimestampTz from, TimestampTz until, int64 cpu_millicores, int64 memory_mib,
                   const char *actor, TimestampTz now)
{
    static SiStatement insert = {"INSERT INTO sparkingest.capacity_overrides "
                                 "(namespace, during, cpu_millicores, memory_mib, created_at, created_by) "
                                 "VALUES ($1, pg_catalog.tstzrange($2, $3), $4, $5, $6, $7)",
                                 7,
                                 {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT8OID, TIMESTAMPTZOID, TEXTOID}};
    Datum values[] = {si_text_datum(namespace_name), TimestampTzGetDatum(from), TimestampTzGetDatum(until),
                      Int64GetDatum(cpu_millicores), Int64GetDatum(memory_mib), TimestampTzGetDatum(now),
                      si_text_datum(actor)};

    si_sql_open();
    si_sql_run(&insert, values, NULL);
    si_sql_close();
}

#define SELECT_DEDICATED_SUPPLY \
    "SELECT starts_at, ends_at, cpu_millicores, memory_mib FROM sparkingest.grants " \
    "WHERE resource_type = 'dedicated_units' AND namespace = $1 AND ends_at > $2 AND starts_at < $3"

int
si_dedicated_supply(const char *namespace_name, const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until,
                    SiAmount **out)
{
    static SiStatement find = {SELECT_DEDICATED_SUPPLY, 3, {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
    static SiStatement find_own = {SELECT_DEDICATED_SUPPLY " AND tenant_id = $4", 4, {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, UUIDOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {si_text_datum(namespace_name), TimestampTzGetDatum(from), TimestampTzGetDatum(until),
                      UUIDPGetDatum(tenant_id)};
    int n;

    si_sql_open();
    n = amounts_from_rows(si_sql_run_latest(tenant_id ? &find_own : &find, values, NULL), context, out);
    si_sql_close();
    return n;
}

int
si_lent_supply(const char *namespace_name, const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until, SiAmount **out)
{
    static SiStatement find = {"SELECT starts_at, ends_at, lending_limit::bigint * $5, lending_limit::bigint * $6 FROM sparkingest.grants "
                               "WHERE resource_type = 'dedicated_units' AND namespace = $1 AND tenant_id = $2 AND ends_at > $3 "
                               "AND starts_at < $4 AND lending_limit > 0",
                               6,
                               {TEXTOID, UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT8OID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {si_text_datum(namespace_name), UUIDPGetDatum(tenant_id), TimestampTzGetDatum(from), TimestampTzGetDatum(until),
                      Int64GetDatum(SI_UNIT_CPU_MILLICORES), Int64GetDatum(SI_UNIT_MEMORY_MIB)};
    int n;

    si_sql_open();
    n = amounts_from_rows(si_sql_run_latest(&find, values, NULL), context, out);
    si_sql_close();
    return n;
}

int
si_lenders(const char *namespace_name, const pg_uuid_t *except, TimestampTz from, TimestampTz until, pg_uuid_t **out)
{
    static SiStatement find = {"SELECT DISTINCT tenant_id FROM sparkingest.grants WHERE resource_type = 'dedicated_units' "
                               "AND namespace = $1 AND tenant_id <> $2 AND ends_at > $3 AND starts_at < $4 AND lending_limit > 0 ORDER BY 1",
                               4,
                               {TEXTOID, UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
                               .by_index = true};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {si_text_datum(namespace_name), UUIDPGetDatum(except), TimestampTzGetDatum(from), TimestampTzGetDatum(until)};
    int n;

    si_sql_open();
    n = (int) si_sql_run_latest(&find, values, NULL);
    *out = MemoryContextAlloc(context, (n + 1) * sizeof(pg_uuid_t));
    for (int i = 0; i < n; i++)
        (*out)[i] = si_sql_uuid(i, 1, NULL);
    si_sql_close();
    return n;
}
