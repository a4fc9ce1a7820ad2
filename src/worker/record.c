/*
 * record.c: what the dispatcher writes.
 */
#include "postgres.h"

#include "guc.h"
#include "flow/admit.h"
#include "flow/extend.h"
#include "flow/overlap.h"
#include "flow/state.h"
#include "kube/manifest.h"
#include "pg/clock.h"
#include "store/events.h"
#include "store/executions.h"
#include "store/sql.h"
#include "worker/fleet.h"
#include "worker/record.h"
#include "worker/skeleton.h"

#define CLAIM_RETRY_USECS (30 * INT64CONST(1000000))

/* One step's arguments and results; strings that outlive the transaction are made in `context`. */
typedef struct Step
{
    const pg_uuid_t *execution_id;
    MemoryContext context;
    bool done;
    const char *words;
    TimestampTz at;
    bool quota;
    const SiOutcome *outcome;
    char *text;
} Step;

static void
claim(void *argument)
{
    Step *step = argument;
    TimestampTz now = si_now();
    SiManifestInput input;
    SiManifest manifest;
    SiExecution execution;

    if (!si_dispatch_claimable(step->execution_id, now) || !si_execution_load(step->execution_id, true, &execution))
        return;
    if (si_admit_late(&execution, SI_DISPATCHER_ACTOR, now))
        return;
    if (!si_overlap_allows(&execution, SI_DISPATCHER_ACTOR))
        return;
    if (!si_dispatch_manifest_input(step->execution_id, &input))
        return;
    si_manifest_build(&input, si_manifest_instance(), si_guc_namespace_prefix, &manifest);
    si_dispatch_record_claim(step->execution_id, manifest.object_name, manifest.text, manifest.sha256, manifest.cpu_millicores,
                             manifest.memory_mib, now);
    si_execution_move(&execution, SI_DISPATCHING, SI_DISPATCHER_ACTOR, "planned start reached");
    step->done = true;
}

static void
refuse_claim(void *argument)
{
    Step *step = argument;
    TimestampTz now = si_now();

    si_dispatch_record_retry(step->execution_id, step->words, now + CLAIM_RETRY_USECS, now);
}

bool
si_record_claim(const pg_uuid_t *execution_id)
{
    Step step = {.execution_id = execution_id};
    char *error = si_skeleton_try("claiming an execution", true, claim, &step);

    if (error)
    {
        step.words = error;
        (void) si_skeleton_try("noting an error", false, refuse_claim, &step);
        return false;
    }
    return step.done;
}

static void
read_manifest(void *argument)
{
    Step *step = argument;
    char *manifest = si_dispatch_manifest(step->execution_id);

    step->text = manifest ? MemoryContextStrdup(step->context, manifest) : NULL;
}

/* Runs a step for a row; when it raises, the row backs off. */
static bool
run(SiLive *live, const char *activity, SiWork work, Step *step)
{
    char *error;

    step->execution_id = &live->execution_id;
    step->context = CurrentMemoryContext;
    error = si_skeleton_try(activity, false, work, step);
    if (error == NULL)
        return true;
    live->not_before = si_monotonic_millis() + si_fleet_backoff(live->waits++);
    if (work != read_manifest)
        si_record_note(live, error);
    return false;
}

char *
si_record_manifest(SiLive *live)
{
    Step step = {.text = NULL};

    return run(live, "reading a manifest", read_manifest, &step) ? step.text : NULL;
}

static void
posted(void *argument)
{
    Step *step = argument;
    SiState state;
    SiExecution execution;

    if (!si_dispatch_lock(step->execution_id, &state) || state != SI_DISPATCHING)
        return;
    si_dispatch_record_post(step->execution_id, step->words, si_now());
    if (!si_execution_load(step->execution_id, true, &execution))
        return;
    si_execution_move(&execution, SI_SUBMITTED, SI_DISPATCHER_ACTOR, "Kubernetes acknowledged the object");
}

