/*
 * transaction.c: what this transaction did with accounts, and what its end does to shared memory.
 *
 * All is in TopTransactionContext and vanishes with it. The callbacks at the end of (sub)transactions allocate nothing and
 * raise nothing: positions have all that they need.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "ledger/holders.h"
#include "ledger/memory.h"
#include "ledger/transaction.h"
#include "pg/wake.h"

typedef struct Eviction
{
    struct Eviction *next;
    SubTransactionId sub;
    Oid database;
    Oid relation;
    bool supply;
} Eviction;

static SiPosition **positions = NULL; /* pointers stay valid while the array grows */
static int n_positions = 0;
static int max_positions = 0;
static Eviction *evictions = NULL;
static bool begun = false;
static bool callbacks_registered = false;

static bool
same_account(const SiAccount *a, const SiAccount *b)
{
    return a->pool_id == b->pool_id && memcmp(&a->tenant_id, &b->tenant_id, sizeof(pg_uuid_t)) == 0;
}

SiPosition *
si_position_find(const SiAccount *account)
{
    for (int i = n_positions - 1; i >= 0; i--)
        if (same_account(&positions[i]->account, account))
            return positions[i];
    return NULL;
}

bool
si_transaction_is_open(void)
{
    for (int i = 0; i < n_positions; i++)
        if (positions[i]->n_operations > 0)
            return true;
    return false;
}

bool
si_transaction_is_begun(void)
{
    return begun;
}

/* Amount of an operation in a slot of its range. */
static void
amount(const SiOperation *op, int64 slot, int64 *cpu, int64 *mem)
{
    if (op->cpus)
    {
        /* More supply is like something given, less like something taken. */
        *cpu = -op->cpus[slot - op->first];
        *mem = -op->mems[slot - op->first];
    }
    else
    {
        *cpu = op->cpu;
        *mem = op->mem;
    }
}

/* Counts an operation in the slots of [from, until). */
static void
count(SiPosition *p, const SiOperation *op, int64 from, int64 until)
{
    for (int64 slot = Max(op->first, from); slot < Min(op->first + op->n, until); slot++)
    {
        int64 i = slot - p->first;
        int64 cpu;
        int64 mem;

        amount(op, slot, &cpu, &mem);
        p->net_cpu[i] += cpu;
        p->net_mem[i] += mem;
        p->held_cpu[i] = Max(p->held_cpu[i], p->net_cpu[i]);
        p->held_mem[i] = Max(p->held_mem[i], p->net_mem[i]);
    }
}

void
si_position_add(SiPosition *p, const SiOperation *op)
{
    Assert(p->n_operations < p->max_operations && op->first >= p->first && op->first + op->n <= p->first + p->n);
    p->operations[p->n_operations++] = *op;
    p->has_supply |= op->cpus != NULL;
    count(p, op, op->first, op->first + op->n);
}

/* Gives slots back to shared memory; what was promised to others must not exceed the total. Needs the lock, exclusively. */
static void
put_back(SiChunk *chunk, int offset, int64 cpu, int64 mem, int64 closed_cpu, int64 closed_mem)
{
    SiBlock *b = chunk->block;

    b->free_cpu[offset] += cpu;
    b->free_mem[offset] += mem;
    b->open_cpu[offset] -= closed_cpu;
    b->open_mem[offset] -= closed_mem;
    if (b->free_cpu[offset] > b->total_cpu[offset] || b->free_mem[offset] > b->total_mem[offset] || b->open_cpu[offset] < 0 ||
        b->open_mem[offset] < 0)
        chunk->broken = true;
}

/* What a committing position adds to the supply of a chunk. */
static void
end_supply(const SiPosition *p, SiChunk *chunk)
{
    int64 first = (int64) chunk->key.chunk * SI_CHUNK_SLOTS;

    for (int o = 0; o < p->n_operations; o++)
    {
        const SiOperation *op = &p->operations[o];

        if (op->cpus == NULL || op->first >= first + SI_CHUNK_SLOTS || op->first + op->n <= first)
            continue;
        if (!si_chunk_expand(chunk))
        {
            chunk->broken = true; /* no memory to count in: SI005 until it is rebuilt */
            return;
        }
        for (int64 slot = Max(op->first, first); slot < Min(op->first + op->n, first + SI_CHUNK_SLOTS); slot++)
        {
            chunk->block->total_cpu[slot - first] += op->cpus[slot - op->first];
            chunk->block->total_mem[slot - first] += op->mems[slot - op->first];
        }
    }
}

static void
end_slot(const SiPosition *p, SiChunk *chunk, int64 slot, bool commit)
{
    int64 i = slot - p->first;
    int64 cpu = p->held_cpu[i] - (commit ? p->net_cpu[i] : 0);
    int64 mem = p->held_mem[i] - (commit ? p->net_mem[i] : 0);

    if (cpu == 0 && mem == 0 && p->held_cpu[i] == 0 && p->held_mem[i] == 0)
        return;
    if (cpu > 0 || mem > 0)
        si_waiting_freed();
    if (!si_chunk_expand(chunk))
    {
        chunk->broken = true; /* no memory to count in: SI005 until it is rebuilt */
        return;
    }
    put_back(chunk, (int) (slot - (int64) chunk->key.chunk * SI_CHUNK_SLOTS), cpu, mem, p->held_cpu[i], p->held_mem[i]);
}

