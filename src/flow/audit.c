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
#include "flow/limit_account.h"
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

/* Whose a chunk is: pool and namespace, or a limit; neither for a tenant's vCPU-hours. */
typedef struct Subject
{
    bool is_funds;
    bool is_limit;
    SiPool pool;
    SiNamespace namespace;
    SiLimit limit;
} Subject;

/* False when it is of a transaction that was rolled back: nobody finds it; or of a limit that nobody but its transaction does. */
static bool
subject_of(const SiAccount *account, Subject *out)
{
    out->is_funds = account->pool_id == SI_FUNDS;
    out->is_limit = account->pool_id == SI_LIMIT;
    if (out->is_limit)
    {
        bool found;

        si_sql_leave_own_out(true);
        found = si_limit_load(&account->tenant_id, &out->limit);
        si_sql_leave_own_out(false);
        return found;
    }
    return out->is_funds ||
           (si_pool_load(account->pool_id, &out->pool) && si_namespace_load(out->pool.namespace_name, &out->namespace));
}

static void
name_limit(SiDifference *d, const SiLimit *limit, int64 slot)
{
    strlcpy(d->namespace_name, limit->limit_name, sizeof(d->namespace_name));
    d->time_slot = si_slot_time(slot, SI_LIMIT_STEP_USECS);
    d->tenant_id = limit->tenant_id;
}

static void
keep(Audit *audit, const Subject *subject, const SiChunkCopy *copy, const SiSlots *total, const SiSlots *allocated, int i)
{
    const SiNamespace *namespace = &subject->namespace;
    const SiPool *pool = &subject->pool;
    SiDifference *d;

    if (audit->n == audit->room)
        audit->found = repalloc_huge(audit->found, sizeof(SiDifference) * (audit->room *= 2));
    d = &audit->found[audit->n++];
    memset(d, 0, sizeof(*d));
    d->tenant_id = copy->account.tenant_id;
    d->is_funds = subject->is_funds;
    d->is_limit = subject->is_limit;
    if (d->is_funds)
        (void) si_balance_grant_of(&d->tenant_id, (int32) copy->first + i, &d->grant_id);
    else if (d->is_limit)
        name_limit(d, &subject->limit, copy->first + i);
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
    const SiAccount *account = &copy->account;
    SiSlots total;
    SiSlots allocated;
    Snapshot snapshot;
    Subject subject;

    if (!subject_of(account, &subject) || !look(copy, &snapshot))
        return;
    if (subject.is_funds)
        si_funds_from_tables(&account->tenant_id, copy->first, SI_CHUNK_SLOTS, snapshot, &total, &allocated);
    else if (subject.is_limit)
        si_limit_from_tables(&account->tenant_id, copy->first, SI_CHUNK_SLOTS, snapshot, &total, &allocated);
    else
        si_account_from_tables(account, &subject.pool, &subject.namespace, copy->first, SI_CHUNK_SLOTS, snapshot, &total, &allocated);
    UnregisterSnapshot(snapshot);
    for (int i = 0; i < SI_CHUNK_SLOTS; i++)
        if (differs(copy, &total, &allocated, i) || (i == 0 && (copy->broken || copy->lost)))
            keep(audit, &subject, copy, &total, &allocated, i);
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
