/*
 * ledger.h: capacity on the time axis, in shared memory (escrow, O'Neil 1986): reservations are rows that are only added,
 * the arithmetic happens here. Truth is in the tables; what is here follows from them and can be made again.
 *
 * A transaction's net increase in a slot is taken at once, its net decrease is given when it commits; what it gave up
 * itself it may take again at once (C3, C4, C5). Abort, also of a subtransaction, gives back what was taken in it. No
 * session waits for another's transaction (C6), except for one that holds the whole ledger (si_ledger_seize).
 *
 * Process model: every backend acts on shared memory under partition locks (memory.h), and keeps what its own transaction
 * did in local memory (transaction.c).
 */
#ifndef SI_LEDGER_LEDGER_H
#define SI_LEDGER_LEDGER_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

#include "domain/slots.h"

#define SI_CHUNK_SLOTS 288 /* a day of five-minute slots */

/* A pool, or, with a tenant, that tenant's share of a common pool. */
typedef struct SiAccount
{
    int32 pool_id;
    pg_uuid_t tenant_id; /* all zeros = the pool itself */
} SiAccount;

#define SI_MAX_ACCOUNTS 2 /* that one reservation counts in */

/* _PG_init. */
extern void si_ledger_init(void);

/* Raises SI005 unless the library was preloaded. */
extern void si_ledger_require(void);

/*
 * Until the transaction ends, whatever savepoint it is rolled back to, nobody makes the ledger anew: waits while somebody
 * does. To be called before an operation reads what namespaces have, so that it is what the ledger goes by.
 */
extern void si_ledger_begin(void);

/* The part of [first, first + n), widened to whole chunks, that is not in memory; false = all is. */
extern bool si_ledger_missing(const SiAccount *account, int64 first, int32 n, int64 *from, int32 *count);

/*
 * Puts whole chunks into memory as the tables have them, unless they are there. The caller holds the lock SI_LOCK_LOAD of
 * the account since before it read the tables. Raises SI005 when memory is full.
 */
extern void si_ledger_load(const SiAccount *account, const SiSlots *total, const SiSlots *allocated);

/* What is to be found or taken. */
typedef struct SiClaim
{
    SiAccount accounts[SI_MAX_ACCOUNTS];
    int n_accounts;
    pg_uuid_t tenant_id; /* for whom: who holds how much uncommitted */
    int64 cpu_millicores;
    int64 memory_mib;
} SiClaim;

/*
 * First start in [earliest, latest] from which `length` slots are free in all accounts, counting what this transaction
 * gave up; SI_NO_SLOT when there is none. All of [earliest, latest + length) must be in memory (si_ledger_missing).
 */
extern int64 si_ledger_find(const SiClaim *claim, int32 length, int64 earliest, int64 latest);

/*
 * Takes [first, first + n) in all accounts, or nothing. False when it does not fit; with `force` it fits always, and the
 * account may become over-committed. Raises SI005 when memory is full, when slots are not in memory, or when an account is
 * broken.
 */
extern bool si_ledger_take(const SiClaim *claim, int64 first, int32 n, bool force);

/* Gives back [first, first + n): to this transaction at once, to others when it commits. */
extern void si_ledger_give(const SiClaim *claim, int64 first, int32 n);

/* Changes the supply of one account by amounts per slot: less at once, more when the transaction commits (C9). */
extern void si_ledger_supply(const SiAccount *account, const SiSlots *change);

/* Total, and what is reserved, as this transaction may use it; all slots must be in memory. */
extern void si_ledger_read(const SiAccount *account, SiSlots *total, SiSlots *allocated);

/* A chunk as it is in memory. */
typedef struct SiChunkCopy
{
    SiAccount account;
    int64 first; /* slot */
    uint32 version;
    bool broken;
    int64 total_cpu[SI_CHUNK_SLOTS];
    int64 total_mem[SI_CHUNK_SLOTS];
    int64 reserved_cpu[SI_CHUNK_SLOTS]; /* by transactions that committed */
    int64 reserved_mem[SI_CHUNK_SLOTS];
} SiChunkCopy;

/* The chunks of this database that are in memory: their accounts and first slots only; palloc'd. Returns how many. */
extern int si_ledger_chunks(SiChunkCopy **out);

/* Fills the rest of a copy anew; false when the chunk is not in memory any more. */
extern bool si_ledger_copy(SiChunkCopy *copy);

/* Removes a chunk that no operation can touch any more: its slots are days ago. */
extern void si_ledger_evict(const SiAccount *account, int64 first);

/*
 * Holds the whole ledger until the transaction ends: waits for all transactions that took or gave anything. When it
 * commits, all chunks of the database leave memory; `now` = at once. Raises SI003 when this transaction itself took or
 * gave anything.
 */
extern void si_ledger_seize(bool now);

#endif
