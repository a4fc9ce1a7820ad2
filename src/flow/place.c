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
#include "pg/quantities.h"
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

/* Holds what an application's own reservation costs; whether it is covered. */
static bool
pay(const SiCandidate *c, SiReservation *reservation, TimestampTz now, SiPlacement *out)
{
    SiDebtor payer = {reservation->tenant_id, NULL, &reservation->reservation_id};
    int64 missing = si_funds_hold(&c->funds, &payer, c->cost, Max(reservation->starts_at, now), now);

    if (missing > 0)
    {
        out->lacks_balance = true;
        out->lacking = missing;
        return false;
    }
    reservation->held = c->cost;
    return true;
}

/* Tries one namespace; fills out when it takes a place. */
static bool
take(const SiCandidate *c, const SiNeed *need, TimestampTz now, SiPlacement *out)
{
    const SiPoolRef *pool = &c->pool;
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
    reservation.draft_fallback = c->fallback;
    if (need->pays && c->cost > 0 && !pay(c, &reservation, now, out))
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
    out->draft_fallback = c->fallback;
    return true;
}

/* First start that fits, or SI_NO_TIME, and the end of the reservation there. */
static TimestampTz
earliest_in(const SiPoolRef *pool, const SiNeed *need, TimestampTz now, TimestampTz *end)
{
    int64 step = pool->namespace.step_usecs;
    SiClaim claim;
    int32 length;
    int64 start;

    si_claim_make(&pool->namespace, pool->tenant_id, need->cpu_millicores, need->memory_mib, &claim);
    start = search(pool, &claim, need, now, need->not_before + need->window_usecs, &length);
    if (start == SI_NO_SLOT)
        return SI_NO_TIME;
    *end = si_slot_time(start + length, step);
    return si_slot_time(start, step);
}

TimestampTz
si_earliest_start(const SiPoolRef *pool, const SiNeed *need, TimestampTz now)
{
    TimestampTz end;

    return earliest_in(pool, need, now, &end);
}

static void
add(SiCandidate *list, int *n, const SiNamespace *namespace, const SiNeed *need)
{
    bool fallback = namespace->purpose == SI_NS_DRAFT && !need->draft_job;

    list[(*n)++] = (SiCandidate){.pool = {*namespace, &need->tenant_id},
                                 .fallback = fallback,
                                 .costs = namespace->purpose == SI_NS_SHARED || fallback,
                                 .start = SI_NO_TIME};
}

int
si_place_candidates(const SiNeed *need, SiCandidate **out)
{
    SiStep steps[SI_MAX_STEPS];
    int n_steps;
    int n = 0;

    if (need->namespace_name != NULL)
    {
        SiNamespace namespace;

        if (!si_namespace_load(need->namespace_name, &namespace))
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                            errmsg("namespace \"%s\" does not exist", need->namespace_name)));
        *out = palloc(sizeof(SiCandidate));
        add(*out, &n, &namespace, need);
        return n;
    }

    *out = NULL;
    /* Ownership and balance are looked at namespace by namespace: ask for the full order. */
    n_steps = si_spill_order(need->draft_job, true, true, need->last_step, steps);
    for (int s = 0; s < n_steps; s++)
    {
        SiNamespace *namespaces;
        int found = si_namespaces_of(steps[s].purpose, &namespaces);
        Size size = (n + found + 1) * sizeof(SiCandidate);

        *out = *out ? repalloc(*out, size) : palloc(size);
        for (int i = 0; i < found; i++)
            add(*out, &n, &namespaces[i], need);
    }
    return n;
}

