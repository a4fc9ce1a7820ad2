/*
 * place.c: finding and taking capacity.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "flow/announce.h"
#include "utils/timestamp.h"

#include "domain/billing.h"
#include "domain/quantity.h"
#include "domain/types.h"
#include "flow/funds.h"
#include "flow/place.h"
#include "flow/reclaim.h"
#include "pg/errors.h"
#include "pg/quantities.h"
#include "store/sql.h"

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
pay(const SiCandidate *candidate, SiReservation *reservation, TimestampTz now, SiPlacement *out)
{
    SiDebtor payer = {reservation->tenant_id, NULL, &reservation->reservation_id};
    int64 missing = si_funds_hold(&candidate->funds, &payer, candidate->cost, Max(reservation->starts_at, now), now);

    if (missing > 0)
    {
        out->lacks_balance = true;
        out->lacking = missing;
        return false;
    }
    reservation->held = candidate->cost;
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

        si_announce_reservation(&r->reservation_id);
        si_reservation_limit_insert(&held);
    }
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

/* What a reservation has of limits: free for this transaction, or, with `back`, taken again. */
static void
lend_limits(const SiReservation *r, bool back)
{
    const SiLimitNeed *held;
    int n = r->limited ? needs_of(r, &held) : 0;

    for (int i = 0; i < n; i++)
    {
        if (back)
            (void) si_limit_take(&held[i].limit_id, held[i].quantity, r->starts_at, r->ends_at, true);
        else
            si_limit_give(&held[i].limit_id, held[i].quantity, r->starts_at, r->ends_at);
    }
}

/* Whether a reservation has just what a need asks of limits. */
static bool
has_limits(const SiReservation *r, const SiNeed *need)
{
    const SiLimitNeed *held;
    int n = r->limited ? needs_of(r, &held) : 0;
    int same = 0;

    for (int i = 0; i < need->n_limits; i++)
        for (int k = 0; k < n; k++)
            same += need->limits[i].quantity == held[k].quantity && si_uuid_equal(&need->limits[i].limit_id, &held[k].limit_id);
    return same == n && same == need->n_limits;
}

/* Slots of a reservation. */
static int64
slots_of(const SiReservation *r, int64 step, int32 *n)
{
    int64 first = si_slot_floor(r->starts_at, step);

    *n = (int32) (si_slot_ceil(r->ends_at, step) - first);
    return first;
}

/* What a reservation counts in; its slots become free for this transaction (C5). */
static void
give(const SiReservation *r, const SiNamespace *namespace, SiClaim *claim)
{
    int32 n;
    int64 first = slots_of(r, namespace->step_usecs, &n);

    if (!si_claim_of(r, namespace, claim))
        elog(ERROR, "reservation \"%s\" is in another pool than it says", si_uuid_text(&r->reservation_id));
    si_claim_give(namespace, claim, first, n);
}

/* Whether the place that was taken is the one that it has. */
static bool
is_kept(const SiNeed *need, const SiReservation *taken)
{
    const SiReservation *keep = need->keep;

    return keep != NULL && keep->pool_id == taken->pool_id && keep->starts_at == taken->starts_at &&
           keep->ends_at == taken->ends_at && keep->cpu_millicores == taken->cpu_millicores &&
           keep->memory_mib == taken->memory_mib && keep->draft_fallback == taken->draft_fallback &&
           has_limits(keep, need);
}

/* A tentative place of the same size moves where it is: nobody counts on it, and another row would be one that is released. */
static bool
is_moved(const SiNeed *need, const SiReservation *taken)
{
    const SiReservation *keep = need->keep;

    return keep != NULL && keep->tentative && !keep->limited && !taken->limited && keep->held == 0 && taken->held == 0 &&
           keep->cpu_millicores == taken->cpu_millicores && keep->memory_mib == taken->memory_mib;
}

/* Writes what was taken; nothing when it is what there was. */
static void
write_down(SiReservation *taken, const SiNeed *need, TimestampTz now)
{
    if (is_kept(need, taken))
    {
        taken->reservation_id = need->keep->reservation_id;
        if (need->keep->tentative != taken->tentative)
            si_reservation_set_tentative(&taken->reservation_id, taken->tentative);
        return;
    }
    if (is_moved(need, taken))
        taken->reservation_id = need->keep->reservation_id;
    if (need->revives || is_moved(need, taken))
    {
        si_announce_reservation(&taken->reservation_id);
        si_reservation_revive(taken);
    }
    else if (!si_reservation_append(taken, need->actor, now))
    {
        si_announce_reservation(&taken->reservation_id);
        si_reservation_insert(taken, need->actor, now);
    }
    enter_limits(need, taken);
}

