/*
 * schedules.c: jobs of pg_cron.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "store/schedules.h"
#include "store/sql.h"

int64
si_schedule_register(const char *name, const char *schedule, const char *command)
{
    static SiStatement enter = {"SELECT cron.schedule($1, $2, $3)", 3, {TEXTOID, TEXTOID, TEXTOID}};
    Datum values[] = {si_text_datum(name), si_text_datum(schedule), si_text_datum(command)};
    int64 id;

    si_sql_open();
    si_sql_run(&enter, values, NULL);
    id = si_sql_int8(0, 1);
    si_sql_close();
    return id;
}

int64
si_schedules_active(void)
{
    static SiStatement count = {"SELECT pg_catalog.count(*) FROM cron.job WHERE active AND database = "
                                "pg_catalog.current_database() AND command ~ 'sparkingest\\.(plan|maintain|roll_up)\\('",
                                0,
                                {0}};
    int64 found;

    si_sql_open();
    si_sql_run(&count, NULL, NULL);
    found = si_sql_int8(0, 1);
    si_sql_close();
    return found;
}

bool
si_schedules_failing(char **message)
{
    static SiStatement last = {
        "SELECT d.return_message, d.status FROM cron.job_run_details d JOIN cron.job j ON j.jobid = d.jobid "
        "WHERE j.database = pg_catalog.current_database() AND j.command ~ 'sparkingest\\.(plan|maintain|roll_up)\\(' "
        "AND d.status IN ('succeeded', 'failed') ORDER BY d.runid DESC LIMIT 1",
        0,
        {0}};
    MemoryContext context = CurrentMemoryContext;
    bool failing = false;

    si_sql_open();
    if (si_sql_run(&last, NULL, NULL) > 0)
    {
        failing = strcmp(si_sql_text_copy(0, 2, context), "failed") == 0;
        *message = si_sql_text_copy(0, 1, context);
    }
    si_sql_close();
    return failing;
}
