/*
 * state.c: the one way in which an execution gets and changes its state (J5).
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "flow/state.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/times.h"
#include "pg/wake.h"
#include "store/events.h"
#include "store/sql.h"

/* What a reader of events wants to know of a plan. */
static void
put_plan(StringInfo after, const SiExecution *e)
{
    si_json_put_text(after, "namespace", e->namespace_name);
    if (e->planned_start != SI_NO_TIME)
        si_json_put_raw(after, "planned_start", si_time_json(e->planned_start));
    if (e->state == SI_SCHEDULED && e->borrowed)
        si_json_put_raw(after, "borrowed", "true");
    if (e->state == SI_WAITING && e->waiting_reason != NULL)
        si_json_put_text(after, "waiting_reason", e->waiting_reason);
}

static void
note(const SiExecution *e, const char *before, const char *actor, const char *cause, const char *members)
{
    StringInfoData after;

    initStringInfo(&after);
    appendStringInfoChar(&after, '{');
    si_json_put_text(&after, "state", si_state_name(e->state));
    if (e->state == SI_SCHEDULED || e->state == SI_WAITING)
        put_plan(&after, e);
    if (members != NULL && *members)
        appendStringInfo(&after, ", %s", members);
    appendStringInfoChar(&after, '}');
    si_event("execution.state", &e->tenant_id, &e->job_id, &e->execution_id, actor, cause, before, after.data);
}

static void
wake_for(const SiExecution *e)
{
    if (e->state == SI_SCHEDULED)
        si_wake_at_commit();
    if (e->state == SI_WAITING)
        si_waiting_changed();
}

void
si_execution_enter(const SiExecution *e, const char *actor, const char *cause)
{
    Assert(e->state == SI_SCHEDULED || e->state == SI_WAITING);
    si_execution_insert(e);
    note(e, NULL, actor, cause, NULL);
    wake_for(e);
}

void
si_execution_move_noting(SiExecution *e, SiState to, const char *actor, const char *cause, const char *members)
{
    SiState from = e->state;

    if (!si_state_allowed(from, to) || !si_execution_set_state(&e->execution_id, from, to))
        ereport(ERROR, (errcode(ERRCODE_SI_STATE), errmsg("execution \"%s\" cannot become %s: it is %s",
                                                          si_uuid_text(&e->execution_id), si_state_name(to),
                                                          si_state_name(from))));
    e->state = to;
    note(e, psprintf("{\"state\": \"%s\"}", si_state_name(from)), actor, cause, members);
    wake_for(e);
}

void
si_execution_move(SiExecution *e, SiState to, const char *actor, const char *cause)
{
    si_execution_move_noting(e, to, actor, cause, NULL);
}
