/*
 * attempt.c: work that may fail without taking the transaction with it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "pg/attempt.h"

static bool
must_go_on(int sqlerrcode)
{
    return sqlerrcode == ERRCODE_QUERY_CANCELED || sqlerrcode == ERRCODE_ADMIN_SHUTDOWN ||
           sqlerrcode == ERRCODE_CRASH_SHUTDOWN || sqlerrcode == ERRCODE_DATABASE_DROPPED;
}

ErrorData *
si_attempt(SiAttempt work, void *arg)
{
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    ErrorData *volatile error = NULL;

    BeginInternalSubTransaction(NULL);
    MemoryContextSwitchTo(context);
    PG_TRY();
    {
        work(arg);
        ReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        error = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
    if (error != NULL && must_go_on(error->sqlerrcode))
        ReThrowError(error);
    return error;
}

bool
si_error_is_passing(const ErrorData *error)
{
    return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK ||
           error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
}
