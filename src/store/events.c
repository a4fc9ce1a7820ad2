/*
 * events.c: rows of events.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/sequence.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "pg/clock.h"
#include "pg/json.h"
#include "store/append.h"
#include "store/events.h"
#include "store/sql.h"

#define NEW_COLUMNS 11

static int64
next_id(void)
{
    Oid sequence = get_relname_relid("events_event_id_seq", get_namespace_oid("sparkingest", false));

    if (!OidIsValid(sequence))
        elog(ERROR, "the sequence of events is missing");
    return nextval_internal(sequence, false);
}

void
si_event(const char *event_type, const pg_uuid_t *tenant, const pg_uuid_t *job, const pg_uuid_t *execution,
         const char *actor, const char *cause, const char *before_json, const char *after_json)
{
    static SiStatement insert = {"INSERT INTO sparkingest.events "
                                 "(event_id, at, event_type, tenant_id, job_id, execution_id, actor, cause, before, after, xact) "
                                 "OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                                 NEW_COLUMNS,
                                 {INT8OID, TIMESTAMPTZOID, TEXTOID, UUIDOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, JSONBOID, JSONBOID,
                                  XID8OID}};
    const SiColumn columns[NEW_COLUMNS] = {
        {"event_id", Int64GetDatum(next_id())},
        {"at", TimestampTzGetDatum(si_now())},
        {"event_type", si_text_datum(event_type)},
        {"tenant_id", UUIDPGetDatum(tenant), tenant == NULL},
        {"job_id", UUIDPGetDatum(job), job == NULL},
        {"execution_id", UUIDPGetDatum(execution), execution == NULL},
        {"actor", si_text_datum(actor)},
        {"cause", cause ? si_text_datum(cause) : (Datum) 0, cause == NULL},
        {"before", before_json ? JsonbPGetDatum(si_json_parse(before_json)) : (Datum) 0, before_json == NULL},
        {"after", after_json ? JsonbPGetDatum(si_json_parse(after_json)) : (Datum) 0, after_json == NULL},
        {"xact", FullTransactionIdGetDatum(GetTopFullTransactionId())},
    };
    Datum values[NEW_COLUMNS];
    char nulls[NEW_COLUMNS + 1] = "";

    /* Its trigger is for rows of a dump. */
    if (si_append_columns("events", columns, NEW_COLUMNS, 0, 0, "restored"))
        return;
    for (int i = 0; i < NEW_COLUMNS; i++)
    {
        values[i] = columns[i].value;
        nulls[i] = columns[i].null ? 'n' : ' ';
    }
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
    Datum values[] = {Int64GetDatum((int64) xact), Int32GetDatum(most), tenants ? si_uuids_datum(tenants, n_tenants) : (Datum) 0};
    uint64 n;

    si_sql_open();
    n = si_sql_run(tenants ? &of_tenants : &all, values, NULL);
    *out = MemoryContextAllocHuge(context, (n + 1) * sizeof(SiEventRow));
    for (uint64 i = 0; i < n; i++)
        event_from_row(i, context, &(*out)[i]);
    si_sql_close();
    return (int) n;
}
