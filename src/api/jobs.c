/*
 * jobs.c: SQL functions about jobs.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/tuplestore.h"

#include "api/arguments.h"
#include "flow/access.h"
#include "flow/job.h"
#include "flow/schedule.h"
#include "pg/clock.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/quiet.h"
#include "store/sql.h"

#define MAX_FIRE_TIMES 1000

PG_FUNCTION_INFO_V1(si_create_job);
PG_FUNCTION_INFO_V1(si_alter_job);
PG_FUNCTION_INFO_V1(si_pause_job);
PG_FUNCTION_INFO_V1(si_resume_job);
PG_FUNCTION_INFO_V1(si_drop_job);
PG_FUNCTION_INFO_V1(si_run_job);
PG_FUNCTION_INFO_V1(si_promote_job);
PG_FUNCTION_INFO_V1(si_next_fire_times);

Datum
si_create_job(PG_FUNCTION_ARGS)
{
    pg_uuid_t *answer = palloc(sizeof(pg_uuid_t));
    SiJobRequest request = {0};
    ErrorContextCallback quiet;
    SiCaller caller;

    si_quiet_begin(&quiet);
    si_caller_enter(&caller);
    request.tenant_id = *si_arg_uuid(fcinfo, 0, "tenant_id");
    si_access_active_tenant(&caller, &request.tenant_id);
    request.job_name = si_arg_text(fcinfo, 1, "job_name");
    request.source_type = si_arg_text(fcinfo, 2, "source_type");
    request.source_config = si_arg_jsonb(fcinfo, 3, "source_config");
    request.destination_config = si_arg_jsonb(fcinfo, 4, "destination_config");
    request.resource_requirements = si_arg_jsonb(fcinfo, 5, "resource_requirements");
    request.schedule_cron = si_arg_text_or_null(fcinfo, 6);
    request.sla_requirements = si_arg_jsonb_or_null(fcinfo, 7);
    request.time_zone = si_arg_text_or_null(fcinfo, 8);
    request.options = si_arg_jsonb_or_null(fcinfo, 9);
    *answer = si_job_create(&caller, &request, si_arg_text_or_null(fcinfo, 10), si_now());
    si_caller_leave(&caller);
    si_quiet_end(&quiet);
    PG_RETURN_UUID_P(answer);
}

/* Enters, and locks the job of argument 0, which the caller may touch. */
static void
enter_job(FunctionCallInfo fcinfo, SiCaller *caller, SiJob *job)
{
    pg_uuid_t *job_id;
    pg_uuid_t tenant_id;
    bool found;

    si_caller_enter(caller);
    job_id = si_arg_uuid(fcinfo, 0, "job_id");
    /* Look before locking: nobody waits for, or holds up, a job that is not theirs. */
    found = si_job_tenant(job_id, &tenant_id);
    si_access_row(caller, "job", job_id, found, &tenant_id);
    if (!si_job_load(job_id, true, job))
        elog(ERROR, "job \"%s\" vanished", si_uuid_text(job_id));
}

Datum
si_alter_job(PG_FUNCTION_ARGS)
{
    ErrorContextCallback quiet;
    SiCaller caller;
    SiJob job;

    si_quiet_begin(&quiet);
    enter_job(fcinfo, &caller, &job);
    si_job_alter(&caller, &job, si_arg_jsonb(fcinfo, 1, "changes"), si_now());
    si_caller_leave(&caller);
    si_quiet_end(&quiet);
    PG_RETURN_VOID();
}

Datum
si_pause_job(PG_FUNCTION_ARGS)
{
    SiCaller caller;
    SiJob job;

    enter_job(fcinfo, &caller, &job);
    si_job_pause(&caller, &job, si_now());
    si_caller_leave(&caller);
    PG_RETURN_VOID();
}

Datum
si_resume_job(PG_FUNCTION_ARGS)
{
    SiCaller caller;
    SiJob job;

    enter_job(fcinfo, &caller, &job);
    si_access_active_tenant(&caller, &job.tenant_id);
    si_job_resume(&caller, &job, si_now());
    si_caller_leave(&caller);
    PG_RETURN_VOID();
}

Datum
si_drop_job(PG_FUNCTION_ARGS)
{
    SiCaller caller;
    SiJob job;

    enter_job(fcinfo, &caller, &job);
    si_job_drop(&caller, &job, si_now());
    si_caller_leave(&caller);
    PG_RETURN_VOID();
}

Datum
si_run_job(PG_FUNCTION_ARGS)
{
    pg_uuid_t *answer = palloc(sizeof(pg_uuid_t));
    SiCaller caller;
    SiJob job;

    enter_job(fcinfo, &caller, &job);
    si_access_active_tenant(&caller, &job.tenant_id);
    *answer = si_job_run(&caller, &job, si_arg_time_or_none(fcinfo, 1, "at"), si_arg_text_or_null(fcinfo, 2), si_now());
    si_caller_leave(&caller);
    PG_RETURN_UUID_P(answer);
}

Datum
si_promote_job(PG_FUNCTION_ARGS)
{
    SiCaller caller;
    SiJob job;
    Jsonb *answer;

    enter_job(fcinfo, &caller, &job);
    si_access_active_tenant(&caller, &job.tenant_id);
    answer = si_json_parse(si_job_promote(&caller, &job, si_arg_text_or_null(fcinfo, 1), si_now()));
    si_caller_leave(&caller);
    PG_RETURN_JSONB_P(answer);
}

Datum
si_next_fire_times(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    char *zone = si_arg_text(fcinfo, 1, "time_zone");
    TimestampTz at = si_arg_time(fcinfo, 2, "after");
    SiSchedule schedule;
    int32 n;

    si_schedule_open(si_arg_text(fcinfo, 0, "schedule_cron"), zone, &schedule);
    if (PG_ARGISNULL(3))
        si_bad_value("n", (char *) NULL, "must not be null");
    n = PG_GETARG_INT32(3);
    if (n < 1 || n > MAX_FIRE_TIMES)
        si_bad_value("n", psprintf("%d", n), psprintf("must be from 1 to %d", MAX_FIRE_TIMES));
    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
    while (n-- > 0 && si_schedule_next(&schedule, at, &at))
    {
        Datum value = TimestampTzGetDatum(at);
        bool null = false;

        tuplestore_putvalues(result->setResult, result->setDesc, &value, &null);
    }
    return (Datum) 0;
}
