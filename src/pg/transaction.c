/*
 * transaction.c: transactions of background workers.
 */
#include "postgres.h"

#include "access/xact.h"
#include "pgstat.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

#include "pg/transaction.h"

void
si_work_begin(const char *activity)
{
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
    (void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
                             false);
    pgstat_report_activity(STATE_RUNNING, activity);
}

void
si_work_commit(bool synchronous)
{
    /* A claim must be on disk before Kubernetes hears of it, however the server is configured (J9). */
    if (synchronous)
        ForceSyncCommit();
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
