/*
 * wake.c: wakes workers when work for them was committed.
 *
 * Shared state: a WakeSlot per worker. slot->lock protects slot->latch; nothing else is done under it. The latch lives in
 * the worker's PGPROC, which outlives the process, so setting it late wakes a stranger once, at worst.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "pg/wake.h"

typedef struct WakeSlot
{
    slock_t lock;
    Latch *latch;     /* NULL when the worker is not there */
    Oid database_oid; /* where it works: others need not wake it */
} WakeSlot;

static WakeSlot *slots = NULL; /* SI_WAKES */
static bool wake_pending[SI_WAKES];
static bool callback_registered = false;
static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void
request_memory(void)
{
    if (previous_request_hook)
        previous_request_hook();
    RequestAddinShmemSpace(MAXALIGN(SI_WAKES * sizeof(WakeSlot)));
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
    LWLockRelease(AddinShmemInitLock);
}

void
si_wake_init(void)
{
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

static void
wake(WakeSlot *slot)
{
    Latch *latch = NULL;

    SpinLockAcquire(&slot->lock);
    if (slot->database_oid == MyDatabaseId)
        latch = slot->latch;
    SpinLockRelease(&slot->lock);
    if (latch)
        SetLatch(latch);
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
}

static void
wake_at_commit(SiWake worker)
{
    if (slots == NULL)
        return;
    if (!callback_registered)
    {
        RegisterXactCallback(at_transaction_end, NULL);
        callback_registered = true;
    }
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
