/*
 * audit.c: whether the ledger agrees with the tables.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "flow/audit.h"
#include "flow/availability.h"
#include "flow/funds.h"
#include "store/sql.h"

/* A commit is on its way for microseconds, unless its backend is held up. */
#define MOST_LOOKS 1000
#define PAUSE_USECS 2000L

typedef struct Audit
{
    SiDifference *found;
    int n;
    int room;
} Audit;

static bool
differs(const SiChunkCopy *copy, const SiSlots *total, const SiSlots *allocated, int i)
{
    return copy->total_cpu[i] != total->cpu[i] || copy->total_mem[i] != total->mem[i] ||
           copy->reserved_cpu[i] != allocated->cpu[i] || copy->reserved_mem[i] != allocated->mem[i];
}

/* pool and namespace are NULL for a tenant's vCPU-hours. */
static void
keep(Audit *audit, const SiPool *pool, const SiNamespace *namespace, const SiChunkCopy *copy, const SiSlots *total,
     const SiSlots *allocated, int i)
{
    SiDifference *d;

    if (audit->n == audit->room)
        audit->found = repalloc_huge(audit->found, sizeof(SiDifference) * (audit->room *= 2));
    d = &audit->found[audit->n++];
    memset(d, 0, sizeof(*d));
    d->tenant_id = copy->account.tenant_id;
    d->is_funds = pool == NULL;
    if (d->is_funds)
        (void) si_balance_grant_of(&d->tenant_id, (int32) copy->first + i, &d->grant_id);
    else
    {
        strlcpy(d->namespace_name, namespace->name, sizeof(d->namespace_name));
        d->time_slot = si_slot_time(copy->first + i, namespace->step_usecs);
        if (pool->has_tenant)
            d->tenant_id = pool->tenant_id;
    }
    d->has_tenant = !si_uuid_equal(&d->tenant_id, &(pg_uuid_t){{0}});
    d->broken = i == 0 && (copy->broken || copy->lost);
    d->ledger_cpu = copy->reserved_cpu[i];
    d->table_cpu = allocated->cpu[i];
    d->ledger_mem = copy->reserved_mem[i];
    d->table_mem = allocated->mem[i];
    d->ledger_total_cpu = copy->total_cpu[i];
    d->table_total_cpu = total->cpu[i];
    d->ledger_total_mem = copy->total_mem[i];
    d->table_total_mem = total->mem[i];
}

/* The chunk and a snapshot that says the same, if both agree. False when the chunk left memory, or somebody is held up. */
static bool
look(SiChunkCopy *copy, Snapshot *snapshot)
{
    for (int i = 0; i < MOST_LOOKS; i++)
    {
        SiLedgerAnswer answer = si_ledger_copy(copy, snapshot);

        if (answer != SI_LEDGER_MISSING)
            return answer == SI_LEDGER_YES;
        CHECK_FOR_INTERRUPTS();
        if (i > 10)
            pg_usleep(PAUSE_USECS);
    }
    return false;
}

static void
audit_chunk(Audit *audit, SiChunkCopy *copy)
{
    SiNamespace namespace;
    SiSlots total;
    SiSlots allocated;
    bool is_funds = copy->account.pool_id == SI_FUNDS;
    Snapshot snapshot;
    SiPool pool;

    if (!is_funds && (!si_pool_load(copy->account.pool_id, &pool) || !si_namespace_load(pool.namespace_name, &namespace)))
        return; /* of a transaction that was rolled back: nobody finds it */
    if (!look(copy, &snapshot))
        return;
    if (is_funds)
        si_funds_from_tables(&copy->account.tenant_id, copy->first, SI_CHUNK_SLOTS, snapshot, &total, &allocated);
    else
        si_account_from_tables(&copy->account, &pool, &namespace, copy->first, SI_CHUNK_SLOTS, snapshot, &total, &allocated);
    UnregisterSnapshot(snapshot);
    for (int i = 0; i < SI_CHUNK_SLOTS; i++)
        if (differs(copy, &total, &allocated, i) || (i == 0 && (copy->broken || copy->lost)))
            keep(audit, is_funds ? NULL : &pool, is_funds ? NULL : &namespace, copy, &total, &allocated, i);
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
