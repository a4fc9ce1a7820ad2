/*
 * course.c: the next step of each live execution.
 *
 * Everything is decided from the row and from what was last seen; status is a level, not an edge, so each look is enough
 * by itself and a missed one costs only time. One call per execution is under way at a time. No transaction is open
 * while Kubernetes is called (J9).
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "kube/document.h"
#include "kube/manifest.h"
#include "pg/clock.h"
#include "store/sql.h"
#include "worker/course.h"
#include "worker/record.h"
#include "worker/sightings.h"

#define NO_OPERATOR_MILLIS 60000 /* so long may the operator take to touch an object */
#define SLOW_PODS_MILLIS 10000   /* so long may pods take to end before the row says so */
#define SLOW_START_MILLIS 15000  /* after it, the pods are asked why the driver does not start */
#define MAX_PAUSE_MILLIS 5000
#define EXTEND_AGAIN_MILLIS 60000 /* so often a reservation that could not be extended is tried again */
#define LOOKS_FOR_DRIVER 10       /* then RUNNING is believed without the driver's pod */
#define ABSENCES_BEFORE_POST 2    /* looks that must miss an object whose POST may still be on its way */

static int64 now_millis = 0;
static int64 wake_at = 0;

static void
wake_by(int64 at)
{
    wake_at = Min(wake_at, at);
}

/* Looks again soon, more and more slowly. */
static void
pause_for(SiLive *live)
{
    int64 wait = live->waits > 4 ? MAX_PAUSE_MILLIS : Min(INT64CONST(250) << live->waits, MAX_PAUSE_MILLIS);

    live->waits++;
    live->not_before = now_millis + wait;
    wake_by(live->not_before);
}

static bool
ended(const SiLive *live)
{
    return live->app == SI_APP_COMPLETED || live->app == SI_APP_FAILED;
}

static SiStream *
stream_of(const SiLive *live)
{
    SiLink *link = si_fleet_find(live->cluster_name);

    return link ? si_fleet_stream(link, live->namespace_name) : NULL;
}

static void
look(SiLive *live, SiLink *link)
{
    live->call = si_client_get(link->client, si_fleet_namespace(live->namespace_name), live->object_name, &live->execution_id);
    if (live->call == NULL)
        pause_for(live);
}

static void
look_at_pods(SiLive *live, SiLink *link)
{
    live->call = si_client_pods(link->client, si_fleet_namespace(live->namespace_name), &live->execution_id);
    if (live->call == NULL)
        pause_for(live);
}

/* The stop that was asked for has come to its end, billed to now (J6). */
static void
finish_stop(SiLive *live)
{
    SiOutcome outcome;

    memset(&outcome, 0, sizeof(outcome));
    if (!si_state_from_name(live->stop_cause, &outcome.state))
        elog(ERROR, "unknown cause of a stop \"%s\"", live->stop_cause);
    outcome.started_at = live->started_at;
    outcome.finished_at = live->started_at == SI_NO_TIME ? SI_NO_TIME : Max(si_now(), live->started_at);
    (void) si_record_finish(live, &outcome, "stopped");
}

static void
fail(SiLive *live, SiState state, const char *class, bool platform_fault, const char *words)
{
    SiOutcome outcome;

    memset(&outcome, 0, sizeof(outcome));
    outcome.state = state;
    outcome.started_at = live->started_at;
    outcome.finished_at = live->started_at == SI_NO_TIME ? SI_NO_TIME : Max(si_now(), live->started_at);
    outcome.error_class = class;
    outcome.error_message = words;
    outcome.platform_fault = platform_fault;
    (void) si_record_finish(live, &outcome, words);
}

static void
drive_stop(SiLive *live, SiLink *link)
{
    if (live->fresh)
        finish_stop(live); /* Kubernetes has not heard of it */
    else if (live->gone)
        look_at_pods(live, link);
    else if (live->object_uid[0] && !live->deleted)
    {
        live->call = si_client_delete(link->client, si_fleet_namespace(live->namespace_name), live->object_name,
                                      live->object_uid, &live->execution_id);
        if (live->call == NULL)
            pause_for(live);
    }
    else
        look(live, link);
}

