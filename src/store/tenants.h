/*
 * tenants.h: rows of tenants and tenant_roles.
 */
#ifndef SI_STORE_TENANTS_H
#define SI_STORE_TENANTS_H

#include "utils/uuid.h"

/* At most so many; -1 = no limit. */
typedef struct SiTenantLimits
{
    int32 max_jobs;
    int32 max_schedules;
    int32 calls_per_second;
} SiTenantLimits;

typedef struct SiTenant
{
    pg_uuid_t tenant_id;
    char *tenant_name;
    char *time_zone;
    char *status; /* active, suspended, closed */
    SiTenantLimits limits;
} SiTenant;

/* Whether it exists. */
extern bool si_tenant_load(const pg_uuid_t *tenant_id, SiTenant *out);

/* Raises 42710 when the name is taken. */
extern void si_tenant_insert(const SiTenant *tenant, TimestampTz now);

extern void si_tenant_set_status(const pg_uuid_t *tenant_id, const char *status);
extern void si_tenant_set_limits(const pg_uuid_t *tenant_id, const SiTenantLimits *limits);

/* Whether the role, or one that it is a member of, acts for the tenant. */
extern bool si_tenant_has_role(const pg_uuid_t *tenant_id, Oid role);

/* For which tenants it acts, palloc'd; returns how many. */
extern int si_tenants_of_role(Oid role, pg_uuid_t **out);

/* Whether that changed something. */
extern bool si_tenant_role_insert(const pg_uuid_t *tenant_id, Oid role);
extern bool si_tenant_role_delete(const pg_uuid_t *tenant_id, Oid role);

typedef struct SiTenantRole
{
    pg_uuid_t tenant_id;
    Oid role;
} SiTenantRole;

/* Removes roles that were dropped, so that nobody who is given the same oid inherits them; palloc'd, returns how many. */
extern int si_tenant_roles_remove_dropped(SiTenantRole **out);

#endif
