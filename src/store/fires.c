/*
 * fires.c: executions that schedules started.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "store/fires.h"
#include "store/sql.h"

/* What was cancelled before it was claimed may come again. */
#define IS_TAKEN "(state <> 'cancelled' OR claimed_at IS NOT NULL)"

static int
read_fires(SiStatement *statement, Datum *values, SiFire **out)
{
    MemoryContext context = CurrentMemoryContext;
    uint64 n;

    si_sql_open();
    n = si_sql_run(statement, values, NULL);
    *out = MemoryContextAllocHuge(context, (n + 1) * sizeof(SiFire));
    for (uint64 i = 0; i < n; i++)
        (*out)[i] = (SiFire){si_sql_uuid(i, 1, NULL), si_sql_time(i, 2), si_sql_int4(i, 3), si_sql_bool(i, 4)};
    si_sql_close();
    return (int) n;
}

int
si_fires_pending(const pg_uuid_t *job_ids, int n, SiFire **out)
{
    /* Job by job: those of one are few, those of all are many. */
    static SiStatement find = {"SELECT j.id, e.scheduled_for, e.attempt, true FROM pg_catalog.unnest($1) AS j (id), LATERAL "
                               "(SELECT scheduled_for, attempt FROM sparkingest.job_executions WHERE job_id = j.id "
                               "AND state IN ('scheduled', 'waiting') AND started_by = 'schedule' ORDER BY scheduled_for OFFSET 0) AS e "
                               "ORDER BY 1, 2",
                               1,
                               {UUIDARRAYOID},
                               .by_index = true};
    Datum values[] = {si_uuids_datum(job_ids, n)};

    return read_fires(&find, values, out);
}

int
si_fires_attempted(const pg_uuid_t *job_ids, const TimestampTz *from, int n, SiFire **out)
{
    static SiStatement find = {"SELECT f.job_id, e.scheduled_for, e.attempt, e.taken "
                               "FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS f (job_id, at), LATERAL "
                               "(SELECT scheduled_for, pg_catalog.max(attempt) AS attempt, pg_catalog.bool_or(" IS_TAKEN ") AS taken "
                               "FROM sparkingest.job_executions "
                               "WHERE job_id = f.job_id AND scheduled_for >= f.at AND started_by = 'schedule' GROUP BY 1) AS e ORDER BY 1, 2",
                               2,
                               {UUIDARRAYOID, TIMESTAMPTZARRAYOID},
                               .by_index = true};
    Datum values[] = {si_uuids_datum(job_ids, n), si_times_datum(from, n)};

    return read_fires(&find, values, out);
}

bool
si_fire_is_taken(const pg_uuid_t *job_id, TimestampTz at)
{
    static SiStatement find = {"SELECT FROM sparkingest.job_executions WHERE job_id = $1 AND started_by = 'schedule' "
                               "AND scheduled_for = $2 AND " IS_TAKEN,
                               2,
                               {UUIDOID, TIMESTAMPTZOID},
                               .by_index = true};
    Datum values[] = {UUIDPGetDatum(job_id), TimestampTzGetDatum(at)};
    bool found;

    si_sql_open();
    found = si_sql_run(&find, values, NULL) > 0;
    si_sql_close();
    return found;
}

bool
si_fire_due_after(const pg_uuid_t *job_id, TimestampTz after, TimestampTz until)
{
    static SiStatement find = {"SELECT FROM sparkingest.job_executions WHERE job_id = $1 AND started_by = 'schedule' "
                               "AND scheduled_for > $2 AND scheduled_for <= $3 AND state <> 'cancelled' LIMIT 1",
                               3,
                               {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
                               .by_index = true};
    Datum values[] = {UUIDPGetDatum(job_id), TimestampTzGetDatum(after), TimestampTzGetDatum(until)};
    bool found;

    si_sql_open();
    found = si_sql_run(&find, values, NULL) > 0;
    si_sql_close();
    return found;
}
