/*
 * events.c: rows of events.
 */
#include "postgres.h"

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
