/*
 * upkeep.c: rows that maintain() removes.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "store/sql.h"
#include "store/upkeep.h"

int64
si_idempotency_expire(TimestampTz before)
{
    static SiStatement remove_old = {"DELETE FROM sparkingest.idempotency_keys WHERE created_at < $1", 1, {TIMESTAMPTZOID}};
    Datum values[] = {TimestampTzGetDatum(before)};
    int64 n;

    si_sql_open();
    n = (int64) si_sql_run(&remove_old, values, NULL);
    si_sql_close();
    return n;
}
