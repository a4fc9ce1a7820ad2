/*
 * tenants.c: rows of tenants and tenant_roles.
 */
#include "postgres.h"

#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"
#include "utils/syscache.h"

#include "store/cache.h"
#include "store/sql.h"
#include "store/tenants.h"

typedef struct TenantEntry
{
    pg_uuid_t tenant_id; /* key */
    char *tenant_name;
    char *time_zone;
    char *status;
    SiTenantLimits limits;
} TenantEntry;

static SiCache tenants_cache = {"tenants"};
static HTAB *tenants = NULL;

/* Whether there is such a row; copied into a context. */
static bool
read_row(const pg_uuid_t *tenant_id, MemoryContext context, TenantEntry *out)
{
    static SiStatement find = {"SELECT tenant_name, time_zone, status, COALESCE(max_jobs, -1), COALESCE(max_schedules, -1), "
                               "COALESCE(calls_per_second, -1) FROM sparkingest.tenants WHERE tenant_id = $1",
                               1,
                               {UUIDOID}};
    Datum values[] = {UUIDPGetDatum(tenant_id)};
    bool found;

    si_sql_open();
    found = si_sql_run_latest(&find, values, NULL) > 0;
    if (found)
    {
        out->tenant_id = *tenant_id;
        out->tenant_name = si_sql_text_copy(0, 1, context);
        out->time_zone = si_sql_text_copy(0, 2, context);
        out->status = si_sql_text_copy(0, 3, context);
        out->limits = (SiTenantLimits){si_sql_int4(0, 4), si_sql_int4(0, 5), si_sql_int4(0, 6)};
    }
    si_sql_close();
    return found;
}

static TenantEntry *
read_tenant(const pg_uuid_t *tenant_id)
{
    TenantEntry row;
    TenantEntry *entry;

    if (!read_row(tenant_id, tenants_cache.context, &row))
        return NULL;
    if (si_cache_may_differ())
    {
        TenantEntry committed;
        bool found;

        si_sql_leave_own_out(true);
        found = read_row(tenant_id, CurrentMemoryContext, &committed);
        si_sql_leave_own_out(false);
        if (!found || strcmp(committed.tenant_name, row.tenant_name) != 0 || strcmp(committed.time_zone, row.time_zone) != 0 ||
            strcmp(committed.status, row.status) != 0 || memcmp(&committed.limits, &row.limits, sizeof(row.limits)) != 0)
            si_cache_filled(&tenants_cache, false);
    }
    entry = hash_search(tenants, tenant_id, HASH_ENTER, NULL);
    *entry = row;
    return entry;
}

bool
si_tenant_load(const pg_uuid_t *tenant_id, SiTenant *out)
{
    TenantEntry *entry;

    if (!si_cache_holds(&tenants_cache))
    {
        HASHCTL control = {.keysize = sizeof(pg_uuid_t), .entrysize = sizeof(TenantEntry), .hcxt = tenants_cache.context};

        tenants = hash_create("sparkingest tenants", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
        si_cache_filled(&tenants_cache, true);
    }
    entry = hash_search(tenants, tenant_id, HASH_FIND, NULL);
    if (entry == NULL)
        entry = read_tenant(tenant_id);
    if (entry == NULL)
        return false;
    out->tenant_id = *tenant_id;
    out->tenant_name = pstrdup(entry->tenant_name);
    out->time_zone = pstrdup(entry->time_zone);
    out->status = pstrdup(entry->status);
    out->limits = entry->limits;
    return true;
}

void
si_tenant_insert(const SiTenant *tenant, TimestampTz now)
{
    static SiStatement insert = {"INSERT INTO sparkingest.tenants (tenant_id, tenant_name, time_zone, status, created_at) "
                                 "VALUES ($1, $2, $3, 'active', $4) ON CONFLICT (tenant_name) DO NOTHING",
                                 4,
                                 {UUIDOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(&tenant->tenant_id), si_text_datum(tenant->tenant_name),
                      si_text_datum(tenant->time_zone), TimestampTzGetDatum(now)};

    si_sql_open();
    if (si_sql_run(&insert, values, NULL) == 0)
        ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("tenant \"%s\" already exists", tenant->tenant_name)));
    si_sql_close();
}

