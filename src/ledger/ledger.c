/*
 * ledger.c: finding, taking and giving capacity.
 *
 * Shared memory and this transaction's own account of it (transaction.c) change together, under the partition locks, so
 * that no interrupt comes between them. What may fail, allocations and catalogs, comes before the locks; what is wrong is
 * told after them.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "domain/fit.h"
#include "guc.h"
#include "ledger/drop.h"
#include "ledger/holders.h"
#include "ledger/memory.h"
#include "ledger/transaction.h"
#include "pg/clock.h"
#include "pg/errors.h"
#include "pg/lock.h"

#define POLITE_TRIES 10

/* What became of an attempt under the locks. */
typedef enum Result
{
    DONE,
    NO_FIT,
    NO_MEMORY,
    NOT_LOADED,
    BROKEN,
    TOO_MUCH
} Result;

void
si_ledger_init(void)
{
    si_ledger_memory_init();
    si_holders_init();
    si_ledger_drop_init();
}

static void
complain(Result result)
{
    switch (result)
    {
        case TOO_MUCH:
            ereport(ERROR, (errcode(ERRCODE_SI_CAPACITY),
                            errmsg("the tenant would hold more than %d cores in transactions that have not ended",
                                   si_guc_max_uncommitted_cores),
                            errhint("Commit first; sparkingest.max_uncommitted_cores sets the limit, sparkingest.uncommitted_holders() "
                                    "shows who holds what.")));
            break;
        case DONE:
        case NO_FIT:
            break;
        case NO_MEMORY:
            ereport(ERROR, (errcode(ERRCODE_SI_LEDGER), errmsg("the capacity ledger is full"),
                            errhint("Raise sparkingest.ledger_memory and restart the server.")));
            break;
        case NOT_LOADED:
            break;
        case BROKEN:
            ereport(ERROR, (errcode(ERRCODE_SI_LEDGER), errmsg("the capacity ledger does not agree with itself"),
                            errhint("sparkingest.verify_ledger() tells where, sparkingest.rebuild_ledger() makes it anew.")));
    }
}

static SiLedgerAnswer
answer(Result result)
{
    complain(result);
    return result == DONE ? SI_LEDGER_YES : result == NO_FIT ? SI_LEDGER_NO
                                                             : SI_LEDGER_MISSING;
}

void
si_ledger_require(void)
{
    if (!si_ledger_is_there())
        ereport(ERROR, (errcode(ERRCODE_SI_LEDGER), errmsg("the capacity ledger is not there: sparkingest was not preloaded"),
                        errhint("Add sparkingest to shared_preload_libraries and restart the server.")));
    if (!si_ledger_enter())
        ereport(ERROR, (errcode(ERRCODE_SI_LEDGER), errmsg("extension \"sparkingest\" does not exist in this database")));
}

void
si_ledger_begin(void)
{
    /* What is in memory would not follow what is replayed, and be wrong after promotion. */
    PreventCommandDuringRecovery("a change of capacity");
    if (!si_transaction_is_begun())
        si_lock_to_end(SI_LOCK_LEDGER, 0, 0, true);
    si_transaction_begin();
    AcceptInvalidationMessages();
}

typedef struct Locks
{
    LWLock *lock[SI_MAX_ACCOUNTS];
    int n;
} Locks;

/* The partitions of a claim's accounts, in order, each once. */
static Locks
locks_of(const SiClaim *claim)
{
    Locks locks = {.n = 0};

    for (int i = 0; i < claim->n_accounts; i++)
    {
        LWLock *lock = si_ledger_lock(&claim->accounts[i]);
        int at = locks.n;

        while (at > 0 && locks.lock[at - 1] > lock)
            at--;
        if (at > 0 && locks.lock[at - 1] == lock)
            continue;
        memmove(&locks.lock[at + 1], &locks.lock[at], sizeof(LWLock *) * (locks.n - at));
        locks.lock[at] = lock;
        locks.n++;
    }
    return locks;
}

static void
acquire(const Locks *locks, LWLockMode mode)
{
    for (int i = 0; i < locks->n; i++)
        LWLockAcquire(locks->lock[i], mode);
}

static void
release(const Locks *locks)
{
    for (int i = locks->n - 1; i >= 0; i--)
        LWLockRelease(locks->lock[i]);
}

