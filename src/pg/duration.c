/*
 * duration.c: lengths of time given as text. The server's own decoders are used below interval_in(), which throws.
 */
#include "postgres.h"

#include "common/int.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "pg/duration.h"

bool
si_duration_parse(const char *text, int64 *usecs)
{
    char work[256];
    char *fields[MAXDATEFIELDS];
    int types[MAXDATEFIELDS];
    struct pg_itm_in parts = {0};
    Interval interval;
    int64 days;
    int n;
    int kind;
    int result = ParseDateTime(text, work, sizeof(work), fields, types, MAXDATEFIELDS, &n);

    if (result == 0)
        result = DecodeInterval(fields, types, n, INTERVAL_FULL_RANGE, &kind, &parts);
    if (result == DTERR_BAD_FORMAT)
    {
        memset(&parts, 0, sizeof(parts));
        result = DecodeISO8601Interval(unconstify(char *, text), &kind, &parts);
    }
    if (result != 0 || kind != DTK_DELTA || itmin2interval(&parts, &interval) != 0 || interval.month != 0)
        return false;
    return !pg_mul_s64_overflow(interval.day, USECS_PER_DAY, &days) &&
           !pg_add_s64_overflow(days, interval.time, usecs);
}
