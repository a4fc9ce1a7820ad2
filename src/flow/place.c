/*
 * place.c: finding and taking capacity.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "domain/billing.h"
#include "domain/quantity.h"
#include "domain/types.h"
#include "flow/book.h"
#include "flow/funds.h"
#include "flow/load.h"
#include "flow/place.h"
#include "flow/reclaim.h"
#include "pg/errors.h"
#include "store/sql.h"

/* Where a search looks: slots of one pool. */
typedef struct Window
{
    int64 present;  /* the slot that holds now */
    int64 earliest; /* first slot to start in */
    int64 latest;   /* last slot to start in */
    int32 length;   /* slots that the need touches when it starts on the grid */
    bool begun;     /* `earliest` is the present slot: work starts late in it and needs one slot more */
    bool over;      /* the last start was before the present slot */
} Window;

static Window
window_of(const SiNeed *need, int64 step, TimestampTz now, TimestampTz latest_start)
{
    Window w;
    TimestampTz last = Min(latest_start, si_horizon(now));

    w.present = si_slot_floor(now, step);
    w.earliest = si_slot_ceil(need->not_before, step);
    /* Work wanted at or before the beginning of the present slot may start in it, at once; else starts round up (C2). */
    w.begun = w.earliest <= w.present;
    if (w.begun)
        w.earliest = w.present;
    w.over = si_slot_floor(last, step) < w.present;
    w.latest = Max(si_slot_floor(last, step), w.earliest);
    w.length = (int32) si_slot_ceil(need->duration_usecs, step);
    return w;
}

static int32
length_at(const Window *w, const SiNeed *need, int64 step, int64 start, TimestampTz now)
{
    if (w->begun && start == w->present && !need->same_length)
        return (int32) (si_slot_ceil(now + need->duration_usecs, step) - start);
    return w->length;
}

/* As si_available_from, in what is free, or, unless that is NULL, in `free`. */
static int64
find_from(const SiPoolRef *pool, const SiClaim *claim, const SiSlots *free, int32 length, int64 earliest, int64 latest)
{
    if (free == NULL)
        return si_available_from(pool, claim, length, earliest, latest);
    return si_slots_find(free, claim->cpu_millicores, claim->memory_mib, length, earliest, latest);
}

/* First slot that has cores and memory, or SI_NO_SLOT, and how many slots it takes there. */
static int64
search_pool(const SiPoolRef *pool, const SiClaim *claim, const SiNeed *need, TimestampTz now, TimestampTz latest_start,
            const SiSlots *free, int32 *length)
{
    int64 step = pool->namespace.step_usecs;
    Window w = window_of(need, step, now, latest_start);
    int64 start = SI_NO_SLOT;

    CHECK_FOR_INTERRUPTS();
    if (w.over)
        return SI_NO_SLOT;
    if (w.begun)
    {
        *length = length_at(&w, need, step, w.earliest, now);
        start = find_from(pool, claim, free, *length, w.earliest, w.earliest);
        w.earliest++;
    }
    if (start == SI_NO_SLOT && w.earliest <= w.latest)
    {
        *length = w.length;
        start = find_from(pool, claim, free, *length, w.earliest, w.latest);
    }
    return start;
}

/* The first of the limits that is not free over [from, until); NULL = all are. */
static const SiLimitNeed *
scarce_limit(const SiNeed *need, TimestampTz from, TimestampTz until)
{
    for (int i = 0; i < need->n_limits; i++)
        if (!si_limit_is_free(&need->limits[i], from, until))
            return &need->limits[i];
    return NULL;
}

/*
 * The same for a start that must not be before `from`. A limit says when it may be free, the pool when it has room from then
 * on, and so on until both agree.
 */
static int64
search_later(const SiPoolRef *pool, const SiClaim *claim, const SiNeed *need, TimestampTz now, TimestampTz from,
             TimestampTz latest_start, const SiSlots *free, int32 *length)
{
    int64 step = pool->namespace.step_usecs;
    SiNeed later = *need;

    if (from == SI_NO_TIME || si_slot_ceil(from, step) > si_slot_floor(latest_start, step))
        return SI_NO_SLOT;
    later.not_before = from;
    return search_pool(pool, claim, &later, now, latest_start, free, length);
}

