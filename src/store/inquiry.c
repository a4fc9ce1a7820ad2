/*
 * inquiry.c: what explanations read.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "store/inquiry.h"
#include "store/sql.h"

bool
si_inquiry_next_run(const pg_uuid_t *job_id, pg_uuid_t *execution_id)
{
    static SiStatement find = {"SELECT execution_id FROM sparkingest.job_executions WHERE job_id = $1 AND state IN ('scheduled', 'waiting') "
                               "ORDER BY COALESCE(planned_start, scheduled_for), scheduled_for, execution_id LIMIT 1",
                               1,
                               {UUIDOID},
                               .by_index = true};
    Datum values[] = {UUIDPGetDatum(job_id)};
    pg_uuid_t *ids;

    if (si_sql_ids(&find, values, &ids) == 0)
        return false;
    *execution_id = ids[0];
    return true;
}

bool
si_inquiry_run_ahead(const pg_uuid_t *job_id, const pg_uuid_t *except, bool last, pg_uuid_t *execution_id,
                     TimestampTz *planned_end)
{
    static SiStatement find = {"SELECT execution_id, planned_end FROM sparkingest.job_executions WHERE job_id = $1 AND execution_id <> $2 "
                               "AND state IN ('dispatching', 'submitted', 'running') ORDER BY planned_end",
                               2,
                               {UUIDOID, UUIDOID},
                               .by_index = true};
    Datum values[] = {UUIDPGetDatum(job_id), UUIDPGetDatum(except)};
    uint64 n;

    si_sql_open();
    n = si_sql_run(&find, values, NULL);
    if (n > 0)
    {
        *execution_id = si_sql_uuid(last ? n - 1 : 0, 1, NULL);
        *planned_end = si_sql_time(last ? n - 1 : 0, 2);
    }
    si_sql_close();
    return n > 0;
}

char *
si_inquiry_end_cause(const pg_uuid_t *execution_id)
{
    static SiStatement find = {"SELECT COALESCE(e.error_message, e.stop_reason, (SELECT v.cause FROM sparkingest.events AS v "
                               "WHERE v.execution_id = e.execution_id AND v.event_type = 'execution.state' ORDER BY v.event_id DESC LIMIT 1)) "
                               "FROM sparkingest.job_executions AS e WHERE e.execution_id = $1",
                               1,
                               {UUIDOID},
                               .by_index = true};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {UUIDPGetDatum(execution_id)};
    char *cause = NULL;

    si_sql_open();
    if (si_sql_run(&find, values, NULL) > 0)
        cause = si_sql_text_copy(0, 1, context);
    si_sql_close();
    return cause;
}

void
si_inquiry_outlet(const char *namespace_name, SiOutlet *out)
{
    static SiStatement find = {"SELECT c.cluster_name, c.dispatch, c.api_status = 'error', c.api_since FROM sparkingest.namespaces AS n "
                               "JOIN sparkingest.clusters AS c USING (cluster_name) WHERE n.namespace = $1",
                               1,
                               {TEXTOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {si_text_datum(namespace_name)};

    si_sql_open();
    if (si_sql_run(&find, values, NULL) == 0)
        elog(ERROR, "namespace \"%s\" is missing", namespace_name);
    out->cluster_name = si_sql_text_copy(0, 1, context);
    out->dispatch = si_sql_text_copy(0, 2, context);
    out->api_fails = si_sql_bool(0, 3);
    out->since = si_sql_time(0, 4);
    si_sql_close();
}
