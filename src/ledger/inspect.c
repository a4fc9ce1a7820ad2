/*
 * inspect.c: what is in memory, for those who check it and clear it up.
 */
#include "postgres.h"

#include "utils/memutils.h"

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

bool
si_ledger_copy(SiChunkCopy *copy)
{
    LWLock *lock = si_ledger_lock(&copy->account);
    SiChunk *chunk;

    LWLockAcquire(lock, LW_SHARED);
    chunk = si_chunk_find(&copy->account, si_chunk_of(copy->first));
    for (int i = 0; chunk && i < SI_CHUNK_SLOTS; i++)
    {
        const SiBlock *b = chunk->block;

        copy->total_cpu[i] = b ? b->total_cpu[i] : chunk->total_cpu;
        copy->total_mem[i] = b ? b->total_mem[i] : chunk->total_mem;
        copy->reserved_cpu[i] = b ? b->total_cpu[i] - b->free_cpu[i] - b->open_cpu[i] : 0;
        copy->reserved_mem[i] = b ? b->total_mem[i] - b->free_mem[i] - b->open_mem[i] : 0;
    }
    if (chunk)
    {
        copy->version = chunk->version;
        copy->broken = chunk->broken;
    }
    LWLockRelease(lock);
    return chunk != NULL;
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
