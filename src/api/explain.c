/*
 * explain.c: SQL functions that say why.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

#include "api/arguments.h"
#include "flow/access.h"
#include "flow/explain.h"
#include "pg/clock.h"
#include "pg/errors.h"
#include "pg/quantities.h"
#include "store/sql.h"

PG_FUNCTION_INFO_V1(si_explain_job);
PG_FUNCTION_INFO_V1(si_explain_execution);

/* Empty intervals are not told: nothing binds in them. */
static Datum
interval(const SiBinding *b, bool *null)
{
    RangeBound lower = {TimestampTzGetDatum(b->from), b->from == SI_NO_TIME, true, true};
    RangeBound upper = {TimestampTzGetDatum(b->until), b->until == SI_NO_TIME, false, false};

    *null = (lower.infinite && upper.infinite) || (!lower.infinite && !upper.infinite && b->from >= b->until);
    if (*null)
        return (Datum) 0;
    return RangeTypePGetDatum(make_range(lookup_type_cache(TSTZRANGEOID, TYPECACHE_RANGE_INFO), &lower, &upper, false));
}

static void
put(ReturnSetInfo *result, const List *rows)
{
    ListCell *cell;

    foreach (cell, rows)
    {
        const SiBinding *b = lfirst(cell);
        Datum values[6] = {0};
        bool nulls[6] = {false};

        nulls[0] = b->namespace_name == NULL;
        if (!nulls[0])
            values[0] = CStringGetTextDatum(b->namespace_name);
        values[1] = CStringGetTextDatum(b->constraint_name);
        nulls[2] = nulls[3] = b->numbers.scale == 0;
        if (b->numbers.scale > 0)
        {
            values[2] = si_quantity_numeric(b->numbers.needed, b->numbers.scale);
            values[3] = si_quantity_numeric(b->numbers.free, b->numbers.scale);
        }
        values[4] = interval(b, &nulls[4]);
        values[5] = CStringGetTextDatum(b->remedy);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
}

Datum
si_explain_job(PG_FUNCTION_ARGS)
{
    TimestampTz now = si_now();
    pg_uuid_t tenant_id;
    SiCaller caller;
    pg_uuid_t *id;
    TimestampTz at;
    SiJob job;
    bool found;

    InitMaterializedSRF(fcinfo, 0);
    si_caller_enter(&caller);
    id = si_arg_uuid(fcinfo, 0, "job_id");
    found = si_job_tenant(id, &tenant_id);
    si_access_row_seen(&caller, "job", id, found, &tenant_id);
    at = si_arg_time_or_none(fcinfo, 1, "at");
    if (at != SI_NO_TIME && at < now - USECS_PER_DAY)
        si_bad_value("at", timestamptz_to_str(at), "must not be more than a day ago");
    if (!si_job_load(id, false, &job))
        elog(ERROR, "job \"%s\" vanished", si_uuid_text(id));
    put((ReturnSetInfo *) fcinfo->resultinfo, si_explanation_of_job(&job, at, now));
    si_caller_leave(&caller);
    return (Datum) 0;
}

Datum
si_explain_execution(PG_FUNCTION_ARGS)
{
    pg_uuid_t tenant_id;
    pg_uuid_t job_id;
    SiCaller caller;
    pg_uuid_t *id;
    SiExecution e;
    SiJob job;
    bool found;

    InitMaterializedSRF(fcinfo, 0);
    si_caller_enter(&caller);
    id = si_arg_uuid(fcinfo, 0, "execution_id");
    found = si_execution_owner(id, &tenant_id, &job_id);
    si_access_row_seen(&caller, "execution", id, found, &tenant_id);
    if (!si_job_load(&job_id, false, &job) || !si_execution_load(id, false, &e))
        elog(ERROR, "execution \"%s\" vanished", si_uuid_text(id));
    put((ReturnSetInfo *) fcinfo->resultinfo, si_explanation_of_execution(&job, &e, si_now()));
    si_caller_leave(&caller);
    return (Datum) 0;
}
