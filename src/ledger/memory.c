/*
 * memory.c: the ledger's shared memory.
 *
 * Two areas of fixed size: a partitioned hash table of chunks and an array of blocks, sized by sparkingest.ledger_memory:
 * one block takes 13.5 KiB, and there are CHUNKS_PER_BLOCK chunks per block.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"

#include "guc.h"
#include "ledger/memory.h"

#define PARTITIONS 64 /* a power of two */
#define TRANCHE "sparkingest ledger"
#define CHUNKS_PER_BLOCK 4

typedef struct Blocks
{
    slock_t lock; /* protects all of this, and next_free of all blocks */
    SiBlock *free;
    int64 used;
} Blocks;

static Blocks *blocks = NULL;
static HTAB *chunks = NULL;
static LWLockPadded *locks = NULL;
static Oid relation = InvalidOid;
static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static int64
block_count(void)
{
    return Max((int64) si_guc_ledger_memory * 1024 * 1024 / (int64) (sizeof(SiBlock) + CHUNKS_PER_BLOCK * 160), 16);
}

/* The low bits choose the partition and depend on the account alone, so that one lock covers all of its chunks. */
static uint32
hash_key(const void *key, Size size)
{
    const SiChunkKey *k = key;
    uint32 account = hash_bytes((const unsigned char *) key, offsetof(SiChunkKey, chunk));

    return (account & (PARTITIONS - 1)) | (hash_combine(account, hash_uint32((uint32) k->chunk)) & ~(PARTITIONS - 1));
}

static Size
memory_size(void)
{
    Size size = MAXALIGN(sizeof(Blocks));

    size = add_size(size, mul_size(block_count(), sizeof(SiBlock)));
    return add_size(size, hash_estimate_size(block_count() * CHUNKS_PER_BLOCK, sizeof(SiChunk)));
}

static void
request_memory(void)
{
    if (previous_request_hook)
        previous_request_hook();
    RequestAddinShmemSpace(memory_size());
    RequestNamedLWLockTranche(TRANCHE, PARTITIONS);
}

static void
attach_memory(void)
{
    HASHCTL control = {.keysize = sizeof(SiChunkKey),
                       .entrysize = sizeof(SiChunk),
                       .hash = hash_key,
                       .num_partitions = PARTITIONS};
    int64 count = block_count();
    bool found;

    if (previous_startup_hook)
        previous_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    blocks = ShmemInitStruct("sparkingest ledger blocks", MAXALIGN(sizeof(Blocks)) + count * sizeof(SiBlock), &found);
    if (!found)
    {
        SiBlock *all = (SiBlock *) ((char *) blocks + MAXALIGN(sizeof(Blocks)));

        SpinLockInit(&blocks->lock);
        blocks->free = NULL;
        blocks->used = 0;
        for (int64 i = count - 1; i >= 0; i--)
        {
            all[i].next_free = blocks->free;
            blocks->free = &all[i];
        }
    }
    chunks = ShmemInitHash("sparkingest ledger chunks", count * CHUNKS_PER_BLOCK, count * CHUNKS_PER_BLOCK, &control,
                           HASH_ELEM | HASH_FUNCTION | HASH_PARTITION | HASH_FIXED_SIZE);
    LWLockRelease(AddinShmemInitLock);
    locks = GetNamedLWLockTranche(TRANCHE);
}

void
si_ledger_memory_init(void)
{
    previous_request_hook = shmem_request_hook;
    shmem_request_hook = request_memory;
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = attach_memory;
}

bool
si_ledger_is_there(void)
{
    return chunks != NULL;
}

bool
si_ledger_enter(void)
{
    Oid schema = get_namespace_oid("sparkingest", true);

    relation = OidIsValid(schema) ? get_relname_relid("reservations", schema) : InvalidOid;
    return OidIsValid(relation);
}

Oid
si_ledger_relation(void)
{
    return relation;
}

static void
make_key(const SiAccount *account, int64 chunk, SiChunkKey *key)
{
    /* Compared and hashed as bytes: no padding may differ. */
    memset(key, 0, sizeof(*key));
    key->database = MyDatabaseId;
    key->relation = relation;
    key->account = *account;
    key->chunk = (int32) chunk;
}

LWLock *
si_ledger_lock(const SiAccount *account)
{
    SiChunkKey key;

    make_key(account, 0, &key);
    return &locks[hash_key(&key, sizeof(key)) & (PARTITIONS - 1)].lock;
}

SiChunk *
si_chunk_find(const SiAccount *account, int64 chunk)
{
    SiChunkKey key;

    make_key(account, chunk, &key);
    return hash_search(chunks, &key, HASH_FIND, NULL);
}

