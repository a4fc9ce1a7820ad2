/*
 * search.c: where a need could start in one pool.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "flow/reclaim.h"
#include "flow/search.h"
#include "store/sql.h"

void
si_search_starts(const SiNeed *need, int64 step, TimestampTz now, TimestampTz latest, SiStarts *out)
{
    TimestampTz last = Min(latest, si_horizon(now));

    out->present = si_slot_floor(now, step);
    out->earliest = si_slot_ceil(need->not_before, step);
    /* Work wanted at or before the beginning of the present slot may start in it, at once; else starts round up (C2). */
    out->begun = out->earliest <= out->present;
    if (out->begun)
        out->earliest = out->present;
    out->over = si_slot_floor(last, step) < out->present;
    out->latest = Max(si_slot_floor(last, step), out->earliest);
    out->length = (int32) si_slot_ceil(need->duration_usecs, step);
    out->length_begun =
        need->same_length ? out->length : (int32) (si_slot_ceil(now + need->duration_usecs, step) - out->present);
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
    int64 start = SI_NO_SLOT;
    SiStarts s;

    CHECK_FOR_INTERRUPTS();
    si_search_starts(need, pool->namespace.step_usecs, now, latest_start, &s);
    if (s.over)
        return SI_NO_SLOT;
    if (s.begun)
    {
        *length = s.length_begun;
        start = find_from(pool, claim, free, *length, s.earliest, s.earliest);
        s.earliest++;
    }
    if (start == SI_NO_SLOT && s.earliest <= s.latest)
    {
        *length = s.length;
        start = find_from(pool, claim, free, *length, s.earliest, s.latest);
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

int64
si_search(const SiPoolRef *pool, const SiClaim *claim, const SiNeed *need, TimestampTz now, TimestampTz latest_start,
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
    found = si_search(reclaim->pool, claim, need, reclaim->now, latest, &free, &its_length, NULL);
    if (found == SI_NO_SLOT || (*start != SI_NO_SLOT && found >= *start))
        return false;
    *start = found;
    *length = its_length;
    return true;
}

bool
si_search_reclaims(const SiPoolRef *pool, const SiClaim *claim, const SiNeed *need, TimestampTz now, TimestampTz latest,
                   SiReclaim *reclaim, int64 *start, int32 *length)
{
    bool earlier;
    SiStarts s;

    si_search_starts(need, pool->namespace.step_usecs, now, latest, &s);
    if (pool->namespace.purpose != SI_NS_DEDICATED || pool->borrower || need->not_of_pool != 0 || claim->n_accounts == 0 ||
        s.over || *start == s.earliest)
        return false;
    /* No use looking behind the start that there is. */
    if (*start != SI_NO_SLOT)
        s.latest = Min(s.latest, *start);
    if (!si_reclaim_look(reclaim, pool, s.earliest, (int32) (s.latest - s.earliest + Max(s.length, s.length_begun)), now))
        return false;
    earlier = is_earlier(reclaim, SI_HARM_BORROWED, claim, need, latest, start, length);
    return is_earlier(reclaim, SI_HARM_RUNNING, claim, need, latest, start, length) || earlier;
}

int64
si_search_room(const SiPoolRef *pool, const SiClaim *claim, const SiNeed *need, TimestampTz now, TimestampTz latest,
               SiReclaim *reclaim, int32 *length, char **shortage)
{
    for (;;)
    {
        int64 start = si_search(pool, claim, need, now, latest, NULL, length, shortage);

        if (!si_search_reclaims(pool, claim, need, now, latest, reclaim, &start, length) ||
            si_reclaim_make_room(reclaim, start, *length, claim->cpu_millicores, claim->memory_mib))
            return start;
    }
}
