/*
 * availability.c: what is free in a pool, slot by slot.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "domain/types.h"
#include "flow/availability.h"
#include "guc.h"
#include "pg/errors.h"
#include "store/reservations.h"

static void
slots_alloc(SiSlots *slots, int64 first, int32 n)
{
    slots->first = first;
    slots->n = n;
    slots->cpu = palloc0(n * sizeof(int64));
    slots->mem = palloc0(n * sizeof(int64));
}

/* Demand holds every slot that it touches (C1). */
static void
add_demand(SiSlots *slots, const SiAmount *amounts, int n, int64 step, int sign, bool only_own)
{
    for (int i = 0; i < n; i++)
        if (amounts[i].own || !only_own)
            si_slots_add(slots, si_slot_floor(amounts[i].from, step), si_slot_ceil(amounts[i].until, step),
                         sign * amounts[i].cpu_millicores, sign * amounts[i].memory_mib);
}

/* Supply counts in the slots that it covers wholly. */
static void
add_supply(SiSlots *slots, const SiAmount *amounts, int n, int64 step)
{
    for (int i = 0; i < n; i++)
    {
        int64 from = si_slot_ceil(amounts[i].from, step);
        int64 until = si_slot_floor(amounts[i].until, step);

        if (from < until)
            si_slots_add(slots, from, until, amounts[i].cpu_millicores, amounts[i].memory_mib);
    }
}

/* What the namespace has at an instant: the newest override that covers it, else its base. Lowers *cpu and *mem to it. */
static void
lower_to_total_at(TimestampTz at, const SiNamespace *namespace, const SiAmount *amounts, int n, int64 *cpu, int64 *mem)
{
    int newest = n - 1;

    while (newest >= 0 && !(amounts[newest].from <= at && at < amounts[newest].until))
        newest--;
    *cpu = Min(*cpu, newest < 0 ? namespace->cpu_millicores : amounts[newest].cpu_millicores);
    *mem = Min(*mem, newest < 0 ? namespace->memory_mib : amounts[newest].memory_mib);
}

/* A slot in which an override begins or ends has what it has at its poorest instant. */
static void
set_poorest(SiSlots *slots, int64 slot, const SiNamespace *namespace, const SiAmount *amounts, int n)
{
    TimestampTz begin = si_slot_time(slot, namespace->step_usecs);
    TimestampTz end = si_slot_time(slot + 1, namespace->step_usecs);
    int64 cpu = PG_INT64_MAX;
    int64 mem = PG_INT64_MAX;

    lower_to_total_at(begin, namespace, amounts, n, &cpu, &mem);
    for (int i = 0; i < n; i++)
    {
        if (amounts[i].from > begin && amounts[i].from < end)
            lower_to_total_at(amounts[i].from, namespace, amounts, n, &cpu, &mem);
        if (amounts[i].until > begin && amounts[i].until < end)
            lower_to_total_at(amounts[i].until, namespace, amounts, n, &cpu, &mem);
    }
    si_slots_set(slots, slot, slot + 1, cpu, mem);
}

/* An override replaces the total of the slots that it covers; the newest is set last and wins (C9). */
static void
set_overrides(SiSlots *slots, const SiNamespace *namespace, const SiAmount *amounts, int n)
{
    int64 step = namespace->step_usecs;

    for (int i = 0; i < n; i++)
        si_slots_set(slots, si_slot_floor(amounts[i].from, step), si_slot_ceil(amounts[i].until, step),
                     amounts[i].cpu_millicores, amounts[i].memory_mib);
    for (int i = 0; i < n; i++)
    {
        if (amounts[i].from % step != 0)
            set_poorest(slots, si_slot_floor(amounts[i].from, step), namespace, amounts, n);
        if (amounts[i].until % step != 0)
            set_poorest(slots, si_slot_floor(amounts[i].until, step), namespace, amounts, n);
    }
}

/* Physical total of a namespace: its base with overrides. Returns whether any override touches the slots. */
static bool
physical_total(const SiNamespace *namespace, SiSlots *total)
{
    TimestampTz from = si_slot_time(total->first, namespace->step_usecs);
    TimestampTz until = si_slot_time(total->first + total->n, namespace->step_usecs);
    SiAmount *overrides;
    int n = si_overrides(namespace->name, from, until, &overrides);

    si_slots_fill(total, namespace->cpu_millicores, namespace->memory_mib);
    set_overrides(total, namespace, overrides, n);
    return n > 0;
}

