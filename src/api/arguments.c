/*
 * arguments.c: arguments of SQL functions.
 */
#include "postgres.h"

#include "common/int.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/rangetypes.h"
#include "utils/typcache.h"

#include "api/arguments.h"
#include "domain/quantity.h"
#include "pg/clock.h"
#include "pg/errors.h"
#include "store/sql.h"

#define MAX_DISTANCE_USECS (INT64CONST(36525) * USECS_PER_DAY)

static void
require(FunctionCallInfo fcinfo, int n, const char *name)
{
    if (PG_ARGISNULL(n))
        si_bad_value(name, (char *) NULL, "must not be null");
}

pg_uuid_t *
si_arg_uuid(FunctionCallInfo fcinfo, int n, const char *name)
{
    require(fcinfo, n, name);
    return PG_GETARG_UUID_P(n);
}

pg_uuid_t *
si_arg_uuid_or_null(FunctionCallInfo fcinfo, int n)
{
    return PG_ARGISNULL(n) ? NULL : PG_GETARG_UUID_P(n);
}

char *
si_arg_text(FunctionCallInfo fcinfo, int n, const char *name)
{
    require(fcinfo, n, name);
    return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

char *
si_arg_text_or_null(FunctionCallInfo fcinfo, int n)
{
    return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

Jsonb *
si_arg_jsonb(FunctionCallInfo fcinfo, int n, const char *name)
{
    require(fcinfo, n, name);
    return PG_GETARG_JSONB_P(n);
}

Jsonb *
si_arg_jsonb_or_null(FunctionCallInfo fcinfo, int n)
{
    return PG_ARGISNULL(n) ? NULL : PG_GETARG_JSONB_P(n);
}

static void
check_time(const char *name, TimestampTz at)
{
    TimestampTz now = si_now();

    if (TIMESTAMP_NOT_FINITE(at))
        si_bad_value(name, at == DT_NOBEGIN ? "-infinity" : "infinity", "must be finite");
    if (at < now - MAX_DISTANCE_USECS || at > now + MAX_DISTANCE_USECS)
        si_bad_value(name, timestamptz_to_str(at), "must be within a hundred years of now");
}

TimestampTz
si_arg_time(FunctionCallInfo fcinfo, int n, const char *name)
{
    require(fcinfo, n, name);
    check_time(name, PG_GETARG_TIMESTAMPTZ(n));
    return PG_GETARG_TIMESTAMPTZ(n);
}

TimestampTz
si_arg_time_or_none(FunctionCallInfo fcinfo, int n, const char *name)
{
    return PG_ARGISNULL(n) ? SI_NO_TIME : si_arg_time(fcinfo, n, name);
}

int64
si_arg_quantity(FunctionCallInfo fcinfo, int n, const char *name, int64 multiplier, bool allow_zero, int64 max)
{
    SiQtyResult result;
    char *text;
    int64 value = 0;

    require(fcinfo, n, name);
    text = DatumGetCString(DirectFunctionCall1(numeric_out, PG_GETARG_DATUM(n)));
    result = si_quantity_parse(text, multiplier, false, allow_zero, max, &value);
    if (result == SI_QTY_FRACTION)
        si_bad_value(name, text, multiplier == 1 ? "must be whole" : psprintf("must be a multiple of 1/" INT64_FORMAT, multiplier));
    if (result == SI_QTY_TOO_LARGE)
    {
        char most[64];

        si_quantity_print(max, multiplier, most, sizeof(most));
        si_bad_value(name, text, psprintf("must be at most %s", most));
    }
    if (result != SI_QTY_OK)
        si_bad_value(name, text, si_quantity_problem(result));
    return value;
}

int64
si_arg_duration(FunctionCallInfo fcinfo, int n, const char *name, bool allow_zero, int64 max)
{
    Interval *interval;
    char *text;
    int64 days;
    int64 usecs;

    require(fcinfo, n, name);
    interval = PG_GETARG_INTERVAL_P(n);
    text = DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(interval)));
    if (interval->month != 0)
        si_bad_value(name, text, "must not have months or years, which have no fixed length");
    if (pg_mul_s64_overflow(interval->day, USECS_PER_DAY, &days) || pg_add_s64_overflow(days, interval->time, &usecs) ||
        usecs > max)
        si_bad_value(name, text, psprintf("must be at most " INT64_FORMAT " hours", max / USECS_PER_HOUR));
    if (usecs < 0)
        si_bad_value(name, text, "must not be negative");
    if (usecs == 0 && !allow_zero)
        si_bad_value(name, text, "must be above zero");
    return usecs;
}

/* Bounds of whole microseconds: an exclusive lower or an inclusive upper one is the next microsecond. */
void
si_arg_range(FunctionCallInfo fcinfo, int n, const char *name, TimestampTz *from, TimestampTz *until)
{
    RangeType *range;
    RangeBound lower;
    RangeBound upper;
    bool empty;

    require(fcinfo, n, name);
    range = PG_GETARG_RANGE_P(n);
    range_deserialize(lookup_type_cache(RangeTypeGetOid(range), TYPECACHE_RANGE_INFO), range, &lower, &upper, &empty);
    if (empty)
        si_bad_value(name, "empty", "must not be empty");
    if (lower.infinite || upper.infinite)
        si_bad_value(name, (char *) NULL, "must have a beginning and an end");
    *from = DatumGetTimestampTz(lower.val);
    *until = DatumGetTimestampTz(upper.val);
    check_time(name, *from);
    check_time(name, *until);
    if (!lower.inclusive)
        (*from)++;
    if (upper.inclusive)
        (*until)++;
    if (*from >= *until)
        si_bad_value(name, (char *) NULL, "must not be empty");
}