bool
si_ledger_missing(const SiAccount *account, int64 first, int32 n, int64 *from, int32 *count)
{
    LWLock *lock = si_ledger_lock(account);
    int64 least = PG_INT64_MAX;
    int64 most = PG_INT64_MIN;

    LWLockAcquire(lock, LW_SHARED);
    for (int64 chunk = si_chunk_of(first); chunk <= si_chunk_of(first + n - 1); chunk++)
        if (si_chunk_find(account, chunk) == NULL)
        {
            least = Min(least, chunk);
            most = chunk;
        }
    LWLockRelease(lock);
    if (least > most)
        return false;
    *from = least * SI_CHUNK_SLOTS;
    *count = (int32) ((most - least + 1) * SI_CHUNK_SLOTS);
    return true;
}

/* Whether all slots of a chunk's piece have the same total and nothing allocated. */
static bool
is_plain(const SiSlots *total, const SiSlots *allocated, int offset)
{
    for (int i = offset; i < offset + SI_CHUNK_SLOTS; i++)
        if (allocated->cpu[i] != 0 || allocated->mem[i] != 0 || total->cpu[i] != total->cpu[offset] ||
            total->mem[i] != total->mem[offset])
            return false;
    return true;
}

/*
 * Fills a new chunk; what this transaction holds in it already, from before it was here, is taken out of it. False when memory
 * is full.
 */
static bool
fill(SiChunk *chunk, SiPosition *position, const SiSlots *total, const SiSlots *allocated, int offset)
{
    int64 first = total->first + offset;
    bool ours = position && position->first < first + SI_CHUNK_SLOTS && position->first + position->n > first;

    chunk->total_cpu = total->cpu[offset];
    chunk->total_mem = total->mem[offset];
    if (!ours && is_plain(total, allocated, offset))
        return true;
    if (!si_chunk_expand(chunk))
        return false;
    for (int i = 0; i < SI_CHUNK_SLOTS; i++)
    {
        SiBlock *b = chunk->block;
        int64 slot = first + i;
        bool held = ours && slot >= position->first && slot < position->first + position->n;

        b->total_cpu[i] = total->cpu[offset + i];
        b->total_mem[i] = total->mem[offset + i];
        b->open_cpu[i] = held ? position->held_cpu[slot - position->first] : 0;
        b->open_mem[i] = held ? position->held_mem[slot - position->first] : 0;
        b->free_cpu[i] = b->total_cpu[i] - allocated->cpu[offset + i] - b->open_cpu[i];
        b->free_mem[i] = b->total_mem[i] - allocated->mem[offset + i] - b->open_mem[i];
    }
    if (ours)
        si_position_use(position, chunk);
    return true;
}

/* Loads one chunk, unless it is there. Whether there was memory for it; else what of: a block, or a chunk. */
static bool
load_chunk(const SiAccount *account, SiPosition *position, const SiSlots *total, const SiSlots *allocated, int offset,
           bool *needs_block)
{
    LWLock *lock = si_ledger_lock(account);
    SiChunk *chunk;
    bool good = true;

    LWLockAcquire(lock, LW_EXCLUSIVE);
    chunk = si_chunk_find(account, si_chunk_of(total->first + offset));
    if (chunk == NULL)
    {
        chunk = si_chunk_add(account, si_chunk_of(total->first + offset));
        good = chunk != NULL && fill(chunk, position, total, allocated, offset);
        *needs_block = chunk != NULL;
        if (!good && chunk)
            si_chunk_drop(chunk);
    }
    LWLockRelease(lock);
    return good;
}

void
si_ledger_load(const SiAccount *account, const SiSlots *total, const SiSlots *allocated)
{
    SiPosition *position = si_position_find(account);

    Assert(total->first % SI_CHUNK_SLOTS == 0 && total->n % SI_CHUNK_SLOTS == 0);
    if (position)
        (void) si_position_open(account, position->first, position->n); /* room to use all chunks that it covers */
    for (int offset = 0; offset < total->n; offset += SI_CHUNK_SLOTS)
    {
        bool needs_block;

        while (!load_chunk(account, position, total, allocated, offset, &needs_block))
            if (!si_chunks_make_room(account, needs_block))
                complain(NO_MEMORY);
    }
}

