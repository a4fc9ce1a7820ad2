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
#include "flow/place.h"
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

/* First slot that fits, or SI_NO_SLOT, and how many slots it takes there. */
static int64
search(const SiPoolRef *pool, const SiClaim *claim, const SiNeed *need, TimestampTz now, TimestampTz latest_start, int32 *length)
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
        start = si_available_from(pool, claim, *length, w.earliest, w.earliest);
        w.earliest++;
    }
    if (start == SI_NO_SLOT && w.earliest <= w.latest)
    {
        *length = w.length;
        start = si_available_from(pool, claim, *length, w.earliest, w.latest);
    }
    return start;
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

/* Tries one namespace; fills out when it takes a place. */
static bool
take(SiPoolRef *pool, const SiNeed *need, const Price *cost, TimestampTz now, bool fallback, SiPlacement *out)
{
    TimestampTz latest = need->not_before + need->window_usecs;
    int64 step = pool->namespace.step_usecs;
    SiReservation reservation = {{{0}}};
    SiClaim claim;
    int32 length;
    int64 start;

    si_claim_make(&pool->namespace, pool->tenant_id, need->cpu_millicores, need->memory_mib, &claim);
    /* Who finds a place and loses it to another looks again: check and take are one step (C3). */
    do
    {
        start = search(pool, &claim, need, now, latest, &length);
        if (start == SI_NO_SLOT)
            return false;
    } while (!si_claim_take(&pool->namespace, &claim, start, length, false));

    reservation.reservation_id = si_uuid_new();
    reservation.pool_id = claim.accounts[0].pool_id;
    strlcpy(reservation.namespace_name, pool->namespace.name, sizeof(reservation.namespace_name));
    reservation.tenant_id = need->tenant_id;
    reservation.cpu_millicores = need->cpu_millicores;
    reservation.memory_mib = need->memory_mib;
    reservation.starts_at = si_slot_time(start, step);
    reservation.ends_at = si_slot_time(start + length, step);
    reservation.draft_fallback = fallback;
    if (need->pays && cost->amount > 0 && !pay(cost, &reservation, now, out))
    {
        si_claim_give(&pool->namespace, &claim, start, length);
        return false;
    }
    if (!si_reservation_append(&reservation, need->actor, now))
    {
        si_book_expect(&reservation.reservation_id);
        si_reservation_insert(&reservation, need->actor, now);
    }

    out->placed = true;
    out->reservation_id = reservation.reservation_id;
    strlcpy(out->namespace_name, pool->namespace.name, sizeof(out->namespace_name));
    out->purpose = pool->namespace.purpose;
    out->starts_at = reservation.starts_at;
    out->ends_at = reservation.ends_at;
    out->draft_fallback = fallback;
    return true;
}

TimestampTz
si_earliest_start(const SiPoolRef *pool, const SiNeed *need, TimestampTz now)
{
    SiClaim claim;
    int32 length;
    int64 start;

    si_claim_make(&pool->namespace, pool->tenant_id, need->cpu_millicores, need->memory_mib, &claim);
    start = search(pool, &claim, need, now, need->not_before + need->window_usecs, &length);
    return start == SI_NO_SLOT ? SI_NO_TIME : si_slot_time(start, pool->namespace.step_usecs);
}

/* Collects the namespaces of the spillover order, or the one asked for. */
static int
candidates(const SiNeed *need, SiPoolRef **out, bool **fallback, bool **costs)
{
    SiStep steps[4];
    SiNamespace *namespaces;
    int n_steps;
    int n = 0;

    if (need->namespace_name != NULL)
    {
        *out = palloc0(sizeof(SiPoolRef));
        *fallback = palloc0(sizeof(bool));
        *costs = palloc0(sizeof(bool));
        if (!si_namespace_load(need->namespace_name, &(*out)[0].namespace))
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                            errmsg("namespace \"%s\" does not exist", need->namespace_name)));
        (*out)[0].tenant_id = &need->tenant_id;
        (*fallback)[0] = (*out)[0].namespace.purpose == SI_NS_DRAFT && !need->draft_job;
        (*costs)[0] = (*out)[0].namespace.purpose == SI_NS_SHARED || (*fallback)[0];
        return 1;
    }

    *out = NULL;
    /* Ownership and balance are looked at namespace by namespace below: ask for the full order. */
    n_steps = si_spill_order(need->draft_job, true, true, need->last_step, steps);
    for (int s = 0; s < n_steps; s++)
    {
        int found = si_namespaces_of(steps[s].purpose, &namespaces);
        int total = n + found;

        *out = *out ? repalloc(*out, (total + 1) * sizeof(SiPoolRef)) : palloc((total + 1) * sizeof(SiPoolRef));
        *fallback = n ? repalloc(*fallback, (total + 1) * sizeof(bool)) : palloc((total + 1) * sizeof(bool));
        *costs = n ? repalloc(*costs, (total + 1) * sizeof(bool)) : palloc((total + 1) * sizeof(bool));
        for (int i = 0; i < found; i++, n++)
        {
            (*out)[n] = (SiPoolRef){namespaces[i], &need->tenant_id};
            (*fallback)[n] = steps[s].fallback;
            (*costs)[n] = steps[s].purpose == SI_NS_SHARED || steps[s].fallback;
        }
    }
    return n;
}

