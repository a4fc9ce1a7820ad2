/*
 * transaction.h: what this transaction did with accounts. Private to src/ledger and to this backend.
 *
 * A position is one account's part: operations in their order, and, per slot, `net` (taken less given, by operations that
 * stand) and `held` (the highest net since any savepoint that can still be rolled back to, at least 0): that much of shared
 * memory is ours. held - net is ours to use again, and others' when we commit.
 */
#ifndef SI_LEDGER_TRANSACTION_H
#define SI_LEDGER_TRANSACTION_H

#include "ledger/memory.h"

typedef struct SiOperation
{
    SubTransactionId sub;
    int64 first;
    int32 n;
    int64 cpu; /* per slot; negative = given */
    int64 mem;
    bool counted;        /* in holders.h: once per reservation, with its first account */
    pg_uuid_t tenant_id; /* if counted */
    int64 *cpus;         /* supply: amounts per slot instead; less supply counts as taken */
    int64 *mems;
} SiOperation;

typedef struct SiPosition
{
    SiAccount account;
    int64 first; /* slots of the arrays */
    int32 n;
    int64 *net_cpu;
    int64 *net_mem;
    int64 *held_cpu;
    int64 *held_mem;
    int64 *before_cpu; /* for undo only */
    int64 *before_mem;
    SiOperation *operations;
    int n_operations;
    int max_operations;
    bool has_supply;
    int64 *chunks; /* numbers of the chunks in memory of which it is a user */
    int n_chunks;
    int max_chunks;
} SiPosition;

/* NULL when this transaction did nothing with the account. */
extern SiPosition *si_position_find(const SiAccount *account);

/*
 * The same, made when missing, with arrays that cover [first, first + n) and room for another operation and to use all chunks
 * of the range. May raise; changes nothing that counts.
 */
extern SiPosition *si_position_open(const SiAccount *account, int64 first, int32 n);

/* Becomes a user of a chunk until the transaction ends. Needs the lock, exclusively, and room as above. Cannot fail. */
extern void si_position_use(SiPosition *position, SiChunk *chunk);

/* Adds an operation, for which si_position_open made room. Cannot fail. net and held follow. */
extern void si_position_add(SiPosition *position, const SiOperation *operation);

/* Whether it did anything with accounts. */
extern bool si_transaction_is_open(void);

/* It asked for the ledger, and holds the lock SI_LOCK_LEDGER until it ends; whether it did. */
extern void si_transaction_begin(void);
extern bool si_transaction_is_begun(void);

/* When this transaction commits, the database's chunks leave memory; supply: what there is in total is not what they say. */
extern void si_transaction_evict_at_commit(Oid database, Oid relation, bool supply);
extern bool si_transaction_supply_is_outdated(void);

#endif
