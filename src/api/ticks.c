/*
 * ticks.c: SQL functions that a scheduler calls, and the product's clock.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/timestamp.h"

#include "flow/ticks.h"
#include "pg/caller.h"
#include "pg/clock.h"

PG_FUNCTION_INFO_V1(si_plan);
PG_FUNCTION_INFO_V1(si_maintain);
PG_FUNCTION_INFO_V1(si_roll_up);
PG_FUNCTION_INFO_V1(si_clock);

static Datum
tick(const char *function_name, int (*work)(const char *actor))
{
    SiCaller caller;
    int handled;

    si_caller_enter(&caller);
    si_caller_require_operator(&caller, function_name);
    handled = work(function_name);
    si_caller_leave(&caller);
    return Int32GetDatum(handled);
}

Datum
si_plan(PG_FUNCTION_ARGS)
{
    return tick("plan", si_tick_plan);
}

Datum
si_maintain(PG_FUNCTION_ARGS)
{
    return tick("maintain", si_tick_maintain);
}

Datum
si_roll_up(PG_FUNCTION_ARGS)
{
    return tick("roll_up", si_tick_roll_up);
}

Datum
si_clock(PG_FUNCTION_ARGS)
{
    PG_RETURN_TIMESTAMPTZ(si_now());
}
