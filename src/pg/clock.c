/*
 * clock.c: the product's time. The only file that reads a clock.
 */
#include "postgres.h"

#include <time.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "pg/clock.h"

typedef enum ClockMode
{
    CLOCK_IS_REAL,
    CLOCK_IS_FROZEN,
    CLOCK_IS_SHIFTED
} ClockMode;

typedef struct ClockSetting
{
    ClockMode mode;
    TimestampTz frozen_at;
    Interval shift;
} ClockSetting;

static ClockSetting setting = {CLOCK_IS_REAL, 0, {0, 0, 0}};

TimestampTz
si_now(void)
{
    switch (setting.mode)
    {
        case CLOCK_IS_FROZEN:
            return setting.frozen_at;
        case CLOCK_IS_SHIFTED:
            return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
                                                           TimestampTzGetDatum(GetCurrentTimestamp()),
                                                           IntervalPGetDatum(&setting.shift)));
        case CLOCK_IS_REAL:
            break;
    }
    return GetCurrentTimestamp();
}

int64
si_monotonic_millis(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool
si_clock_is_moved(void)
{
    return setting.mode != CLOCK_IS_REAL;
}

/*
 * A wrong value must be refused, not raised: input functions throw, so the error is caught and turned into a detail.
 * Nothing but the input function runs inside, which needs no cleaning up.
 */
bool
si_clock_check(char **newval, void **extra, GucSource source)
{
    ClockSetting parsed = {CLOCK_IS_REAL, 0, {0, 0, 0}};
    ClockSetting *kept;
    MemoryContext context = CurrentMemoryContext;
    bool good = true;

    if (**newval == '+' || **newval == '-')
        parsed.mode = CLOCK_IS_SHIFTED;
    else if (**newval != '\0')
        parsed.mode = CLOCK_IS_FROZEN;

    PG_TRY();
    {
        if (parsed.mode == CLOCK_IS_SHIFTED)
            parsed.shift = *DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(*newval),
                                                                  ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
        else if (parsed.mode == CLOCK_IS_FROZEN)
            parsed.frozen_at = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(*newval),
                                                                       ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        FlushErrorState();
        good = false;
    }
    PG_END_TRY();

    if (!good || (parsed.mode == CLOCK_IS_FROZEN && TIMESTAMP_NOT_FINITE(parsed.frozen_at)))
    {
        GUC_check_errdetail("Give nothing, a finite timestamp with time zone, or a signed interval such as \"+2 days\".");
        return false;
    }
    kept = malloc(sizeof(ClockSetting)); /* guc.c frees it */
    if (kept == NULL)
        return false;
    *kept = parsed;
    *extra = kept;
    return true;
}

void
si_clock_assign(const char *newval, void *extra)
{
    setting = *(ClockSetting *) extra;
    if (IsUnderPostmaster && MyBackendType == B_BG_WORKER && si_clock_is_moved())
        ereport(LOG, (errmsg("sparkingest.clock is \"%s\": work is not done by real time", newval)));
}
