/*
 * wake.c: wakes the dispatcher when work was committed.
 *
 * Shared state: WakeSlot, one per server. slot->lock protects slot->latch; nothing else is done under it. The latch
 * lives in the dispatcher's PGPROC, which outlives the process, so setting it late wakes a stranger once, at worst.
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
    Latch *latch;     /* of the dispatcher, NULL when it is not there */
    Oid database_oid; /* where it works: others need not wake it */
} WakeSlot;

static WakeSlot *slot = NULL;
static bool wake_pending = false;
static bool callback_registered = false;
static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void
request_memory(void)
{
    if (previous_request_hook)
        previous_request_hook();
    RequestAddinShmemSpace(MAXALIGN(sizeof(WakeSlot)));
}

static void
attach_memory(void)
{
    bool found;

    if (previous_startup_hook)
        previous_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    slot = ShmemInitStruct("sparkingest wake", sizeof(WakeSlot), &found);
    if (!found)
    {
        SpinLockInit(&slot->lock);
        slot->latch = NULL;
        slot->database_oid = InvalidOid;
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
    return slot != NULL;
}

void
si_wake_register(bool present)
{
    SpinLockAcquire(&slot->lock);
    slot->latch = present ? &MyProc->procLatch : NULL;
    slot->database_oid = present ? MyDatabaseId : InvalidOid;
    SpinLockRelease(&slot->lock);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
    Latch *latch = NULL;

    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
        return;
    if (wake_pending && event == XACT_EVENT_COMMIT)
    {
        SpinLockAcquire(&slot->lock);
        if (slot->database_oid == MyDatabaseId)
            latch = slot->latch;
        SpinLockRelease(&slot->lock);
        if (latch)
            SetLatch(latch);
    }
    wake_pending = false;
}

void
si_wake_at_commit(void)
{
    if (slot == NULL)
        return;
    if (!callback_registered)
    {
        RegisterXactCallback(at_transaction_end, NULL);
        callback_registered = true;
    }
    wake_pending = true;
}