/* Writes what was taken of a pool; false = what pays for it is not enough, and all is given back. */
static bool
reserve(SiCandidate *candidate, const SiClaim *claim, const SiNeed *need, int64 start, int32 length, TimestampTz now, SiPlacement *out)
{
    const SiPoolRef *pool = &candidate->pool;
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
    reservation.draft_fallback = candidate->fallback;
    reservation.limited = need->n_limits > 0;
    reservation.tentative = need->tentative;
    if (need->pays && candidate->cost > 0 && !pay(candidate, &reservation, now, out))
    {
        give_limits(need, need->n_limits, reservation.starts_at, reservation.ends_at);
        si_claim_give(&pool->namespace, claim, start, length);
        return false;
    }
    write_down(&reservation, need, now);

    out->placed = true;
    out->reservation_id = reservation.reservation_id;
    strlcpy(out->namespace_name, pool->namespace.name, sizeof(out->namespace_name));
    out->purpose = pool->namespace.purpose;
    out->starts_at = reservation.starts_at;
    out->ends_at = reservation.ends_at;
    out->borrowed = reservation.borrowed;
    out->draft_fallback = candidate->fallback;
    return true;
}

/* Tries one pool; fills out when it takes a place. */
static bool
take(SiCandidate *candidate, const SiNeed *need, TimestampTz now, SiPlacement *out)
{
    const SiPoolRef *pool = &candidate->pool;
    TimestampTz latest = need->not_before + need->window_usecs;
    SiReclaim reclaim = {0};
    SiClaim claim;
    int32 length;
    int64 start;
    bool taken;

    si_claim_for(pool, need->cpu_millicores, need->memory_mib, &claim);
    /* Who finds a place and loses it to another looks again: check and take are one step (C3). */
    do
        start = si_search_room(pool, &claim, need, now, latest, &reclaim, &length, &candidate->shortage);
    while (start != SI_NO_SLOT && !take_slots(pool, &claim, need, start, length));
    taken = start != SI_NO_SLOT && reserve(candidate, &claim, need, start, length, now, out);
    si_reclaim_settle(&reclaim);
    return taken;
}

/* First start that fits, or SI_NO_TIME, and the end of the reservation there. */
static TimestampTz
earliest_in(const SiPoolRef *pool, const SiNeed *need, TimestampTz now, TimestampTz *end, char **shortage)
{
    TimestampTz latest = need->not_before + need->window_usecs;
    int64 step = pool->namespace.step_usecs;
    SiReclaim reclaim = {0};
    SiClaim claim;
    int32 length;
    int64 start;

    si_claim_for(pool, need->cpu_millicores, need->memory_mib, &claim);
    start = si_search(pool, &claim, need, now, latest, NULL, &length, shortage);
    (void) si_search_reclaims(pool, &claim, need, now, latest, &reclaim, &start, &length);
    if (start == SI_NO_SLOT)
        return SI_NO_TIME;
    *end = si_slot_time(start + length, step);
    return si_slot_time(start, step);
}

TimestampTz
si_earliest_start(const SiPoolRef *pool, const SiNeed *need, TimestampTz now)
{
    TimestampTz end;

    return earliest_in(pool, need, now, &end, NULL);
}

/* Appends those who lend in a namespace while the need may run, but for the pool in which it made room. Returns how many. */
static int
add_lenders(const SiNeed *need, const SiNamespace *namespace, int n, SiCandidate **list)
{
    pg_uuid_t *lenders;
    int found = si_lenders(namespace->name, &need->tenant_id, need->not_before,
                           need->not_before + need->window_usecs + need->duration_usecs, &lenders);

    *list = repalloc(*list, (n + found + 1) * sizeof(SiCandidate));
    for (int i = 0; i < found; i++)
        if (need->not_of_pool == 0 || si_pool_find(namespace->name, &lenders[i]) != need->not_of_pool)
            (*list)[n++] = (SiCandidate){.pool = {*namespace, &lenders[i], &need->tenant_id}, .costs = true, .start = SI_NO_TIME};
    return n;
}