/* First slot that fits, or SI_NO_SLOT. *shortage, unless NULL, tells of the limit that was in the way first. */
static int64
search(const SiPoolRef *pool, const SiClaim *claim, const SiNeed *need, TimestampTz now, TimestampTz latest_start,
       const SiSlots *free, int32 *length, char **shortage)
{
    int64 step = pool->namespace.step_usecs;
    int64 start = search_pool(pool, claim, need, now, latest_start, free, length);
    TimestampTz horizon = si_horizon(now);
    const SiLimitNeed *scarce;

    while (start != SI_NO_SLOT)
    {
        TimestampTz from = si_slot_time(start, step);
        TimestampTz until = si_slot_time(start + *length, step);
        TimestampTz next;

        scarce = scarce_limit(need, from, until);
        if (scarce == NULL)
            break;
        if (shortage && *shortage == NULL)
            *shortage = si_limit_shortage(scarce, from, until, horizon);
        /* In the present slot the need is longer than later: of a later start the limit is to be asked anew. */
        next = from <= now ? from + step : si_limit_next(scarce, from, Min(latest_start, horizon), until - from);
        start = search_later(pool, claim, need, now, next, Min(latest_start, horizon), free, length);
    }
    return start;
}

/* Whether an earlier start is found in what is free when those give way whose harm is at most this. */
static bool
is_earlier(const SiReclaim *reclaim, SiHarm most, const SiClaim *claim, const SiNeed *need, TimestampTz latest, int64 *start,
           int32 *length)
{
    SiSlots free;
    int32 its_length;
    int64 found;

    si_reclaim_free(reclaim, most, &free);
    found = search(reclaim->pool, claim, need, reclaim->now, latest, &free, &its_length, NULL);
    if (found == SI_NO_SLOT || (*start != SI_NO_SLOT && found >= *start))
        return false;
    *start = found;
    *length = its_length;
    return true;
}

/*
 * Looks whether an owner would start earlier than it finds room when it takes back what it lent (C11); of equally good starts
 * the one that harms least counts. `start` and `length` follow.
 */
static bool
would_reclaim(const SiPoolRef *pool, const SiClaim *claim, const SiNeed *need, TimestampTz now, TimestampTz latest,
              SiReclaim *reclaim, int64 *start, int32 *length)
{
    Window w = window_of(need, pool->namespace.step_usecs, now, latest);
    bool earlier;

    if (pool->namespace.purpose != SI_NS_DEDICATED || pool->borrower || need->not_of_pool != 0 || claim->n_accounts == 0 ||
        w.over || *start == w.earliest)
        return false;
    /* No use looking behind the start that there is. */
    if (*start != SI_NO_SLOT)
        w.latest = Min(w.latest, *start);
    if (!si_reclaim_look(reclaim, pool, w.earliest, (int32) (w.latest - w.earliest + w.length + 1), now))
        return false;
    earlier = is_earlier(reclaim, SI_HARM_BORROWED, claim, need, latest, start, length);
    return is_earlier(reclaim, SI_HARM_RUNNING, claim, need, latest, start, length) || earlier;
}

/* First slot for which there is room, for owners also that which they have back; SI_NO_SLOT = none. */
static int64
make_room(const SiPoolRef *pool, const SiClaim *claim, const SiNeed *need, TimestampTz now, TimestampTz latest,
          SiReclaim *reclaim, int32 *length, char **shortage)
{
    for (;;)
    {
        int64 start = search(pool, claim, need, now, latest, NULL, length, shortage);

        if (!would_reclaim(pool, claim, need, now, latest, reclaim, &start, length) ||
            si_reclaim_make_room(reclaim, start, *length, claim->cpu_millicores, claim->memory_mib))
            return start;
    }
}

int64
si_planned_cost(const SiNamespace *namespace, int64 cpu_millicores, int64 memory_mib, int64 duration_usecs)
{
    int64 seconds = (duration_usecs + SI_USECS_PER_SEC - 1) / SI_USECS_PER_SEC;
    int64 cost;

    if (!si_cost(si_billable_millicores(cpu_millicores, memory_mib, namespace->memory_mib_per_core), seconds, &cost))
        si_bad_value("duration", (char *) NULL, "must be shorter: the cost cannot be counted");
    return cost;
}

/* What a place costs, and what pays for it. */
typedef struct Price
{
    int64 amount; /* millicore-seconds; 0 = nothing */
    SiFunds funds;
} Price;

