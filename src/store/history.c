/*
 * history.c: months of resource_consumption as partitions.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/patience.h"
#include "store/history.h"
#include "store/sql.h"

#define MOST_MONTHS 24 /* at a time: rows may be of any */

int
si_history_missing(TimestampTz now, int ahead, TimestampTz **out)
{
    static SiStatement missing = {
        "SELECT m.month AT TIME ZONE 'UTC' FROM (SELECT pg_catalog.date_trunc('month', $1 AT TIME ZONE 'UTC') + k * '1 month'::interval "
        "FROM pg_catalog.generate_series(0, $2) AS k UNION SELECT pg_catalog.date_trunc('month', ended_at AT TIME ZONE 'UTC') "
        "FROM sparkingest.resource_consumption_rest) AS m (month) WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c "
        "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'sparkingest' "
        "AND c.relname = pg_catalog.to_char(m.month, '\"resource_consumption_\"YYYY_MM')) ORDER BY 1 LIMIT $3",
        3,
        {TIMESTAMPTZOID, INT4OID, INT4OID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {TimestampTzGetDatum(now), Int32GetDatum(ahead), Int32GetDatum(MOST_MONTHS)};
    uint64 n;

    si_sql_open();
    n = si_sql_run(&missing, values, NULL);
    *out = MemoryContextAlloc(context, (n + 1) * sizeof(TimestampTz));
    for (uint64 i = 0; i < n; i++)
        (*out)[i] = si_sql_time(i, 1);
    si_sql_close();
    return (int) n;
}

static void
execute(const char *command)
{
    int code = SPI_execute(command, false, 0);

    if (code < 0)
        elog(ERROR, "could not run \"%s\": %s", command, SPI_result_code_string(code));
}

void
si_history_make(TimestampTz month)
{
    static SiStatement words = {"SELECT pg_catalog.to_char(m.month, '\"resource_consumption_\"YYYY_MM'), "
                                "pg_catalog.to_char(m.month, 'YYYY-MM-DD\" 00:00:00+00\"'), "
                                "pg_catalog.to_char(m.month + '1 month'::interval, 'YYYY-MM-DD\" 00:00:00+00\"') "
                                "FROM (SELECT $1 AT TIME ZONE 'UTC') AS m (month)",
                                1,
                                {TIMESTAMPTZOID}};
    Datum values[] = {TimestampTzGetDatum(month)};
    int patience = si_patience_set(1000);
    char *name;
    char *from;
    char *until;

    si_sql_open();
    si_sql_run(&words, values, NULL);
    name = si_sql_text_copy(0, 1, CurrentMemoryContext);
    from = si_sql_text_copy(0, 2, CurrentMemoryContext);
    until = si_sql_text_copy(0, 3, CurrentMemoryContext);
    /* Nobody adds rows of the month to the rest while they move. */
    execute("LOCK TABLE sparkingest.resource_consumption_rest IN ACCESS EXCLUSIVE MODE");
    execute(psprintf("CREATE TABLE sparkingest.%s (LIKE sparkingest.resource_consumption INCLUDING DEFAULTS INCLUDING CONSTRAINTS "
                     "INCLUDING COMMENTS)",
                     name));
    execute(psprintf("WITH moved AS (DELETE FROM sparkingest.resource_consumption_rest WHERE ended_at >= '%s' AND ended_at < '%s' "
                     "RETURNING *) INSERT INTO sparkingest.%s SELECT * FROM moved",
                     from, until, name));
    execute(psprintf("ALTER TABLE sparkingest.%s ADD PRIMARY KEY (execution_id)", name));
    execute(psprintf("CREATE INDEX ON sparkingest.%s (tenant_id, ended_at)", name));
    execute(psprintf("COMMENT ON TABLE sparkingest.%s IS 'A month of resource_consumption'", name));
    execute(psprintf("ALTER TABLE sparkingest.resource_consumption ATTACH PARTITION sparkingest.%s FOR VALUES FROM ('%s') TO ('%s')", name,
                     from, until));
    si_sql_close();
    si_patience_restore(patience);
}

TimestampTz
si_history_begin(TimestampTz now, int months)
{
    static SiStatement begin = {"SELECT (pg_catalog.date_trunc('month', $1 AT TIME ZONE 'UTC') - $2 * '1 month'::interval) AT TIME ZONE 'UTC'",
                                2,
                                {TIMESTAMPTZOID, INT4OID}};
    Datum values[] = {TimestampTzGetDatum(now), Int32GetDatum(months)};
    TimestampTz at;

    si_sql_open();
    si_sql_run(&begin, values, NULL);
    at = si_sql_time(0, 1);
    si_sql_close();
    return at;
}

char *
si_history_drop(TimestampTz before)
{
    /* Names tell the months. */
    static SiStatement oldest = {"SELECT c.relname::text FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid "
                                 "WHERE i.inhparent = 'sparkingest.resource_consumption'::regclass "
                                 "AND c.relname ~ '^resource_consumption_[0-9]{4}_[0-9]{2}$' "
                                 "AND c.relname < pg_catalog.to_char($1 AT TIME ZONE 'UTC', '\"resource_consumption_\"YYYY_MM') ORDER BY 1 LIMIT 1",
                                 1,
                                 {TIMESTAMPTZOID}};
    static SiStatement remember = {"INSERT INTO sparkingest.history_dropped AS h (table_name, dropped_before) SELECT 'resource_consumption', "
                                   "(pg_catalog.to_date($1, '\"resource_consumption_\"YYYY_MM')::timestamp "
                                   "+ '1 month'::interval) AT TIME ZONE 'UTC' "
                                   "ON CONFLICT (table_name) DO UPDATE SET dropped_before = GREATEST(h.dropped_before, excluded.dropped_before)",
                                   1,
                                   {TEXTOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {TimestampTzGetDatum(before)};
    int patience = si_patience_set(1000);
    char *name = NULL;

    si_sql_open();
    if (si_sql_run(&oldest, values, NULL) > 0)
    {
        name = si_sql_text_copy(0, 1, context);
        values[0] = si_text_datum(name);
        si_sql_run(&remember, values, NULL);
        execute(psprintf("DROP TABLE sparkingest.%s", name));
    }
    si_sql_close();
    si_patience_restore(patience);
    return name;
}