static char *
no_fit_reason(const SiNeed *need, const char *tried, bool lacks_balance, const char *most)
{
    const char *asked = psprintf("%s cores and %s GiB", si_quantity_text(need->cpu_millicores, 1000),
                                 si_quantity_text(need->memory_mib, 1024));

    if (most != NULL)
        return psprintf("%s are more than there ever is: at most %s", asked, most);
    if (*tried == '\0')
        return psprintf("the tenant owns no dedicated units for %s then%s", asked,
                        lacks_balance ? ", and its vCPU-hours do not cover the run" : "");
    return psprintf("no start with %s free for the whole duration in %s within the window%s", asked, tried,
                    lacks_balance ? "; vCPU-hours do not cover the run elsewhere" : "");
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

/* What a namespace has for one tenant when it is empty. */
static void
most_of(const SiNamespace *namespace, int64 *cpu, int64 *memory)
{
    bool capped = namespace->purpose == SI_NS_DRAFT;

    *cpu = namespace->cpu_millicores;
    *memory = namespace->memory_mib;
    if (capped && namespace->tenant_cpu_millicores >= 0)
        *cpu = Min(*cpu, namespace->tenant_cpu_millicores);
    if (capped && namespace->tenant_memory_mib >= 0)
        *memory = Min(*memory, namespace->tenant_memory_mib);
}

char *
si_candidates_outgrown(const SiNeed *need, const SiCandidate *list, int n)
{
    StringInfoData text;

    initStringInfo(&text);
    for (int i = 0; i < n; i++)
    {
        int64 cpu;
        int64 memory;

        most_of(&list[i].pool.namespace, &cpu, &memory);
        if (need->cpu_millicores <= cpu && need->memory_mib <= memory)
            return NULL;
        appendStringInfo(&text, "%s%s cores and %s GiB in %s", text.len ? ", " : "", si_quantity_text(cpu, 1000),
                         si_quantity_text(memory, 1024), list[i].pool.namespace.name);
    }
    return text.data;
}

void
si_candidate_price(SiCandidate *c, const SiNeed *need, TimestampTz now)
{
    TimestampTz from = Max(need->not_before, now);

    c->open = !c->costs;
    if (c->open)
        return;
    c->cost = si_planned_cost(&c->pool.namespace, need->cpu_millicores, need->memory_mib, need->duration_usecs);
    si_funds_find(&need->tenant_id, from, need->not_before + need->window_usecs, &c->funds);
    c->available = si_funds_available(&c->funds, from);
    c->open = c->cost <= c->available;
}

void
si_candidate_slots(const SiCandidate *c, const SiNeed *need, TimestampTz now, int64 *first, int32 *length)
{
    int64 step = c->pool.namespace.step_usecs;
    Window w = window_of(need, step, now, need->not_before + need->window_usecs);

    *first = Max(w.earliest, w.present);
    *length = length_at(&w, need, step, *first, now);
}

/* No fit in the window: when there will be one among what is open, looking as far as the horizon. */
static TimestampTz
earliest_beyond(const SiNeed *need, const SiCandidate *list, int n, TimestampTz now)
{
    SiNeed later = *need;
    TimestampTz earliest = SI_NO_TIME;

    later.not_before += need->window_usecs;
    later.window_usecs = si_horizon(now) - later.not_before;
    if (later.window_usecs < 0)
        return SI_NO_TIME;
    for (int i = 0; i < n; i++)
        if (list[i].open && !list[i].fallback)
            earliest = Min(earliest, si_earliest_start(&list[i].pool, &later, now));
    return earliest;
}

/*
 * Tries one after the other until one has a place, and takes it; without `out` it only looks. Whether one has; *n = how many
 * were tried.
 */
static bool
walk(const SiNeed *need, TimestampTz now, SiCandidate *list, int *n, SiPlacement *out)
{
    for (int i = 0; i < *n; i++)
    {
        SiCandidate *c = &list[i];

        si_candidate_price(c, need, now);
        if (!c->open)
            continue;
        if (out == NULL)
            c->start = earliest_in(&c->pool, need, now, &c->end);
        if (out ? take(c, need, now, out) : c->start != SI_NO_TIME)
        {
            *n = i + 1;
            return true;
        }
    }
    return false;
}

int
si_place_look(const SiNeed *need, TimestampTz now, SiCandidate **out, TimestampTz *earliest)
{
    int n = si_place_candidates(need, out);

    *earliest = walk(need, now, *out, &n, NULL) ? (*out)[n - 1].start : earliest_beyond(need, *out, n, now);
    return n;
}

void
si_place(const SiNeed *need, TimestampTz now, SiPlacement *out)
{
    SiCandidate *list;
    StringInfoData tried;
    char *most = NULL;
    int n;

    memset(out, 0, sizeof(*out));
    out->earliest = SI_NO_TIME;
    si_require_horizon("not_before", need->not_before, now);
    si_ledger_require();
    si_ledger_begin();
    n = si_place_candidates(need, &list);
    if (walk(need, now, list, &n, out))
        return;

    initStringInfo(&tried);
    for (int i = 0; i < n; i++)
    {
        if (!list[i].open)
        {
            out->lacks_balance = true;
            out->lacking = list[i].cost - list[i].available;
        }
        else if (has_supply(&list[i].pool, need))
            appendStringInfo(&tried, "%s%s", tried.len ? ", " : "", list[i].pool.namespace.name);
    }
    out->earliest = earliest_beyond(need, list, n, now);
    if (out->earliest == SI_NO_TIME)
        most = si_candidates_outgrown(need, list, n);
    out->too_large = most != NULL;
    out->reason = no_fit_reason(need, tried.data, out->lacks_balance, most);
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
