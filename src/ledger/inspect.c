/*
 * inspect.c: what is in memory, for those who check it and clear it up.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "ledger/holders.h"
#include "ledger/memory.h"

typedef struct Listing
{
    SiChunkName *names;
    int n;
    int room;
} Listing;

static void
list_chunk(const SiChunk *chunk, void *argument)
{
    Listing *listing = argument;

    if (listing->n < listing->room)
    {
        listing->names[listing->n].account = chunk->key.account;
        listing->names[listing->n].first = (int64) chunk->key.chunk * SI_CHUNK_SLOTS;
    }
    listing->n++;
}

int
si_ledger_chunks(SiChunkName **out)
{
    Listing listing = {NULL, 0, 0};

    /* Counted first: nothing may be allocated under the locks. */
    for (;;)
    {
        si_chunks_each(list_chunk, &listing);
        if (listing.n <= listing.room)
            break;
        listing.room = listing.n + 64;
        listing.n = 0;
        if (listing.names)
            pfree(listing.names);
        listing.names = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(SiChunkName) * listing.room);
    }
    *out = listing.names;
    return listing.n;
}

static void
copy_chunk(const SiChunk *chunk, SiChunkCopy *copy)
{
    const SiBlock *b = chunk->block;

    copy->lost = false;
    for (int i = 0; i < SI_CHUNK_SLOTS; i++)
    {
        copy->total_cpu[i] = b ? b->total_cpu[i] : chunk->total_cpu;
        copy->total_mem[i] = b ? b->total_mem[i] : chunk->total_mem;
        copy->reserved_cpu[i] = b ? b->total_cpu[i] - b->free_cpu[i] - b->open_cpu[i] : 0;
        copy->reserved_mem[i] = b ? b->total_mem[i] - b->free_mem[i] - b->open_mem[i] : 0;
        copy->lost |= b && chunk->users == 0 && (b->open_cpu[i] != 0 || b->open_mem[i] != 0);
    }
    copy->broken = chunk->broken;
}

SiLedgerAnswer
si_ledger_copy(SiChunkCopy *copy, Snapshot *snapshot)
{
    LWLock *lock = si_ledger_lock(&copy->account);
    Snapshot now;
    SiChunk *chunk;
    bool ending;

    /*
     * The snapshot is taken under the lock, which everybody needs to carry a commit into the chunk. It may raise when memory is
     * short, but nothing is changed here, and an error lets the lock go.
     */
    LWLockAcquire(lock, LW_SHARED);
    now = GetLatestSnapshot();
    ending = si_holders_are_ending(now);
    chunk = si_chunk_find(&copy->account, si_chunk_of(copy->first));
    if (chunk)
        copy_chunk(chunk, copy);
    LWLockRelease(lock);
    if (chunk == NULL)
        return SI_LEDGER_NO;
    if (ending)
        return SI_LEDGER_MISSING;
    *snapshot = RegisterSnapshot(now);
    return SI_LEDGER_YES;
}

bool
si_ledger_evict(const SiAccount *account, int64 first)
{
    LWLock *lock = si_ledger_lock(account);
    SiChunk *chunk;

    LWLockAcquire(lock, LW_EXCLUSIVE);
    chunk = si_chunk_find(account, si_chunk_of(first));
    if (chunk && chunk->users == 0)
    {
        si_chunk_drop(chunk);
        chunk = NULL;
    }
    LWLockRelease(lock);
    return chunk == NULL;
}
