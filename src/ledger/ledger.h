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
#include "utils/snapshot.h"
#include "utils/uuid.h"

#include "domain/slots.h"

#define SI_CHUNK_SLOTS 288 /* a day of five-minute slots */

/* Instead of a pool: the tenant's vCPU-hours. Its slots are account numbers of grants, CPU is millicore-seconds. */
#define SI_FUNDS (-1)

/* Instead of a pool: a named limit, whose id is the tenant's. Its slots are of five minutes, CPU is what it counts. */
#define SI_LIMIT (-2)

/* A pool, or, with a tenant, that tenant's share of a common pool, or what it lends of its own; or a tenant's vCPU-hours; or a
 * named limit. */
typedef struct SiAccount
{
    int32 pool_id;
    pg_uuid_t tenant_id; /* all zeros = the pool itself */
} SiAccount;

#define SI_MAX_ACCOUNTS 3 /* that one reservation counts in */

/* _PG_init. */
extern void si_ledger_init(void);

/* Raises SI005 unless the library was preloaded. */
extern void si_ledger_require(void);

/*
 * Until the transaction ends, whatever savepoint it is rolled back to, nobody makes the ledger anew: waits while somebody
 * does. To be called before an operation reads what namespaces have, so that it is what the ledger goes by. Raises 25006 on a
 * standby.
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
    bool uncounted; /* no capacity: not in uncommitted_holders(), nor under its limit */
} SiClaim;

/* Slots that were in memory may have left it since: then they are to be loaded, and the question is to be asked again. */
typedef enum SiLedgerAnswer
{
    SI_LEDGER_YES,
    SI_LEDGER_NO,
    SI_LEDGER_MISSING
} SiLedgerAnswer;

/*
 * First start in [earliest, latest] from which `length` slots are free in all accounts, counting what this transaction
 * gave up. Needs all of [earliest, latest + length) in memory (si_ledger_missing). Raises SI005 when an account is broken.
 */
extern SiLedgerAnswer si_ledger_find(const SiClaim *claim, int32 length, int64 earliest, int64 latest, int64 *out);

/*
 * Takes [first, first + n) in all accounts, or nothing; no: it does not fit. With `force` it fits always, and the account may
 * become over-committed. Raises SI005 when memory is full, or when an account is broken; SI003, but for `force`, after
 * SI_OUTDATED_SUPPLY.
 */
extern SiLedgerAnswer si_ledger_take(const SiClaim *claim, int64 first, int32 n, bool force);

/* Gives back [first, first + n): to this transaction at once, to others when it commits. False = missing. */
extern bool si_ledger_give(const SiClaim *claim, int64 first, int32 n);

/*
 * Changes the supply of one account by amounts per slot: less at once, more when the transaction commits (C9). Nobody may load
 * the account meanwhile (SI_LOCK_SUPPLY). Slots that are not in memory are left out, and nobody may load them until this
 * transaction ends; with `all` there may be none: false, nothing was done, they are to be loaded. What was changed stays in
 * memory until then. Raises SI005 when memory is full.
 */
extern bool si_ledger_supply(const SiAccount *account, const SiSlots *change, bool all);

/* Total, and what is reserved, as this transaction may use it. False = missing. */
extern bool si_ledger_read(const SiAccount *account, SiSlots *total, SiSlots *allocated);

/* A chunk as it is in memory. */
typedef struct SiChunkCopy
{
    SiAccount account;
    int64 first; /* slot */
    bool broken;
    int64 total_cpu[SI_CHUNK_SLOTS];
    int64 total_mem[SI_CHUNK_SLOTS];
    int64 reserved_cpu[SI_CHUNK_SLOTS]; /* by transactions that committed */
    int64 reserved_mem[SI_CHUNK_SLOTS];
    bool lost; /* some slots are held by transactions, but there are none: out of them nothing comes back */
} SiChunkCopy;

typedef struct SiChunkName
{
    SiAccount account;
    int64 first; /* slot */
} SiChunkName;

/* The chunks of this database that are in memory, palloc'd. Returns how many. */
extern int si_ledger_chunks(SiChunkName **out);

/*
 * Fills a copy of which account and first are set, as of a snapshot: what its transactions did is in the copy, and nothing
 * else. The snapshot is registered: the caller lets it go. No: the chunk is not in memory any more. Missing: a commit was on
 * its way from the tables to the ledger, ask again.
 */
extern SiLedgerAnswer si_ledger_copy(SiChunkCopy *copy, Snapshot *snapshot);

typedef struct SiLedgerUsage
{
    int64 chunks; /* in memory, of all databases */
    int64 most_chunks;
    int64 blocks; /* of chunks in which something is reserved, or supply changes in the middle */
    int64 most_blocks;
} SiLedgerUsage;

/* Nothing is locked. */
extern void si_ledger_usage(SiLedgerUsage *out);

/* Removes a chunk from memory, unless a transaction that has not ended changed it. Whether it is gone. */
extern bool si_ledger_evict(const SiAccount *account, int64 first);

/* Why all chunks of the database are to leave memory. */
typedef enum SiOutdated
{
    SI_OUTDATED_ALL,    /* at once; raises SI003 when this transaction itself took or gave anything */
    SI_OUTDATED_DEMAND, /* when this transaction commits */
    SI_OUTDATED_SUPPLY  /* the same; until then it takes nothing more, for there may be less than memory says (C3) */
} SiOutdated;

/* Holds the whole ledger until the transaction ends: waits for all transactions that took or gave anything. */
extern void si_ledger_seize(SiOutdated what);

#endif
