/*
 * events.c: SQL functions about what happened.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "api/arguments.h"
#include "pg/caller.h"
#include "pg/errors.h"
#include "store/events.h"
#include "store/sql.h"
#include "store/tenants.h"

PG_FUNCTION_INFO_V1(si_events_after);

#define MOST_EVENTS 10000
#define MOST_SKIPPED 100000000

/* Where a reader is: so many events of a transaction have been read, and all before it. */
typedef struct Position
{
    uint64 xact;
    int read;
} Position;

/* xact.read: counted among what the reader may see, it tells nothing of others. */
static bool
parse(const char *text, Position *out)
{
    char *end;
    unsigned long read;

    errno = 0;
    if (text[0] < '0' || text[0] > '9')
        return false;
    out->xact = strtou64(text, &end, 10);
    if (errno != 0 || out->xact > PG_INT64_MAX || end[0] != '.' || end[1] < '0' || end[1] > '9')
        return false;
    read = strtoul(end + 1, &end, 10);
    out->read = (int) read;
    return errno == 0 && *end == '\0' && read <= MOST_SKIPPED;
}

static void
put(ReturnSetInfo *result, const SiEventRow *e, const Position *at)
{
    bool nulls[10] = {false};
    Datum values[10];

    values[0] = CStringGetTextDatum(psprintf(UINT64_FORMAT ".%d", at->xact, at->read));
    values[1] = TimestampTzGetDatum(e->at);
    values[2] = CStringGetTextDatum(e->event_type);
    values[3] = UUIDPGetDatum(&e->tenant_id);
    values[4] = UUIDPGetDatum(&e->job_id);
    values[5] = UUIDPGetDatum(&e->execution_id);
    values[6] = CStringGetTextDatum(e->actor);
    values[7] = e->cause ? CStringGetTextDatum(e->cause) : (Datum) 0;
    values[8] = JsonbPGetDatum(e->before);
    values[9] = JsonbPGetDatum(e->after);
    nulls[3] = !e->has_tenant;
    nulls[4] = !e->has_job;
    nulls[5] = !e->has_execution;
    nulls[7] = e->cause == NULL;
    nulls[8] = e->before == NULL;
    nulls[9] = e->after == NULL;
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
si_events_after(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    char *text = si_arg_text_or_null(fcinfo, 0);
    Position at = {0, 0};
    pg_uuid_t *tenants = NULL;
    int n_tenants = 0;
    SiEventRow *events;
    SiCaller caller;
    int most;
    int skip;
    int n;

    if (text != NULL && !parse(text, &at))
        si_bad_value("position", text, "must be a cursor that events_after() gave");
    if (PG_ARGISNULL(1))
        si_bad_value("n", (char *) NULL, "must not be null");
    most = PG_GETARG_INT32(1);
    if (most < 1 || most > MOST_EVENTS)
        si_bad_value("n", psprintf("%d", most), psprintf("must be from 1 to %d", MOST_EVENTS));
    InitMaterializedSRF(fcinfo, 0);
    si_caller_enter(&caller);
    if (!si_caller_sees_all(&caller))
        n_tenants = si_tenants_of_role(caller.role, &tenants);
    n = si_events_from(at.xact, at.read + most, tenants, n_tenants, &events);
    skip = at.read;
    for (int i = 0; i < n && most > 0; i++)
    {
        if (events[i].xact == at.xact && skip > 0)
        {
            skip--;
            continue;
        }
        at = (Position){events[i].xact, events[i].xact == at.xact ? at.read + 1 : 1};
        put(result, &events[i], &at);
        skip = 0;
        most--;
    }
    si_caller_leave(&caller);
    return (Datum) 0;
}