/* Holds what an application's own reservation costs; whether it is covered. */
static bool
pay(const Price *cost, SiReservation *reservation, TimestampTz now, SiPlacement *out)
{
    SiDebtor payer = {reservation->tenant_id, NULL, &reservation->reservation_id};
    int64 missing = si_funds_hold(&cost->funds, &payer, cost->amount, Max(reservation->starts_at, now), now);

    if (missing > 0)
    {
        out->lacks_balance = true;
        out->lacking = missing;
        return false;
    }
    reservation->held = cost->amount;
    return true;
}

static void
give_limits(const SiNeed *need, int n, TimestampTz from, TimestampTz until)
{
    for (int i = 0; i < n; i++)
        si_limit_give(&need->limits[i].limit_id, need->limits[i].quantity, from, until);
}

/* Takes slots of the pool and the limits over them, or nothing; whether all were free still. */
static bool
take_slots(const SiPoolRef *pool, const SiClaim *claim, const SiNeed *need, int64 start, int32 length)
{
    TimestampTz from = si_slot_time(start, pool->namespace.step_usecs);
    TimestampTz until = si_slot_time(start + length, pool->namespace.step_usecs);

    if (!si_claim_take(&pool->namespace, claim, start, length, false))
        return false;
    for (int i = 0; i < need->n_limits; i++)
        if (!si_limit_take(&need->limits[i].limit_id, need->limits[i].quantity, from, until, false))
        {
            give_limits(need, i, from, until);
            si_claim_give(&pool->namespace, claim, start, length);
            return false;
        }
    return true;
}

/* The rows of what was taken of limits; the ledger has it already. */
static void
enter_limits(const SiNeed *need, const SiReservation *r)
{
    for (int i = 0; i < need->n_limits; i++)
    {
        SiHeldLimit held = {r->reservation_id, need->limits[i].limit_id, r->tenant_id, NULL, need->limits[i].quantity, r->starts_at, r->ends_at};

        si_book_expect(&r->reservation_id);
        si_reservation_limit_insert(&held);
    }
}

/* One step of the spillover order: a namespace, or, to borrow in it, the pools of all who lend there. */
typedef struct Candidate
{
    SiPoolRef *pools;
    int n;
    bool fallback;
    bool costs; /* vCPU-hours */
} Candidate;

/* The pool where the need starts first, of equal ones the first; NULL = it fits nowhere. */
static const SiPoolRef *
first_fit(const Candidate *candidate, const SiNeed *need, TimestampTz now, TimestampTz latest, SiReclaim *reclaim, SiClaim *claim,
          int64 *start, int32 *length, char **shortage)
{
    const SiPoolRef *best = NULL;

    *start = SI_NO_SLOT;
    for (int i = 0; i < candidate->n; i++)
    {
        const SiPoolRef *pool = &candidate->pools[i];
        SiClaim its_claim;
        int32 its_length;
        int64 its_start;

        si_claim_for(pool, need->cpu_millicores, need->memory_mib, &its_claim);
        its_start = make_room(pool, &its_claim, need, now, latest, reclaim, &its_length, shortage);
        if (its_start == SI_NO_SLOT || (best && its_start >= *start))
            continue;
        best = pool;
        *claim = its_claim;
        *start = its_start;
        *length = its_length;
    }
    return best;
}

/* Takes slots of one pool and writes the reservation; false = what pays for it is not enough. */
static bool
reserve(const SiPoolRef *pool, const SiClaim *claim, const SiNeed *need, const Price *cost, int64 start, int32 length,
        TimestampTz now, bool fallback, SiPlacement *out)
{
    int64 step = pool->namespace.step_usecs;
    SiReservation reservation = {{{0}}};

    reservation.reservation_id = need->revives ? *need->revives : si_uuid_new();
    reservation.pool_id = claim->accounts[0].pool_id;
    strlcpy(reservation.namespace_name, pool->namespace.name, sizeof(reservation.namespace_name));
    reservation.tenant_id = need->tenant_id;
    reservation.cpu_millicores = need->cpu_millicores;
    reservation.memory_mib = need->memory_mib;
    reservation.starts_at = si_slot_time(start, step);
    reservation.ends_at = si_slot_time(start + length, step);
    reservation.borrowed = pool->borrower != NULL;
    reservation.draft_fallback = fallback;
    reservation.limited = need->n_limits > 0;
    if (need->pays && cost->amount > 0 && !pay(cost, &reservation, now, out))
        return false;
    if (need->revives)
    {
        si_book_expect(&reservation.reservation_id);
        si_reservation_revive(&reservation);
    }
    else if (!si_reservation_append(&reservation, need->actor, now))
    {
        si_book_expect(&reservation.reservation_id);
        si_reservation_insert(&reservation, need->actor, now);
    }
    enter_limits(need, &reservation);

    out->placed = true;
    out->reservation_id = reservation.reservation_id;
    strlcpy(out->namespace_name, pool->namespace.name, sizeof(out->namespace_name));
    out->purpose = pool->namespace.purpose;
    out->starts_at = reservation.starts_at;
    out->ends_at = reservation.ends_at;
    out->borrowed = reservation.borrowed;
    out->draft_fallback = fallback;
    return true;
}

