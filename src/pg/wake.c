/*
 * wake.c: wakes workers when work for them was committed.
 *
 * Shared state: a WakeSlot per worker. slot->lock protects slot->latch; nothing else is done under it. The latch lives in
 * the worker's PGPROC, which outlives the process, so setting it late wakes a stranger once, at worst. waiting->lock protects
 * what was planned.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "port/atomics.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "pg/wake.h"

#define SLOT_USECS (5 * USECS_PER_MINUTE)

typedef struct WakeSlot
{
    slock_t lock;
    Latch *latch;     /* NULL when the worker is not there */
    Oid database_oid; /* where it works: others need not wake it */
} WakeSlot;

typedef struct Waiting
{
    pg_atomic_uint64 changes;
    pg_atomic_uint32 news; /* 0 = the planner knows; so that one who frees often wakes it once */
    slock_t lock;
    Oid database_oid; /* of what was planned */
    SiWaitingView planned;
} Waiting;

static WakeSlot *slots = NULL; /* SI_WAKES */
static Waiting *waiting = NULL;
static bool freed = false; /* by this transaction, as the next ones */
static bool changed = false;
static bool planned = false;
static SiWaitingView view_planned;
static bool wake_pending[SI_WAKES];
static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void
request_memory(void)
{
    if (previous_request_hook)
        previous_request_hook();
    RequestAddinShmemSpace(MAXALIGN(SI_WAKES * sizeof(WakeSlot)) + MAXALIGN(sizeof(Waiting)));
}

static void
attach_memory(void)
{
    bool found;

    if (previous_startup_hook)
        previous_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    slots = ShmemInitStruct("sparkingest wake", SI_WAKES * sizeof(WakeSlot), &found);
    for (int i = 0; !found && i < SI_WAKES; i++)
    {
        SpinLockInit(&slots[i].lock);
        slots[i].latch = NULL;
        slots[i].database_oid = InvalidOid;
    }
    waiting = ShmemInitStruct("sparkingest waiting work", sizeof(Waiting), &found);
    if (!found)
    {
        pg_atomic_init_u64(&waiting->changes, 0);
        pg_atomic_init_u32(&waiting->news, 0);
        SpinLockInit(&waiting->lock);
        waiting->database_oid = InvalidOid;
    }
    LWLockRelease(AddinShmemInitLock);
}

static void at_transaction_end(XactEvent event, void *arg);

void
si_wake_init(void)
{
    /* Before any other of ours, which makes it the last that is called: the ledger has given back by then. */
    RegisterXactCallback(at_transaction_end, NULL);
    previous_request_hook = shmem_request_hook;
    shmem_request_hook = request_memory;
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = attach_memory;
}

bool
si_preloaded(void)
{
    return slots != NULL;
}

void
si_wake_register(SiWake worker, bool present)
{
    WakeSlot *slot = &slots[worker];

    SpinLockAcquire(&slot->lock);
    slot->latch = present ? &MyProc->procLatch : NULL;
    slot->database_oid = present ? MyDatabaseId : InvalidOid;
    SpinLockRelease(&slot->lock);
}

/* The latch of a worker of this database; NULL when there is none. */
static Latch *
latch_of(WakeSlot *slot)
{
    Latch *latch = NULL;

    SpinLockAcquire(&slot->lock);
    if (slot->database_oid == MyDatabaseId)
        latch = slot->latch;
    SpinLockRelease(&slot->lock);
    return latch;
}

static void
wake(WakeSlot *slot)
{
    Latch *latch = latch_of(slot);

    if (latch)
        SetLatch(latch);
}

/* The planner plans nothing because of what it did itself: the next tick does. */
static void
tell_planner(void)
{
    Latch *latch;

    if (pg_atomic_read_u32(&waiting->news) != 0)
        return;
    latch = latch_of(&slots[SI_WAKE_PLANNER]);
    if (latch && latch != MyLatch && pg_atomic_exchange_u32(&waiting->news, 1) == 0)
        SetLatch(latch);
}

static void
end_waiting(bool commit)
{
    if (freed || (changed && commit))
        pg_atomic_fetch_add_u64(&waiting->changes, 1);
    if (freed)
        tell_planner();
    if (planned && commit)
    {
        SpinLockAcquire(&waiting->lock);
        waiting->database_oid = MyDatabaseId;
        waiting->planned = view_planned;
        SpinLockRelease(&waiting->lock);
    }
    freed = changed = planned = false;
}

static void
at_transaction_end(XactEvent event, void *arg)
{
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
        return;
    for (int i = 0; i < SI_WAKES; i++)
    {
        if (wake_pending[i] && event == XACT_EVENT_COMMIT)
            wake(&slots[i]);
        wake_pending[i] = false;
    }
    if (waiting)
        end_waiting(event != XACT_EVENT_ABORT);
}

static void
wake_at_commit(SiWake worker)
{
    wake_pending[worker] = true;
}

void
si_wake_at_commit(void)
{
    wake_at_commit(SI_WAKE_DISPATCHER);
}

void
si_wake_planner_at_commit(void)
{
    wake_at_commit(SI_WAKE_PLANNER);
}

void
si_waiting_freed(void)
{
    freed = true;
}

void
si_waiting_changed(void)
{
    changed = true;
}

bool
si_waiting_has_news(void)
{
    return pg_atomic_read_u32(&waiting->news) != 0;
}

void
si_waiting_take_news(void)
{
    pg_atomic_write_u32(&waiting->news, 0);
    pg_memory_barrier();
}

SiWaitingView
si_waiting_view(TimestampTz now, int64 setting)
{
    return (SiWaitingView){waiting ? pg_atomic_read_u64(&waiting->changes) : 0, now / SLOT_USECS, setting};
}

bool
si_waiting_is_planned(const SiWaitingView *view)
{
    bool same;

    /* What this transaction itself changed is not counted yet. */
    if (waiting == NULL || TransactionIdIsValid(GetTopTransactionIdIfAny()))
        return false;
    SpinLockAcquire(&waiting->lock);
    same = waiting->database_oid == MyDatabaseId && memcmp(&waiting->planned, view, sizeof(SiWaitingView)) == 0;
    SpinLockRelease(&waiting->lock);
    return same;
}

void
si_waiting_planned(const SiWaitingView *view)
{
    planned = true;
    view_planned = *view;
}