bool
si_record_posted(SiLive *live, const char *uid)
{
    Step step = {.words = uid};

    if (!run(live, "recording a post", posted, &step))
        return false;
    strlcpy(live->object_uid, uid, sizeof(live->object_uid));
    live->state = SI_SUBMITTED;
    live->tries = 0;
    live->noted = 0;
    live->since = si_monotonic_millis();
    return true;
}

static void
retry(void *argument)
{
    Step *step = argument;

    si_dispatch_record_retry(step->execution_id, step->words, step->at, si_now());
    if (step->quota)
        si_event("capacity.quota_drift", NULL, NULL, step->execution_id, SI_DISPATCHER_ACTOR, step->words, NULL, NULL);
}

void
si_record_retry(SiLive *live, const char *words, int64 wait_millis, bool quota)
{
    Step step = {.words = words, .at = si_now() + wait_millis * 1000, .quota = quota && live->noted != si_live_hash(words)};

    live->not_before = si_monotonic_millis() + wait_millis;
    if (run(live, "recording a post that failed", retry, &step))
    {
        live->tries++;
        live->noted = si_live_hash(words);
    }
}

static void
note(void *argument)
{
    Step *step = argument;

    si_dispatch_record_error(step->execution_id, step->words);
}

void
si_record_note(SiLive *live, const char *words)
{
    Step step = {.execution_id = &live->execution_id, .words = words};

    if (live->noted == si_live_hash(words))
        return;
    if (si_skeleton_try("noting an error", false, note, &step) == NULL)
        live->noted = si_live_hash(words);
}

static void
running(void *argument)
{
    Step *step = argument;
    SiState state;
    SiExecution execution;

    if (!si_dispatch_lock(step->execution_id, &state) || state != SI_SUBMITTED)
        return;
    si_dispatch_record_start(step->execution_id, step->at);
    if (!si_execution_load(step->execution_id, true, &execution))
        return;
    si_execution_move(&execution, SI_RUNNING, SI_DISPATCHER_ACTOR, "the driver runs");
}

bool
si_record_running(SiLive *live, TimestampTz started_at)
{
    Step step = {.at = started_at};

    if (!run(live, "recording a start", running, &step))
        return false;
    live->state = SI_RUNNING;
    live->started_at = started_at;
    live->noted = 0;
    return true;
}

static void
overrun(void *argument)
{
    Step *step = argument;
    SiState state;
    SiExecution execution;
    SiJob job;

    if (!si_dispatch_lock(step->execution_id, &state) || !si_execution_load(step->execution_id, true, &execution) ||
        !si_job_load(&execution.job_id, true, &job))
        return;
    (void) si_extend(&job, &execution, SI_DISPATCHER_ACTOR, si_now());
    step->at = execution.planned_end;
}

void
si_record_overrun(SiLive *live)
{
    Step step = {.at = live->planned_end};

    if (run(live, "extending a reservation", overrun, &step))
        live->planned_end = step.at;
}

static void
deadline(void *argument)
{
    Step *step = argument;

    step->done = si_dispatch_request_stop(step->execution_id, "timed_out", step->words, si_now());
}

bool
si_record_deadline(SiLive *live, const char *words)
{
    Step step = {.words = words};

    if (!run(live, "stopping an execution at its deadline", deadline, &step))
        return false;
    strlcpy(live->stop_cause, "timed_out", sizeof(live->stop_cause));
    return true;
}

static void
finish(void *argument)
{
    Step *step = argument;
    SiState state;

    if (si_dispatch_lock(step->execution_id, &state))
        si_execution_finish(step->execution_id, step->outcome, SI_DISPATCHER_ACTOR, step->words);
}

bool
si_record_finish(SiLive *live, const SiOutcome *outcome, const char *cause)
{
    Step step = {.words = cause, .outcome = outcome};

    if (!run(live, "recording an end", finish, &step))
        return false;
    si_live_remove(live);
    return true;
}
