/*
 * relieved.c: rows of set_capacity and cancel_purchase.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

#include "api/relieved.h"
#include "store/sql.h"

void
si_put_relieved(ReturnSetInfo *result, const SiRelieved *relieved, int n)
{
    for (int i = 0; i < n; i++)
    {
        const SiRelieved *r = &relieved[i];
        Datum values[5];
        bool nulls[5] = {!r->has_execution, !r->has_execution, false, false, false};

        values[0] = UUIDPGetDatum(&r->e.execution_id);
        values[1] = UUIDPGetDatum(&r->e.job_id);
        values[2] = UUIDPGetDatum(&r->reservation.tenant_id);
        values[3] = TimestampTzGetDatum(r->has_execution ? r->e.planned_start : r->reservation.starts_at);
        nulls[3] = r->has_execution && r->e.planned_start == SI_NO_TIME;
        values[4] = CStringGetTextDatum(si_relief_effect_name(r->effect));
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
}