static void
drive_post(SiLive *live, SiLink *link)
{
    SiStream *stream = stream_of(live);
    char *manifest;
    int64 wait;

    if (live->adopting)
    {
        look(live, link);
        return;
    }
    if (strcmp(link->dispatch, "enabled") != 0)
    {
        si_record_note(live, psprintf("dispatch to cluster \"%s\" is %s: call sparkingest.enable_dispatch()", link->name,
                                      link->dispatch));
        return;
    }
    if (stream && now_millis < stream->posts_after)
    {
        si_record_note(live, stream->post_problem);
        wake_by(stream->posts_after);
        return;
    }
    if (link->in_flight >= si_guc_dispatch_in_flight)
        return;
    wait = si_bucket_take(&link->bucket, si_guc_dispatch_rate, si_guc_dispatch_in_flight, now_millis);
    if (wait > 0)
    {
        wake_by(now_millis + wait);
        return;
    }
    manifest = si_record_manifest(live);
    if (manifest == NULL)
        return;
    live->call = si_client_create(link->client, si_fleet_namespace(live->namespace_name), manifest, &live->execution_id);
    if (live->call == NULL)
    {
        pause_for(live);
        return;
    }
    live->fresh = false;
    live->posting = true;
    link->in_flight++;
}

/*
 * Whether the hard line (C14) was reached, or the end of the reservation without a start, and the stop asked for. A driver
 * that Kubernetes cannot start would hold its capacity for good.
 */
static bool
past_deadline(SiLive *live)
{
    bool started = live->started_at != SI_NO_TIME;
    int64 left;

    if (!started && (live->app == SI_APP_RUNNING || live->start_by == SI_NO_TIME))
        return false;
    left = (started ? live->started_at + live->hard_minutes * USECS_PER_MINUTE : live->start_by) - si_now();
    if (left <= 0)
        return si_record_deadline(live, started ? psprintf("ran for %d minutes, the most it may (max_runtime_minutes)",
                                                           live->hard_minutes)
                                                : "its driver did not start before its reservation ended");
    wake_by(now_millis + left / 1000 + 1);
    return false;
}

/* The soft line (C14): it goes on, with its reservation where that can be extended. */
static void
watch_soft_line(SiLive *live)
{
    int64 left;

    if (live->planned_end == SI_NO_TIME)
        return;
    left = live->planned_end - si_now();
    if (left <= 0 && now_millis >= live->extend_at)
    {
        live->extend_at = now_millis + EXTEND_AGAIN_MILLIS;
        si_record_overrun(live);
        left = live->planned_end - si_now();
    }
    wake_by(left > 0 ? now_millis + left / 1000 + 1 : live->extend_at);
}

static void
drive_run(SiLive *live, SiLink *link)
{
    if (live->gone || ended(live))
        look_at_pods(live, link);
    else if (live->look)
        look(live, link);
    else if (past_deadline(live))
        drive_stop(live, link);
    else if (live->state == SI_RUNNING)
        watch_soft_line(live);
    else if (live->state == SI_SUBMITTED &&
             (live->app == SI_APP_RUNNING || (live->app == SI_APP_STARTING && now_millis - live->since > SLOW_START_MILLIS)))
        look_at_pods(live, link);
    else if (live->app == SI_APP_NEW && now_millis - live->since > NO_OPERATOR_MILLIS)
        si_record_note(live, psprintf("no Spark operator watches namespace \"%s\": the application was not touched for a minute",
                                      si_fleet_namespace(live->namespace_name)));
}

static void
drive(SiLive *live, void *argument)
{
    SiLink *link = si_fleet_find(live->cluster_name);
    const char *obstacle;

    if (live->call || link == NULL)
        return;
    if (now_millis < live->not_before)
    {
        wake_by(live->not_before);
        return;
    }
    if (live->fresh && live->stop_cause[0])
    {
        finish_stop(live);
        return;
    }
    obstacle = si_fleet_obstacle(link, now_millis);
    if (obstacle)
    {
        /* What runs is only watched; what waits for Kubernetes says what it waits for. */
        if (live->state == SI_DISPATCHING || live->stop_cause[0])
            si_record_note(live, obstacle);
        return;
    }
    /* A run that ended before our deletion keeps its own end. */
    if (live->stop_cause[0] && (live->deleted || !ended(live)))
        drive_stop(live, link);
    else if (live->state == SI_DISPATCHING)
        drive_post(live, link);
    else
        drive_run(live, link);
}

int64
si_course_step(int64 now, int64 most)
{
    now_millis = now;
    wake_at = most;
    for (SiLink *link = si_fleet_first(); link; link = link->next)
        link->in_flight = si_live_posting(link->name);
    si_live_each(drive, NULL);
    return wake_at;
}

