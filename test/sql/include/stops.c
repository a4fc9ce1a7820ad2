/*
 * stops.c: for tests of the server only: places in the ledger's operations, and inside the end of a transaction, where a session
 * stops until another lets it go on.
 *
 *     SET fixture.stop_at = 'take';      the session stops when it comes there next, once
 *     SELECT fixture.go();               whoever stands goes on; says how many stood
 *
 * Places: load, take, give, supply (each before the ledger does it), row (before the reservation's row is written), holders
 * (before those who hold something are waited for), remove (before chunks leave memory), again (a look at the ledger met a
 * commit that is on its way), ending (before others see a commit), end (they see it, or the rollback; the ledger does not yet),
 * undo (the same in a rollback to a savepoint). The linker puts the functions __wrap_ between the objects of src/
 * (test/private.sh).
 *
 * Shared memory: one flag per backend. It is polled: the end of a transaction cannot wait for the lock manager, and interrupts
 * are held off there. Nobody stops with an LWLock in hand.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"

#include "ledger/holders.h"
#include "ledger/ledger.h"
#include "ledger/memory.h"
#include "pg/lock.h"
#include "store/reservations.h"

PG_FUNCTION_INFO_V1(fixture_go);
PG_FUNCTION_INFO_V1(fixture_is_blocked);

#define PAUSE_USECS 1000L

static pg_atomic_uint32 *stands = NULL; /* by backend id */
static char *stop_at = NULL;
static bool done = false;
static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static Size
memory_size(void)
{
    return mul_size(sizeof(pg_atomic_uint32), MaxBackends);
}

static void
request_memory(void)
{
    if (previous_request_hook)
        previous_request_hook();
    RequestAddinShmemSpace(memory_size());
}

static void
attach_memory(void)
{
    bool found;

    if (previous_startup_hook)
        previous_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    stands = ShmemInitStruct("sparkingest stops", memory_size(), &found);
    for (int i = 0; i < MaxBackends && !found; i++)
        pg_atomic_init_u32(&stands[i], 0);
    LWLockRelease(AddinShmemInitLock);
}

static void
stop_at_assigned(const char *value, void *extra)
{
    done = false;
}

/* Who is to be thrown out, or cancelled, goes on, also where interrupts are held off: the server must be able to stop. */
static void
stop(const char *place)
{
    pg_atomic_uint32 *flag;

    if (done || stop_at == NULL || strcmp(stop_at, place) != 0)
        return;
    done = true;
    flag = &stands[MyBackendId - 1];
    pg_atomic_write_u32(flag, 1);
    while (pg_atomic_read_u32(flag) != 0 && !ProcDiePending && !QueryCancelPending)
        pg_usleep(PAUSE_USECS);
    pg_atomic_write_u32(flag, 0);
    CHECK_FOR_INTERRUPTS();
}

Datum
fixture_go(PG_FUNCTION_ARGS)
{
    int32 n = 0;

    /* The flags are taken down here, not by those who stand: isolationtester sees at once that they are not blocked any more. */
    for (int i = 0; i < MaxBackends; i++)
        n += (int32) pg_atomic_exchange_u32(&stands[i], 0);
    PG_RETURN_INT32(n);
}

/* pg_isolation_test_session_is_blocked(pid, by), for which a stop is like a lock. */
Datum
fixture_is_blocked(PG_FUNCTION_ARGS)
{
    PGPROC *process = BackendPidGetProc(PG_GETARG_INT32(0));

    if (process && pg_atomic_read_u32(&stands[process->backendId - 1]) != 0)
        PG_RETURN_BOOL(true);
    return pg_isolation_test_session_is_blocked(fcinfo);
}

extern void __real_si_ledger_init(void);
extern void __real_si_ledger_load(const SiAccount *account, const SiSlots *total, const SiSlots *allocated);
extern SiLedgerAnswer __real_si_ledger_take(const SiClaim *claim, int64 first, int32 n, bool force);
extern bool __real_si_ledger_give(const SiClaim *claim, int64 first, int32 n);
extern bool __real_si_ledger_supply(const SiAccount *account, const SiSlots *change, bool all);
extern SiLedgerAnswer __real_si_ledger_copy(SiChunkCopy *copy, Snapshot *snapshot);
extern bool __real_si_reservation_append(const SiReservation *reservation, const char *actor, TimestampTz now);
extern void __real_si_reservation_move(const pg_uuid_t *id, TimestampTz starts_at, TimestampTz ends_at);
extern bool __real_si_reservation_release(const pg_uuid_t *id, TimestampTz now);
extern void __real_si_lock_wait_for_holders(SiLockKind kind, uint32 key1, uint32 key2);
extern int64 __real_si_chunks_remove(Oid database, Oid relation);
extern void __real_si_holder_is_ending(bool yes);
extern LWLock *__real_si_ledger_lock(const SiAccount *account);

void
__wrap_si_ledger_init(void)
{
    __real_si_ledger_init();
    DefineCustomStringVariable("fixture.stop_at", "Where this session stops.", NULL, &stop_at, "", PGC_USERSET, 0, NULL,
                               stop_at_assigned, NULL);
    previous_request_hook = shmem_request_hook;
    shmem_request_hook = request_memory;
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = attach_memory;
}

void
__wrap_si_ledger_load(const SiAccount *account, const SiSlots *total, const SiSlots *allocated)
{
    stop("load");
    __real_si_ledger_load(account, total, allocated);
}

SiLedgerAnswer
__wrap_si_ledger_take(const SiClaim *claim, int64 first, int32 n, bool force)
{
    stop("take");
    return __real_si_ledger_take(claim, first, n, force);
}

bool
__wrap_si_ledger_give(const SiClaim *claim, int64 first, int32 n)
{
    stop("give");
    return __real_si_ledger_give(claim, first, n);
}

bool
__wrap_si_ledger_supply(const SiAccount *account, const SiSlots *change, bool all)
{
    stop("supply");
    return __real_si_ledger_supply(account, change, all);
}

SiLedgerAnswer
__wrap_si_ledger_copy(SiChunkCopy *copy, Snapshot *snapshot)
{
    SiLedgerAnswer answer = __real_si_ledger_copy(copy, snapshot);

    if (answer == SI_LEDGER_MISSING)
        stop("again");
    return answer;
}

bool
__wrap_si_reservation_append(const SiReservation *reservation, const char *actor, TimestampTz now)
{
    stop("row");
    return __real_si_reservation_append(reservation, actor, now);
}

void
__wrap_si_reservation_move(const pg_uuid_t *id, TimestampTz starts_at, TimestampTz ends_at)
{
    stop("row");
    __real_si_reservation_move(id, starts_at, ends_at);
}

bool
__wrap_si_reservation_release(const pg_uuid_t *id, TimestampTz now)
{
    stop("row");
    return __real_si_reservation_release(id, now);
}

void
__wrap_si_lock_wait_for_holders(SiLockKind kind, uint32 key1, uint32 key2)
{
    stop("holders");
    __real_si_lock_wait_for_holders(kind, key1, key2);
}

int64
__wrap_si_chunks_remove(Oid database, Oid relation)
{
    stop("remove");
    return __real_si_chunks_remove(database, relation);
}

void
__wrap_si_holder_is_ending(bool yes)
{
    __real_si_holder_is_ending(yes);
    if (yes)
        stop("ending");
}

/* Asked for outside of a transaction's work only by what follows its end. */
LWLock *
__wrap_si_ledger_lock(const SiAccount *account)
{
    if (!IsTransactionState())
        stop(GetCurrentTransactionNestLevel() > 1 ? "undo" : "end");
    return __real_si_ledger_lock(account);
}
