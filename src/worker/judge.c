/*
 * judge.c: what Kubernetes shows of an execution and what it means.
 */
#include "postgres.h"

#include "kube/document.h"
#include "store/sql.h"
#include "worker/judge.h"

#define EXIT_OUT_OF_MEMORY 137
#define EXIT_HEAP_EXHAUSTED 52 /* Spark ends the Java machine so */
#define EXIT_TERMINATED 143
#define DRIVER_CONTAINER "spark-kubernetes-driver"

static bool
is(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

static bool
says(const char *text, const char *part)
{
    return text && strstr(text, part) != NULL;
}

void
si_judge_application(Jsonb *object, SiApplication *out)
{
    char *state = si_document_text(object, "status.applicationState.state");

    out->name = si_document_text(object, "metadata.name");
    out->uid = si_document_text(object, "metadata.uid");
    out->execution_id = si_document_label(si_document_object(object, "metadata.labels"), "sparkingest.io/execution");
    out->message = si_document_text(object, "status.applicationState.errorMessage");
    out->submitted_at = si_document_time(object, "status.lastSubmissionAttemptTime");
    out->ended_at = si_document_time(object, "status.terminationTime");
    if (state == NULL || *state == '\0')
        out->state = SI_APP_NEW;
    else if (is(state, "COMPLETED"))
        out->state = SI_APP_COMPLETED;
    else if (is(state, "FAILED"))
        out->state = SI_APP_FAILED;
    else if (is(state, "RUNNING") || is(state, "SUCCEEDING") || is(state, "FAILING"))
        out->state = SI_APP_RUNNING;
    else
        out->state = SI_APP_STARTING; /* SUBMITTED, SUBMISSION_FAILED, PENDING_RERUN, INVALIDATING, UNKNOWN */
}

static char *
reason_in_words(const char *reason, const char *message)
{
    if (reason == NULL)
        return NULL;
    return message ? psprintf("%s: %s", reason, message) : pstrdup(reason);
}

/* Why the scheduler finds no node for a pod; NULL when it does. */
static char *
unscheduled(Jsonb *pod)
{
    Jsonb *conditions = si_document_object(pod, "status.conditions");

    for (int i = 0; i < si_document_count(conditions); i++)
    {
        Jsonb *condition = si_document_element(conditions, i);

        if (condition && is(si_document_text(condition, "type"), "PodScheduled") &&
            is(si_document_text(condition, "status"), "False"))
            return reason_in_words(si_document_text(condition, "reason"), si_document_text(condition, "message"));
    }
    return NULL;
}

/* Times and end of one container; the driver's are kept. */
static void
read_container(Jsonb *status, bool driver, SiPods *out)
{
    TimestampTz ended = si_document_time(status, "state.terminated.finishedAt");
    int64 code;

    if (ended != SI_NO_TIME && (out->ended_at == SI_NO_TIME || ended > out->ended_at))
        out->ended_at = ended;
    if (!driver)
        return;
    out->waiting = reason_in_words(si_document_text(status, "state.waiting.reason"),
                                   si_document_text(status, "state.waiting.message"));
    out->started_at = si_document_time(status, "state.running.startedAt");
    if (out->started_at == SI_NO_TIME)
        out->started_at = si_document_time(status, "state.terminated.startedAt");
    if (si_document_int(status, "state.terminated.exitCode", &code))
    {
        out->has_exit_code = true;
        out->exit_code = (int) code;
        out->reason = si_document_text(status, "state.terminated.reason");
        out->message = si_document_text(status, "state.terminated.message");
    }
}

static void
read_pod(Jsonb *pod, SiPods *out)
{
    Jsonb *its_labels = si_document_object(pod, "metadata.labels");
    Jsonb *containers = si_document_object(pod, "status.containerStatuses");
    char *phase = si_document_text(pod, "status.phase");
    char *reason = si_document_text(pod, "status.reason");
    bool driver = is(si_document_label(its_labels, "spark-role"), "driver");

    if (!is(phase, "Succeeded") && !is(phase, "Failed"))
        out->live++;
    if (driver)
    {
        out->has_driver = true;
        out->waiting = unscheduled(pod);
        out->lost = is(reason, "Evicted") || is(reason, "NodeLost") || is(reason, "Shutdown") || is(reason, "Terminated") ||
                    is(reason, "Preempting");
    }
    for (int i = 0; i < si_document_count(containers); i++)
    {
        Jsonb *status = si_document_element(containers, i);
        char *name = status ? si_document_text(status, "name") : NULL;

        if (status)
            read_container(status, driver && (is(name, DRIVER_CONTAINER) || si_document_count(containers) == 1), out);
    }
}

void
si_judge_pods(Jsonb *pod_list, SiPods *out)
{
    Jsonb *items = si_document_object(pod_list, "items");

    memset(out, 0, sizeof(*out));
    out->started_at = SI_NO_TIME;
    out->ended_at = SI_NO_TIME;
    for (int i = 0; i < si_document_count(items); i++)
    {
        Jsonb *pod = si_document_element(items, i);

        if (pod)
            read_pod(pod, out);
    }
}

static void
fail(SiOutcome *out, const char *class, bool platform_fault, char *message)
{
    out->state = SI_FAILED;
    out->error_class = class;
    out->platform_fault = platform_fault;
    out->error_message = message;
}

/* The driver's pod tells how it ended. */
static void
judge_driver(const SiApplication *application, const SiPods *pods, SiOutcome *out)
{
    char *said = out->metrics ? si_document_text(out->metrics, "error.msg") : NULL;

    if (said == NULL)
        said = pods->message && out->metrics == NULL && *pods->message ? pods->message : application->message;
    /* 137 without a word is the memory's killer too, where it hits a child of the container's first process. */
    if (is(pods->reason, "ContainerStatusUnknown")) /* kubelet lost it: 137 says nothing then */
        fail(out, "node_lost", true, said ? said : pstrdup("the node lost the driver's container"));
    else if (is(pods->reason, "OOMKilled") || pods->exit_code == EXIT_HEAP_EXHAUSTED ||
             (pods->exit_code == EXIT_OUT_OF_MEMORY && !pods->lost))
        fail(out, "out_of_memory", false, said ? said : pstrdup("the driver was killed for using more memory than it has"));
    else if (pods->lost || pods->exit_code == EXIT_TERMINATED)
        fail(out, "node_lost", true, said ? said : pstrdup("the driver's pod was taken away"));
    else if (pods->exit_code != 0)
        fail(out, "user_code", false, said ? said : psprintf("the driver ended with exit code %d", pods->exit_code));
    else
        fail(out, "platform", true, said ? said : pstrdup("the Spark operator reports a failure although the driver ended well"));
}

/* The driver never ran, or nothing is left of it. */
static void
judge_without_driver(const SiApplication *application, const SiPods *pods, SiOutcome *out)
{
    char *said = application->message ? application->message : pstrdup("the Spark operator gave no reason");

    if (pods->lost || says(said, "driver pod not found") || says(said, "driver lost") || says(said, "driver container") ||
        says(said, "Driver Pod not found"))
        fail(out, "node_lost", true, said);
    else
        fail(out, "platform", true, said);
}

void
si_judge_end(const SiApplication *application, const SiPods *pods, SiOutcome *out)
{
    memset(out, 0, sizeof(*out));
    out->started_at = pods->started_at;
    out->finished_at = pods->ended_at != SI_NO_TIME ? pods->ended_at : application->ended_at;
    out->has_exit_code = pods->has_exit_code;
    out->exit_code = pods->exit_code;
    if (pods->message)
        out->metrics = si_document_parse(pods->message, strlen(pods->message));
    if (application->state == SI_APP_COMPLETED && (!pods->has_exit_code || pods->exit_code == 0))
        out->state = SI_SUCCEEDED;
    else if (pods->has_exit_code)
        judge_driver(application, pods, out);
    else
        judge_without_driver(application, pods, out);
}