int
si_place_candidates(const SiNeed *need, SiCandidate **out)
{
    SiStep steps[SI_MAX_STEPS];
    SiNamespace *namespaces;
    int n_steps;
    int n = 0;

    *out = palloc0(sizeof(SiCandidate));
    if (need->namespace_name != NULL)
    {
        SiCandidate *only = *out;

        if (!si_namespace_load(need->namespace_name, &only->pool.namespace))
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                            errmsg("namespace \"%s\" does not exist", need->namespace_name)));
        only->pool.tenant_id = &need->tenant_id;
        only->fallback = only->pool.namespace.purpose == SI_NS_DRAFT && !need->draft_job;
        only->costs = only->pool.namespace.purpose == SI_NS_SHARED || only->fallback;
        only->start = SI_NO_TIME;
        return 1;
    }

    /* Ownership and balance are looked at namespace by namespace: ask for the full order. */
    n_steps = si_spill_order(need->draft_job, true, true, need->last_step, steps);
    for (int s = 0; s < n_steps; s++)
    {
        int found = si_namespaces_of(steps[s].purpose, &namespaces);

        *out = repalloc(*out, (n + found + 1) * sizeof(SiCandidate));
        for (int i = 0; i < found && steps[s].borrowed; i++)
            n = add_lenders(need, &namespaces[i], n, out);
        for (int i = 0; i < found && !steps[s].borrowed; i++)
            (*out)[n++] = (SiCandidate){.pool = {namespaces[i], &need->tenant_id},
                                        .fallback = steps[s].fallback,
                                        .costs = steps[s].purpose == SI_NS_SHARED || steps[s].fallback,
                                        .start = SI_NO_TIME};
    }
    return n;
}