/* Tries one step of the order; fills out when it takes a place. */
static bool
take(const Candidate *candidate, const SiNeed *need, const Price *cost, TimestampTz now, SiPlacement *out)
{
    TimestampTz latest = need->not_before + need->window_usecs;
    SiReclaim reclaim = {0};
    const SiPoolRef *pool;
    SiClaim claim;
    int32 length;
    int64 start;
    bool taken = false;

    /* Who finds a place and loses it to another looks again: check and take are one step (C3). */
    do
        pool = first_fit(candidate, need, now, latest, &reclaim, &claim, &start, &length, &out->shortage);
    while (pool && !take_slots(pool, &claim, need, start, length));

    if (pool)
    {
        taken = reserve(pool, &claim, need, cost, start, length, now, candidate->fallback, out);
        if (!taken)
        {
            int64 step = pool->namespace.step_usecs;

            give_limits(need, need->n_limits, si_slot_time(start, step), si_slot_time(start + length, step));
            si_claim_give(&pool->namespace, &claim, start, length);
        }
    }
    si_reclaim_settle(&reclaim);
    return taken;
}

TimestampTz
si_earliest_start(const SiPoolRef *pool, const SiNeed *need, TimestampTz now)
{
    TimestampTz latest = need->not_before + need->window_usecs;
    SiReclaim reclaim = {0};
    SiClaim claim;
    int32 length;
    int64 start;

    si_claim_for(pool, need->cpu_millicores, need->memory_mib, &claim);
    start = search(pool, &claim, need, now, latest, NULL, &length, NULL);
    (void) would_reclaim(pool, &claim, need, now, latest, &reclaim, &start, &length);
    return start == SI_NO_SLOT ? SI_NO_TIME : si_slot_time(start, pool->namespace.step_usecs);
}

/* Those who lend in a namespace while the need may run, but for the pool in which it made room. */
static void
find_lenders(const SiNeed *need, const SiNamespace *namespace, Candidate *out)
{
    pg_uuid_t *lenders;
    int n = si_lenders(namespace->name, &need->tenant_id, need->not_before,
                       need->not_before + need->window_usecs + need->duration_usecs, &lenders);

    out->pools = palloc((n + 1) * sizeof(SiPoolRef));
    for (int i = 0; i < n; i++)
        if (need->not_of_pool == 0 || si_pool_find(namespace->name, &lenders[i]) != need->not_of_pool)
            out->pools[out->n++] = (SiPoolRef){*namespace, &lenders[i], &need->tenant_id};
}

static void
one_namespace(const SiNeed *need, const SiNamespace *namespace, bool fallback, Candidate *out)
{
    *out = (Candidate){palloc(sizeof(SiPoolRef)), 1, fallback, namespace->purpose == SI_NS_SHARED || fallback};
    out->pools[0] = (SiPoolRef){*namespace, &need->tenant_id};
}