static void
answer_create(SiLive *live, SiAnswer *answer)
{
    SiStream *stream = stream_of(live);
    int64 wait = Max(si_fleet_backoff(live->tries), answer->wait_millis);
    char *uid;

    switch (answer->outcome)
    {
        case SI_KUBE_OK:
            uid = si_document_text(answer->document, "metadata.uid");
            if (uid == NULL)
                live->adopting = true; /* not an answer of Kubernetes: look what it has */
            else if (!si_record_posted(live, uid))
                live->adopting = true; /* our own trouble: the object is there */
            else
            {
                live->app = SI_APP_NEW;
                live->look = live->missed;
            }
            if (stream)
                si_fleet_resume_posts(stream);
            break;
        case SI_KUBE_EXISTS:
            live->adopting = true;
            break;
        case SI_KUBE_TRANSIENT:
        case SI_KUBE_AUTH:
            si_record_retry(live, answer->words, wait, false);
            break;
        case SI_KUBE_QUOTA:
            si_record_retry(live, answer->words, wait, true);
            break;
        case SI_KUBE_NO_RIGHTS:
        case SI_KUBE_NO_NAMESPACE:
        case SI_KUBE_NO_CRD:
            if (stream)
                si_fleet_pause_posts(stream, answer->words, now_millis);
            si_record_retry(live, answer->words, wait, false);
            break;
        case SI_KUBE_PERMANENT:
        case SI_KUBE_CONFLICT:
        case SI_KUBE_GONE:
        case SI_KUBE_EXPIRED:
            fail(live, SI_FAILED, "rejected", true, answer->words);
            break;
    }
}

/* The object that has our name. */
static void
answer_found(SiLive *live, SiAnswer *answer)
{
    SiApplication application;
    char *id = si_uuid_text(&live->execution_id);

    si_judge_application(answer->document, &application);
    if (live->state == SI_DISPATCHING)
    {
        bool ours = application.uid && si_manifest_is_ours(answer->document, si_manifest_instance(), id, live->manifest_sha256);

        if (!ours && live->stop_cause[0])
            live->gone = true;
        else if (!ours)
            fail(live, SI_FAILED, "rejected", true,
                 psprintf("name_conflict: an object \"%s\" that is not ours is in namespace \"%s\" already", live->object_name,
                          si_fleet_namespace(live->namespace_name)));
        else if (si_record_posted(live, application.uid)) /* also when it is to be stopped: it may have ended already */
        {
            live->adopting = false;
            (void) si_live_see(live, &application);
        }
        return;
    }
    if (!si_live_see(live, &application))
        live->gone = true; /* ours is not there any more, another one took its name */
    else if (live->deleted)
        pause_for(live); /* its deletion takes time */
}

static void
answer_get(SiLive *live, SiAnswer *answer)
{
    if (answer->outcome == SI_KUBE_OK)
        answer_found(live, answer);
    else if (answer->outcome != SI_KUBE_GONE)
    {
        si_record_note(live, answer->words);
        pause_for(live);
    }
    else if (live->adopting)
        live->adopting = false; /* it vanished meanwhile: post again */
    else if (live->state == SI_DISPATCHING && ++live->absences < ABSENCES_BEFORE_POST)
        live->not_before = now_millis + 1000; /* a POST of a process that died may be on its way */
    else
        live->gone = true;
    if (live->gone)
        live->waits = 0;
}

static void
answer_delete(SiLive *live, SiAnswer *answer)
{
    switch (answer->outcome)
    {
        case SI_KUBE_OK:
            live->deleted = true;
            live->waits = 0;
            live->not_before = now_millis + 100;
            break;
        case SI_KUBE_GONE:
        case SI_KUBE_CONFLICT: /* the name is another object's now */
            live->gone = true;
            live->waits = 0;
            break;
        default:
            si_record_note(live, answer->words);
            pause_for(live);
            break;
    }
}

/* The object is gone, and so are the pods. */
static void
finish_gone(SiLive *live)
{
    if (live->stop_cause[0])
        finish_stop(live);
    else if (live->seen || live->state == SI_RUNNING)
        fail(live, SI_FAILED, "platform", true,
             psprintf("object deleted in Kubernetes: somebody removed SparkApplication \"%s\"", live->object_name));
    else
        fail(live, SI_LOST, "platform", true,
             psprintf("posted, but a later list of namespace \"%s\" does not have it",
                      si_fleet_namespace(live->namespace_name)));
}

/* The application ended, and so did the pods (M7). */
static void
finish_end(SiLive *live, const SiPods *pods)
{
    SiApplication application = {.state = live->app,
                                 .message = live->app_message[0] ? live->app_message : NULL,
                                 .submitted_at = live->app_submitted_at,
                                 .ended_at = live->app_ended_at};
    SiOutcome outcome;

    si_judge_end(&application, pods, &outcome);
    if (outcome.started_at == SI_NO_TIME)
        outcome.started_at = live->started_at;
    if (outcome.started_at == SI_NO_TIME && outcome.state == SI_SUCCEEDED)
        outcome.started_at = live->app_submitted_at; /* the pod is gone: the nearest that is known */
    if (outcome.finished_at == SI_NO_TIME)
        outcome.finished_at = si_now();
    if (outcome.started_at == SI_NO_TIME)
        outcome.finished_at = SI_NO_TIME;
    else
        outcome.finished_at = Max(outcome.finished_at, outcome.started_at);
    (void) si_record_finish(live, &outcome, outcome.error_message ? outcome.error_message : "the driver ended");
}