void
si_availability(const SiPoolRef *pool, int64 first, int32 n, SiSlots *free_slots)
{
    const SiNamespace *namespace = &pool->namespace;
    int64 step = namespace->step_usecs;
    TimestampTz from = si_slot_time(first, step);
    TimestampTz until = si_slot_time(first + n, step);
    bool dedicated = namespace->purpose == SI_NS_DEDICATED;
    int32 pool_id = si_pool_find(namespace->name, dedicated ? pool->tenant_id : NULL);
    SiAmount *amounts;
    int count;

    slots_alloc(free_slots, first, n);
    if (dedicated)
    {
        SiSlots whole;

        count = si_dedicated_supply(namespace->name, pool->tenant_id, from, until, &amounts);
        add_supply(free_slots, amounts, count, step);
        slots_alloc(&whole, first, n);
        /* Sold units never exceed the base (M10); only an override can make the namespace itself the bound. */
        if (physical_total(namespace, &whole))
        {
            count = si_demand(0, namespace->name, NULL, pool->except, from, until, &amounts);
            add_demand(&whole, amounts, count, step, -1, false);
        }
        if (pool_id != 0)
        {
            count = si_demand(pool_id, NULL, pool->tenant_id, pool->except, from, until, &amounts);
            add_demand(free_slots, amounts, count, step, -1, false);
        }
        si_slots_min(free_slots, &whole);
        return;
    }

    (void) physical_total(namespace, free_slots);
    count = si_demand(pool_id, namespace->name, pool->tenant_id, pool->except, from, until, &amounts);
    add_demand(free_slots, amounts, count, step, -1, false);
    if (pool->tenant_id != NULL && (namespace->tenant_cpu_millicores >= 0 || namespace->tenant_memory_mib >= 0))
    {
        SiSlots share;

        slots_alloc(&share, first, n);
        si_slots_fill(&share, namespace->tenant_cpu_millicores >= 0 ? namespace->tenant_cpu_millicores : PG_INT64_MAX / 2,
                      namespace->tenant_memory_mib >= 0 ? namespace->tenant_memory_mib : PG_INT64_MAX / 2);
        add_demand(&share, amounts, count, step, -1, true);
        si_slots_min(free_slots, &share);
    }
}

void
si_occupancy(const SiPoolRef *pool, int64 first, int32 n, SiSlots *total, SiSlots *allocated)
{
    const SiNamespace *namespace = &pool->namespace;
    int64 step = namespace->step_usecs;
    TimestampTz from = si_slot_time(first, step);
    TimestampTz until = si_slot_time(first + n, step);
    SiAmount *amounts;
    int count;

    slots_alloc(total, first, n);
    slots_alloc(allocated, first, n);
    if (namespace->purpose == SI_NS_DEDICATED && pool->tenant_id != NULL)
    {
        count = si_dedicated_supply(namespace->name, pool->tenant_id, from, until, &amounts);
        add_supply(total, amounts, count, step);
    }
    else
        (void) physical_total(namespace, total);
    count = si_demand(0, namespace->name, pool->tenant_id, NULL, from, until, &amounts);
    add_demand(allocated, amounts, count, step, 1, pool->tenant_id != NULL);
}

int32
si_availability_lock(const SiPoolRef *pool)
{
    bool dedicated = pool->namespace.purpose == SI_NS_DEDICATED;
    int32 pool_id;

    /* A dedicated namespace under an override is shared by its pools: one gate for them all, always taken first. */
    if (dedicated)
    {
        SiAmount *overrides;

        si_supply_lock_shared(pool->namespace.name);
        if (si_overrides(pool->namespace.name, DT_NOBEGIN, DT_NOEND, &overrides) > 0)
            si_namespace_lock(pool->namespace.name);
    }
    pool_id = si_pool_get(pool->namespace.name, dedicated ? pool->tenant_id : NULL);
    si_pool_lock(pool_id);
    return pool_id;
}

TimestampTz
si_horizon(TimestampTz now)
{
    return now + (int64) si_guc_horizon_days * USECS_PER_DAY;
}

void
si_require_horizon(const char *field, TimestampTz at, TimestampTz now)
{
    if (TIMESTAMP_NOT_FINITE(at))
        si_bad_value(field, timestamptz_to_str(at), "must be finite");
    if (at > si_horizon(now))
        ereport(ERROR, (errcode(ERRCODE_SI_LEDGER),
                        errmsg("%s %s is beyond the horizon, which ends at %s", field, pstrdup(timestamptz_to_str(at)),
                               pstrdup(timestamptz_to_str(si_horizon(now)))),
                        errhint("Raise sparkingest.horizon_days, now %d, or ask again later.", si_guc_horizon_days)));
}