void
si_position_use(SiPosition *p, SiChunk *chunk)
{
    for (int i = p->n_chunks - 1; i >= 0; i--)
        if (p->chunks[i] == chunk->key.chunk)
            return;
    Assert(p->n_chunks < p->max_chunks);
    p->chunks[p->n_chunks++] = chunk->key.chunk;
    chunk->users++;
}

/* Commit: what was given goes to others, the rest is not open any more. Abort: what was taken goes back. */
static void
end_position(SiPosition *p, bool commit)
{
    LWLock *lock = si_ledger_lock(&p->account);

    LWLockAcquire(lock, LW_EXCLUSIVE);
    for (int c = 0; c < p->n_chunks; c++)
    {
        SiChunk *chunk = si_chunk_find(&p->account, p->chunks[c]);
        int64 first = p->chunks[c] * SI_CHUNK_SLOTS;

        if (chunk == NULL)
            continue; /* this transaction has the ledger made anew */
        chunk->users--;
        if (commit && p->has_supply)
            end_supply(p, chunk);
        for (int64 slot = Max(p->first, first); slot < Min(p->first + p->n, first + SI_CHUNK_SLOTS); slot++)
            end_slot(p, chunk, slot, commit);
    }
    LWLockRelease(lock);
}

static void
uncount(const SiOperation *op)
{
    if (op->counted)
        si_holder_remove(&op->tenant_id, op->cpu, op->mem);
}

static void
forget(void)
{
    positions = NULL;
    n_positions = 0;
    max_positions = 0;
    evictions = NULL;
    begun = false;
}

static void
at_transaction_end(XactEvent event, void *argument)
{
    bool commit = event == XACT_EVENT_COMMIT;

    if (event == XACT_EVENT_PRE_PREPARE && (begun || evictions))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot PREPARE a transaction that asked for, or changed, capacity"),
                        errhint("Commit it with COMMIT.")));
    if (event == XACT_EVENT_PRE_COMMIT && (n_positions > 0 || evictions))
        si_holder_is_ending(true);
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
        return;
    if (commit && evictions)
        si_waiting_freed();
    for (int i = 0; i < n_positions; i++)
    {
        if (commit && positions[i]->has_supply)
            si_waiting_freed();
        end_position(positions[i], commit);
        for (int o = 0; o < positions[i]->n_operations; o++)
            uncount(&positions[i]->operations[o]);
    }
    if (n_positions > 0)
        si_holder_clear();
    for (Eviction *e = evictions; commit && e; e = e->next)
        (void) si_chunks_remove(e->database, e->relation);
    if (n_positions > 0 || evictions)
        si_holder_is_ending(false);
    forget();
}

/* Net and held of [from, until) by the operations that stand; what was held before goes to `before`. */
static void
recount(SiPosition *p, int64 from, int64 until)
{
    int64 first = from - p->first;
    int64 size = (until - from) * sizeof(int64);

    memcpy(p->before_cpu + first, p->held_cpu + first, size);
    memcpy(p->before_mem + first, p->held_mem + first, size);
    memset(p->net_cpu + first, 0, size);
    memset(p->net_mem + first, 0, size);
    memset(p->held_cpu + first, 0, size);
    memset(p->held_mem + first, 0, size);
    for (int o = 0; o < p->n_operations; o++)
        count(p, &p->operations[o], from, until);
}

/* Operations of the subtransaction and of those inside it are the last ones. */
static void
undo(SiPosition *p, SubTransactionId sub)
{
    int standing = p->n_operations;
    int64 from = PG_INT64_MAX;
    int64 until = PG_INT64_MIN;
    LWLock *lock;
    SiChunk *chunk = NULL;
    int64 at = PG_INT64_MIN;

    while (standing > 0 && p->operations[standing - 1].sub >= sub)
    {
        standing--;
        from = Min(from, p->operations[standing].first);
        until = Max(until, p->operations[standing].first + p->operations[standing].n);
        uncount(&p->operations[standing]);
    }
    if (standing == p->n_operations)
        return;
    /* Others may have looked for a place meanwhile. */
    si_waiting_freed();
    p->n_operations = standing;
    recount(p, from, until);
    lock = si_ledger_lock(&p->account);
    LWLockAcquire(lock, LW_EXCLUSIVE);
    for (int64 slot = from; slot < until; slot++)
    {
        int64 i = slot - p->first;
        int64 cpu = p->before_cpu[i] - p->held_cpu[i];
        int64 mem = p->before_mem[i] - p->held_mem[i];

        if (cpu == 0 && mem == 0)
            continue;
        if (si_chunk_of(slot) != at)
        {
            at = si_chunk_of(slot);
            chunk = si_chunk_find(&p->account, at);
        }
        if (chunk && chunk->block)
            put_back(chunk, (int) (slot - at * SI_CHUNK_SLOTS), cpu, mem, cpu, mem);
    }
    LWLockRelease(lock);
}

