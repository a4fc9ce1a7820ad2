/*
 * reports.c: SQL functions about what was used and what it costs, and checks of it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "api/arguments.h"
#include "flow/access.h"
#include "flow/report.h"
#include "flow/ticks.h"
#include "guc.h"
#include "pg/clock.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "store/reconcile.h"
#include "store/report.h"

PG_FUNCTION_INFO_V1(si_tenant_metrics);
PG_FUNCTION_INFO_V1(si_statement);
PG_FUNCTION_INFO_V1(si_rebuild_usage);
PG_FUNCTION_INFO_V1(si_verify_usage);
PG_FUNCTION_INFO_V1(si_runaway_executions);

#define DEFAULT_DAYS 30

Datum
si_tenant_metrics(PG_FUNCTION_ARGS)
{
    TimestampTz now = si_now();
    TimestampTz from = now - DEFAULT_DAYS * USECS_PER_DAY;
    TimestampTz until = now;
    pg_uuid_t *tenant_id;
    SiCaller caller;
    Jsonb *answer;

    si_caller_enter(&caller);
    tenant_id = si_arg_uuid(fcinfo, 0, "tenant_id");
    si_access_tenant(&caller, tenant_id);
    if (!PG_ARGISNULL(1))
        si_arg_range(fcinfo, 1, "during", &from, &until);
    answer = si_json_parse(si_tenant_metrics_json(tenant_id, from, until, now));
    si_caller_leave(&caller);
    PG_RETURN_JSONB_P(answer);
}

Datum
si_statement(PG_FUNCTION_ARGS)
{
    TimestampTz from;
    TimestampTz until;
    pg_uuid_t *tenant_id;
    SiCaller caller;

    InitMaterializedSRF(fcinfo, 0);
    si_caller_enter(&caller);
    tenant_id = si_arg_uuid(fcinfo, 0, "tenant_id");
    si_access_tenant(&caller, tenant_id);
    if (PG_ARGISNULL(1))
        si_bad_value("month", (char *) NULL, "must not be null");
    if (DATE_NOT_FINITE(PG_GETARG_DATEADT(1)))
        si_bad_value("month", (char *) NULL, "must be finite");
    si_report_month(tenant_id, PG_GETARG_DATEADT(1), &from, &until);
    si_report_statement(tenant_id, from, until, si_now(), (ReturnSetInfo *) fcinfo->resultinfo);
    si_caller_leave(&caller);
    return (Datum) 0;
}

Datum
si_rebuild_usage(PG_FUNCTION_ARGS)
{
    SiCaller caller;
    int64 written;

    si_caller_enter(&caller);
    si_caller_require_operator(&caller, "rebuild_usage");
    written = si_usage_rebuild();
    si_caller_leave(&caller);
    PG_RETURN_INT64(written);
}

Datum
si_verify_usage(PG_FUNCTION_ARGS)
{
    SiCaller caller;

    InitMaterializedSRF(fcinfo, 0);
    si_caller_enter(&caller);
    si_caller_require_operator(&caller, "verify_usage");
    si_reconcile_usage((ReturnSetInfo *) fcinfo->resultinfo);
    si_caller_leave(&caller);
    return (Datum) 0;
}

Datum
si_runaway_executions(PG_FUNCTION_ARGS)
{
    SiCaller caller;

    InitMaterializedSRF(fcinfo, 0);
    si_caller_enter(&caller);
    si_caller_require_operator(&caller, "runaway_executions");
    si_reconcile_cluster(si_guc_namespace_prefix, (ReturnSetInfo *) fcinfo->resultinfo);
    si_caller_leave(&caller);
    return (Datum) 0;
}
