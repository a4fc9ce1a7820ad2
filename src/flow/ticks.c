/*
 * ticks.c: the ticks. One row that fails blocks itself with a reason, never the tick (J12).
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "flow/availability.h"
#include "flow/book.h"
#include "flow/books.h"
#include "flow/dependants.h"
#include "flow/extend.h"
#include "flow/fires.h"
#include "flow/owner.h"
#include "flow/relief.h"
#include "flow/reserve.h"
#include "flow/rollover.h"
#include "flow/sooner.h"
#include "flow/tenant.h"
#include "flow/ticks.h"
#include "flow/waiting.h"
#include "guc.h"
#include "pg/attempt.h"
#include "pg/clock.h"
#include "pg/lock.h"
#include "store/clusters.h"
#include "store/events.h"
#include "store/history.h"
#include "store/purchases.h"
#include "store/reservations.h"
#include "store/rollup.h"
#include "store/sql.h"
#include "store/upkeep.h"

#define LATE_USECS (90 * USECS_PER_SEC) /* after the last tick, which comes each minute */
#define KEY_LIFE_DAYS 30
#define MONTHS_AHEAD 2

/* Which tick a lock is about. */
enum
{
    TICK_PLAN = 1,
    TICK_MAINTAIN,
    TICK_ROLL_UP,
    TICK_WAITING
};

/* One row of a tick. */
typedef struct Row
{
    const SiPoolRef *pool;
    const char *actor;
    TimestampTz now;
    int handled;
} Row;

/* Where a pool has promised more than it has, from here to the horizon; false when nowhere: reads the ledger only. */
static bool
find_over_committed(const SiPoolRef *pool, TimestampTz now, TimestampTz *from, TimestampTz *until)
{
    int64 step = pool->namespace.step_usecs;
    int64 first = si_slot_floor(now, step);
    int64 end = si_slot_ceil(si_horizon(now), step);
    bool found = false;
    SiSlots total;
    SiSlots allocated;

    si_occupancy(pool, first, (int32) (end - first), &total, &allocated);
    for (int i = 0; i < total.n; i++)
    {
        if (allocated.cpu[i] <= total.cpu[i] && allocated.mem[i] <= total.mem[i])
            continue;
        if (!found)
            *from = Max(si_slot_time(first + i, step), now);
        *until = Min(si_slot_time(first + i + 1, step), si_horizon(now));
        found = true;
    }
    return found;
}

static void
relieve(void *arg)
{
    Row *row = arg;
    SiRelieved *relieved;
    TimestampTz from;
    TimestampTz until;
    int n;

    if (!find_over_committed(row->pool, row->now, &from, &until))
        return;
    n = si_relieve(row->pool, from, until, row->actor,
                   row->pool->tenant_id ? "the tenant has fewer dedicated units than were promised"
                                        : "the namespace has less capacity than was promised",
                   false, row->now, &relieved);

    /* What cannot be moved was told when it was found; only what was moved is work of this tick. */
    for (int i = 0; i < n; i++)
        row->handled += relieved[i].effect != SI_RELIEF_OVER_COMMITTED;
}

static int
relieve_pool(const SiNamespace *namespace, const pg_uuid_t *tenant_id, const char *actor, TimestampTz now)
{
    SiPoolRef pool = {*namespace, tenant_id};
    Row row = {&pool, actor, now, 0};

    return si_attempt(relieve, &row) == NULL ? row.handled : 0;
}

/* Work that somebody had in hand when the capacity shrank, or units were cancelled, is moved by a later tick (C9). */
static int
relieve_all(const char *actor, TimestampTz now)
{
    SiPool *cut;
    int n_cut = si_pools_cut(now, si_horizon(now), &cut);
    int handled = 0;

    for (int purpose = SI_NS_DEDICATED; purpose <= SI_NS_DRAFT; purpose++)
    {
        SiNamespace *namespaces;
        int n = si_namespaces_of((SiPurpose) purpose, &namespaces);

        for (int i = 0; i < n; i++)
        {
            SiAmount *overrides;

            if (si_overrides(namespaces[i].name, now, si_horizon(now), &overrides) > 0)
                handled += relieve_pool(&namespaces[i], NULL, actor, now);
            for (int k = 0; k < n_cut; k++)
                if (strcmp(cut[k].namespace_name, namespaces[i].name) == 0)
                    handled += relieve_pool(&namespaces[i], &cut[k].tenant_id, actor, now);
        }
    }
    return handled;
}

static int
fire_all(const char *actor, TimestampTz now)
{
    SiDueJob *due;
    int n = si_jobs_due(now, SI_NO_TIME, &due);

    return si_fires_plan(due, n, actor, now);
}

bool
si_tick_plan_waiting(const char *actor, int *handled)
{
    TimestampTz now = si_now();

    if (!si_lock_transaction_try(SI_LOCK_TICK, TICK_WAITING, 0))
        return false;
    *handled = si_plan_waiting(actor, now);
    *handled += si_plan_sooner(actor, now);
    return true;
}

