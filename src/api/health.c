/*
 * health.c: what is wrong and what to do about it, one row per component.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "guc.h"
#include "ledger/ledger.h"
#include "pg/caller.h"
#include "pg/clock.h"
#include "pg/wake.h"
#include "store/clusters.h"
#include "store/dispatch.h"
#include "store/schedules.h"
#include "store/sql.h"

PG_FUNCTION_INFO_V1(si_health);

#define STALE_BEAT_USECS (60 * INT64CONST(1000000))

static void
put(ReturnSetInfo *result, const char *component, const char *status, const char *detail, TimestampTz since)
{
    Datum values[4] = {CStringGetTextDatum(component), CStringGetTextDatum(status), CStringGetTextDatum(detail),
                       TimestampTzGetDatum(since)};
    bool nulls[4] = {false, false, false, since == SI_NO_TIME};

    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
put_preload(ReturnSetInfo *result)
{
    if (si_preloaded())
        put(result, "preload", "ok", "loaded at server start", SI_NO_TIME);
    else
        put(result, "preload", "error",
            "sparkingest is not in shared_preload_libraries: add it and restart the server; until then nothing is posted",
            SI_NO_TIME);
}

/* What is in nobody's use makes room for what is; more than all of it may be needed all the same. */
static void
put_ledger(ReturnSetInfo *result)
{
    SiLedgerUsage usage;

    if (!si_preloaded())
    {
        put(result, "ledger", "error", "there is none: see preload; until then nothing can be reserved", SI_NO_TIME);
        return;
    }
    si_ledger_usage(&usage);
    put(result, "ledger", usage.blocks * 10 > usage.most_blocks * 9 || usage.chunks * 10 > usage.most_chunks * 9 ? "warning" : "ok",
        psprintf(INT64_FORMAT " of " INT64_FORMAT " days are in memory, " INT64_FORMAT " of " INT64_FORMAT
                              " with reservations (sparkingest.ledger_memory)",
                 usage.chunks, usage.most_chunks, usage.blocks, usage.most_blocks),
        SI_NO_TIME);
}

static void
put_schedules(ReturnSetInfo *result)
{
    const char *home = GetConfigOption("cron.database_name", true, false);
    char *here = get_database_name(MyDatabaseId);
    char *message = NULL;
    int64 active;

    if (home == NULL)
    {
        put(result, "pg_cron", "warning",
            "pg_cron is not loaded: add it to shared_preload_libraries, or have another scheduler call sparkingest.plan() every "
            "minute; without it schedules do not fire",
            SI_NO_TIME);
        put(result, "schedules", "warning", "not registered, since pg_cron is not loaded", SI_NO_TIME);
        return;
    }
    if (strcmp(home, here) != 0)
    {
        put(result, "pg_cron", "ok", psprintf("lives in database \"%s\"", home), SI_NO_TIME);
        put(result, "schedules", "warning",
            psprintf("cannot be seen from here: run in database \"%s\" what sparkingest.install_schedules() prints", home),
            SI_NO_TIME);
        return;
    }
    if (!OidIsValid(get_extension_oid("pg_cron", true)))
    {
        put(result, "pg_cron", "warning", "loaded, but not created in this database: run CREATE EXTENSION pg_cron", SI_NO_TIME);
        put(result, "schedules", "warning", "not registered: run CREATE EXTENSION pg_cron, then sparkingest.install_schedules()",
            SI_NO_TIME);
        return;
    }
    put(result, "pg_cron", "ok", "loaded and created in this database", SI_NO_TIME);
    active = si_schedules_active();
    if (active < 3)
        put(result, "schedules", "warning",
            psprintf(INT64_FORMAT " of 3 ticks are registered and active: call sparkingest.install_schedules()", active),
            SI_NO_TIME);
    else if (si_schedules_failing(&message))
        put(result, "schedules", "error", psprintf("the last tick failed: %s", message ? message : "without a message"),
            SI_NO_TIME);
    else
        put(result, "schedules", "ok", "plan, maintain and roll_up are registered with pg_cron", SI_NO_TIME);
}

