/*
 * history.c: months as partitions.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/patience.h"
#include "store/history.h"
#include "store/sql.h"

#define MOST_MONTHS 24 /* at a time: rows may be of any */

#define MISSING(table, at) \
    "SELECT m.month AT TIME ZONE 'UTC' FROM (SELECT pg_catalog.date_trunc('month', $1 AT TIME ZONE 'UTC') + k * '1 month'::interval " \
    "FROM pg_catalog.generate_series(0, $2) AS k UNION SELECT pg_catalog.date_trunc('month', " at " AT TIME ZONE 'UTC') " \
    "FROM sparkingest." table "_rest) AS m (month) WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c " \
    "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'sparkingest' " \
    "AND c.relname = pg_catalog.to_char(m.month, '\"" table "_\"YYYY_MM')) ORDER BY 1 LIMIT $3"

/* In the order of the enum. */
static const char *const tables[] = {"resource_consumption", "events"};
static const char *const time_columns[] = {"ended_at", "at"};

int
si_history_missing(SiHistory history, TimestampTz now, int ahead, TimestampTz **out)
{
    static SiStatement missing[] = {{MISSING("resource_consumption", "ended_at"), 3, {TIMESTAMPTZOID, INT4OID, INT4OID}},
                                    {MISSING("events", "at"), 3, {TIMESTAMPTZOID, INT4OID, INT4OID}}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {TimestampTzGetDatum(now), Int32GetDatum(ahead), Int32GetDatum(MOST_MONTHS)};
    uint64 n;

    si_sql_open();
    n = si_sql_run(&missing[history], values, NULL);
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

/*
 * A partition is read through its table only, whose policies and column privileges count: whatever default privileges gave
 * others, row security without a policy shows nothing. Of its columns there are statistics as of the table's (90_grants.sql).
 */
static void
wall_in(const char *table, const char *partition)
{
    static SiStatement quiet = {"SELECT pg_catalog.string_agg(pg_catalog.format(', ALTER COLUMN %I SET STATISTICS %s', attname, attstattarget), '') "
                                "FROM pg_catalog.pg_attribute WHERE attrelid = ('sparkingest.' || $1)::regclass AND attnum > 0 "
                                "AND NOT attisdropped AND attstattarget >= 0",
                                1,
                                {TEXTOID}};
    Datum values[] = {si_text_datum(table)};
    char *statistics;

    si_sql_run(&quiet, values, NULL);
    statistics = si_sql_text_copy(0, 1, CurrentMemoryContext);
    execute(psprintf("REVOKE ALL ON sparkingest.%s FROM PUBLIC", partition));
    execute(psprintf("ALTER TABLE sparkingest.%s ENABLE ROW LEVEL SECURITY%s", partition, statistics ? statistics : ""));
}

void
si_history_make(SiHistory history, TimestampTz month)
{
    static SiStatement words = {"SELECT pg_catalog.to_char(m.month, '\"_\"YYYY_MM'), "
                                "pg_catalog.to_char(m.month, 'YYYY-MM-DD\" 00:00:00+00\"'), "
                                "pg_catalog.to_char(m.month + '1 month'::interval, 'YYYY-MM-DD\" 00:00:00+00\"') "
                                "FROM (SELECT $1 AT TIME ZONE 'UTC') AS m (month)",
                                1,
                                {TIMESTAMPTZOID}};
    Datum values[] = {TimestampTzGetDatum(month)};
    int patience = si_patience_set(1000);
    const char *table = tables[history];
    const char *at = time_columns[history];
    char *name;
    char *from;
    char *until;

    si_sql_open();
    si_sql_run(&words, values, NULL);
    name = psprintf("%s%s", table, si_sql_text_copy(0, 1, CurrentMemoryContext));
    from = si_sql_text_copy(0, 2, CurrentMemoryContext);
    until = si_sql_text_copy(0, 3, CurrentMemoryContext);
    /* Nobody adds rows of the month to the rest while they move. */
    execute(psprintf("LOCK TABLE sparkingest.%s_rest IN ACCESS EXCLUSIVE MODE", table));
    execute(psprintf("CREATE TABLE sparkingest.%s (LIKE sparkingest.%s_rest INCLUDING ALL)", name, table));
    wall_in(table, name);
    execute(psprintf("WITH moved AS (DELETE FROM sparkingest.%s_rest WHERE %s >= '%s' AND %s < '%s' RETURNING *) "
                     "INSERT INTO sparkingest.%s SELECT * FROM moved",
                     table, at, from, at, until, name));
    execute(psprintf("COMMENT ON TABLE sparkingest.%s IS 'A month of %s'", name, table));
    execute(psprintf("ALTER TABLE sparkingest.%s ATTACH PARTITION sparkingest.%s FOR VALUES FROM ('%s') TO ('%s')", table, name, from,
                     until));
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
si_history_drop(SiHistory history, TimestampTz before)
{
    /* Names tell the months. */
    static SiStatement oldest = {"SELECT c.relname::text FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid "
                                 "WHERE i.inhparent = ('sparkingest.' || $2)::regclass AND c.relname ~ ('^' || $2 || '_[0-9]{4}_[0-9]{2}$') "
                                 "AND c.relname < $2 || pg_catalog.to_char($1 AT TIME ZONE 'UTC', '\"_\"YYYY_MM') ORDER BY 1 LIMIT 1",
                                 2,
                                 {TIMESTAMPTZOID, TEXTOID}};
    static SiStatement remember = {"INSERT INTO sparkingest.history_dropped AS h (table_name, dropped_before) SELECT $2, "
                                   "(pg_catalog.to_date(pg_catalog.right($1, 7), 'YYYY_MM')::timestamp + '1 month'::interval) AT TIME ZONE 'UTC' "
                                   "ON CONFLICT (table_name) DO UPDATE SET dropped_before = GREATEST(h.dropped_before, excluded.dropped_before)",
                                   2,
                                   {TEXTOID, TEXTOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {TimestampTzGetDatum(before), si_text_datum(tables[history])};
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
