/*
 * fixture.c: for tests of the server only. Records of a run what the dispatcher records of it (src/worker/record.c), so
 * that its end and all that follows from it can be tested without Kubernetes.
 *
 * test/private.sh links it into the library of a server of its own, together with the objects of src/.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "flow/admit.h"
#include "flow/extend.h"
#include "flow/finish.h"
#include "flow/overlap.h"
#include "flow/state.h"
#include "guc.h"
#include "kube/manifest.h"
#include "pg/caller.h"
#include "pg/clock.h"
#include "store/dispatch.h"
#include "store/executions.h"
#include "store/sql.h"

PG_FUNCTION_INFO_V1(fixture_claim);
PG_FUNCTION_INFO_V1(fixture_late);
PG_FUNCTION_INFO_V1(fixture_move);
PG_FUNCTION_INFO_V1(fixture_start);
PG_FUNCTION_INFO_V1(fixture_overrun);
PG_FUNCTION_INFO_V1(fixture_finish);

#define ACTOR "dispatcher"

static SiState
state_argument(FunctionCallInfo fcinfo, int n)
{
    char *name = text_to_cstring(PG_GETARG_TEXT_PP(n));
    SiState state;

    if (!si_state_from_name(name, &state))
        elog(ERROR, "no such state: %s", name);
    return state;
}

static void
load(const pg_uuid_t *id, SiExecution *e)
{
    SiState state;

    if (!si_dispatch_lock(id, &state) || !si_execution_load(id, true, e))
        elog(ERROR, "no such execution");
}

/* claim(execution_id): whether it was due and may run; then it is dispatching. */
Datum
fixture_claim(PG_FUNCTION_ARGS)
{
    pg_uuid_t *id = PG_GETARG_UUID_P(0);
    SiManifestInput input;
    SiManifest manifest;
    SiExecution e;
    SiCaller caller;
    bool claimed = false;

    si_caller_enter(&caller);
    if (si_dispatch_claimable(id, si_now()) && si_execution_load(id, true, &e) && si_overlap_allows(&e, ACTOR) &&
        si_dispatch_manifest_input(id, &input))
    {
        si_manifest_build(&input, si_manifest_instance(), si_guc_namespace_prefix, &manifest);
        si_dispatch_record_claim(id, manifest.object_name, manifest.text, manifest.sha256, manifest.cpu_millicores,
                                 manifest.memory_mib, si_now());
        si_execution_move(&e, SI_DISPATCHING, ACTOR, "planned start reached");
        claimed = true;
    }
    si_caller_leave(&caller);
    PG_RETURN_BOOL(claimed);
}

/* late(execution_id): whether its reservation was over before it started; then it was dealt with. Asked before claim(). */
Datum
fixture_late(PG_FUNCTION_ARGS)
{
    pg_uuid_t *id = PG_GETARG_UUID_P(0);
    SiExecution e;
    SiCaller caller;
    bool late;

    si_caller_enter(&caller);
    late = si_dispatch_claimable(id, si_now()) && si_execution_load(id, true, &e) && si_admit_late(&e, ACTOR, si_now());
    si_caller_leave(&caller);
    PG_RETURN_BOOL(late);
}

/* move(execution_id, state): by the one function that moves states, and nothing else. */
Datum
fixture_move(PG_FUNCTION_ARGS)
{
    SiExecution e;
    SiCaller caller;

    si_caller_enter(&caller);
    load(PG_GETARG_UUID_P(0), &e);
    si_execution_move(&e, state_argument(fcinfo, 1), ACTOR, "test");
    si_caller_leave(&caller);
    PG_RETURN_VOID();
}

/* start(execution_id, at): submitted and then running. */
Datum
fixture_start(PG_FUNCTION_ARGS)
{
    pg_uuid_t *id = PG_GETARG_UUID_P(0);
    SiExecution e;
    SiCaller caller;

    si_caller_enter(&caller);
    load(id, &e);
    si_dispatch_record_post(id, "6f1c0a3e-0000-4000-8000-000000000000", si_now());
    si_execution_move(&e, SI_SUBMITTED, ACTOR, "Kubernetes acknowledged the object");
    si_dispatch_record_start(id, PG_GETARG_TIMESTAMPTZ(1));
    load(id, &e);
    si_execution_move(&e, SI_RUNNING, ACTOR, "the driver runs");
    si_caller_leave(&caller);
    PG_RETURN_VOID();
}

/* overrun(execution_id): at the soft line; whether its reservation was extended. */
Datum
fixture_overrun(PG_FUNCTION_ARGS)
{
    SiExecution e;
    SiCaller caller;
    SiJob job;
    bool extended;

    si_caller_enter(&caller);
    load(PG_GETARG_UUID_P(0), &e);
    if (!si_job_load(&e.job_id, true, &job))
        elog(ERROR, "no such job");
    extended = si_extend(&job, &e, ACTOR, si_now());
    si_caller_leave(&caller);
    PG_RETURN_BOOL(extended);
}

/* finish(execution_id, state, finished_at, exit_code, error_class, platform_fault, metrics) */
Datum
fixture_finish(PG_FUNCTION_ARGS)
{
    pg_uuid_t *id = PG_GETARG_UUID_P(0);
    SiOutcome outcome = {.state = state_argument(fcinfo, 1),
                         .started_at = SI_NO_TIME,
                         .finished_at = PG_ARGISNULL(2) ? SI_NO_TIME : PG_GETARG_TIMESTAMPTZ(2),
                         .has_exit_code = !PG_ARGISNULL(3),
                         .exit_code = PG_ARGISNULL(3) ? 0 : PG_GETARG_INT32(3),
                         .error_class = PG_ARGISNULL(4) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(4)),
                         .platform_fault = PG_GETARG_BOOL(5),
                         .metrics = PG_ARGISNULL(6) ? NULL : PG_GETARG_JSONB_P(6)};
    SiCaller caller;
    SiExecution e;

    si_caller_enter(&caller);
    load(id, &e);
    outcome.started_at = e.started_at;
    si_execution_finish(id, &outcome, ACTOR, "test");
    si_caller_leave(&caller);
    PG_RETURN_VOID();
}