static void
put_worker(ReturnSetInfo *result, const char *name)
{
    SiWorkerStatus worker;
    bool known = si_worker_status_load(name, psprintf("sparkingest %s", name), &worker);
    char *here = get_database_name(MyDatabaseId);

    if (!si_preloaded())
        put(result, name, "error", "does not run: see preload", SI_NO_TIME);
    else if (RecoveryInProgress())
        put(result, name, "warning", "does not run on a standby; it starts after promotion", SI_NO_TIME);
    else if (strcmp(si_guc_database, here) != 0)
        put(result, name, "error",
            psprintf("works in database \"%s\", not here: set sparkingest.database = '%s' and restart the server", si_guc_database,
                     here),
            SI_NO_TIME);
    else if (!worker.connected)
        put(result, name, "error", "does not run now; it is restarted after 5 seconds: see the server's log",
            known ? worker.beat_at : SI_NO_TIME);
    else if (!known || si_now() - worker.beat_at > STALE_BEAT_USECS)
        put(result, name, "warning", "runs, but has not finished a round for a minute: see the server's log",
            known ? worker.beat_at : SI_NO_TIME);
    else if (worker.last_error && worker.last_error_at != SI_NO_TIME &&
             si_now() - worker.last_error_at < 5 * USECS_PER_MINUTE)
        put(result, name, "warning", psprintf("runs; its last error: %s", worker.last_error), worker.last_error_at);
    else
        put(result, name, "ok", psprintf("runs as process %d", worker.pid), worker.started_at);
}

static void
put_clusters(ReturnSetInfo *result)
{
    SiCluster *clusters;
    int count = si_clusters_load(&clusters);

    for (int i = 0; i < count; i++)
    {
        SiCluster *cluster = &clusters[i];
        char *component = psprintf("cluster %s", cluster->cluster_name);

        if (cluster->kubeconfig == NULL)
            put(result, component, "error", "has no kubeconfig: call sparkingest.set_cluster() as superuser", SI_NO_TIME);
        else if (strcmp(cluster->api_status, "error") == 0)
            put(result, component, "error", cluster->api_detail ? cluster->api_detail : "see the server's log", cluster->api_since);
        else if (strcmp(cluster->dispatch, "enabled") != 0)
            put(result, component, "warning",
                psprintf("dispatch is %s%s%s: call sparkingest.enable_dispatch()", cluster->dispatch,
                         cluster->dispatch_reason ? ", " : "", cluster->dispatch_reason ? cluster->dispatch_reason : ""),
                SI_NO_TIME);
        else if (strcmp(cluster->api_status, "unknown") == 0)
            put(result, component, "warning", "the Kubernetes API has not answered yet", cluster->api_since);
        else
            put(result, component, "ok", "the Kubernetes API answers, dispatch is enabled", cluster->api_since);
    }
}

static void
put_waiting(ReturnSetInfo *result)
{
    TimestampTz oldest;
    int64 with_error;
    char *last_error;
    int64 count = si_dispatch_waiting(si_now(), &oldest, &with_error, &last_error);

    if (count == 0)
        put(result, "waiting work", "ok", "nothing is overdue", SI_NO_TIME);
    else
        put(result, "waiting work", with_error > 0 ? "warning" : "ok",
            psprintf(INT64_FORMAT " executions are due and not submitted, " INT64_FORMAT " with an error%s%s", count, with_error,
                     last_error ? ": " : "", last_error ? last_error : ""),
            oldest);
}

static void
put_clock(ReturnSetInfo *result)
{
    if (si_clock_is_moved())
        put(result, "clock", "warning", psprintf("sparkingest.clock is \"%s\": work is not done by real time", si_guc_clock),
            SI_NO_TIME);
}

Datum
si_health(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    SiCaller caller;

    InitMaterializedSRF(fcinfo, 0);
    si_caller_enter(&caller);
    si_caller_require_sight(&caller, "health");
    put_preload(result);
    put_ledger(result);
    put_schedules(result);
    put_worker(result, "dispatcher");
    put_worker(result, "planner");
    put_clusters(result);
    put_waiting(result);
    put_clock(result);
    si_caller_leave(&caller);
    PG_RETURN_NULL();
}
