/*
 * cancel.c: cancelling runs (J6).
 */
#include "postgres.h"

#include "flow/cancel.h"
#include "flow/finish.h"
#include "pg/json.h"
#include "pg/wake.h"
#include "store/events.h"
#include "store/sql.h"

bool
si_cancel(SiExecution *e, const char *reason, const char *actor, TimestampTz now)
{
    StringInfoData after;

    /* A run that is to make room for an owner would be tried again: its tenant may still not want that. */
    if (si_state_final(e->state) ||
        (e->stop_requested_at != SI_NO_TIME && strcmp(e->stop_cause, si_state_name(SI_PREEMPTED)) != 0))
        return false;
    if (e->state == SI_SCHEDULED || e->state == SI_WAITING)
    {
        SiOutcome outcome = {.state = SI_CANCELLED, .started_at = SI_NO_TIME, .finished_at = now};

        if (reason != NULL)
            si_execution_set_stop_reason(&e->execution_id, reason);
        si_execution_finish(&e->execution_id, &outcome, actor, reason);
        return true;
    }
    si_execution_set_stop(&e->execution_id, si_state_name(SI_CANCELLED), reason, now);
    initStringInfo(&after);
    appendStringInfoChar(&after, '{');
    si_json_put_text(&after, "stop_cause", si_state_name(SI_CANCELLED));
    appendStringInfoChar(&after, '}');
    si_event("execution.stop_requested", &e->tenant_id, &e->job_id, &e->execution_id, actor, reason, NULL, after.data);
    si_wake_at_commit();
    return true;
}

int
si_cancel_group(const SiJob *job, SiExecutionGroup group, const char *reason, const char *actor, TimestampTz now)
{
    pg_uuid_t *ids;
    int n = si_executions_of_job(&job->job_id, group, &ids);
    int cancelled = 0;

    for (int i = 0; i < n; i++)
    {
        SiExecution e;

        if (si_execution_load(&ids[i], true, &e) && si_cancel(&e, reason, actor, now))
            cancelled++;
    }
    return cancelled;
}
