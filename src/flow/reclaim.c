/*
 * reclaim.c: an owner takes back units that it lent.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "flow/load.h"
#include "flow/reclaim.h"
#include "store/sql.h"

static const char *
cause_of(const SiReclaim *reclaim)
{
    return psprintf("the owner of units that were borrowed in namespace \"%s\" takes them back", reclaim->pool->namespace.name);
}

/* Free for the owner: in its units, and in the namespace. */
static void
read_free(SiReclaim *reclaim, int64 first, int32 n)
{
    SiPoolRef namespace = {reclaim->pool->namespace};
    SiSlots allocated;
    SiSlots others;
    SiSlots taken;

    si_occupancy(reclaim->pool, first, n, &reclaim->free, &allocated);
    si_occupancy(&namespace, first, n, &others, &taken);
    for (int i = 0; i < n; i++)
    {
        reclaim->free.cpu[i] -= allocated.cpu[i];
        reclaim->free.mem[i] -= allocated.mem[i];
        others.cpu[i] -= taken.cpu[i];
        others.mem[i] -= taken.mem[i];
    }
    si_slots_min(&reclaim->free, &others);
}

static bool
is_busy(const SiReclaim *reclaim, const SiVictim *victim)
{
    for (int i = 0; i < reclaim->n_busy; i++)
        if (si_uuid_equal(&reclaim->busy[i], &victim->reservation_id))
            return true;
    return false;
}

bool
si_reclaim_look(SiReclaim *reclaim, const SiPoolRef *pool, int64 first, int32 n, TimestampTz now)
{
    int64 step = pool->namespace.step_usecs;
    int32 pool_id = si_pool_find(pool->namespace.name, pool->tenant_id);
    TimestampTz from = si_slot_time(first, step);
    TimestampTz until = si_slot_time(first + n, step);
    SiVictim *found;
    SiAmount *lent;
    int count;

    reclaim->pool = pool;
    reclaim->now = now;
    reclaim->n = 0;
    if (pool_id == 0 || si_lent_supply(pool->namespace.name, pool->tenant_id, from, until, &lent) == 0)
        return false;
    count = si_executions_in(pool->namespace.name, pool_id, true, from, until, &found);
    reclaim->victims = palloc((count + 1) * sizeof(SiVictim));
    reclaim->offers = palloc((count + 1) * sizeof(SiOffer));
    for (int i = 0; i < count; i++)
        if (!is_busy(reclaim, &found[i]) && si_displace_offer(&found[i], step, now, &reclaim->offers[reclaim->n]))
            reclaim->victims[reclaim->n++] = found[i];
    if (reclaim->n == 0)
        return false;
    read_free(reclaim, first, n);
    return true;
}

void
si_reclaim_free(const SiReclaim *reclaim, SiHarm most, SiSlots *out)
{
    const SiSlots *free = &reclaim->free;

    si_slots_make(out, free->first, free->n);
    memcpy(out->cpu, free->cpu, sizeof(int64) * free->n);
    memcpy(out->mem, free->mem, sizeof(int64) * free->n);
    for (int i = 0; i < reclaim->n; i++)
        if (reclaim->offers[i].harm <= (int32) most)
            si_slots_add(out, reclaim->offers[i].from, reclaim->offers[i].until, reclaim->offers[i].cpu, reclaim->offers[i].mem);
}

static void
leave_out(SiReclaim *reclaim, const SiVictim *victim)
{
    Size size = (reclaim->n_busy + 1) * sizeof(pg_uuid_t);

    reclaim->busy = reclaim->busy ? repalloc(reclaim->busy, size) : palloc(size);
    reclaim->busy[reclaim->n_busy++] = victim->reservation_id;
}

/* Locks those who are chosen and leaves out who is not free; whether all are. */
static bool
lock_chosen(SiReclaim *reclaim, SiDisplaced **locked, int *n)
{
    bool all = true;

    *n = 0;
    for (int i = reclaim->n - 1; i >= 0; i--)
    {
        SiDisplaced *d;

        if (!reclaim->offers[i].chosen)
            continue;
        CHECK_FOR_INTERRUPTS();
        d = palloc(sizeof(SiDisplaced));
        if (si_displace_lock(&reclaim->victims[i], d))
            locked[(*n)++] = d;
        else
        {
            leave_out(reclaim, &reclaim->victims[i]);
            all = false;
        }
    }
    return all;
}

bool
si_reclaim_make_room(SiReclaim *reclaim, int64 start, int32 n, int64 cpu_millicores, int64 memory_mib)
{
    SiDisplaced **locked = palloc((reclaim->n + 1) * sizeof(SiDisplaced *));
    int64 step = reclaim->pool->namespace.step_usecs;
    int n_locked;
    SiSlots lacking;

    si_slots_make(&lacking, start, n);
    for (int i = 0; i < n; i++)
    {
        int64 at = start + i - reclaim->free.first;

        lacking.cpu[i] = cpu_millicores - reclaim->free.cpu[at];
        lacking.mem[i] = memory_mib - reclaim->free.mem[at];
    }
    if (!si_victims_choose(&lacking, reclaim->offers, reclaim->n))
        elog(ERROR, "borrowed units that an owner was to have back are not enough");
    if (!lock_chosen(reclaim, locked, &n_locked))
        return false;
    reclaim->displaced = reclaim->displaced
                             ? repalloc(reclaim->displaced, (reclaim->n_displaced + n_locked + 1) * sizeof(SiDisplaced *))
                             : palloc((n_locked + 1) * sizeof(SiDisplaced *));
    for (int i = 0; i < n_locked; i++)
    {
        si_displace_out(locked[i], cause_of(reclaim), step, reclaim->now);
        reclaim->displaced[reclaim->n_displaced++] = locked[i];
    }
    return true;
}

void
si_reclaim_settle(SiReclaim *reclaim)
{
    for (int i = 0; i < reclaim->n_displaced; i++)
    {
        CHECK_FOR_INTERRUPTS();
        si_displace_in(reclaim->displaced[i], cause_of(reclaim), reclaim->now);
    }
}