SiChunk *
si_chunk_add(const SiAccount *account, int64 chunk)
{
    SiChunkKey key;
    SiChunk *added;
    bool found;

    make_key(account, chunk, &key);
    added = hash_search(chunks, &key, HASH_ENTER_NULL, &found);
    if (added == NULL || found)
        return added;
    added->users = 0;
    added->recent = true;
    added->broken = false;
    added->total_cpu = 0;
    added->total_mem = 0;
    added->block = NULL;
    return added;
}

bool
si_chunk_expand(SiChunk *chunk)
{
    SiBlock *block;

    if (chunk->block)
        return true;
    SpinLockAcquire(&blocks->lock);
    block = blocks->free;
    if (block)
    {
        blocks->free = block->next_free;
        blocks->used++;
    }
    SpinLockRelease(&blocks->lock);
    if (block == NULL)
        return false;
    for (int i = 0; i < SI_CHUNK_SLOTS; i++)
    {
        block->total_cpu[i] = block->free_cpu[i] = chunk->total_cpu;
        block->total_mem[i] = block->free_mem[i] = chunk->total_mem;
    }
    memset(block->open_cpu, 0, sizeof(block->open_cpu));
    memset(block->open_mem, 0, sizeof(block->open_mem));
    chunk->block = block;
    return true;
}

static void
free_block(SiBlock *block)
{
    SpinLockAcquire(&blocks->lock);
    block->next_free = blocks->free;
    blocks->free = block;
    blocks->used--;
    SpinLockRelease(&blocks->lock);
}

void
si_ledger_usage(SiLedgerUsage *out)
{
    out->chunks = hash_get_num_entries(chunks);
    out->most_chunks = block_count() * CHUNKS_PER_BLOCK;
    SpinLockAcquire(&blocks->lock);
    out->blocks = blocks->used;
    SpinLockRelease(&blocks->lock);
    out->most_blocks = block_count();
}

void
si_chunk_drop(SiChunk *chunk)
{
    if (chunk->block)
        free_block(chunk->block);
    hash_search(chunks, &chunk->key, HASH_REMOVE, NULL);
}

/* A scan of the whole table: rare, so it may stop everybody for its few milliseconds. */
static void
lock_all(LWLockMode mode)
{
    for (int i = 0; i < PARTITIONS; i++)
        LWLockAcquire(&locks[i].lock, mode);
}

static void
unlock_all(void)
{
    for (int i = PARTITIONS - 1; i >= 0; i--)
        LWLockRelease(&locks[i].lock);
}

/* One part in 16 at a time, so that it is not done for every chunk anew. */
static int64
remove_unused(const SiAccount *keep, bool with_blocks, bool also_recent)
{
    int64 enough = Max(block_count() / 16, 1);
    int64 removed = 0;
    HASH_SEQ_STATUS scan;
    SiChunk *chunk;

    hash_seq_init(&scan, chunks);
    while ((chunk = hash_seq_search(&scan)) != NULL)
    {
        bool kept = chunk->key.database == MyDatabaseId && memcmp(&chunk->key.account, keep, sizeof(*keep)) == 0;

        if (chunk->users > 0 || chunk->broken || kept || (with_blocks && chunk->block == NULL))
            continue;
        if (chunk->recent && !also_recent)
        {
            chunk->recent = false;
            continue;
        }
        si_chunk_drop(chunk);
        if (++removed >= enough)
        {
            hash_seq_term(&scan);
            break;
        }
    }
    return removed;
}

bool
si_chunks_make_room(const SiAccount *keep, bool with_blocks)
{
    bool any;

    lock_all(LW_EXCLUSIVE);
    any = remove_unused(keep, with_blocks, false) > 0 || remove_unused(keep, with_blocks, true) > 0;
    unlock_all();
    return any;
}

int64
si_chunks_remove(Oid database, Oid of_relation)
{
    HASH_SEQ_STATUS scan;
    SiChunk *chunk;
    int64 removed = 0;

    lock_all(LW_EXCLUSIVE);
    hash_seq_init(&scan, chunks);
    while ((chunk = hash_seq_search(&scan)) != NULL)
    {
        if (chunk->key.database != database || (OidIsValid(of_relation) && chunk->key.relation != of_relation))
            continue;
        si_chunk_drop(chunk);
        removed++;
    }
    unlock_all();
    return removed;
}

void
si_chunks_each(void (*visit)(const SiChunk *chunk, void *argument), void *argument)
{
    HASH_SEQ_STATUS scan;
    SiChunk *chunk;

    lock_all(LW_SHARED);
    hash_seq_init(&scan, chunks);
    while ((chunk = hash_seq_search(&scan)) != NULL)
        if (chunk->key.database == MyDatabaseId && chunk->key.relation == relation)
            visit(chunk, argument);
    unlock_all();
}