/* Collects the namespaces of the spillover order, or the one asked for. */
static int
candidates(const SiNeed *need, Candidate **out)
{
    SiStep steps[SI_MAX_STEPS];
    SiNamespace *namespaces;
    int n_steps;
    int n = 0;

    if (need->namespace_name != NULL)
    {
        SiNamespace namespace;

        if (!si_namespace_load(need->namespace_name, &namespace))
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                            errmsg("namespace \"%s\" does not exist", need->namespace_name)));
        *out = palloc(sizeof(Candidate));
        one_namespace(need, &namespace, namespace.purpose == SI_NS_DRAFT && !need->draft_job, *out);
        return 1;
    }

    *out = NULL;
    /* Ownership and balance are looked at namespace by namespace below: ask for the full order. */
    n_steps = si_spill_order(need->draft_job, true, true, need->last_step, steps);
    for (int s = 0; s < n_steps; s++)
    {
        int found = si_namespaces_of(steps[s].purpose, &namespaces);

        *out = *out ? repalloc(*out, (n + found + 1) * sizeof(Candidate)) : palloc((n + found + 1) * sizeof(Candidate));
        for (int i = 0; i < found; i++)
        {
            Candidate *candidate = &(*out)[n];

            if (steps[s].borrowed)
            {
                *candidate = (Candidate){.costs = true};
                find_lenders(need, &namespaces[i], candidate);
                n += candidate->n > 0;
                continue;
            }
            one_namespace(need, &namespaces[i], steps[s].fallback, candidate);
            n++;
        }
    }
    return n;
}

static char *
no_fit_reason(const SiNeed *need, const char *tried, bool lacks_balance, bool any, const char *shortage)
{
    char cores[32];
    char gib[32];

    if (shortage && !any)
        return pstrdup(shortage);
    if (shortage)
        return psprintf("%s; elsewhere %s", shortage, no_fit_reason(need, tried, lacks_balance, any, NULL));

    si_quantity_print(need->cpu_millicores, 1000, cores, sizeof(cores));
    si_quantity_print(need->memory_mib, 1024, gib, sizeof(gib));
    if (!any)
        return psprintf("the tenant owns no dedicated units for %s cores and %s GiB then%s", cores, gib,
                        lacks_balance ? ", and its vCPU-hours do not cover the run" : "");
    return psprintf("no start with %s cores and %s GiB free for the whole duration in %s within the window%s", cores, gib,
                    tried, lacks_balance ? "; vCPU-hours do not cover the run elsewhere" : "");
}

/* Whether there are units for the tenant in any slot of the window: else the namespace is not to be blamed. */
static bool
has_supply(const Candidate *candidate, const SiNeed *need)
{
    const SiPoolRef *pool = &candidate->pools[0];
    int64 step = pool->namespace.step_usecs;
    int64 end = si_slot_ceil(need->not_before + need->window_usecs + need->duration_usecs, step);
    SiSlots total;
    SiSlots allocated;

    if (pool->namespace.purpose != SI_NS_DEDICATED || pool->borrower)
        return true;
    for (int64 slot = si_slot_floor(need->not_before, step); slot < end; slot += total.n)
    {
        si_occupancy(pool, slot, (int32) Min(end - slot, SI_CHUNK_SLOTS), &total, &allocated);
        for (int i = 0; i < total.n; i++)
            if (total.cpu[i] > 0 || total.mem[i] > 0)
                return true;
    }
    return false;
}

/* Whether the tenant's vCPU-hours cover the need where they pay for it. */
static bool
is_covered(const SiNamespace *namespace, const SiNeed *need, TimestampTz now, Price *cost, SiPlacement *out)
{
    TimestampTz from = Max(need->not_before, now);
    int64 available;

    cost->amount = si_planned_cost(namespace, need->cpu_millicores, need->memory_mib, need->duration_usecs);
    si_funds_find(&need->tenant_id, from, need->not_before + need->window_usecs, &cost->funds);
    available = si_funds_available(&cost->funds, from);
    if (cost->amount <= available)
        return true;
    out->lacks_balance = true;
    out->lacking = cost->amount - available;
    return false;
}

/* First start beyond the window in any of these pools, looking as far as the horizon; SI_NO_TIME = none. */
static TimestampTz
start_later(const Candidate *candidate, const SiNeed *need, TimestampTz now)
{
    TimestampTz earliest = SI_NO_TIME;
    SiNeed later = *need;

    later.not_before += need->window_usecs;
    later.window_usecs = si_horizon(now) - later.not_before;
    for (int i = 0; i < candidate->n && later.window_usecs >= 0; i++)
    {
        TimestampTz start = si_earliest_start(&candidate->pools[i], &later, now);

        earliest = Min(earliest, start);
    }
    return earliest;
}

