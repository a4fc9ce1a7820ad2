/*
 * tenants.c: SQL functions about tenants.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/array.h"

#include "api/arguments.h"
#include "flow/access.h"
#include "flow/limits.h"
#include "flow/tenant.h"
#include "pg/clock.h"
#include "pg/errors.h"
#include "store/tenants.h"

PG_FUNCTION_INFO_V1(si_create_tenant);
PG_FUNCTION_INFO_V1(si_set_tenant_status);
PG_FUNCTION_INFO_V1(si_set_tenant_limits);
PG_FUNCTION_INFO_V1(si_grant_tenant);
PG_FUNCTION_INFO_V1(si_revoke_tenant);
PG_FUNCTION_INFO_V1(si_can_see_tenant);
PG_FUNCTION_INFO_V1(si_my_tenants);

Datum
si_create_tenant(PG_FUNCTION_ARGS)
{
    pg_uuid_t *answer = palloc(sizeof(pg_uuid_t));
    SiCaller caller;

    si_caller_enter(&caller);
    si_caller_require_operator(&caller, "create_tenant");
    *answer = si_tenant_create(&caller, si_arg_text(fcinfo, 0, "tenant_name"), si_arg_text(fcinfo, 1, "time_zone"),
                               si_arg_text_or_null(fcinfo, 2), si_now());
    si_caller_leave(&caller);
    PG_RETURN_UUID_P(answer);
}

Datum
si_set_tenant_status(PG_FUNCTION_ARGS)
{
    pg_uuid_t *tenant_id;
    SiCaller caller;

    si_caller_enter(&caller);
    si_caller_require_operator(&caller, "set_tenant_status");
    tenant_id = si_arg_uuid(fcinfo, 0, "tenant_id");
    si_access_tenant(&caller, tenant_id);
    si_tenant_change_status(&caller, tenant_id, si_arg_text(fcinfo, 1, "status"), si_now());
    si_caller_leave(&caller);
    PG_RETURN_VOID();
}

Datum
si_set_tenant_limits(PG_FUNCTION_ARGS)
{
    pg_uuid_t *tenant_id;
    SiCaller caller;

    si_caller_enter(&caller);
    si_caller_require_operator(&caller, "set_tenant_limits");
    tenant_id = si_arg_uuid(fcinfo, 0, "tenant_id");
    si_access_tenant(&caller, tenant_id);
    si_limits_set(&caller, tenant_id, si_arg_jsonb(fcinfo, 1, "limits"));
    si_caller_leave(&caller);
    PG_RETURN_VOID();
}

static void
let(FunctionCallInfo fcinfo, const char *function_name, bool allowed)
{
    pg_uuid_t *tenant_id;
    SiCaller caller;

    si_caller_enter(&caller);
    si_caller_require_operator(&caller, function_name);
    tenant_id = si_arg_uuid(fcinfo, 0, "tenant_id");
    si_access_tenant(&caller, tenant_id);
    if (PG_ARGISNULL(1))
        si_bad_value("role", (char *) NULL, "must not be null");
    si_tenant_let(&caller, tenant_id, PG_GETARG_OID(1), allowed);
    si_caller_leave(&caller);
}

Datum
si_grant_tenant(PG_FUNCTION_ARGS)
{
    let(fcinfo, "grant_tenant", true);
    PG_RETURN_VOID();
}

Datum
si_revoke_tenant(PG_FUNCTION_ARGS)
{
    let(fcinfo, "revoke_tenant", false);
    PG_RETURN_VOID();
}

Datum
si_can_see_tenant(PG_FUNCTION_ARGS)
{
    SiCaller caller;
    bool allowed;

    si_caller_enter(&caller);
    /* Rows without a tenant concern the service. */
    allowed = PG_ARGISNULL(0) ? si_caller_sees_all(&caller) : si_access_visible(&caller, PG_GETARG_UUID_P(0));
    si_caller_leave(&caller);
    PG_RETURN_BOOL(allowed);
}

Datum
si_my_tenants(PG_FUNCTION_ARGS)
{
    pg_uuid_t *ids;
    Datum *elements;
    SiCaller caller;
    int n;

    si_caller_enter(&caller);
    n = si_tenants_of_role(caller.role, &ids);
    si_caller_leave(&caller);
    elements = palloc((n + 1) * sizeof(Datum));
    for (int i = 0; i < n; i++)
        elements[i] = UUIDPGetDatum(&ids[i]);
    PG_RETURN_ARRAYTYPE_P(construct_array(elements, n, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}
