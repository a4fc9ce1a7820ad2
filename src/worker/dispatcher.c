/*
 * dispatcher.c: the background worker that carries executions to Kubernetes and back (J9, J10, J11).
 *
 * One process per server, in sparkingest.database. Each round: take what Kubernetes answered, read the rows again when
 * there is news, claim what is due, start the next calls, wait. Rows are the truth: after a restart they are read, what is
 * dispatching is posted again (409 tells that it is there), what is submitted or running is looked for in the lists.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"

#include "guc.h"
#include "pg/clock.h"
#include "pg/wake.h"
#include "store/clusters.h"
#include "store/sql.h"
#include "worker/course.h"
#include "worker/dispatcher.h"
#include "worker/fleet.h"
#include "worker/live.h"
#include "worker/record.h"
#include "worker/skeleton.h"

#define BACKSTOP_MILLIS 5000 /* rows are read this often without news */
#define BEAT_MILLIS 10000
#define CLAIMS_PER_ROUND 16 /* a round stays short */
#define CANDIDATES 200      /* looked at for them: some may have to wait for an earlier run (J4) */

static MemoryContext round_context = NULL;
static int64 reload_at = 0; /* monotonic */
static int64 beat_at = 0;
static bool crowded = false; /* more may be due than sparkingest.dispatch_in_flight let claim */
static char last_error[512]; /* for worker_status; empty = none since the last beat */

void
si_dispatcher_register(void)
{
    si_skeleton_register(SI_DISPATCHER_TYPE, "si_dispatcher_main");
}

static void
leave(int code, Datum argument)
{
    si_wake_register(SI_WAKE_DISPATCHER, false);
}

static void
keep_error(const char *error)
{
    if (error)
        strlcpy(last_error, error, sizeof(last_error));
}

/* Answers are handled one by one; an error in one leaves the others, and its stream begins anew. */
static void
take_answers(int64 now)
{
    SiAnswer answer;

    for (;;)
    {
        MemoryContext context = CurrentMemoryContext;
        volatile bool more = false;

        memset(&answer, 0, sizeof(answer));
        PG_TRY();
        {
            more = si_client_next(si_fleet_transport(), &answer);
            if (more)
            {
                if (!answer.is_event)
                    si_fleet_judge(&answer, now);
                if (answer.stream)
                    si_fleet_answer(&answer, now);
                else
                    si_course_answer(&answer, now);
            }
        }
        PG_CATCH();
        {
            ErrorData *error;

            MemoryContextSwitchTo(context);
            error = CopyErrorData();
            FlushErrorState();
            keep_error(error->message);
            ereport(LOG, (errmsg("an answer of Kubernetes could not be handled: %s", error->message)));
            if (answer.stream)
                si_fleet_failed(answer.stream, error->message, now);
            else
                si_course_failed(&answer, now);
            more = true;
        }
        PG_END_TRY();
        if (!more)
            return;
        CHECK_FOR_INTERRUPTS();
    }
}

typedef struct Due
{
    SiLink *link;
    int limit;
    int count;
    pg_uuid_t *ids;
    MemoryContext context;
    TimestampTz next;
} Due;

static void
reload(void *argument)
{
    si_fleet_reload(*(int64 *) argument);
    si_live_reload(*(int64 *) argument);
}

static void
find_due(void *argument)
{
    Due *due = argument;
    pg_uuid_t *ids;

    due->count = si_dispatch_due(due->link->name, si_now(), due->limit, &ids);
    due->ids = MemoryContextAlloc(due->context, sizeof(pg_uuid_t) * Max(due->count, 1));
    memcpy(due->ids, ids, sizeof(pg_uuid_t) * due->count);
}

static void
find_next(void *argument)
{
    Due *due = argument;

    due->next = si_dispatch_next_due(si_now());
}

/* Claims what is due in one cluster (J9); returns how many were claimed. */
static int
claim_due(SiLink *link)
{
    Due due = {.link = link, .context = CurrentMemoryContext};
    int room = Min(si_guc_dispatch_in_flight - si_live_dispatching(link->name), CLAIMS_PER_ROUND);
    int claimed = 0;

    due.limit = CANDIDATES;
    if (strcmp(link->dispatch, "enabled") != 0)
        return 0;
    crowded |= room <= 0;
    if (room <= 0)
        return 0;
    keep_error(si_skeleton_try("looking for due executions", false, find_due, &due));
    for (int i = 0; i < due.count && claimed < room; i++)
    {
        if (si_record_claim(&due.ids[i]))
        {
            due.ids[claimed] = due.ids[i];
            claimed++;
        }
        CHECK_FOR_INTERRUPTS();
    }
    crowded |= claimed == room;
    if (claimed > 0)
    {
        int64 now = si_monotonic_millis();

        keep_error(si_skeleton_try("reading executions", false, reload, &now));
        for (int i = 0; i < claimed; i++)
        {
            SiLive *live = si_live_find(&due.ids[i]);

            if (live)
                live->fresh = true;
        }
    }
    return claimed;
}

