/*
 * events.c: rows of events.
 */
#include "postgres.h"

#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/clock.h"
#include "pg/json.h"
#include "store/events.h"
#include "store/sql.h"

void
si_event(const char *event_type, const pg_uuid_t *tenant, const pg_uuid_t *job, const pg_uuid_t *execution,
         const char *actor, const char *cause, const char *before_json, const char *after_json)
{
    static SiStatement insert = {"INSERT INTO sparkingest.events "
                                 "(at, event_type, tenant_id, job_id, execution_id, actor, cause, before, after) "
                                 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                                 9,
                                 {TIMESTAMPTZOID, TEXTOID, UUIDOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, JSONBOID, JSONBOID}};
    Datum values[9] = {TimestampTzGetDatum(si_now()), si_text_datum(event_type)};
    char nulls[] = "         ";

    values[2] = UUIDPGetDatum(tenant);
    values[3] = UUIDPGetDatum(job);
    values[4] = UUIDPGetDatum(execution);
    values[5] = si_text_datum(actor);
    nulls[2] = tenant ? ' ' : 'n';
    nulls[3] = job ? ' ' : 'n';
    nulls[4] = execution ? ' ' : 'n';
    nulls[6] = cause ? ' ' : 'n';
    nulls[7] = before_json ? ' ' : 'n';
    nulls[8] = after_json ? ' ' : 'n';
    if (cause)
        values[6] = si_text_datum(cause);
    if (before_json)
        values[7] = JsonbPGetDatum(si_json_parse(before_json));
    if (after_json)
        values[8] = JsonbPGetDatum(si_json_parse(after_json));
    si_sql_open();
    si_sql_run(&insert, values, nulls);
    si_sql_close();
}

#define EVENT_COLUMNS "xact, at, event_type, tenant_id, job_id, execution_id, actor, cause, before, after"
/* Who writes has a number; from the oldest of those at work on, nothing is settled. */
#define IS_SETTLED "xact >= $1 AND xact < pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())"

static void
event_from_row(uint64 row, MemoryContext context, SiEventRow *out)
{
    bool null;

    out->xact = (uint64) DatumGetInt64(si_sql_get(row, 1, &null));
    out->at = si_sql_time(row, 2);
    out->event_type = si_sql_text_copy(row, 3, context);
    out->tenant_id = si_sql_uuid(row, 4, &null);
    out->has_tenant = !null;
    out->job_id = si_sql_uuid(row, 5, &null);
    out->has_job = !null;
    out->execution_id = si_sql_uuid(row, 6, &null);
    out->has_execution = !null;
    out->actor = si_sql_text_copy(row, 7, context);
    out->cause = si_sql_text_copy(row, 8, context);
    out->before = si_sql_jsonb_copy(row, 9, context);
    out->after = si_sql_jsonb_copy(row, 10, context);
}

static Datum
uuid_array(const pg_uuid_t *ids, int n)
{
    Datum *elements = palloc((n + 1) * sizeof(Datum));

    for (int i = 0; i < n; i++)
        elements[i] = UUIDPGetDatum(&ids[i]);
    return PointerGetDatum(construct_array(elements, n, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

int
si_events_from(uint64 xact, int most, const pg_uuid_t *tenants, int n_tenants, SiEventRow **out)
{
    static SiStatement all = {"SELECT " EVENT_COLUMNS " FROM sparkingest.events WHERE " IS_SETTLED " ORDER BY xact, event_id LIMIT $2",
                              2,
                              {XID8OID, INT4OID},
                              .by_index = true};
    /* Tenant by tenant, so that each is read from where it was left. */
    static SiStatement of_tenants = {"SELECT " EVENT_COLUMNS " FROM pg_catalog.unnest($3) AS t (id), LATERAL "
                                     "(SELECT * FROM sparkingest.events WHERE tenant_id = t.id AND " IS_SETTLED
                                     " ORDER BY xact, event_id LIMIT $2) AS e ORDER BY xact, event_id LIMIT $2",
                                     3,
                                     {XID8OID, INT4OID, UUIDARRAYOID},
                                     .by_index = true};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {Int64GetDatum((int64) xact), Int32GetDatum(most), tenants ? uuid_array(tenants, n_tenants) : (Datum) 0};
    uint64 n;

    si_sql_open();
    n = si_sql_run(tenants ? &of_tenants : &all, values, NULL);
    *out = MemoryContextAllocHuge(context, (n + 1) * sizeof(SiEventRow));
    for (uint64 i = 0; i < n; i++)
        event_from_row(i, context, &(*out)[i]);
    si_sql_close();
    return (int) n;
}
