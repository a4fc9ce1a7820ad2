/*
 * purchases.c: SQL functions about what tenants bought and have left.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/rangetypes.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

#include "api/arguments.h"
#include "api/relieved.h"
#include "flow/access.h"
#include "flow/cancellation.h"
#include "flow/discount.h"
#include "flow/purchase.h"
#include "flow/usage.h"
#include "pg/clock.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/quantities.h"
#include "store/sql.h"
#include "store/usage.h"

PG_FUNCTION_INFO_V1(si_purchase);
PG_FUNCTION_INFO_V1(si_cancel_purchase);
PG_FUNCTION_INFO_V1(si_set_discount);
PG_FUNCTION_INFO_V1(si_usage);
PG_FUNCTION_INFO_V1(si_balance);

Datum
si_purchase(PG_FUNCTION_ARGS)
{
    pg_uuid_t *answer = palloc(sizeof(pg_uuid_t));
    SiPurchaseRequest request = {0};
    SiCaller caller;

    si_caller_enter(&caller);
    request.tenant_id = *si_arg_uuid(fcinfo, 0, "tenant_id");
    si_access_active_tenant(&caller, &request.tenant_id);
    request.resource_type = si_arg_text(fcinfo, 1, "resource_type");
    if (PG_ARGISNULL(2))
        si_bad_value("quantity", (char *) NULL, "must not be null");
    request.quantity = PG_GETARG_INT32(2);
    request.time_period = si_arg_text(fcinfo, 3, "time_period");
    request.valid_from = si_arg_time_or_none(fcinfo, 4, "valid_from");
    request.valid_until = si_arg_time_or_none(fcinfo, 5, "valid_until");
    request.options = PG_ARGISNULL(6) ? si_json_parse("{}") : PG_GETARG_JSONB_P(6);
    request.key = si_arg_text_or_null(fcinfo, 7);
    *answer = si_purchase_make(&caller, &request, si_now());
    si_caller_leave(&caller);
    PG_RETURN_UUID_P(answer);
}

Datum
si_cancel_purchase(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    SiRelieved *relieved;
    SiPurchase purchase;
    pg_uuid_t *id;
    SiCaller caller;
    bool found;
    int n;

    InitMaterializedSRF(fcinfo, 0);
    si_caller_enter(&caller);
    id = si_arg_uuid(fcinfo, 0, "purchase_id");
    found = si_purchase_load(id, false, &purchase);
    si_access_row(&caller, "purchase", id, found, &purchase.tenant_id);
    n = si_purchase_cancel(&caller, id, si_arg_time_or_none(fcinfo, 1, "effective"), si_now(), &relieved);
    si_put_relieved(result, relieved, n);
    si_caller_leave(&caller);
    return (Datum) 0;
}

Datum
si_set_discount(PG_FUNCTION_ARGS)
{
    SiDiscount discount;
    SiCaller caller;

    si_caller_enter(&caller);
    si_caller_require_operator(&caller, "set_discount");
    discount.resource_type = si_arg_text(fcinfo, 0, "resource_type");
    discount.time_period = si_arg_text(fcinfo, 1, "time_period");
    if (PG_ARGISNULL(2))
        si_bad_value("from_quantity", (char *) NULL, "must not be null");
    discount.from_quantity = PG_GETARG_INT32(2);
    discount.share = PG_ARGISNULL(3) ? -1 : si_arg_quantity(fcinfo, 3, "share", 1000000, true, 1000000);
    si_discount_set(&caller, &discount);
    si_caller_leave(&caller);
    PG_RETURN_VOID();
}

Datum
si_usage(PG_FUNCTION_ARGS)
{
    pg_uuid_t *tenant_id;
    SiCaller caller;
    Jsonb *answer;

    si_caller_enter(&caller);
    tenant_id = si_arg_uuid(fcinfo, 0, "tenant_id");
    si_access_tenant(&caller, tenant_id);
    answer = si_json_parse(si_usage_json(tenant_id, si_arg_time(fcinfo, 1, "at"), si_now()));
    si_caller_leave(&caller);
    PG_RETURN_JSONB_P(answer);
}

static Datum
period(const SiGrantBalance *grant)
{
    RangeBound lower = {TimestampTzGetDatum(grant->starts_at), false, true, true};
    RangeBound upper = {TimestampTzGetDatum(grant->ends_at), false, false, false};

    return RangeTypePGetDatum(make_range(lookup_type_cache(TSTZRANGEOID, TYPECACHE_RANGE_INFO), &lower, &upper, false));
}

Datum
si_balance(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    pg_uuid_t *tenant_id;
    SiGrantBalance *grants;
    SiCaller caller;
    int n;

    InitMaterializedSRF(fcinfo, 0);
    si_caller_enter(&caller);
    tenant_id = si_arg_uuid(fcinfo, 0, "tenant_id");
    si_access_tenant(&caller, tenant_id);
    n = si_grant_balances(tenant_id, si_arg_time(fcinfo, 1, "at"), si_now(), &grants);
    for (int i = 0; i < n; i++)
    {
        const SiGrantBalance *g = &grants[i];
        bool nulls[7] = {false};
        Datum values[7];
        SiShownHours shown;

        si_hours_shown(g->granted, g->held, g->spent, &shown);
        values[0] = UUIDPGetDatum(&g->purchase_id);
        values[1] = UUIDPGetDatum(&g->grant_id);
        values[2] = period(g);
        values[3] = si_quantity_numeric(shown.granted, 1000000);
        values[4] = si_quantity_numeric(shown.available, 1000000);
        values[5] = si_quantity_numeric(shown.held, 1000000);
        values[6] = si_quantity_numeric(shown.spent, 1000000);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    si_caller_leave(&caller);
    return (Datum) 0;
}