/* What this transaction may use of a slot beyond what is free for all. */
static void
add_credit(const SiPosition *p, int64 first, int32 n, int64 *cpu, int64 *mem)
{
    for (int64 slot = Max(first, p->first); slot < Min(first + n, p->first + p->n); slot++)
    {
        cpu[slot - first] += p->held_cpu[slot - p->first] - p->net_cpu[slot - p->first];
        mem[slot - first] += p->held_mem[slot - p->first] - p->net_mem[slot - p->first];
    }
}

/* What is free in a piece of one chunk, as far as all accounts agree. Needs the locks. */
static Result
read_free(const SiClaim *claim, SiPosition *const *positions, int64 first, int32 n, int64 *cpu, int64 *mem)
{
    int64 number = si_chunk_of(first);
    int offset = (int) (first - number * SI_CHUNK_SLOTS);

    if (claim->n_accounts < 1)
        return NOT_LOADED;
    for (int a = 0; a < claim->n_accounts; a++)
    {
        SiChunk *chunk = si_chunk_find(&claim->accounts[a], number);
        int64 own_cpu[SI_CHUNK_SLOTS];
        int64 own_mem[SI_CHUNK_SLOTS];
        int64 *to_cpu = a == 0 ? cpu : own_cpu;
        int64 *to_mem = a == 0 ? mem : own_mem;

        if (chunk == NULL)
            return NOT_LOADED;
        chunk->recent = true;
        if (chunk->broken)
            return BROKEN;
        for (int i = 0; i < n; i++)
        {
            to_cpu[i] = chunk->block ? chunk->block->free_cpu[offset + i] : chunk->total_cpu;
            to_mem[i] = chunk->block ? chunk->block->free_mem[offset + i] : chunk->total_mem;
        }
        if (positions[a])
            add_credit(positions[a], first, n, to_cpu, to_mem);
        for (int i = 0; a > 0 && i < n; i++)
        {
            cpu[i] = Min(cpu[i], own_cpu[i]);
            mem[i] = Min(mem[i], own_mem[i]);
        }
    }
    return DONE;
}

/* Accounts of which this transaction has nothing: no copies. Needs the locks. */
static Result
feed_directly(const SiClaim *claim, SiFit *fit, int64 first, int32 n, SiFitState *state)
{
    int64 number = si_chunk_of(first);
    int offset = (int) (first - number * SI_CHUNK_SLOTS);
    int64 cpu = PG_INT64_MAX; /* of accounts without a block, in every slot */
    int64 mem = PG_INT64_MAX;
    SiFree free[SI_MAX_ACCOUNTS];
    int n_free = 0;

    for (int a = 0; a < claim->n_accounts; a++)
    {
        SiChunk *chunk = si_chunk_find(&claim->accounts[a], number);

        if (chunk == NULL)
            return NOT_LOADED;
        chunk->recent = true;
        if (chunk->broken)
            return BROKEN;
        if (chunk->block)
            free[n_free++] = (SiFree){chunk->block->free_cpu + offset, chunk->block->free_mem + offset};
        else
        {
            cpu = Min(cpu, chunk->total_cpu);
            mem = Min(mem, chunk->total_mem);
        }
    }
    if (n_free == 0 || cpu < claim->cpu_millicores || mem < claim->memory_mib)
        *state = si_fit_feed_same(fit, first, n, cpu, mem);
    else
        *state = si_fit_feed(fit, first, n, free, n_free);
    return DONE;
}

