/*
 * access.c: who may touch what.
 */
#include "postgres.h"

#include "flow/access.h"
#include "flow/limits.h"
#include "pg/errors.h"
#include "store/sql.h"
#include "store/tenants.h"

static void
refuse(const SiCaller *caller, const char *what, const pg_uuid_t *id, bool found)
{
    if (!found && si_caller_sees_all(caller))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("%s \"%s\" does not exist", what, si_uuid_text(id))));
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("%s \"%s\" does not exist or is not yours", what, si_uuid_text(id)),
                    errhint("An operator gives a role access by sparkingest.grant_tenant().")));
}

bool
si_access_visible(const SiCaller *caller, const pg_uuid_t *tenant_id)
{
    return si_caller_sees_all(caller) || si_tenant_has_role(tenant_id, caller->role);
}

/* The same statements run whether the row is there or not: how long a refusal takes does not tell. */
static void
check_row(const SiCaller *caller, bool privileged, const char *what, const pg_uuid_t *id, bool found,
          const pg_uuid_t *tenant_id)
{
    bool acts = privileged || si_tenant_has_role(found ? tenant_id : id, caller->role);

    SiTenant tenant;

    if (!found || !acts)
        refuse(caller, what, id, found);
    if (!privileged && si_tenant_load(tenant_id, &tenant))
        si_limits_count_call(&tenant);
}

void
si_access_row(const SiCaller *caller, const char *what, const pg_uuid_t *id, bool found, const pg_uuid_t *tenant_id)
{
    check_row(caller, si_caller_is_operator(caller), what, id, found, tenant_id);
}

void
si_access_row_seen(const SiCaller *caller, const char *what, const pg_uuid_t *id, bool found, const pg_uuid_t *tenant_id)
{
    check_row(caller, si_caller_sees_all(caller), what, id, found, tenant_id);
}

/* Who does not act for a tenant is refused before anybody looks whether it exists. */
static void
load_tenant(const SiCaller *caller, bool privileged, const pg_uuid_t *tenant_id, SiTenant *out)
{
    if (!privileged && !si_tenant_has_role(tenant_id, caller->role))
        refuse(caller, "tenant", tenant_id, true);
    if (!si_tenant_load(tenant_id, out))
        refuse(caller, "tenant", tenant_id, false);
    if (!privileged)
        si_limits_count_call(out);
}

void
si_access_tenant(const SiCaller *caller, const pg_uuid_t *tenant_id)
{
    SiTenant tenant;

    load_tenant(caller, si_caller_sees_all(caller), tenant_id, &tenant);
}

void
si_access_active_tenant(const SiCaller *caller, const pg_uuid_t *tenant_id)
{
    SiTenant tenant;

    load_tenant(caller, si_caller_is_operator(caller), tenant_id, &tenant);
    if (strcmp(tenant.status, "active") != 0)
        ereport(ERROR, (errcode(ERRCODE_SI_STATE), errmsg("tenant \"%s\" is %s", si_uuid_text(tenant_id), tenant.status),
                        errhint("An operator sets it active by sparkingest.set_tenant_status().")));
}