static char *
no_fit_reason(const SiNeed *need, const char *tried, bool lacks_balance, bool any)
{
    char cores[32];
    char gib[32];

    si_quantity_print(need->cpu_millicores, 1000, cores, sizeof(cores));
    si_quantity_print(need->memory_mib, 1024, gib, sizeof(gib));
    if (!any)
        return psprintf("the tenant owns no dedicated units for %s cores and %s GiB then%s", cores, gib,
                        lacks_balance ? ", and its vCPU-hours do not cover the run" : "");
    return psprintf("no start with %s cores and %s GiB free for the whole duration in %s within the window%s", cores, gib,
                    tried, lacks_balance ? "; vCPU-hours do not cover the run elsewhere" : "");
}

/* Whether the tenant has units there in any slot of the window: else the namespace is not to be blamed. */
static bool
has_supply(const SiPoolRef *pool, const SiNeed *need)
{
    int64 step = pool->namespace.step_usecs;
    int64 end = si_slot_ceil(need->not_before + need->window_usecs + need->duration_usecs, step);
    SiSlots total;
    SiSlots allocated;

    if (pool->namespace.purpose != SI_NS_DEDICATED)
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

void
si_place(const SiNeed *need, TimestampTz now, SiPlacement *out)
{
    SiPoolRef *pools;
    bool *fallback;
    bool *costs;
    StringInfoData tried;
    bool *open_to;
    int n;

    memset(out, 0, sizeof(*out));
    out->earliest = SI_NO_TIME;
    si_require_horizon("not_before", need->not_before, now);
    si_ledger_require();
    si_ledger_begin();
    initStringInfo(&tried);
    n = candidates(need, &pools, &fallback, &costs);
    open_to = palloc0((n + 1) * sizeof(bool));
    for (int i = 0; i < n; i++)
    {
        Price cost = {0};

        if (costs[i] && !is_covered(&pools[i].namespace, need, now, &cost, out))
            continue;
        open_to[i] = true;
        if (take(&pools[i], need, &cost, now, fallback[i], out))
        {
            out->funds = cost.funds;
            return;
        }
    }

    /* No fit: say when there will be one, looking as far as the horizon. */
    for (int i = 0; i < n; i++)
    {
        SiNeed later = *need;
        TimestampTz start;

        if (open_to[i] && has_supply(&pools[i], need))
            appendStringInfo(&tried, "%s%s", tried.len ? ", " : "", pools[i].namespace.name);
        if (!open_to[i] || fallback[i])
            continue;
        /* In the window there was nothing. */
        later.not_before += need->window_usecs;
        later.window_usecs = si_horizon(now) - later.not_before;
        if (later.window_usecs < 0)
            continue;
        start = si_earliest_start(&pools[i], &later, now);
        if (start < out->earliest)
            out->earliest = start;
    }
    out->reason = no_fit_reason(need, tried.data, out->lacks_balance, tried.len > 0);
}

bool
si_unplace(const pg_uuid_t *reservation_id, TimestampTz now)
{
    return si_reservation_release(reservation_id, now);
}

bool
si_place_again(SiReservation *reservation, TimestampTz starts_at, TimestampTz now)
{
    int64 step;
    SiNeed need = {0};
    SiPoolRef pool;
    SiClaim claim;
    int64 start;
    int32 length;
    int64 first;

    si_ledger_require();
    si_ledger_begin();
    if (!si_namespace_load(reservation->namespace_name, &pool.namespace))
        elog(ERROR, "namespace \"%s\" of a reservation is missing", reservation->namespace_name);
    pool.tenant_id = &reservation->tenant_id;
    step = pool.namespace.step_usecs;
    need.tenant_id = reservation->tenant_id;
    need.cpu_millicores = reservation->cpu_millicores;
    need.memory_mib = reservation->memory_mib;
    need.duration_usecs = reservation->ends_at - reservation->starts_at;
    need.not_before = starts_at;
    need.same_length = true;

    /* Its old slots count as free (C5). */
    first = si_slot_floor(reservation->starts_at, step);
    length = (int32) (si_slot_ceil(reservation->ends_at, step) - first);
    si_claim_make(&pool.namespace, pool.tenant_id, need.cpu_millicores, need.memory_mib, &claim);
    si_claim_give(&pool.namespace, &claim, first, length);
    start = search(&pool, &claim, &need, now, si_slot_time(si_slot_ceil(starts_at, step), step), &length);
    if (start == SI_NO_SLOT || !si_claim_take(&pool.namespace, &claim, start, length, false))
        return false;
    reservation->starts_at = si_slot_time(start, step);
    reservation->ends_at = si_slot_time(start + length, step);
    si_book_expect(&reservation->reservation_id);
    si_reservation_move(&reservation->reservation_id, reservation->starts_at, reservation->ends_at);
    return true;
}
