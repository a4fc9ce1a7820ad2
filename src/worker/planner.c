/*
 * planner.c: the background worker that plans schedules where no tick does, or none comes in time (J2).
 *
 * One process per server, in sparkingest.database, beside the dispatcher, whose posts must not wait for long planning. It is
 * woken when a schedule that fires soon was committed, so that the first run does not wait for the next tick, and when
 * capacity came free, so that waiting work does not (C13); and where plan() was not called in time, by whatever calls it, it
 * does the same. It plans in batches, each a transaction of its own: it holds nobody up, and what is planned stays planned when
 * the server ends. Two that plan at once leave each other's jobs out: rows of jobs are locked, and next_fire_at says what is
 * done.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "flow/fires.h"
#include "flow/schedule.h"
#include "flow/ticks.h"
#include "pg/clock.h"
#include "pg/wake.h"
#include "store/clusters.h"
#include "store/sql.h"
#include "worker/planner.h"
#include "worker/skeleton.h"

#define ACTOR "planner"
#define LOOK_MILLIS 15000     /* whether a tick came */
#define TICK_MILLIS 60000     /* while none comes */
#define PATIENCE_MILLIS 90000 /* after it started: a tick has time to come */
#define REST_MILLIS 1000      /* at least, between plans of waiting work; and twice as long as the last one took */

static int64 tick_at = 0;    /* monotonic; not before, it stands in for a tick */
static int64 waiting_at = 0; /* the same for what capacity that came free is good for */

typedef struct Round
{
    MemoryContext context;
    TimestampTz fire_by;
    SiDueJob *due;
    int n;
    int at;
    const char *error;
    bool late;
} Round;

void
si_planner_register(void)
{
    si_skeleton_register(SI_PLANNER_TYPE, "si_planner_main");
}

static void
leave(int code, Datum argument)
{
    si_wake_register(SI_WAKE_PLANNER, false);
}

static void
find_due(void *argument)
{
    Round *round = argument;
    SiDueJob *due;

    round->n = si_jobs_due(si_now(), round->fire_by, &due);
    round->due = MemoryContextAllocHuge(round->context, (round->n + 1) * sizeof(SiDueJob));
    memcpy(round->due, due, round->n * sizeof(SiDueJob));
}

static void
plan_some(void *argument)
{
    Round *round = argument;

    (void) si_fires_plan(round->due + round->at, Min(round->n - round->at, SI_FIRES_BATCH), ACTOR, si_now());
}

/* The first error is told; the next batch is tried nevertheless. */
static void
plan_jobs(Round *round)
{
    round->n = 0;
    round->error = si_skeleton_try("looking for schedules", false, find_due, round);
    for (round->at = 0; round->at < round->n; round->at += SI_FIRES_BATCH)
    {
        char *error = si_skeleton_try("planning schedules", false, plan_some, round);

        if (round->error == NULL)
            round->error = error;
        CHECK_FOR_INTERRUPTS();
    }
}

static void
plan_near(Round *round)
{
    round->fire_by = si_now() + SI_NEAR_USECS;
    plan_jobs(round);
}

static void
look(void *argument)
{
    Round *round = argument;

    round->late = si_tick_plan_is_late(si_now());
    si_worker_beat("planner", MyProcPid, NULL, si_now());
}

static void
plan_rest(void *argument)
{
    (void) si_tick_plan_again(ACTOR);
}

static bool again = false; /* somebody else planned waiting work when it was to be done */

typedef struct Pull
{
    bool done;
    int handled;
} Pull;

static void
plan_waiting(void *argument)
{
    Pull *pull = argument;

    pull->done = si_tick_plan_waiting(ACTOR, &pull->handled);
}

/* Capacity came free: for what waits. Somebody who plans just now may have looked before; then it is tried again. */
static void
pull_forward(void)
{
    int64 began = si_monotonic_millis();
    Pull pull = {.done = true};

    if (!again && !si_waiting_has_news())
        return;
    si_waiting_take_news();
    (void) si_skeleton_try("planning waiting work", false, plan_waiting, &pull);
    again = !pull.done;
    waiting_at = si_monotonic_millis() + Max(REST_MILLIS, 2 * (si_monotonic_millis() - began));
}

/* Until when nothing is to be done without being woken, milliseconds. */
static int64
idle_millis(int64 look_at)
{
    int64 until = again || si_waiting_has_news() ? Min(look_at, waiting_at) : look_at;

    return Max(until - si_monotonic_millis(), 0);
}

static void
note_error(void *argument)
{
    si_worker_beat("planner", MyProcPid, ((Round *) argument)->error, si_now());
}

/* Stands in for a tick that does not come. */
static void
watch(Round *round)
{
    if (si_skeleton_try("looking for the tick", false, look, round) != NULL)
    {
        /* Most likely the extension was dropped. */
        si_skeleton_require(SI_PLANNER_ROLE);
        return;
    }
    if (!round->late || si_monotonic_millis() < tick_at)
        return;
    tick_at = si_monotonic_millis() + TICK_MILLIS;
    round->fire_by = SI_NO_TIME;
    plan_jobs(round);
    (void) si_skeleton_try("planning waiting work", false, plan_rest, round);
    if (round->error)
        (void) si_skeleton_try("noting an error", false, note_error, round);
}

void
si_planner_main(Datum argument)
{
    MemoryContext context;
    int64 look_at = 0;

    si_skeleton_start(SI_PLANNER_TYPE);
    context = AllocSetContextCreate(TopMemoryContext, "sparkingest planner round", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(context);
    si_skeleton_require(SI_PLANNER_ROLE);
    before_shmem_exit(leave, 0);
    si_wake_register(SI_WAKE_PLANNER, true);
    tick_at = si_monotonic_millis() + PATIENCE_MILLIS;
    /* What was committed before it could be woken. */
    SetLatch(MyLatch);

    for (;;)
    {
        Round round = {.context = context};

        if (si_skeleton_wait(-1, (long) idle_millis(look_at)))
            plan_near(&round);
        if (si_monotonic_millis() >= waiting_at)
            pull_forward();
        if (si_monotonic_millis() >= look_at)
        {
            watch(&round);
            look_at = si_monotonic_millis() + LOOK_MILLIS;
        }
        MemoryContextReset(context);
    }
}
