/*
 * priorities.c: rows of priorities.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "store/priorities.h"
#include "store/sql.h"

bool
si_priority_load(const char *name, int32 *value)
{
    static SiStatement find = {"SELECT value FROM sparkingest.priorities WHERE name = $1", 1, {TEXTOID}};
    Datum values[] = {si_text_datum(name)};
    bool found;

    si_sql_open();
    found = si_sql_run(&find, values, NULL) > 0;
    if (found)
        *value = si_sql_int4(0, 1);
    si_sql_close();
    return found;
}

bool
si_priority_put(const char *name, int32 value, int32 *before)
{
    static SiStatement put = {"INSERT INTO sparkingest.priorities (name, value) VALUES ($1, $2) "
                              "ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value",
                              2,
                              {TEXTOID, INT4OID}};
    Datum values[] = {si_text_datum(name), Int32GetDatum(value)};
    bool found = si_priority_load(name, before);

    si_sql_open();
    si_sql_run(&put, values, NULL);
    si_sql_close();
    return found;
}

char *
si_priority_names(void)
{
    static SiStatement list = {"SELECT COALESCE(pg_catalog.string_agg(name, ', ' ORDER BY value, name), '') FROM sparkingest.priorities", 0};
    MemoryContext context = CurrentMemoryContext;
    char *names;

    si_sql_open();
    si_sql_run(&list, NULL, NULL);
    names = si_sql_text_copy(0, 1, context);
    si_sql_close();
    return names;
}
