/*
 * memory.h: the ledger's shared memory: chunks of slots of accounts. Private to src/ledger.
 *
 * An account is a pool, one tenant's share of it, or a named limit. A chunk is SI_CHUNK_SLOTS neighbouring slots of an account; it is in
 * memory when somebody needed it, with what the tables said then and every change since. A chunk in which nothing is
 * reserved has no block of its own, but one total and one free amount for all of its slots.
 *
 * A chunk may leave memory while no transaction that has not ended changes it (users): whoever needs it again reads the
 * tables. So whoever looked for a chunk and did not find it loads it and looks again.
 *
 * Locks: a chunk and its block are protected by the partition lock of its account (LW_SHARED to read, LW_EXCLUSIVE to
 * change); the list of free blocks by its own spinlock. Under a partition lock there is array arithmetic and hash lookups
 * only: nothing that allocates from a context, raises, logs or waits. Whoever needs two partitions takes them in order.
 */
#ifndef SI_LEDGER_MEMORY_H
#define SI_LEDGER_MEMORY_H

#include "ledger/ledger.h"
#include "storage/lwlock.h"

typedef struct SiChunkKey
{
    Oid database;
    Oid relation; /* sparkingest.reservations: another one after the extension was created anew */
    SiAccount account;
    int32 chunk; /* slots [chunk * SI_CHUNK_SLOTS, ...) */
} SiChunkKey;

/* Amounts per slot; free = total - what is reserved, committed or not. */
typedef struct SiBlock
{
    int64 total_cpu[SI_CHUNK_SLOTS];
    int64 total_mem[SI_CHUNK_SLOTS];
    int64 free_cpu[SI_CHUNK_SLOTS];
    int64 free_mem[SI_CHUNK_SLOTS];
    int64 open_cpu[SI_CHUNK_SLOTS]; /* taken by transactions that have not ended */
    int64 open_mem[SI_CHUNK_SLOTS];
    struct SiBlock *next_free;
} SiBlock;

typedef struct SiChunk
{
    SiChunkKey key;
    int32 users;     /* transactions that do something to it when they end: it stays in memory */
    bool recent;     /* somebody needed it; written under any lock, as nobody minds a lost write */
    bool broken;     /* an invariant did not hold: nothing is given from it until the ledger is rebuilt */
    int64 total_cpu; /* of every slot while block is NULL; then free is the same */
    int64 total_mem;
    SiBlock *block;
} SiChunk;

/* Number of the chunk that holds a slot. */
static inline int64
si_chunk_of(int64 slot)
{
    int64 chunk = slot / SI_CHUNK_SLOTS;

    return slot % SI_CHUNK_SLOTS < 0 ? chunk - 1 : chunk;
}

/* _PG_init. */
extern void si_ledger_memory_init(void);

/* The partition lock of an account in this database. */
extern LWLock *si_ledger_lock(const SiAccount *account);

/* NULL when it is not in memory. Needs the account's lock. */
extern SiChunk *si_chunk_find(const SiAccount *account, int64 chunk);

/* Adds an empty one; NULL when memory is full. Needs the lock, exclusively. */
extern SiChunk *si_chunk_add(const SiAccount *account, int64 chunk);

/* Gives a chunk a block of its own, filled with its totals; false when memory is full. Needs the lock, exclusively. */
extern bool si_chunk_expand(SiChunk *chunk);

/* Removes one that was just added. Needs the lock, exclusively. */
extern void si_chunk_drop(SiChunk *chunk);

/*
 * Removes chunks that nobody uses, rather those that nobody needed lately, and none of the account `keep`; `blocks`: only
 * such as have blocks. Takes all locks. Whether there were any.
 */
extern bool si_chunks_make_room(const SiAccount *keep, bool blocks);

/* Removes the chunks of a database, or of one relation in it (InvalidOid = of all). Takes all locks. Returns how many. */
extern int64 si_chunks_remove(Oid database, Oid relation);

/* Calls visit for each chunk of this database's ledger, under its lock, shared. visit must not raise. */
extern void si_chunks_each(void (*visit)(const SiChunk *chunk, void *argument), void *argument);

/* Whether the shared memory exists: the library was preloaded. */
extern bool si_ledger_is_there(void);

/*
 * Looks up sparkingest.reservations, which tells this database's ledger apart; false when it is not here. To be called
 * before locks are taken: it reads catalogs.
 */
extern bool si_ledger_enter(void);
extern Oid si_ledger_relation(void);

#endif
