/*
 * owner.c: jobs that are blocked (J12).
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "flow/cancel.h"
#include "flow/owner.h"
#include "pg/attempt.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "store/events.h"
#include "store/sql.h"

#define ORPHAN_BEGINS "its owner, role \""

static char *
reason_json(const char *reason)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_text(&buf, "blocked_reason", reason);
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

void
si_job_block(const pg_uuid_t *job_id, const char *reason, const char *actor)
{
    pg_uuid_t tenant_id;

    if (si_job_set_blocked(job_id, reason, &tenant_id))
        si_event(reason ? "job.blocked" : "job.unblocked", &tenant_id, job_id, NULL, actor, reason, NULL, reason_json(reason));
}

void
si_job_block_orphan(SiJob *job, const char *actor, TimestampTz now)
{
    char *reason = psprintf(ORPHAN_BEGINS "%s\", was dropped: sparkingest.resume_job() takes it over", job->owner_name);

    if (job->plan_at == SI_NO_TIME && job->blocked_reason != NULL && strcmp(job->blocked_reason, reason) == 0)
        return;
    (void) si_cancel_group(job, SI_EXECUTIONS_PENDING_SCHEDULED, "the job's owner was dropped", actor, now);
    /* next_fire_at stays: whoever takes the job over is told what did not run from then on. */
    job->plan_at = SI_NO_TIME;
    si_job_update(job);
    si_job_block(&job->job_id, reason, actor);
}

typedef struct Orphan
{
    pg_uuid_t job_id;
    const char *actor;
    TimestampTz now;
    bool blocked;
} Orphan;

static void
block(void *arg)
{
    Orphan *orphan = arg;
    SiJob job;

    if (!si_job_load_if_free(&orphan->job_id, &job) || job.owner_exists)
        return;
    si_job_block_orphan(&job, orphan->actor, orphan->now);
    orphan->blocked = true;
}

int
si_orphans_block(const char *actor, TimestampTz now)
{
    pg_uuid_t *ids;
    int n = si_jobs_orphaned(ORPHAN_BEGINS "%", &ids);
    int blocked = 0;

    for (int i = 0; i < n; i++)
    {
        Orphan orphan = {ids[i], actor, now, false};

        CHECK_FOR_INTERRUPTS();
        if (si_attempt(block, &orphan) == NULL)
            blocked += orphan.blocked;
    }
    return blocked;
}

bool
si_job_take_over(const SiCaller *caller, SiJob *job)
{
    if (job->owner_exists)
        return false;
    job->owner = caller->role;
    job->owner_name = pstrdup(caller->name);
    job->owner_exists = true;
    si_job_block(&job->job_id, NULL, caller->name);
    return true;
}

void
si_job_require_owner(const SiJob *job)
{
    if (!job->owner_exists)
        ereport(ERROR, (errcode(ERRCODE_SI_STATE),
                        errmsg("the owner of job \"%s\", role \"%s\", was dropped", job->job_name, job->owner_name),
                        errhint("sparkingest.resume_job() takes the job over.")));
}