void
si_place(const SiNeed *need, TimestampTz now, SiPlacement *out)
{
    Candidate *tries;
    StringInfoData tried;
    bool *open_to;
    int n;

    memset(out, 0, sizeof(*out));
    out->earliest = SI_NO_TIME;
    si_require_horizon("not_before", need->not_before, now);
    si_ledger_require();
    si_ledger_begin();
    initStringInfo(&tried);
    n = candidates(need, &tries);
    open_to = palloc0((n + 1) * sizeof(bool));
    for (int i = 0; i < n; i++)
    {
        const SiPoolRef *pool = &tries[i].pools[0];
        char *shortage = out->shortage;
        Price cost = {0};

        if (tries[i].costs && !is_covered(&pool->namespace, need, now, &cost, out))
            continue;
        open_to[i] = true;
        out->shortage = NULL;
        if (take(&tries[i], need, &cost, now, out))
            return;
        if (out->shortage == NULL && has_supply(&tries[i], need))
            appendStringInfo(&tried, "%s%s%s", tried.len ? ", " : "", pool->borrower ? "units lent in " : "", pool->namespace.name);
        if (shortage)
            out->shortage = shortage;
    }

    /* No fit: say when there will be one. */
    for (int i = 0; i < n; i++)
        if (open_to[i] && !tries[i].fallback)
            out->earliest = Min(out->earliest, start_later(&tries[i], need, now));
    out->reason = no_fit_reason(need, tried.data, out->lacks_balance, tried.len > 0, out->shortage);
}

bool
si_unplace(const pg_uuid_t *reservation_id, TimestampTz now)
{
    return si_reservation_release(reservation_id, now);
}

/* What a reservation holds of limits, as a need. */
static int
needs_of(const SiReservation *reservation, const SiLimitNeed **out)
{
    SiHeldLimit *held;
    int n = si_reservation_limits(&reservation->reservation_id, &held);
    SiLimitNeed *needs = palloc((n + 1) * sizeof(SiLimitNeed));

    for (int i = 0; i < n; i++)
    {
        SiLimit limit;
        bool exists = si_limit_load(&held[i].limit_id, &limit);

        needs[i] = (SiLimitNeed){held[i].limit_id, held[i].limit_name, held[i].quantity, exists ? limit.quantity : -1};
    }
    *out = needs;
    return n;
}

bool
si_place_again(SiReservation *reservation, TimestampTz starts_at, TimestampTz now)
{
    int64 step;
    SiNeed need = {0};
    SiPoolRef pool = {{{0}}};
    SiClaim claim;
    int64 start;
    int32 length;
    int64 first;

    si_ledger_require();
    si_ledger_begin();
    if (!si_namespace_load(reservation->namespace_name, &pool.namespace))
        elog(ERROR, "namespace \"%s\" of a reservation is missing", reservation->namespace_name);
    step = pool.namespace.step_usecs;
    need.duration_usecs = reservation->ends_at - reservation->starts_at;
    need.not_before = starts_at;
    need.same_length = true;
    if (reservation->limited)
        need.n_limits = needs_of(reservation, &need.limits);

    /* Its old slots count as free (C5). */
    first = si_slot_floor(reservation->starts_at, step);
    length = (int32) (si_slot_ceil(reservation->ends_at, step) - first);
    if (!si_claim_of(reservation, &pool.namespace, &claim))
        elog(ERROR, "reservation \"%s\" is in another pool than it says", si_uuid_text(&reservation->reservation_id));
    si_claim_give(&pool.namespace, &claim, first, length);
    give_limits(&need, need.n_limits, reservation->starts_at, reservation->ends_at);
    start = search(&pool, &claim, &need, now, si_slot_time(si_slot_ceil(starts_at, step), step), NULL, &length, NULL);
    if (start == SI_NO_SLOT || !take_slots(&pool, &claim, &need, start, length))
        return false;
    reservation->starts_at = si_slot_time(start, step);
    reservation->ends_at = si_slot_time(start + length, step);
    si_book_expect(&reservation->reservation_id);
    si_reservation_move(&reservation->reservation_id, reservation->starts_at, reservation->ends_at);
    for (int i = 0; i < need.n_limits; i++)
    {
        si_book_expect(&reservation->reservation_id);
        si_reservation_limits_move(&reservation->reservation_id, &need.limits[i].limit_id, reservation->starts_at, reservation->ends_at);
    }
    return true;
}