SiLedgerAnswer
si_ledger_find(const SiClaim *claim, int32 length, int64 earliest, int64 latest, int64 *out)
{
    SiPosition *positions[SI_MAX_ACCOUNTS];
    Locks locks = locks_of(claim);
    bool plain = true;
    SiFitState state = SI_FIT_GOES_ON;
    Result result = DONE;
    int64 slot = earliest;
    SiFit fit;

    for (int a = 0; a < claim->n_accounts; a++)
    {
        positions[a] = si_position_find(&claim->accounts[a]);
        plain &= positions[a] == NULL;
    }
    si_fit_begin(&fit, claim->cpu_millicores, claim->memory_mib, length, latest);
    while (state == SI_FIT_GOES_ON && result == DONE && slot < latest + length)
    {
        int64 until = Min((si_chunk_of(slot) + 1) * SI_CHUNK_SLOTS, latest + length);
        int32 n = (int32) (until - slot);
        int64 cpu[SI_CHUNK_SLOTS];
        int64 mem[SI_CHUNK_SLOTS];

        acquire(&locks, LW_SHARED);
        if (plain)
            result = feed_directly(claim, &fit, slot, n, &state);
        else
            result = read_free(claim, positions, slot, n, cpu, mem);
        release(&locks);
        if (!plain && result == DONE)
            state = si_fit_feed(&fit, slot, n, &(SiFree){cpu, mem}, 1);
        slot = until;
    }
    if (result == DONE && state != SI_FIT_FOUND)
        result = NO_FIT;
    *out = fit.run;
    return answer(result);
}

/* Whether the whole range fits, and blocks for all of it. Needs the locks, exclusively. */
static Result
prepare(const SiClaim *claim, SiPosition *const *positions, int64 first, int32 n, bool force)
{
    for (int64 slot = first; slot < first + n;)
    {
        int64 until = Min((si_chunk_of(slot) + 1) * SI_CHUNK_SLOTS, first + n);
        int64 cpu[SI_CHUNK_SLOTS];
        int64 mem[SI_CHUNK_SLOTS];
        Result result = read_free(claim, positions, slot, (int32) (until - slot), cpu, mem);

        if (result != DONE && !(force && result == BROKEN))
            return result;
        for (int i = 0; i < until - slot && !force; i++)
            if (cpu[i] < claim->cpu_millicores || mem[i] < claim->memory_mib)
                return NO_FIT;
        for (int a = 0; a < claim->n_accounts; a++)
            if (!si_chunk_expand(si_chunk_find(&claim->accounts[a], si_chunk_of(slot))))
                return NO_MEMORY;
        slot = until;
    }
    return DONE;
}

/*
 * Adds an operation to a position and takes from shared memory what it holds more for it. All chunks that are in memory have
 * blocks. One that is not is skipped: when it is loaded, what we hold is seen (fill). Needs the lock, exclusively.
 */
static void
apply(SiPosition *p, const SiOperation *op)
{
    SiChunk *chunk = NULL;
    int64 at = PG_INT64_MIN;
    int64 slot;

    /* Take what will be held, then note it: net and held follow the same rule in si_position_add. */
    for (slot = op->first; slot < op->first + op->n; slot++)
    {
        int64 i = slot - p->first;
        int64 cpu = op->cpus ? -op->cpus[slot - op->first] : op->cpu;
        int64 mem = op->mems ? -op->mems[slot - op->first] : op->mem;
        int64 more_cpu = Max(p->net_cpu[i] + cpu - p->held_cpu[i], 0);
        int64 more_mem = Max(p->net_mem[i] + mem - p->held_mem[i], 0);
        int offset;

        if (si_chunk_of(slot) != at)
        {
            at = si_chunk_of(slot);
            chunk = si_chunk_find(&p->account, at);
            if (chunk)
                si_position_use(p, chunk);
        }
        if (chunk == NULL || (more_cpu == 0 && more_mem == 0))
            continue;
        Assert(chunk->block);
        offset = (int) (slot - at * SI_CHUNK_SLOTS);
        chunk->block->free_cpu[offset] -= more_cpu;
        chunk->block->free_mem[offset] -= more_mem;
        chunk->block->open_cpu[offset] += more_cpu;
        chunk->block->open_mem[offset] += more_mem;
    }
    si_position_add(p, op);
}

static Result
try_take(const SiClaim *claim, SiPosition *const *positions, int64 first, int32 n, bool force)
{
    SiOperation op = {.sub = GetCurrentSubTransactionId(),
                      .first = first,
                      .n = n,
                      .cpu = claim->cpu_millicores,
                      .mem = claim->memory_mib,
                      .tenant_id = claim->tenant_id};
    int64 most = si_guc_max_uncommitted_cores * INT64CONST(1000);
    TimestampTz now = si_now();
    Locks locks = locks_of(claim);
    Result result;

    acquire(&locks, LW_EXCLUSIVE);
    result = prepare(claim, positions, first, n, force);
    if (result == DONE && !claim->uncounted &&
        !si_holder_add(&claim->tenant_id, claim->cpu_millicores, claim->memory_mib, force ? 0 : most, now))
        result = TOO_MUCH;
    for (int a = 0; a < claim->n_accounts && result == DONE; a++)
    {
        op.counted = a == 0 && !claim->uncounted;
        apply(positions[a], &op);
    }
    release(&locks);
    return result;
}