static void
answer_pods(SiLive *live, SiAnswer *answer)
{
    SiPods pods;

    if (answer->outcome != SI_KUBE_OK)
    {
        si_record_note(live, answer->words);
        pause_for(live);
        return;
    }
    si_judge_pods(answer->document, &pods);
    if (live->gone || ended(live))
    {
        if (live->ended_at == 0)
            live->ended_at = now_millis;
        if (pods.live == 0)
        {
            if (live->gone)
                finish_gone(live);
            else
                finish_end(live, &pods);
            return;
        }
        /* Capacity stays held until the pods are gone (J6). */
        if (now_millis - live->ended_at > SLOW_PODS_MILLIS)
            si_record_note(live, psprintf("waiting for %d pods to end", pods.live));
        pause_for(live);
        return;
    }
    if (live->state != SI_SUBMITTED)
        return;
    if (live->app != SI_APP_RUNNING)
    {
        if (pods.waiting)
            si_record_note(live, psprintf("the driver has not started: %s", pods.waiting));
        pause_for(live);
        return;
    }
    if (pods.started_at != SI_NO_TIME)
        (void) si_record_running(live, pods.started_at);
    else if (live->waits >= LOOKS_FOR_DRIVER)
        (void) si_record_running(live, si_now());
    else
        pause_for(live);
}

void
si_course_answer(SiAnswer *answer, int64 now)
{
    SiLive *live = si_live_find(&answer->execution_id);

    now_millis = now;
    if (live == NULL || live->call != answer->call)
        return;
    live->call = NULL;
    live->posting = false;
    switch (answer->kind)
    {
        case SI_CALL_CREATE:
            answer_create(live, answer);
            break;
        case SI_CALL_GET:
            answer_get(live, answer);
            break;
        case SI_CALL_DELETE:
            answer_delete(live, answer);
            break;
        case SI_CALL_PODS:
            answer_pods(live, answer);
            break;
        case SI_CALL_LIST:
        case SI_CALL_WATCH:
            Assert(false);
            break;
    }
}

void
si_course_failed(const SiAnswer *answer, int64 now)
{
    SiLive *live = si_live_find(&answer->execution_id);

    now_millis = now;
    if (live == NULL)
        return;
    if (live->call == answer->call)
        live->call = NULL;
    live->posting = false;
    pause_for(live);
}

/* Whether a label is a uuid as we write it: anybody may write labels, and uuid_in raises. */
static bool
is_uuid(const char *text)
{
    if (text == NULL || strlen(text) != 36 || strspn(text, "0123456789abcdef-") != 36)
        return false;
    for (int i = 0; i < 36; i++)
        if ((text[i] == '-') != (i == 8 || i == 13 || i == 18 || i == 23))
            return false;
    return true;
}

static void
on_object(SiStream *stream, Jsonb *object, bool deleted)
{
    SiApplication application;
    pg_uuid_t *id;
    SiLive *live;

    si_judge_application(object, &application);
    if (!is_uuid(application.execution_id))
        application.execution_id = NULL;
    if (!stream->watching)
        si_sightings_add(stream, &application);
    if (application.execution_id == NULL)
        return;
    id = DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(application.execution_id)));
    live = si_live_find(id);
    if (live == NULL || strcmp(live->namespace_name, stream->namespace_name) != 0)
        return;
    if (live->state == SI_DISPATCHING)
    {
        /* Whether it is ours its POST tells, or adopting does; what has become of it meanwhile is looked at then. */
        live->missed |= deleted || application.state > SI_APP_NEW;
        return;
    }
    if (!si_live_see(live, &application))
        return;
    if (deleted)
    {
        live->look = true;
        live->not_before = 0;
    }
    else
        live->listed_at = stream->list_began;
}

typedef struct Complete
{
    SiStream *stream;
} Complete;

/* Not in a list that began after it was acknowledged: look whether it is there at all (J10). */
static void
check_absence(SiLive *live, void *argument)
{
    SiStream *stream = ((Complete *) argument)->stream;

    if (live->state == SI_DISPATCHING || live->listed_at == stream->list_began || live->since >= stream->list_began ||
        strcmp(live->namespace_name, stream->namespace_name) != 0)
        return;
    live->look = true;
}

static void
on_complete(SiStream *stream)
{
    Complete complete = {stream};

    si_live_each(check_absence, &complete);
    si_sightings_complete(stream, si_monotonic_millis());
}

const SiFleetEvents si_course_events = {on_object, on_complete};
