/*
 * dependencies.c: rows of job_dependencies and execution_dependencies.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/dependencies.h"
#include "store/sql.h"

static bool
run(SiStatement *statement, Datum *values)
{
    bool any;

    si_sql_open();
    any = si_sql_run(statement, values, NULL) > 0;
    si_sql_close();
    return any;
}

bool
si_dependency_find_job(const pg_uuid_t *tenant_id, const char *name_or_id, pg_uuid_t *job_id)
{
    /* An id may be another job's name: names go first, for their owner chose them. */
    static SiStatement find = {"SELECT job_id FROM sparkingest.ingestion_jobs WHERE tenant_id = $1 AND status <> 'dropped' "
                               "AND (job_name = $2 OR job_id::text = pg_catalog.lower($2)) ORDER BY job_name = $2 DESC LIMIT 1",
                               2,
                               {UUIDOID, TEXTOID},
                               .by_index = true};
    Datum values[] = {UUIDPGetDatum(tenant_id), si_text_datum(name_or_id)};
    bool found;

    si_sql_open();
    found = si_sql_run(&find, values, NULL) > 0;
    if (found)
        *job_id = si_sql_uuid(0, 1, NULL);
    si_sql_close();
    return found;
}

bool
si_dependency_leads(const pg_uuid_t *from_job_id, const pg_uuid_t *to_job_id)
{
    static SiStatement find = {"WITH RECURSIVE before (job_id) AS (SELECT $1::uuid UNION SELECT d.after_job_id FROM before AS b "
                               "JOIN sparkingest.job_dependencies AS d ON d.job_id = b.job_id) "
                               "SELECT FROM (SELECT b.job_id FROM before AS b) AS t WHERE t.job_id = $2",
                               2,
                               {UUIDOID, UUIDOID},
                               .by_index = true};
    Datum values[] = {UUIDPGetDatum(from_job_id), UUIDPGetDatum(to_job_id)};
    bool found;

    si_sql_open();
    found = si_sql_run_latest(&find, values, NULL) > 0;
    si_sql_close();
    return found;
}