/* Whether a post that ended has made room for another claim. */
static bool
has_room(void)
{
    for (SiLink *link = si_fleet_first(); link; link = link->next)
        if (strcmp(link->dispatch, "enabled") == 0 && si_live_dispatching(link->name) < si_guc_dispatch_in_flight)
            return true;
    return false;
}

/* Reads clusters and rows, claims, and sets when to do so again. */
static void
refresh(int64 now)
{
    Due due = {.next = SI_NO_TIME};
    bool again = false;
    char *error = si_skeleton_try("reading executions", false, reload, &now);

    reload_at = now + BACKSTOP_MILLIS;
    if (error)
    {
        /* Most likely the extension was dropped. */
        keep_error(error);
        reload_at = now + 1000;
        si_skeleton_require(SI_DISPATCHER_ROLE);
        return;
    }
    crowded = false;
    for (SiLink *link = si_fleet_first(); link; link = link->next)
        again |= claim_due(link) > 0;
    keep_error(si_skeleton_try("looking for the next execution", false, find_next, &due));
    if (again)
        reload_at = now + 50;
    else if (due.next != SI_NO_TIME)
    {
        int64 wait = (due.next - si_now()) / 1000 + 1;

        reload_at = Min(reload_at, si_monotonic_millis() + Max(wait, 1));
    }
}

typedef struct Report
{
    SiLink *link;
    const char *problem;
} Report;

static void
write_report(void *argument)
{
    Report *report = argument;

    si_cluster_set_api(report->link->name, report->problem ? "error" : "ok", report->problem, si_now());
}

/* Tells in clusters how the API answers; only changes are written. */
static void
report_clusters(void)
{
    for (SiLink *link = si_fleet_first(); link; link = link->next)
    {
        Report report = {link, si_fleet_problem(link)};
        const char *told = report.problem ? report.problem : "";

        if (link->client == NULL || (report.problem == NULL && !link->answered))
            continue;
        if (link->reported && strcmp(link->reported, told) == 0)
            continue;
        if (si_skeleton_try("reporting a cluster", false, write_report, &report) == NULL)
            si_fleet_set_reported(link, told);
    }
}

static void
write_beat(void *argument)
{
    si_worker_beat("dispatcher", MyProcPid, last_error[0] ? last_error : NULL, si_now());
}

static void
beat(int64 now)
{
    if (now < beat_at)
        return;
    beat_at = now + BEAT_MILLIS;
    if (si_skeleton_try("reporting that the worker lives", false, write_beat, NULL) == NULL)
        last_error[0] = '\0';
}

void
si_dispatcher_main(Datum argument)
{
    int64 wake_at = 0;

    si_skeleton_start(SI_DISPATCHER_TYPE);
    round_context = AllocSetContextCreate(TopMemoryContext, "sparkingest dispatcher round", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(round_context);
    si_skeleton_require(SI_DISPATCHER_ROLE);
    before_shmem_exit(leave, 0);
    si_wake_register(SI_WAKE_DISPATCHER, true);
    si_live_init();
    si_fleet_init(&si_course_events);

    for (;;)
    {
        int64 now = si_monotonic_millis();
        int64 timeout = si_fleet_timeout(now, BACKSTOP_MILLIS);
        long curl_timeout = si_transport_timeout(si_fleet_transport(), now);
        bool news;

        timeout = Min(timeout, Max(Min(reload_at, wake_at) - now, 0));
        if (curl_timeout >= 0)
            timeout = Min(timeout, curl_timeout);
        news = si_skeleton_wait(si_transport_fd(si_fleet_transport()), (long) timeout);

        MemoryContextReset(round_context);
        now = si_monotonic_millis();
        si_transport_step(si_fleet_transport(), now);
        take_answers(now);
        if (news || now >= reload_at || (crowded && has_room()))
            refresh(now);
        now = si_monotonic_millis();
        si_fleet_step(now);
        wake_at = si_course_step(now, now + BACKSTOP_MILLIS);
        report_clusters();
        beat(now);
    }
}
