/*
 * transaction.c: transactions of background workers.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "pgstat.h"
#include "utils/snapmgr.h"

#include "pg/transaction.h"

void
si_work_begin(const char *activity)
{
    OverrideSearchPath only_catalog = {NIL, true, false, 0};

    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
    PushOverrideSearchPath(&only_catalog); /* an abort pops it */
    pgstat_report_activity(STATE_RUNNING, activity);
}

void
si_work_commit(bool synchronous)
{
    /* A claim must be on disk before Kubernetes hears of it, however the server is configured (J9). */
    if (synchronous)
        ForceSyncCommit();
    PopOverrideSearchPath();
    PopActiveSnapshot();
    CommitTransactionCommand();
    pgstat_report_stat(true);
    pgstat_report_activity(STATE_IDLE, NULL);
}

void
si_work_abort(void)
{
    AbortOutOfAnyTransaction();
    pgstat_report_stat(true);
    pgstat_report_activity(STATE_IDLE, NULL);
}