SiLedgerAnswer
si_ledger_take(const SiClaim *claim, int64 first, int32 n, bool force)
{
    SiPosition *positions[SI_MAX_ACCOUNTS];
    Result result;

    if (!force && si_transaction_supply_is_outdated())
        ereport(ERROR, (errcode(ERRCODE_SI_STATE),
                        errmsg("capacity cannot be reserved in a transaction that changed a namespace or truncated what it has"),
                        errhint("Commit first.")));
    si_ledger_begin();
    for (int a = 0; a < claim->n_accounts; a++)
        positions[a] = si_position_open(&claim->accounts[a], first, n);
    do
        result = try_take(claim, positions, first, n, force);
    while (result == NO_MEMORY && si_chunks_make_room(&claim->accounts[0], true));
    return answer(result);
}

/* Uses all chunks of a range; false when one is not in memory. Needs the lock, exclusively. */
static bool
use(SiPosition *position, int64 first, int32 n)
{
    for (int64 number = si_chunk_of(first); number <= si_chunk_of(first + n - 1); number++)
    {
        SiChunk *chunk = si_chunk_find(&position->account, number);

        if (chunk == NULL)
            return false;
        chunk->recent = true;
        si_position_use(position, chunk);
    }
    return true;
}

bool
si_ledger_give(const SiClaim *claim, int64 first, int32 n)
{
    SiOperation op = {.sub = GetCurrentSubTransactionId(),
                      .first = first,
                      .n = n,
                      .cpu = -claim->cpu_millicores,
                      .mem = -claim->memory_mib};
    SiPosition *positions[SI_MAX_ACCOUNTS];
    Locks locks = locks_of(claim);
    bool good = true;

    si_ledger_begin();
    for (int a = 0; a < claim->n_accounts; a++)
        positions[a] = si_position_open(&claim->accounts[a], first, n);
    /* Amounts in shared memory change at the commit only; until then the chunks must stay. */
    acquire(&locks, LW_EXCLUSIVE);
    for (int a = 0; a < claim->n_accounts && good; a++)
        good = use(positions[a], first, n);
    release(&locks);
    for (int a = 0; a < claim->n_accounts && good; a++)
        si_position_add(positions[a], &op);
    return good;
}

/*
 * Blocks for all chunks of a range that are in memory: what happens to them later, at the commit, cannot fail. With `all` none
 * may be missing.
 */
static Result
expand_all(const SiAccount *account, int64 first, int32 n, bool all)
{
    for (int64 number = si_chunk_of(first); number <= si_chunk_of(first + n - 1); number++)
    {
        SiChunk *chunk = si_chunk_find(account, number);

        if (chunk == NULL && all)
            return NOT_LOADED;
        if (chunk && !si_chunk_expand(chunk))
            return NO_MEMORY;
    }
    return DONE;
}

bool
si_ledger_supply(const SiAccount *account, const SiSlots *change, bool all)
{
    SiOperation op = {.sub = GetCurrentSubTransactionId(), .first = change->first, .n = change->n};
    LWLock *lock = si_ledger_lock(account);
    SiPosition *position;
    Result result;

    si_ledger_begin();
    position = si_position_open(account, change->first, change->n);
    op.cpus = MemoryContextAlloc(TopTransactionContext, sizeof(int64) * change->n);
    op.mems = MemoryContextAlloc(TopTransactionContext, sizeof(int64) * change->n);
    memcpy(op.cpus, change->cpu, sizeof(int64) * change->n);
    memcpy(op.mems, change->mem, sizeof(int64) * change->n);
    do
    {
        LWLockAcquire(lock, LW_EXCLUSIVE);
        result = expand_all(account, change->first, change->n, all);
        if (result == DONE)
            apply(position, &op);
        LWLockRelease(lock);
    } while (result == NO_MEMORY && si_chunks_make_room(account, true));
    complain(result);
    return result == DONE;
}

