/*
 * estimates.c: SQL functions about what jobs will need.
 */
#include "postgres.h"

#include "fmgr.h"

#include "api/arguments.h"
#include "flow/estimate.h"
#include "pg/json.h"
#include "pg/quiet.h"

PG_FUNCTION_INFO_V1(si_calculate_estimate);

Datum
si_calculate_estimate(PG_FUNCTION_ARGS)
{
    ErrorContextCallback quiet;
    char *answer;

    si_quiet_begin(&quiet);
    answer = si_estimate_json(si_arg_jsonb(fcinfo, 0, "request"));
    si_quiet_end(&quiet);
    PG_RETURN_JSONB_P(si_json_parse(answer));
}
