/*
 * lock.c: transaction-level locks on things that are not rows.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lock.h"

#include "pg/lock.h"

static bool
take(SiLockKind kind, uint32 key1, uint32 key2, bool session, bool wait)
{
    LOCKTAG tag;

    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, key1, key2, kind);
    return LockAcquire(&tag, ExclusiveLock, session, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

void
si_lock_transaction(SiLockKind kind, uint32 key1, uint32 key2)
{
    (void) take(kind, key1, key2, false, true);
}

bool
si_lock_transaction_try(SiLockKind kind, uint32 key1, uint32 key2)
{
    return take(kind, key1, key2, false, false);
}

bool
si_lock_session_try(SiLockKind kind, uint32 key1, uint32 key2)
{
    return take(kind, key1, key2, true, false);
}
