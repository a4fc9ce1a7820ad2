/*
 * pools.h: rows of namespaces, capacity_overrides and pools; the supply side of capacity.
 */
#ifndef SI_STORE_POOLS_H
#define SI_STORE_POOLS_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

#include "domain/spill.h"

typedef struct SiNamespace
{
    char name[64];
    SiPurpose purpose;
    int64 cpu_millicores;
    int64 memory_mib;
    int64 tenant_cpu_millicores; /* cap per tenant, -1 = none */
    int64 tenant_memory_mib;
    int64 step_usecs; /* grid step (C2) */
    int64 memory_mib_per_core;
} SiNamespace;

/* An amount over [from, until): supply or demand. */
typedef struct SiAmount
{
    TimestampTz from;
    TimestampTz until;
    int64 cpu_millicores;
    int64 memory_mib;
    bool own; /* of the tenant that was asked for */
} SiAmount;

/* Whether it exists. */
extern bool si_namespace_load(const char *name, SiNamespace *out);

/* The same, from its row as it is now and not from what is kept: what the ledger goes by must be what is committed. */
extern bool si_namespace_read(const char *name, SiNamespace *out);

/* All of a purpose, by name, palloc'd; returns how many. */
extern int si_namespaces_of(SiPurpose purpose, SiNamespace **out);

typedef struct SiPool
{
    char namespace_name[64];
    bool has_tenant;
    pg_uuid_t tenant_id;
} SiPool;

/* Whether the pool exists. */
extern bool si_pool_load(int32 pool_id, SiPool *out);

/* Pool of a namespace (tenant NULL = common) or of a tenant inside it; 0 when there is none. */
extern int32 si_pool_find(const char *namespace_name, const pg_uuid_t *tenant_id);

/* The same, created when missing. */
extern int32 si_pool_get(const char *namespace_name, const pg_uuid_t *tenant_id);

/* The lock of what is sold in a namespace: purchases in it take turns (M10). */
extern void si_namespace_lock(const char *namespace_name);

/* Overrides touching [from, until), oldest first: later ones win. Newest committed state. */
extern int si_overrides(const char *namespace_name, TimestampTz from, TimestampTz until, SiAmount **out);
extern void si_override_insert(const char *namespace_name, TimestampTz from, TimestampTz until, int64 cpu_millicores,
                               int64 memory_mib, const char *actor, TimestampTz now);

/* Dedicated units of a tenant in a namespace (tenant NULL = of all) valid at some time in [from, until). */
extern int si_dedicated_supply(const char *namespace_name, const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until,
                               SiAmount **out);

/* What of them others may borrow (C10). */
extern int si_lent_supply(const char *namespace_name, const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until,
                          SiAmount **out);

/* Tenants other than `except` that lend units of a namespace at some time in [from, until), palloc'd, in the order of their ids. */
extern int si_lenders(const char *namespace_name, const pg_uuid_t *except, TimestampTz from, TimestampTz until, pg_uuid_t **out);

#endif
