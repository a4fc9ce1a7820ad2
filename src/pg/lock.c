/*
 * lock.c: transaction-level locks on things that are not rows.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/resowner.h"

#include "pg/lock.h"

static bool
take(SiLockKind kind, uint32 key1, uint32 key2, LOCKMODE mode, bool session, bool wait)
{
    LOCKTAG tag;

    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, key1, key2, kind);
    return LockAcquire(&tag, mode, session, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

void
si_lock_transaction(SiLockKind kind, uint32 key1, uint32 key2)
{
    (void) take(kind, key1, key2, ExclusiveLock, false, true);
}

void
si_lock_transaction_shared(SiLockKind kind, uint32 key1, uint32 key2)
{
    (void) take(kind, key1, key2, ShareLock, false, true);
}

static bool
take_to_end(SiLockKind kind, uint32 key1, uint32 key2, LOCKMODE mode, bool wait)
{
    ResourceOwner owner = CurrentResourceOwner;
    bool taken;

    /* After an error, the abort sets the owner. */
    CurrentResourceOwner = TopTransactionResourceOwner;
    taken = take(kind, key1, key2, mode, false, wait);
    CurrentResourceOwner = owner;
    return taken;
}

void
si_lock_to_end(SiLockKind kind, uint32 key1, uint32 key2, bool shared)
{
    (void) take_to_end(kind, key1, key2, shared ? ShareLock : ExclusiveLock, true);
}

bool
si_lock_to_end_try(SiLockKind kind, uint32 key1, uint32 key2)
{
    return take_to_end(kind, key1, key2, ExclusiveLock, false);
}

void
si_lock_wait_for_holders(SiLockKind kind, uint32 key1, uint32 key2)
{
    LOCKTAG tag;

    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, key1, key2, kind);
    WaitForLockers(tag, ExclusiveLock, false);
}

void
si_lock_release(SiLockKind kind, uint32 key1, uint32 key2, bool shared)
{
    LOCKTAG tag;

    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, key1, key2, kind);
    (void) LockRelease(&tag, shared ? ShareLock : ExclusiveLock, false);
}

bool
si_lock_transaction_try(SiLockKind kind, uint32 key1, uint32 key2)
{
    return take(kind, key1, key2, ExclusiveLock, false, false);
}

bool
si_lock_session_try(SiLockKind kind, uint32 key1, uint32 key2)
{
    return take(kind, key1, key2, ExclusiveLock, true, false);
}
