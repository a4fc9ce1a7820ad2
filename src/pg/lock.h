/*
 * lock.h: transaction-level locks on things that are not rows. They are heavyweight locks of the advisory kind in a
 * class of their own, so that users' advisory locks never meet them; deadlocks are found by the server.
 */
#ifndef SI_PG_LOCK_H
#define SI_PG_LOCK_H

typedef enum SiLockKind
{
    SI_LOCK_POOL = 20501,    /* key1 = pool id; key2 = 0 */
    SI_LOCK_IDEMPOTENCY_KEY, /* key1 = hash of the scope, key2 = hash of the key */
    SI_LOCK_WORKER,          /* key1 = which worker; held by its session */
    SI_LOCK_TICK,            /* key1 = which tick */
    SI_LOCK_LEDGER,          /* shared: who has taken or given; else: who makes the ledger anew */
    SI_LOCK_LOAD,            /* key1 = pool id, key2 = hash of the tenant: who brings its slots into memory */
    SI_LOCK_SUPPLY,          /* the same keys; shared: who loads; else: who changes what it has in total */
    SI_LOCK_CHANGE,          /* keys 0: who waits for holders; else as SUPPLY: who changes what it has, one at a time */
    SI_LOCK_BOOKS,           /* who seals entries */
    SI_LOCK_ACCOUNTS,        /* key1 = hash of the tenant: who gives numbers to its accounts */
    SI_LOCK_LIMIT,           /* key1 = hash of the tenant; key2 = 0: who counts what it has, 1: who sets its named limits */
    SI_LOCK_DEPENDENCIES     /* the same key: who says which jobs start after which */
} SiLockKind;

/* Waits; held until the end of the transaction. */
extern void si_lock_transaction(SiLockKind kind, uint32 key1, uint32 key2);

/* The same, shared with others who take it so. */
extern void si_lock_transaction_shared(SiLockKind kind, uint32 key1, uint32 key2);

/*
 * The same two, but held until the top-level transaction ends, also when a savepoint is rolled back to, or a cursor fails,
 * that asked for it: for what protects more than the savepoint's own work.
 */
extern void si_lock_to_end(SiLockKind kind, uint32 key1, uint32 key2, bool shared);

/* The exclusive one of these, without waiting: whether it was taken. */
extern bool si_lock_to_end_try(SiLockKind kind, uint32 key1, uint32 key2);

/*
 * Waits until all transactions have ended that now hold a lock in any mode. Takes nothing: who comes meanwhile does not wait
 * behind it.
 */
extern void si_lock_wait_for_holders(SiLockKind kind, uint32 key1, uint32 key2);

/* Gives back, before the end of the transaction, a lock that was taken by one of the first two; shared says by which. */
extern void si_lock_release(SiLockKind kind, uint32 key1, uint32 key2, bool shared);

/* Does not wait: whether it was taken, until the end of the transaction. */
extern bool si_lock_transaction_try(SiLockKind kind, uint32 key1, uint32 key2);

/* Does not wait: whether it was taken, for the life of the session. */
extern bool si_lock_session_try(SiLockKind kind, uint32 key1, uint32 key2);

#endif