bool
si_dependencies_set(const pg_uuid_t *job_id, const pg_uuid_t *tenant_id, const pg_uuid_t *after, int n)
{
    static SiStatement remove = {"DELETE FROM sparkingest.job_dependencies WHERE job_id = $1 AND after_job_id <> ALL ($2)",
                                 2,
                                 {UUIDOID, UUIDARRAYOID},
                                 .by_index = true};
    static SiStatement add = {"INSERT INTO sparkingest.job_dependencies (job_id, after_job_id, tenant_id) "
                              "SELECT $1, a, $3 FROM pg_catalog.unnest($2) AS a ON CONFLICT DO NOTHING",
                              3,
                              {UUIDOID, UUIDARRAYOID, UUIDOID}};
    Datum *ids = palloc((n + 1) * sizeof(Datum));
    Datum values[3] = {UUIDPGetDatum(job_id), (Datum) 0, UUIDPGetDatum(tenant_id)};
    bool changed;

    for (int i = 0; i < n; i++)
        ids[i] = UUIDPGetDatum(&after[i]);
    values[1] = PointerGetDatum(construct_array(ids, n, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
    changed = run(&remove, values);
    return run(&add, values) || changed;
}

static int
jobs(SiStatement *find, const pg_uuid_t *job_id, SiDependency **out)
{
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {UUIDPGetDatum(job_id)};
    int n;

    si_sql_open();
    n = (int) si_sql_run(find, values, NULL);
    *out = MemoryContextAlloc(context, (n + 1) * sizeof(SiDependency));
    for (int i = 0; i < n; i++)
        (*out)[i] = (SiDependency){si_sql_uuid(i, 1, NULL), si_sql_text_copy(i, 2, context)};
    si_sql_close();
    return n;
}

int
si_dependencies_of(const pg_uuid_t *job_id, SiDependency **out)
{
    static SiStatement find = {"SELECT j.job_id, j.job_name FROM sparkingest.job_dependencies AS d JOIN sparkingest.ingestion_jobs AS j "
                               "ON j.job_id = d.after_job_id WHERE d.job_id = $1 ORDER BY j.job_name, j.job_id",
                               1,
                               {UUIDOID},
                               .by_index = true};

    return jobs(&find, job_id, out);
}

int
si_dependants_of(const pg_uuid_t *job_id, SiDependency **out)
{
    static SiStatement find = {"SELECT j.job_id, j.job_name FROM sparkingest.job_dependencies AS d JOIN sparkingest.ingestion_jobs AS j "
                               "ON j.job_id = d.job_id WHERE d.after_job_id = $1 AND j.status <> 'dropped' ORDER BY j.job_name, j.job_id",
                               1,
                               {UUIDOID},
                               .by_index = true};

    return jobs(&find, job_id, out);
}

#define INSERT_LINK "INSERT INTO sparkingest.execution_dependencies AS x (job_id, after_execution_id, after_job_id, tenant_id) "

void
si_links_open(const pg_uuid_t *after_job_id, const pg_uuid_t *after_execution_id)
{
    static SiStatement insert = {INSERT_LINK "SELECT d.job_id, $2, $1, d.tenant_id FROM sparkingest.job_dependencies AS d "
                                             "JOIN sparkingest.ingestion_jobs AS j ON j.job_id = d.job_id WHERE d.after_job_id = $1 "
                                             "AND j.stage = 'production' AND j.status = 'active' ON CONFLICT DO NOTHING",
                                 2,
                                 {UUIDOID, UUIDOID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(after_job_id), UUIDPGetDatum(after_execution_id)};

    (void) run(&insert, values);
}

void
si_links_open_all(const pg_uuid_t *job_id)
{
    static SiStatement insert = {
        INSERT_LINK "SELECT d.job_id, e.execution_id, d.after_job_id, d.tenant_id FROM sparkingest.job_dependencies AS d "
                    "JOIN sparkingest.job_executions AS e ON e.job_id = d.after_job_id WHERE d.job_id = $1 AND NOT e.is_draft "
                    "AND e.state IN ('scheduled', 'waiting', 'dispatching', 'submitted', 'running') "
                    "ON CONFLICT (job_id, after_execution_id) DO UPDATE SET execution_id = NULL, spare = false, closed = false WHERE x.closed",
        1,
        {UUIDOID},
        .by_index = true};
    Datum values[] = {UUIDPGetDatum(job_id)};

    (void) run(&insert, values);
}

void
si_links_follow(const pg_uuid_t *from_execution_id, const pg_uuid_t *to_execution_id)
{
    static SiStatement update = {"UPDATE sparkingest.execution_dependencies SET after_execution_id = $2 WHERE after_execution_id = $1 AND NOT closed",
                                 2,
                                 {UUIDOID, UUIDOID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(from_execution_id), UUIDPGetDatum(to_execution_id)};

    (void) run(&update, values);
}

static SiState
state_of(const char *word)
{
    SiState state;

    if (!si_state_from_name(word, &state))
        elog(ERROR, "unknown state \"%s\" in job_executions", word);
    return state;
}

int
si_links_load(const pg_uuid_t *job_id, SiLink **out)
{
    static SiStatement find = {"SELECT x.after_execution_id, x.after_job_id, x.execution_id, x.spare, e.state, e.planned_end, e.finished_at "
                               "FROM sparkingest.execution_dependencies AS x JOIN sparkingest.job_executions AS e "
                               "ON e.execution_id = x.after_execution_id WHERE x.job_id = $1 AND NOT x.closed "
                               "ORDER BY COALESCE(e.planned_end, e.scheduled_for), e.created_at, e.execution_id",
                               1,
                               {UUIDOID},
                               .by_index = true};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {UUIDPGetDatum(job_id)};
    int n;

    si_sql_open();
    n = (int) si_sql_run(&find, values, NULL);
    *out = MemoryContextAllocZero(context, (n + 1) * sizeof(SiLink));
    for (int i = 0; i < n; i++)
    {
        SiLink *link = &(*out)[i];
        bool none;

        link->after_execution_id = si_sql_uuid(i, 1, NULL);
        link->after_job_id = si_sql_uuid(i, 2, NULL);
        link->execution_id = si_sql_uuid(i, 3, &none);
        link->assigned = !none;
        link->spare = si_sql_bool(i, 4);
        link->state = state_of(si_sql_text_copy(i, 5, CurrentMemoryContext));
        link->planned_end = si_sql_time(i, 6);
        link->finished_at = si_sql_time(i, 7);
    }
    si_sql_close();
    return n;
}

void
si_link_assign(const pg_uuid_t *job_id, const pg_uuid_t *after_execution_id, const pg_uuid_t *execution_id, bool spare)
{
    static SiStatement update = {"UPDATE sparkingest.execution_dependencies SET execution_id = $3, spare = $4 "
                                 "WHERE job_id = $1 AND after_execution_id = $2",
                                 4,
                                 {UUIDOID, UUIDOID, UUIDOID, BOOLOID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(job_id), UUIDPGetDatum(after_execution_id), UUIDPGetDatum(execution_id), BoolGetDatum(spare)};

    (void) run(&update, values);
}

void
si_link_close(const pg_uuid_t *job_id, const pg_uuid_t *after_execution_id)
{
    static SiStatement update = {"UPDATE sparkingest.execution_dependencies SET closed = true WHERE job_id = $1 AND after_execution_id = $2",
                                 2,
                                 {UUIDOID, UUIDOID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(job_id), UUIDPGetDatum(after_execution_id)};

    (void) run(&update, values);
}

void
si_links_close(const pg_uuid_t *execution_id)
{
    static SiStatement reopen = {"UPDATE sparkingest.execution_dependencies AS x SET execution_id = NULL, spare = false "
                                 "FROM sparkingest.job_executions AS e WHERE x.execution_id = $1 AND x.spare AND NOT x.closed "
                                 "AND e.execution_id = x.after_execution_id "
                                 "AND e.state IN ('scheduled', 'waiting', 'dispatching', 'submitted', 'running')",
                                 1,
                                 {UUIDOID},
                                 .by_index = true};
    static SiStatement close = {"UPDATE sparkingest.execution_dependencies SET closed = true WHERE execution_id = $1 AND NOT closed",
                                1,
                                {UUIDOID},
                                .by_index = true};
    Datum values[] = {UUIDPGetDatum(execution_id)};

    (void) run(&reopen, values);
    (void) run(&close, values);
}

int
si_links_jobs(const pg_uuid_t *after_execution_id, pg_uuid_t **out)
{
    static SiStatement find = {"SELECT job_id FROM sparkingest.execution_dependencies WHERE after_execution_id = $1 AND NOT closed ORDER BY job_id",
                               1,
                               {UUIDOID},
                               .by_index = true};
    Datum values[] = {UUIDPGetDatum(after_execution_id)};

    return si_sql_ids(&find, values, out);
}

int
si_links_moved(TimestampTz now, pg_uuid_t **out)
{
    static SiStatement find = {
        "SELECT DISTINCT x.job_id FROM sparkingest.execution_dependencies AS x JOIN sparkingest.job_executions AS e "
        "ON e.execution_id = x.after_execution_id LEFT JOIN sparkingest.job_executions AS d ON d.execution_id = x.execution_id "
        "WHERE NOT x.closed AND (d.execution_id IS NULL OR e.state NOT IN ('scheduled', 'waiting', 'dispatching', 'submitted', 'running') "
        "OR d.state = 'waiting' OR e.state = 'waiting' OR e.planned_end > d.scheduled_for OR e.planned_end <= $1 "
        "OR (d.scheduled_for > e.planned_end AND NOT EXISTS (SELECT FROM sparkingest.execution_dependencies AS o "
        "JOIN sparkingest.job_executions AS f ON f.execution_id = o.after_execution_id WHERE o.execution_id = d.execution_id "
        "AND NOT o.closed AND NOT o.spare AND COALESCE(f.finished_at, f.planned_end) >= d.scheduled_for))) ORDER BY x.job_id",
        1,
        {TIMESTAMPTZOID},
        .by_index = true};
    Datum values[] = {TimestampTzGetDatum(now)};

    return si_sql_ids(&find, values, out);
}