/* What there is to do beside schedules. */
static int
plan_rest(const char *actor, TimestampTz now)
{
    int waiting = 0;
    int handled;

    (void) si_reservations_make_firm(now + si_guc_firm_hours * USECS_PER_HOUR);
    handled = si_dependants_tick(actor, now);
    (void) si_tick_plan_waiting(actor, &waiting);
    return handled + waiting;
}

int
si_tick_plan(const char *actor)
{
    TimestampTz now = si_now();
    int handled;

    if (!si_lock_transaction_try(SI_LOCK_TICK, TICK_PLAN, 0))
        return 0;
    handled = relieve_all(actor, now);
    /* What runs goes before what is still to be planned. */
    handled += si_extend_all(actor, now);
    handled += fire_all(actor, now);
    handled += plan_rest(actor, now);
    si_worker_beat("plan", MyProcPid, NULL, now);
    return handled;
}

int
si_tick_plan_again(const char *actor)
{
    TimestampTz now = si_now();
    int handled;

    if (!si_lock_transaction_try(SI_LOCK_TICK, TICK_PLAN, 0))
        return 0;
    handled = relieve_all(actor, now);
    handled += si_extend_all(actor, now);
    handled += plan_rest(actor, now);
    return handled;
}

bool
si_tick_plan_is_late(TimestampTz now)
{
    TimestampTz beat = si_worker_beaten("plan");

    /* A beat of the future is from before the clock stepped back. */
    return beat == SI_NO_TIME || now - beat > LATE_USECS || beat - now > LATE_USECS;
}

/* A month of history, and what it is about. */
typedef struct Month
{
    SiHistory history;
    TimestampTz at;
    const char *actor;
} Month;

static void
make_month(void *arg)
{
    const Month *month = arg;

    si_history_make(month->history, month->at);
}

static void
drop_months(void *arg)
{
    const Month *month = arg;
    char *dropped;

    while ((dropped = si_history_drop(month->history, month->at)) != NULL)
        si_event("history.dropped", NULL, NULL, NULL, month->actor, dropped, NULL, NULL);
}

/*
 * Partitions are made and dropped when nobody is in the way: the next tick is soon. Those that end by `oldest.at` are dropped,
 * unless it is SI_NO_TIME. Returns what went wrong; NULL = nothing.
 */
static const char *
keep_history(Month oldest, TimestampTz now)
{
    TimestampTz *months;
    int n = si_history_missing(oldest.history, now, MONTHS_AHEAD, &months);
    ErrorData *error = NULL;

    for (int i = 0; i < n && error == NULL; i++)
    {
        Month month = {oldest.history, months[i], oldest.actor};

        error = si_attempt(make_month, &month);
    }
    if (oldest.at != SI_NO_TIME && error == NULL)
        error = si_attempt(drop_months, &oldest);
    return error ? error->message : NULL;
}

/* Events last: what is dropped of the other is one, and who drops theirs has all writers of events wait. */
static const char *
keep_histories(const char *actor, TimestampTz now)
{
    Month consumption = {SI_HISTORY_CONSUMPTION, SI_NO_TIME, actor};
    Month events = {SI_HISTORY_EVENTS, SI_NO_TIME, actor};
    const char *trouble;
    const char *more;

    if (si_guc_history_months > 0)
        consumption.at = si_history_begin(now, si_guc_history_months);
    if (si_guc_event_days > 0)
        events.at = now - si_guc_event_days * USECS_PER_DAY;
    trouble = keep_history(consumption, now);
    more = keep_history(events, now);
    return trouble ? trouble : more;
}

int
si_tick_maintain(const char *actor)
{
    TimestampTz now = si_now();
    int64 handled;

    if (!si_lock_transaction_try(SI_LOCK_TICK, TICK_MAINTAIN, 0))
        return 0;
    si_ledger_require();
    si_book_forget_past(now);
    handled = si_orphans_block(actor, now) + si_tenant_forget_roles(actor);
    handled += si_release_over(now) + si_idempotency_expire(now - KEY_LIFE_DAYS * USECS_PER_DAY);
    handled += si_books_seal();
    handled += si_roll_over(actor, now);
    /* Last: it locks what everybody reads until the tick commits. */
    si_worker_beat("maintain", MyProcPid, keep_histories(actor, now), now);
    return (int) Min(handled, PG_INT32_MAX);
}

int
si_tick_roll_up(const char *actor)
{
    int64 handled;

    if (!si_lock_transaction_try(SI_LOCK_TICK, TICK_ROLL_UP, 0))
        return 0;
    handled = si_usage_roll_up();
    si_worker_beat("roll_up", MyProcPid, NULL, si_now());
    return (int) Min(handled, PG_INT32_MAX);
}

int64
si_usage_rebuild(void)
{
    si_lock_transaction(SI_LOCK_TICK, TICK_ROLL_UP, 0);
    si_usage_forget();
    return si_usage_roll_up();
}
