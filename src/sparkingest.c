/*
 * sparkingest.c: library load. Calls each module's init, nothing else.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "guc.h"
#include "ledger/ledger.h"
#include "pg/caller.h"
#include "pg/rate.h"
#include "pg/wake.h"
#include "worker/dispatcher.h"
#include "worker/planner.h"

PG_MODULE_MAGIC;

void _PG_init(void);

void
_PG_init(void)
{
    si_guc_init();
    if (!process_shared_preload_libraries_in_progress)
        return;
    si_wake_init();
    si_rate_init();
    si_ledger_init();
    si_dispatcher_register();
    si_planner_register();
}
