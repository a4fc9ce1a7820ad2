/*
 * access.c: who may touch what.
 */
#include "postgres.h"

#include "flow/access.h"
#include "pg/errors.h"
#include "store/sql.h"
#include "store/tenants.h"

static void
refuse(const SiCaller *caller, const char *what, const pg_uuid_t *id)
{
    if (si_caller_is_operator(caller))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("%s \"%s\" does not exist", what, si_uuid_text(id))));
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("%s \"%s\" does not exist or is not yours", what, si_uuid_text(id)),
                    errhint("An operator gives a role access by sparkingest.grant_tenant().")));
}

bool
si_access_allowed(const SiCaller *caller, const pg_uuid_t *tenant_id)
{
    return si_caller_is_operator(caller) || si_tenant_has_role(tenant_id, caller->role);
}

void
si_access_row(const SiCaller *caller, const char *what, const pg_uuid_t *id, bool found, const pg_uuid_t *tenant_id)
{
    if (!found || !si_access_allowed(caller, tenant_id))
        refuse(caller, what, id);
}

void
si_access_tenant(const SiCaller *caller, const pg_uuid_t *tenant_id)
{
    SiTenant tenant;

    si_access_row(caller, "tenant", tenant_id, si_tenant_load(tenant_id, &tenant), tenant_id);
}

void
si_access_active_tenant(const SiCaller *caller, const pg_uuid_t *tenant_id)
{
    SiTenant tenant;

    si_access_row(caller, "tenant", tenant_id, si_tenant_load(tenant_id, &tenant), tenant_id);
    if (strcmp(tenant.status, "active") != 0)
        ereport(ERROR, (errcode(ERRCODE_SI_STATE), errmsg("tenant \"%s\" is %s", si_uuid_text(tenant_id), tenant.status),
                        errhint("An operator sets it active by sparkingest.set_tenant_status().")));
}
