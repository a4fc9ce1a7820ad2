/*
 * skeleton.c: what every background worker does alike.
 *
 * Process model: one process per role and server. It holds no transaction, snapshot or lock while it waits, and it is
 * never deaf: all waits end at the latch, which every signal sets.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/wait_event.h"

#include "guc.h"
#include "pg/lock.h"
#include "pg/transaction.h"
#include "worker/skeleton.h"

#define RESTART_SECONDS 5
#define IDLE_MILLIS 3000

void
si_skeleton_register(const char *type, const char *main_function)
{
    BackgroundWorker worker;

    memset(&worker, 0, sizeof(worker));
    snprintf(worker.bgw_name, BGW_MAXLEN, "%s", type);
    snprintf(worker.bgw_type, BGW_MAXLEN, "%s", type);
    snprintf(worker.bgw_library_name, BGW_MAXLEN, "sparkingest");
    snprintf(worker.bgw_function_name, BGW_MAXLEN, "%s", main_function);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = RESTART_SECONDS;
    RegisterBackgroundWorker(&worker);
}

void
si_skeleton_start(const char *type)
{
    pqsignal(SIGTERM, die);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(si_guc_database, NULL, 0);
    pgstat_report_appname(type);
    ereport(LOG, (errmsg("%s started in database \"%s\"", type, si_guc_database)));
    if (!si_guc_tls_verify)
        ereport(WARNING, (errmsg("sparkingest.tls_verify is off: anybody on the way can read the token of the Kubernetes API"),
                          errhint("Turn it on and give the kubeconfig a certificate-authority.")));
}

bool
si_skeleton_wait(int fd, long timeout_millis)
{
    int what = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;
    int happened;

    if (fd >= 0)
        what |= WL_SOCKET_READABLE;
    happened = WaitLatchOrSocket(MyLatch, what, fd < 0 ? PGINVALID_SOCKET : fd, timeout_millis, PG_WAIT_EXTENSION);
    if (happened & WL_LATCH_SET)
        ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
    if (ConfigReloadPending)
    {
        ConfigReloadPending = false;
        ProcessConfigFile(PGC_SIGHUP);
    }
    return (happened & WL_LATCH_SET) != 0;
}

typedef struct Requirement
{
    int role;
    bool extension;
    bool only;
} Requirement;

static void
check_requirement(void *argument)
{
    Requirement *requirement = argument;

    requirement->extension = OidIsValid(get_extension_oid("sparkingest", true));
    if (requirement->extension && !requirement->only)
        requirement->only = si_lock_session_try(SI_LOCK_WORKER, requirement->role, 0);
}

void
si_skeleton_require(int role)
{
    static bool only = false; /* the lock stays with the session */

    for (;;)
    {
        Requirement requirement = {role, false, only};
        char *error = si_skeleton_try("looking for the extension", false, check_requirement, &requirement);

        only = requirement.only;
        if (error == NULL && requirement.extension && requirement.only)
            return;
        (void) si_skeleton_wait(-1, IDLE_MILLIS);
    }
}

char *
si_skeleton_try(const char *activity, bool synchronous, SiWork work, void *argument)
{
    MemoryContext context = CurrentMemoryContext;
    char *volatile message = NULL;

    PG_TRY();
    {
        si_work_begin(activity);
        work(argument);
        si_work_commit(synchronous);
    }
    PG_CATCH();
    {
        ErrorData *error;

        MemoryContextSwitchTo(context);
        error = CopyErrorData();
        FlushErrorState();
        HOLD_INTERRUPTS();
        si_work_abort();
        RESUME_INTERRUPTS();
        MemoryContextSwitchTo(context);
        message = error->message;
        ereport(LOG, (errcode(error->sqlerrcode), errmsg("%s: %s", activity, error->message),
                      error->detail ? errdetail_internal("%s", error->detail) : 0,
                      error->context ? errcontext("%s", error->context) : 0));
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    return message;
}