static char *
no_fit_reason(const SiNeed *need, const char *tried, bool lacks_balance, const char *most, const char *shortage)
{
    const char *asked = psprintf("%s cores and %s GiB", si_quantity_text(need->cpu_millicores, 1000),
                                 si_quantity_text(need->memory_mib, 1024));

    if (shortage && *tried == '\0')
        return pstrdup(shortage);
    if (shortage)
        return psprintf("%s; elsewhere %s", shortage, no_fit_reason(need, tried, lacks_balance, most, NULL));
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
si_place_outgrown(const SiNeed *need, const SiCandidate *list, int n)
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

bool
si_place_is_covered(const SiNeed *need, SiCandidate *c, TimestampTz now)
{
    TimestampTz from = Max(need->not_before, now);

    c->open = !c->costs || need->covered;
    if (c->open)
        return true;
    c->cost = si_planned_cost(&c->pool.namespace, need->cpu_millicores, need->memory_mib, need->duration_usecs);
    si_funds_find(&need->tenant_id, from, need->not_before + need->window_usecs, &c->funds);
    c->available = si_funds_available(&c->funds, from);
    c->open = c->cost <= c->available;
    return c->open;
}

/*
 * No fit: when there will be one, looking as far as the horizon, and where. NULL = nowhere. Production work in the draft
 * namespace is the last resort for now, nothing to wait for.
 */
static const SiCandidate *
look_ahead(const SiNeed *need, const SiCandidate *candidates, int n, TimestampTz now, SiNeed *later, TimestampTz *earliest)
{
    const SiCandidate *best = NULL;

    /* In the window there was nothing. */
    *later = *need;
    later->not_before += need->window_usecs;
    later->window_usecs = si_horizon(now) - later->not_before;
    later->tentative = true;
    *earliest = SI_NO_TIME;
    if (later->window_usecs < 0)
        return NULL;
    for (int i = 0; i < n; i++)
    {
        TimestampTz start;

        if (!candidates[i].open || candidates[i].fallback)
            continue;
        start = si_earliest_start(&candidates[i].pool, later, now);
        if (start < *earliest)
        {
            *earliest = start;
            best = &candidates[i];
        }
    }
    return best;
}

/* Of those who lend, the one where the need starts first comes first. */
static void
favour_first(const SiNeed *need, TimestampTz now, SiCandidate *lenders, int n)
{
    TimestampTz earliest = SI_NO_TIME;
    TimestampTz end;

    for (int i = 0; i < n && lenders[i].pool.borrower; i++)
    {
        SiCandidate c = lenders[i];
        TimestampTz start = earliest_in(&c.pool, need, now, &end, NULL);

        if (start >= earliest)
            continue;
        earliest = start;
        lenders[i] = lenders[0];
        lenders[0] = c;
    }
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

        if (!si_place_is_covered(need, c, now))
            continue;
        if (c->pool.borrower && !(i > 0 && list[i - 1].pool.borrower))
        {
            favour_first(need, now, c, *n - i);
            (void) si_place_is_covered(need, c, now);
        }
        if (out == NULL)
            c->start = earliest_in(&c->pool, need, now, &c->end, &c->shortage);
        if (out ? take(c, need, now, out) : c->start != SI_NO_TIME)
        {
            if (out)
                out->funds = c->funds;
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
    SiNeed later;

    if (walk(need, now, *out, &n, NULL))
        *earliest = (*out)[n - 1].start;
    else
        (void) look_ahead(need, *out, n, now, &later, earliest);
    return n;
}

/* Why there is no place, from a walk over the list that found none. */
static void
explain(const SiNeed *need, const SiCandidate *list, int n, SiPlacement *out)
{
    char *most = out->earliest == SI_NO_TIME ? si_place_outgrown(need, list, n) : NULL;
    StringInfoData tried;

    initStringInfo(&tried);
    for (int i = 0; i < n; i++)
    {
        if (!list[i].open)
        {
            out->lacks_balance = true;
            out->lacking = list[i].cost - list[i].available;
        }
        else if (list[i].shortage != NULL)
            out->shortage = out->shortage ? out->shortage : list[i].shortage;
        else if (has_supply(&list[i].pool, need) && !(i > 0 && list[i].pool.borrower && list[i - 1].pool.borrower))
            appendStringInfo(&tried, "%s%s%s", tried.len ? ", " : "", list[i].pool.borrower ? "units lent in " : "",
                             list[i].pool.namespace.name);
    }
    out->too_large = most != NULL;
    out->reason = no_fit_reason(need, tried.data, out->lacks_balance, most, out->shortage);
}

static void
find(const SiNeed *need, TimestampTz now, SiPlacement *out)
{
    const SiCandidate *best;
    SiCandidate free_of_charge;
    SiCandidate *list;
    SiNeed later;
    int n = si_place_candidates(need, &list);

    if (walk(need, now, list, &n, out))
        return;
    best = look_ahead(need, list, n, now, &later, &out->earliest);
    explain(need, list, n, out);
    if (!need->ahead || best == NULL)
        return;
    free_of_charge = *best;
    free_of_charge.cost = 0;
    if (!take(&free_of_charge, &later, now, out))
        return;
    out->placed = false;
    out->ahead = true;
    out->earliest = out->starts_at;
}

void
si_place(const SiNeed *need, TimestampTz now, SiPlacement *out)
{
    SiNamespace namespace;
    SiClaim claim;

    memset(out, 0, sizeof(*out));
    out->earliest = SI_NO_TIME;
    si_require_horizon("not_before", need->not_before, now);
    si_ledger_require();
    si_ledger_begin();
    if (need->keep != NULL)
    {
        if (!si_namespace_load(need->keep->namespace_name, &namespace))
            elog(ERROR, "namespace \"%s\" of a reservation is missing", need->keep->namespace_name);
        give(need->keep, &namespace, &claim);
        lend_limits(need->keep, false);
    }
    find(need, now, out);
    if (need->keep == NULL || ((out->placed || out->ahead) && si_uuid_equal(&out->reservation_id, &need->keep->reservation_id)))
        return;
    si_announce_reservation(&need->keep->reservation_id);
    (void) si_unplace(&need->keep->reservation_id, now);
    /* Its slots are given already; what it held of limits goes with its rows. */
    lend_limits(need->keep, true);
    if (need->keep->limited)
        si_reservation_limits_delete(&need->keep->reservation_id);
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
    SiPoolRef pool = {{{0}}};
    SiClaim claim;
    int64 start;
    int32 length;

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
    if (reservation->limited)
        need.n_limits = needs_of(reservation, &need.limits);

    give(reservation, &pool.namespace, &claim);
    give_limits(&need, need.n_limits, reservation->starts_at, reservation->ends_at);
    start = si_search(&pool, &claim, &need, now, si_slot_time(si_slot_ceil(starts_at, step), step), NULL, &length, NULL);
    if (start == SI_NO_SLOT || !take_slots(&pool, &claim, &need, start, length))
        return false;
    reservation->starts_at = si_slot_time(start, step);
    reservation->ends_at = si_slot_time(start + length, step);
    si_announce_reservation(&reservation->reservation_id);
    si_reservation_move(&reservation->reservation_id, reservation->starts_at, reservation->ends_at);
    for (int i = 0; i < need.n_limits; i++)
    {
        si_announce_reservation(&reservation->reservation_id);
        si_reservation_limits_move(&reservation->reservation_id, &need.limits[i].limit_id, reservation->starts_at, reservation->ends_at);
    }
    return true;
}