/*
 * Numbers of subtransactions grow, and one that is released inside another has a higher one: what it did is undone with the
 * other without being told.
 */
static void
at_subtransaction_end(SubXactEvent event, SubTransactionId sub, SubTransactionId parent, void *argument)
{
    if (event != SUBXACT_EVENT_ABORT_SUB)
        return;
    for (int i = 0; i < n_positions; i++)
        undo(positions[i], sub);
    while (evictions && evictions->sub >= sub)
        evictions = evictions->next;
}

static void
register_callbacks(void)
{
    if (callbacks_registered)
        return;
    RegisterXactCallback(at_transaction_end, NULL);
    RegisterSubXactCallback(at_subtransaction_end, NULL);
    callbacks_registered = true;
}

void
si_transaction_begin(void)
{
    register_callbacks();
    begun = true;
}

/* Makes the arrays cover [first, first + n), with room to spare where they must grow again. */
static void
cover(SiPosition *p, int64 first, int32 n)
{
    int64 from = p->n > 0 ? Min(p->first, first) : first;
    int64 until = p->n > 0 ? Max(p->first + p->n, first + n) : first + n;
    int64 *arrays;
    int64 size;

    if (p->n > 0 && from == p->first && until == p->first + p->n)
        return;
    if (p->n > 0)
    {
        from -= from < p->first ? p->n / 2 : 0;
        until += until > p->first + p->n ? p->n / 2 : 0;
    }
    size = until - from;
    arrays = MemoryContextAllocZero(TopTransactionContext, sizeof(int64) * 6 * size);
    if (p->n > 0)
    {
        int64 shift = p->first - from;

        memcpy(arrays + shift, p->net_cpu, sizeof(int64) * p->n);
        memcpy(arrays + size + shift, p->net_mem, sizeof(int64) * p->n);
        memcpy(arrays + 2 * size + shift, p->held_cpu, sizeof(int64) * p->n);
        memcpy(arrays + 3 * size + shift, p->held_mem, sizeof(int64) * p->n);
        pfree(p->net_cpu); /* the head of all six */
    }
    p->net_cpu = arrays;
    p->net_mem = arrays + size;
    p->held_cpu = arrays + 2 * size;
    p->held_mem = arrays + 3 * size;
    p->before_cpu = arrays + 4 * size;
    p->before_mem = arrays + 5 * size;
    p->first = from;
    p->n = (int32) size;
}

SiPosition *
si_position_open(const SiAccount *account, int64 first, int32 n)
{
    SiPosition *p = si_position_find(account);
    int64 chunks;

    register_callbacks();
    if (p == NULL)
    {
        if (n_positions == max_positions)
        {
            int room = Max(max_positions * 2, 8);
            SiPosition **array = MemoryContextAlloc(TopTransactionContext, sizeof(SiPosition *) * room);

            if (n_positions > 0)
                memcpy(array, positions, sizeof(SiPosition *) * n_positions);
            positions = array;
            max_positions = room;
        }
        p = MemoryContextAllocZero(TopTransactionContext, sizeof(SiPosition));
        p->account = *account;
        positions[n_positions++] = p;
    }
    cover(p, first, n);
    chunks = si_chunk_of(first + n - 1) - si_chunk_of(first) + 1;
    if (p->n_chunks + chunks > p->max_chunks)
    {
        int room = (int) Max(p->max_chunks * 2, p->n_chunks + chunks);
        int64 *array = MemoryContextAlloc(TopTransactionContext, sizeof(int64) * room);

        if (p->n_chunks > 0)
            memcpy(array, p->chunks, sizeof(int64) * p->n_chunks);
        p->chunks = array;
        p->max_chunks = room;
    }
    if (p->n_operations == p->max_operations)
    {
        int room = Max(p->max_operations * 2, 4);
        SiOperation *array = MemoryContextAlloc(TopTransactionContext, sizeof(SiOperation) * room);

        if (p->n_operations > 0)
            memcpy(array, p->operations, sizeof(SiOperation) * p->n_operations);
        p->operations = array;
        p->max_operations = room;
    }
    return p;
}

void
si_transaction_evict_at_commit(Oid database, Oid relation, bool supply)
{
    Eviction *e;

    /* What is listed already belongs to a subtransaction that holds this one. */
    for (e = evictions; e; e = e->next)
        if (e->database == database && e->relation == relation && (e->supply || !supply))
            return;
    register_callbacks();
    e = MemoryContextAlloc(TopTransactionContext, sizeof(Eviction));
    *e = (Eviction){evictions, GetCurrentSubTransactionId(), database, relation, supply};
    evictions = e;
}

bool
si_transaction_supply_is_outdated(void)
{
    for (Eviction *e = evictions; e; e = e->next)
        if (e->supply)
            return true;
    return false;
}
