/*
 * ledger.c: SQL functions about the ledger itself.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "flow/audit.h"
#include "flow/books.h"
#include "ledger/holders.h"
#include "ledger/ledger.h"
#include "pg/caller.h"
#include "pg/quantities.h"

PG_FUNCTION_INFO_V1(si_verify_ledger);
PG_FUNCTION_INFO_V1(si_rebuild_ledger);
PG_FUNCTION_INFO_V1(si_uncommitted_holders);
PG_FUNCTION_INFO_V1(si_verify_books);

static void
put(ReturnSetInfo *result, const SiDifference *d, const char *resource, int64 in_ledger, int64 in_tables, int64 divisor)
{
    Datum values[7];
    bool nulls[7] = {false};

    if (in_ledger == in_tables)
        return;
    values[0] = CStringGetTextDatum(d->namespace_name);
    values[1] = UUIDPGetDatum(&d->tenant_id);
    nulls[1] = !d->has_tenant;
    values[2] = TimestampTzGetDatum(d->time_slot);
    values[3] = CStringGetTextDatum(resource);
    values[4] = si_quantity_numeric(in_ledger, divisor);
    values[5] = si_quantity_numeric(in_tables, divisor);
    values[6] = UUIDPGetDatum(&d->grant_id);
    nulls[0] = nulls[2] = d->is_funds;
    nulls[6] = !d->is_funds;
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
si_verify_ledger(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    SiDifference *found;
    SiCaller caller;
    int n = 0;

    InitMaterializedSRF(fcinfo, 0);
    si_caller_enter(&caller);
    si_caller_require_sight(&caller, "verify_ledger");
    if (!RecoveryInProgress())
    {
        si_ledger_require();
        n = si_audit(&found);
    }
    for (int i = 0; i < n; i++)
    {
        if (found[i].is_funds)
        {
            put(result, &found[i], "used_core_seconds", found[i].ledger_cpu, found[i].table_cpu, 1000);
            put(result, &found[i], "granted_core_seconds", found[i].ledger_total_cpu, found[i].table_total_cpu, 1000);
            put(result, &found[i], "broken", found[i].broken, 0, 1);
            continue;
        }
        if (found[i].is_limit)
        {
            put(result, &found[i], "reserved_limit", found[i].ledger_cpu, found[i].table_cpu, 1);
            put(result, &found[i], "total_limit", found[i].ledger_total_cpu, found[i].table_total_cpu, 1);
            put(result, &found[i], "broken", found[i].broken, 0, 1);
            continue;
        }
        put(result, &found[i], "reserved_cpu", found[i].ledger_cpu, found[i].table_cpu, 1000);
        put(result, &found[i], "reserved_memory", found[i].ledger_mem, found[i].table_mem, 1024);
        put(result, &found[i], "total_cpu", found[i].ledger_total_cpu, found[i].table_total_cpu, 1000);
        put(result, &found[i], "broken", found[i].broken, 0, 1);
        put(result, &found[i], "total_memory", found[i].ledger_total_mem, found[i].table_total_mem, 1024);
    }
    si_caller_leave(&caller);
    return (Datum) 0;
}

Datum
si_rebuild_ledger(PG_FUNCTION_ARGS)
{
    SiCaller caller;

    si_caller_enter(&caller);
    si_caller_require_operator(&caller, "rebuild_ledger");
    si_ledger_require();
    si_ledger_seize(SI_OUTDATED_ALL);
    si_caller_leave(&caller);
    PG_RETURN_VOID();
}

Datum
si_uncommitted_holders(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    SiHolder *holders;
    SiCaller caller;
    int n;

    InitMaterializedSRF(fcinfo, 0);
    si_caller_enter(&caller);
    si_caller_require_sight(&caller, "uncommitted_holders");
    si_ledger_require();
    n = si_holders(&holders);
    for (int i = 0; i < n; i++)
    {
        Datum values[6] = {Int32GetDatum(holders[i].pid),
                           UUIDPGetDatum(&holders[i].tenant_id),
                           TimestampTzGetDatum(holders[i].since),
                           Int32GetDatum(holders[i].reservations),
                           si_quantity_numeric(holders[i].cpu_millicores, 1000),
                           si_quantity_numeric(holders[i].memory_mib, 1024)};
        bool nulls[6] = {false};

        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    si_caller_leave(&caller);
    return (Datum) 0;
}

Datum
si_verify_books(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    SiBookProblem *found;
    SiCaller caller;
    int n;

    InitMaterializedSRF(fcinfo, 0);
    si_caller_enter(&caller);
    si_caller_require_operator(&caller, "verify_books");
    n = si_books_verify(&found);
    for (int i = 0; i < n; i++)
    {
        Datum values[3] = {UUIDPGetDatum(&found[i].tenant_id), CStringGetTextDatum(found[i].problem), CStringGetTextDatum(found[i].detail)};
        bool nulls[3] = {!found[i].has_tenant};

        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    si_caller_leave(&caller);
    return (Datum) 0;
}
