/*
 * times.c: instants as JSON.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "pg/times.h"

char *
si_time_json(TimestampTz at)
{
    char text[MAXDATELEN + 1];
    int utc = 0;

    if (at == PG_INT64_MAX)
        return NULL;
    return psprintf("\"%s\"", JsonEncodeDateTime(text, TimestampTzGetDatum(at), TIMESTAMPTZOID, &utc));
}