/* Own supply that others do not see yet. */
static void
add_own_supply(const SiPosition *p, SiSlots *total)
{
    for (int o = 0; p && p->has_supply && o < p->n_operations; o++)
    {
        const SiOperation *op = &p->operations[o];

        if (op->cpus)
            for (int64 slot = Max(op->first, total->first); slot < Min(op->first + op->n, total->first + total->n); slot++)
            {
                total->cpu[slot - total->first] += op->cpus[slot - op->first];
                total->mem[slot - total->first] += op->mems[slot - op->first];
            }
    }
}

bool
si_ledger_read(const SiAccount *account, SiSlots *total, SiSlots *allocated)
{
    SiPosition *position = si_position_find(account);
    LWLock *lock = si_ledger_lock(account);
    Result result = DONE;

    for (int64 slot = total->first; slot < total->first + total->n && result == DONE;)
    {
        int64 until = Min((si_chunk_of(slot) + 1) * SI_CHUNK_SLOTS, total->first + total->n);
        SiChunk *chunk;

        LWLockAcquire(lock, LW_SHARED);
        chunk = si_chunk_find(account, si_chunk_of(slot));
        result = chunk ? DONE : NOT_LOADED;
        if (chunk)
            chunk->recent = true;
        for (; chunk && slot < until; slot++)
        {
            int64 i = slot - total->first;
            int offset = (int) (slot - si_chunk_of(slot) * SI_CHUNK_SLOTS);

            total->cpu[i] = chunk->block ? chunk->block->total_cpu[offset] : chunk->total_cpu;
            total->mem[i] = chunk->block ? chunk->block->total_mem[offset] : chunk->total_mem;
            allocated->cpu[i] = chunk->block ? total->cpu[i] - chunk->block->free_cpu[offset] : 0;
            allocated->mem[i] = chunk->block ? total->mem[i] - chunk->block->free_mem[offset] : 0;
        }
        LWLockRelease(lock);
    }
    if (result != DONE)
        return false;
    if (position)
    {
        /* allocated = total - free - credit; own supply is in the credit and in the total alike. */
        SiSlots credit = *allocated;

        credit.cpu = palloc0(sizeof(int64) * total->n);
        credit.mem = palloc0(sizeof(int64) * total->n);
        add_credit(position, total->first, total->n, credit.cpu, credit.mem);
        for (int i = 0; i < total->n; i++)
        {
            allocated->cpu[i] -= credit.cpu[i];
            allocated->mem[i] -= credit.mem[i];
        }
        add_own_supply(position, total);
        for (int i = 0; i < total->n; i++)
            credit.cpu[i] = credit.mem[i] = 0;
        add_own_supply(position, &credit);
        for (int i = 0; i < total->n; i++)
        {
            allocated->cpu[i] += credit.cpu[i];
            allocated->mem[i] += credit.mem[i];
        }
    }
    return true;
}

void
si_ledger_seize(SiOutdated what)
{
    bool now = what == SI_OUTDATED_ALL;
    bool seized = false;

    if (now && si_transaction_is_open())
        ereport(ERROR, (errcode(ERRCODE_SI_STATE),
                        errmsg("the ledger cannot be made anew in a transaction that reserved or released capacity"),
                        errhint("Commit first.")));
    PreventCommandDuringRecovery("a rebuild of the ledger");
    /*
     * Without a place in the queue, so that nobody waits behind us for a transaction that goes on for long (C6). Where others
     * come all the time there is no moment without any: then in the queue after all, behind transactions that are short.
     */
    for (int i = 0; i < POLITE_TRIES && !seized; i++)
    {
        CHECK_FOR_INTERRUPTS();
        si_lock_wait_for_holders(SI_LOCK_LEDGER, 0, 0);
        seized = si_lock_to_end_try(SI_LOCK_LEDGER, 0, 0);
    }
    if (!seized)
        si_lock_to_end(SI_LOCK_LEDGER, 0, 0, false);
    if (now)
        (void) si_chunks_remove(MyDatabaseId, si_ledger_relation());
    si_transaction_evict_at_commit(MyDatabaseId, si_ledger_relation(), what == SI_OUTDATED_SUPPLY);
}
