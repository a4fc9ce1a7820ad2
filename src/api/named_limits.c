/*
 * named_limits.c: SQL functions about limits of things that jobs share.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "api/arguments.h"
#include "api/relieved.h"
#include "flow/access.h"
#include "flow/named_limits.h"
#include "guc.h"
#include "pg/clock.h"
#include "pg/errors.h"

PG_FUNCTION_INFO_V1(si_set_limit);
PG_FUNCTION_INFO_V1(si_drop_limit);
PG_FUNCTION_INFO_V1(si_limit_load_over);

/* Whose limit: the tenant of argument n, which the caller may act for, or the service, which operators may. */
static pg_uuid_t *
enter(FunctionCallInfo fcinfo, int n, const char *function_name, SiCaller *caller)
{
    pg_uuid_t *tenant_id;

    si_caller_enter(caller);
    tenant_id = si_arg_uuid_or_null(fcinfo, n);
    if (tenant_id)
        si_access_active_tenant(caller, tenant_id);
    else
        si_caller_require_operator(caller, function_name);
    return tenant_id;
}

Datum
si_set_limit(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    SiRelieved *relieved;
    SiCaller caller;
    pg_uuid_t *tenant_id;
    char *name;
    int n;

    InitMaterializedSRF(fcinfo, 0);
    tenant_id = enter(fcinfo, 2, "set_limit", &caller);
    name = si_arg_text(fcinfo, 0, "limit_name");
    if (PG_ARGISNULL(1))
        si_bad_value("quantity", (char *) NULL, "must not be null");
    if (PG_GETARG_INT32(1) < 0 || PG_GETARG_INT32(1) > SI_MAX_LIMIT)
        si_bad_value("quantity", psprintf("%d", PG_GETARG_INT32(1)), psprintf("must be from 0 to %d", SI_MAX_LIMIT));
    n = si_named_limit_set(&caller, tenant_id, name, PG_GETARG_INT32(1), si_now(), &relieved);
    si_put_relieved(result, relieved, n);
    si_caller_leave(&caller);
    return (Datum) 0;
}

Datum
si_drop_limit(PG_FUNCTION_ARGS)
{
    SiCaller caller;
    pg_uuid_t *tenant_id = enter(fcinfo, 1, "drop_limit", &caller);

    si_named_limit_drop(&caller, tenant_id, si_arg_text(fcinfo, 0, "limit_name"));
    si_caller_leave(&caller);
    PG_RETURN_VOID();
}

/* Neighbouring slots that are alike are one row. */
static void
put_spans(ReturnSetInfo *result, const SiSlots *total, const SiSlots *held)
{
    int from = 0;

    for (int i = 1; i <= total->n; i++)
    {
        Datum values[4];
        bool nulls[4] = {false};

        if (i < total->n && total->cpu[i] == total->cpu[from] && held->cpu[i] == held->cpu[from])
            continue;
        values[0] = TimestampTzGetDatum(si_slot_time(total->first + from, SI_LIMIT_STEP_USECS));
        values[1] = TimestampTzGetDatum(si_slot_time(total->first + i, SI_LIMIT_STEP_USECS));
        values[2] = Int64GetDatum(total->cpu[from]);
        values[3] = Int64GetDatum(held->cpu[from]);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
        from = i;
    }
}

Datum
si_limit_load_over(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    SiLimit limit;
    SiSlots total;
    SiSlots held;
    SiCaller caller;
    pg_uuid_t *tenant_id;
    TimestampTz from;
    TimestampTz until;

    InitMaterializedSRF(fcinfo, 0);
    si_caller_enter(&caller);
    tenant_id = si_arg_uuid_or_null(fcinfo, 2);
    if (tenant_id)
        si_access_tenant(&caller, tenant_id);
    si_named_limit_require(tenant_id, si_arg_text(fcinfo, 0, "limit_name"), &limit);
    si_arg_range(fcinfo, 1, "during", &from, &until);
    si_require_horizon("the end of during", until, si_now());
    if (until - from > si_guc_horizon_days * USECS_PER_DAY)
        si_bad_value("during", (char *) NULL,
                     psprintf("must be at most %d days long (sparkingest.horizon_days)", si_guc_horizon_days));
    si_limit_occupancy(&limit.limit_id, from, until, &total, &held);
    put_spans(result, &total, &held);
    si_caller_leave(&caller);
    return (Datum) 0;
}
