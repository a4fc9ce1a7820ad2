/*
 * outlook.c: what would be free if less important work gave way.
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "domain/fit.h"
#include "flow/outlook.h"
#include "store/sql.h"

/* An account of the ledger. */
typedef struct Profile
{
    SiAccount account;
    SiSlots free;
} Profile;

struct SiOutlook
{
    TimestampTz now;
    MemoryContext context;
    HTAB *profiles; /* by account */
};

SiOutlook *
si_outlook_open(TimestampTz now)
{
    HASHCTL control = {.keysize = sizeof(SiAccount), .entrysize = sizeof(Profile), .hcxt = CurrentMemoryContext};
    SiOutlook *outlook = palloc(sizeof(SiOutlook));

    outlook->now = now;
    outlook->context = CurrentMemoryContext;
    outlook->profiles = hash_create("sparkingest outlook", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    return outlook;
}

/* The profile of an account; NULL = it was not looked at yet, and is not to be loaded. */
static Profile *
profile_of(SiOutlook *outlook, const SiNamespace *namespace, const SiClaim *claim, int account, bool load)
{
    int64 step = namespace->step_usecs;
    MemoryContext before;
    Profile *profile;
    int64 first;
    bool found;

    profile = hash_search(outlook->profiles, &claim->accounts[account], load ? HASH_ENTER : HASH_FIND, &found);
    if (found || !load)
        return profile;
    first = si_slot_floor(outlook->now, step);
    before = MemoryContextSwitchTo(outlook->context);
    /* A place that begins at the horizon is as long as it is: those that go beyond the last slot count as fitting there. */
    si_claim_free(namespace, claim, account, first, (int32) (si_slot_floor(si_horizon(outlook->now), step) + 1 - first), &profile->free);
    MemoryContextSwitchTo(before);
    return profile;
}

static void
change(SiOutlook *outlook, const SiReservation *place, int sign)
{
    SiNamespace namespace;
    SiClaim claim;

    if (!si_namespace_load(place->namespace_name, &namespace))
        elog(ERROR, "namespace \"%s\" of a reservation is missing", place->namespace_name);
    if (!si_claim_of(place, &namespace, &claim))
        return;
    for (int i = 0; i < claim.n_accounts; i++)
    {
        Profile *profile = profile_of(outlook, &namespace, &claim, i, sign > 0);

        /* What is loaded later has it as it is then. */
        if (profile != NULL)
            si_slots_add(&profile->free, si_slot_floor(place->starts_at, namespace.step_usecs),
                         si_slot_ceil(place->ends_at, namespace.step_usecs), sign * place->cpu_millicores,
                         sign * place->memory_mib);
    }
}

void
si_outlook_give(SiOutlook *outlook, const SiReservation *place)
{
    change(outlook, place, 1);
}

void
si_outlook_take(SiOutlook *outlook, const SiReservation *place)
{
    change(outlook, place, -1);
}

/* First start in [earliest, latest] at which the profiles have what is claimed; SI_NO_SLOT when there is none. */
static int64
fit(const Profile *const *profiles, const SiClaim *claim, int32 length, int64 earliest, int64 latest)
{
    const SiSlots *slots = &profiles[0]->free;
    int64 end = Min(latest + length, slots->first + slots->n);
    SiFree free[SI_MAX_ACCOUNTS];
    SiFit fit;

    if (latest < earliest || earliest < slots->first || end <= earliest)
        return SI_NO_SLOT;
    for (int i = 0; i < claim->n_accounts; i++)
    {
        int64 offset = earliest - profiles[i]->free.first;

        free[i] = (SiFree){profiles[i]->free.cpu + offset, profiles[i]->free.mem + offset};
    }
    si_fit_begin(&fit, claim->cpu_millicores, claim->memory_mib, length, latest);
    if (si_fit_feed(&fit, earliest, (int32) (end - earliest), free, claim->n_accounts) == SI_FIT_FOUND)
        return fit.run;
    /* Beyond the last slot nobody is. */
    return fit.run != SI_NO_SLOT && end < latest + length ? fit.run : SI_NO_SLOT;
}

/* Looks into one pool for a start before slot `before`. */
static bool
find_in(SiOutlook *outlook, const SiCandidate *candidate, const SiNeed *need, int64 before, SiGoal *out)
{
    const SiNamespace *namespace = &candidate->pool.namespace;
    const Profile *profiles[SI_MAX_ACCOUNTS];
    TimestampTz latest = candidate->fallback ? need->not_before + need->window_usecs : si_horizon(outlook->now);
    SiStarts s;
    SiClaim claim;

    si_claim_for(&candidate->pool, need->cpu_millicores, need->memory_mib, &claim);
    if (claim.n_accounts < 1)
        return false;
    for (int i = 0; i < claim.n_accounts; i++)
        profiles[i] = profile_of(outlook, namespace, &claim, i, true);
    si_search_starts(need, namespace->step_usecs, outlook->now, latest, &s);
    s.latest = Min(s.latest, before - 1);
    if (s.over || s.latest < s.earliest)
        return false;
    out->candidate = *candidate;
    if (s.begun)
    {
        out->length = s.length_begun;
        out->start = fit(profiles, &claim, out->length, s.earliest, s.earliest);
        if (out->start != SI_NO_SLOT)
            return true;
        s.earliest++;
    }
    out->length = s.length;
    out->start = fit(profiles, &claim, out->length, s.earliest, s.latest);
    return out->start != SI_NO_SLOT;
}

bool
si_outlook_find(SiOutlook *outlook, const SiNeed *need, TimestampTz before, SiGoal *out)
{
    SiCandidate *candidates;
    int n = si_place_candidates(need, &candidates);
    bool found = false;

    for (int i = 0; i < n; i++)
    {
        int64 step = candidates[i].pool.namespace.step_usecs;
        SiGoal goal;

        if (!find_in(outlook, &candidates[i], need, before == SI_NO_TIME ? PG_INT64_MAX : si_slot_ceil(before, step), &goal))
            continue;
        *out = goal;
        out->starts_at = si_slot_time(goal.start, step);
        before = out->starts_at;
        found = true;
    }
    return found;
}