void
si_tenant_set_status(const pg_uuid_t *tenant_id, const char *status)
{
    static SiStatement update = {"UPDATE sparkingest.tenants SET status = $2 WHERE tenant_id = $1", 2, {UUIDOID, TEXTOID}};
    Datum values[] = {UUIDPGetDatum(tenant_id), si_text_datum(status)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

void
si_tenant_set_limits(const pg_uuid_t *tenant_id, const SiTenantLimits *limits)
{
    static SiStatement update = {"UPDATE sparkingest.tenants SET max_jobs = NULLIF($2, -1), max_schedules = NULLIF($3, -1), "
                                 "calls_per_second = NULLIF($4, -1) WHERE tenant_id = $1",
                                 4,
                                 {UUIDOID, INT4OID, INT4OID, INT4OID}};
    Datum values[] = {UUIDPGetDatum(tenant_id), Int32GetDatum(limits->max_jobs), Int32GetDatum(limits->max_schedules),
                      Int32GetDatum(limits->calls_per_second)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

bool
si_tenant_has_role(const pg_uuid_t *tenant_id, Oid role)
{
    static SiStatement roles = {"SELECT role FROM sparkingest.tenant_roles WHERE tenant_id = $1", 1, {UUIDOID}};
    Datum values[] = {UUIDPGetDatum(tenant_id)};
    uint64 n;
    bool found = false;

    si_sql_open();
    n = si_sql_run(&roles, values, NULL);
    for (uint64 i = 0; i < n && !found; i++)
    {
        bool isnull;
        Oid acting = DatumGetObjectId(si_sql_get(i, 1, &isnull));

        /* A dropped role gives nobody anything (J12). */
        found = SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(acting)) && has_privs_of_role(role, acting);
    }
    si_sql_close();
    return found;
}

int
si_tenants_of_role(Oid role, pg_uuid_t **out)
{
    /* The roles whose privileges it has (has_privs_of_role, in PostgreSQL 15), upwards, and then by index: policies ask often. */
    static SiStatement find = {"WITH RECURSIVE mine (role) AS (SELECT $1 UNION SELECT a.roleid FROM mine AS m "
                               "JOIN pg_catalog.pg_roles AS r ON r.oid = m.role AND r.rolinherit "
                               "JOIN pg_catalog.pg_auth_members AS a ON a.member = m.role) "
                               "SELECT DISTINCT t.tenant_id FROM mine AS m JOIN sparkingest.tenant_roles AS t ON t.role = m.role "
                               "ORDER BY t.tenant_id",
                               1,
                               {OIDOID}};
    Datum values[] = {ObjectIdGetDatum(role)};

    return si_sql_ids(&find, values, out);
}

bool
si_tenant_role_insert(const pg_uuid_t *tenant_id, Oid role)
{
    static SiStatement insert = {"INSERT INTO sparkingest.tenant_roles (tenant_id, role) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                                 2,
                                 {UUIDOID, OIDOID}};
    Datum values[] = {UUIDPGetDatum(tenant_id), ObjectIdGetDatum(role)};
    bool changed;

    si_sql_open();
    changed = si_sql_run(&insert, values, NULL) > 0;
    si_sql_close();
    return changed;
}

bool
si_tenant_role_delete(const pg_uuid_t *tenant_id, Oid role)
{
    static SiStatement delete = {"DELETE FROM sparkingest.tenant_roles WHERE tenant_id = $1 AND role = $2", 2, {UUIDOID, OIDOID}};
    Datum values[] = {UUIDPGetDatum(tenant_id), ObjectIdGetDatum(role)};
    bool changed;

    si_sql_open();
    changed = si_sql_run(&delete, values, NULL) > 0;
    si_sql_close();
    return changed;
}

int
si_tenant_roles_remove_dropped(SiTenantRole **out)
{
    static SiStatement remove_dropped = {"DELETE FROM sparkingest.tenant_roles WHERE NOT EXISTS "
                                         "(SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = role) RETURNING tenant_id, role::oid",
                                         0};
    MemoryContext context = CurrentMemoryContext;
    uint64 n;

    si_sql_open();
    n = si_sql_run(&remove_dropped, NULL, NULL);
    *out = MemoryContextAlloc(context, (n + 1) * sizeof(SiTenantRole));
    for (uint64 i = 0; i < n; i++)
    {
        bool isnull;

        (*out)[i].tenant_id = si_sql_uuid(i, 1, NULL);
        (*out)[i].role = DatumGetObjectId(si_sql_get(i, 2, &isnull));
    }
    si_sql_close();
    return (int) n;
}
