/*
 * executions.c: SQL functions about runs of jobs.
 */
#include "postgres.h"

#include "fmgr.h"

#include "api/arguments.h"
#include "flow/access.h"
#include "flow/cancel.h"
#include "flow/evaluate.h"
#include "pg/clock.h"
#include "pg/errors.h"
#include "store/sql.h"

PG_FUNCTION_INFO_V1(si_cancel_execution);
PG_FUNCTION_INFO_V1(si_evaluate_execution);

#define MAX_REASON 1000

/* Enters, and locks the execution of argument 0, after its job; the caller may touch it. */
static void
enter_execution(FunctionCallInfo fcinfo, SiCaller *caller, SiJob *job, SiExecution *e)
{
    pg_uuid_t *id;
    pg_uuid_t tenant_id;
    pg_uuid_t job_id;
    bool found;

    si_caller_enter(caller);
    id = si_arg_uuid(fcinfo, 0, "execution_id");
    found = si_execution_owner(id, &tenant_id, &job_id);
    si_access_row(caller, "execution", id, found, &tenant_id);
    if (!si_job_load(&job_id, true, job) || !si_execution_load(id, true, e))
        elog(ERROR, "execution \"%s\" vanished", si_uuid_text(id));
}

Datum
si_cancel_execution(PG_FUNCTION_ARGS)
{
    char *reason = si_arg_text_or_null(fcinfo, 1);
    SiCaller caller;
    SiJob job;
    SiExecution e;
    bool changed;

    if (reason != NULL && strlen(reason) > MAX_REASON)
        si_bad_value("reason", (char *) NULL, psprintf("must have at most %d bytes", MAX_REASON));
    enter_execution(fcinfo, &caller, &job, &e);
    changed = si_cancel(&e, reason, caller.name, si_now());
    si_caller_leave(&caller);
    PG_RETURN_BOOL(changed);
}

Datum
si_evaluate_execution(PG_FUNCTION_ARGS)
{
    SiVerdict verdict;
    SiCaller caller;
    SiJob job;
    SiExecution e;

    enter_execution(fcinfo, &caller, &job, &e);
    if (!e.is_draft || !si_state_final(e.state))
        ereport(ERROR, (errcode(ERRCODE_SI_STATE),
                        e.is_draft ? errmsg("execution \"%s\" has not finished: it is %s", si_uuid_text(&e.execution_id),
                                            si_state_name(e.state))
                                   : errmsg("execution \"%s\" is not a draft run", si_uuid_text(&e.execution_id))));
    si_evaluate_execution_now(&job, &e, caller.name, si_now(), &verdict);
    si_caller_leave(&caller);
    PG_RETURN_JSONB_P(e.evaluation);
}
