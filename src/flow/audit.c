/*
 * audit.c: whether the ledger agrees with the tables.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "flow/audit.h"
#include "flow/availability.h"
#include "store/sql.h"

#define LOOKS 6
#define PAUSE_USECS 20000L

typedef struct Audit
{
    SiDifference *found;
    int n;
    int room;
} Audit;

/* Differences of one slot, as far as this look can tell. */
static bool
differs(const SiChunkCopy *copy, const SiSlots *total, const SiSlots *allocated, int i)
{
    return copy->total_cpu[i] != total->cpu[i] || copy->total_mem[i] != total->mem[i] ||
           copy->reserved_cpu[i] != allocated->cpu[i] || copy->reserved_mem[i] != allocated->mem[i];
}

static bool
same_difference(const SiChunkCopy *before, const SiSlots *total_before, const SiSlots *allocated_before,
                const SiChunkCopy *copy, const SiSlots *total, const SiSlots *allocated, int i)
{
    return copy->total_cpu[i] - total->cpu[i] == before->total_cpu[i] - total_before->cpu[i] &&
           copy->total_mem[i] - total->mem[i] == before->total_mem[i] - total_before->mem[i] &&
           copy->reserved_cpu[i] - allocated->cpu[i] == before->reserved_cpu[i] - allocated_before->cpu[i] &&
           copy->reserved_mem[i] - allocated->mem[i] == before->reserved_mem[i] - allocated_before->mem[i];
}

static void
keep(Audit *audit, const SiPool *pool, const SiNamespace *namespace, const SiChunkCopy *copy, const SiSlots *total,
     const SiSlots *allocated, int i)
{
    SiDifference *d;

    if (audit->n == audit->room)
        audit->found = repalloc_huge(audit->found, sizeof(SiDifference) * (audit->room *= 2));
    d = &audit->found[audit->n++];
    memset(d, 0, sizeof(*d));
    strlcpy(d->namespace_name, namespace->name, sizeof(d->namespace_name));
    d->tenant_id = pool->has_tenant ? pool->tenant_id : copy->account.tenant_id;
    d->has_tenant = !si_uuid_equal(&d->tenant_id, &(pg_uuid_t){{0}});
    d->time_slot = si_slot_time(copy->first + i, namespace->step_usecs);
    d->ledger_cpu = copy->reserved_cpu[i];
    d->table_cpu = allocated->cpu[i];
    d->ledger_mem = copy->reserved_mem[i];
    d->table_mem = allocated->mem[i];
    d->ledger_total_cpu = copy->total_cpu[i];
    d->table_total_cpu = total->cpu[i];
    d->ledger_total_mem = copy->total_mem[i];
    d->table_total_mem = total->mem[i];
}

/* One look: memory, then the tables. False when the chunk left memory. */
static bool
look(SiChunkCopy *copy, const SiPool *pool, const SiNamespace *namespace, SiSlots *total, SiSlots *allocated)
{
    if (!si_ledger_copy(copy))
        return false;
    si_account_from_tables(&copy->account, pool, namespace, copy->first, SI_CHUNK_SLOTS, total, allocated);
    return true;
}

static void
audit_chunk(Audit *audit, SiChunkCopy *copy)
{
    bool suspicious[SI_CHUNK_SLOTS];
    SiChunkCopy before;
    SiNamespace namespace;
    SiSlots total_before, allocated_before, total, allocated;
    SiPool pool;
    int left = 0;

    if (!si_pool_load(copy->account.pool_id, &pool) || !si_namespace_load(pool.namespace_name, &namespace))
        return; /* of a transaction that was rolled back: nobody finds it */
    if (!look(copy, &pool, &namespace, &total, &allocated))
        return;
    for (int i = 0; i < SI_CHUNK_SLOTS; i++)
        left += suspicious[i] = differs(copy, &total, &allocated, i);
    for (int again = 1; again < LOOKS && left > 0; again++)
    {
        CHECK_FOR_INTERRUPTS();
        pg_usleep(PAUSE_USECS);
        before = *copy;
        total_before = total;
        allocated_before = allocated;
        if (!look(copy, &pool, &namespace, &total, &allocated))
            return;
        left = 0;
        for (int i = 0; i < SI_CHUNK_SLOTS; i++)
        {
            suspicious[i] = suspicious[i] && differs(copy, &total, &allocated, i) &&
                            same_difference(&before, &total_before, &allocated_before, copy, &total, &allocated, i);
            left += suspicious[i];
        }
    }
    for (int i = 0; i < SI_CHUNK_SLOTS && left > 0; i++)
        if (suspicious[i])
            keep(audit, &pool, &namespace, copy, &total, &allocated, i);
}

int
si_audit(SiDifference **out)
{
    MemoryContext context = CurrentMemoryContext;
    MemoryContext each = AllocSetContextCreate(context, "sparkingest audit", ALLOCSET_DEFAULT_SIZES);
    Audit audit = {palloc(sizeof(SiDifference) * 64), 0, 64};
    SiChunkName *chunks;
    int n = si_ledger_chunks(&chunks);

    for (int i = 0; i < n; i++)
    {
        SiChunkCopy copy;

        CHECK_FOR_INTERRUPTS();
        copy.account = chunks[i].account;
        copy.first = chunks[i].first;
        MemoryContextSwitchTo(each);
        audit_chunk(&audit, &copy);
        MemoryContextSwitchTo(context);
        MemoryContextReset(each);
    }
    MemoryContextDelete(each);
    *out = audit.found;
    return audit.n;
}
