/*
 * guc.c: every setting of sparkingest, in alphabetical order, with its unit.
 */
#include "postgres.h"

#include <float.h>

#include "miscadmin.h"
#include "utils/guc.h"

#include "guc.h"
#include "pg/clock.h"

int si_guc_aging = 5;
char *si_guc_clock = NULL;
char *si_guc_database = NULL;
int si_guc_dispatch_in_flight = 16;
double si_guc_dispatch_rate = 2.0;
int si_guc_event_days = 0;
int si_guc_firm_hours = 24;
int si_guc_history_months = 0;
int si_guc_horizon_days = 35;
int si_guc_ledger_memory = 64;
int si_guc_lender_share = 50;
int si_guc_max_uncommitted_cores = 0;
char *si_guc_namespace_prefix = NULL;
int si_guc_reclaim_grace_seconds = 30;
int si_guc_reclaim_min_run_minutes = 10;
int si_guc_reconcile_interval = 120;
int si_guc_slot_minutes = 5;
bool si_guc_tls_verify = true;

/* Kubernetes names allow 63 characters; the longest of our namespaces needs 18 of them. */
static bool
check_namespace_prefix(char **newval, void **extra, GucSource source)
{
    size_t length = strlen(*newval);

    if (length > 40 || strspn(*newval, "abcdefghijklmnopqrstuvwxyz0123456789-") != length || (*newval)[0] == '-')
    {
        GUC_check_errdetail("A prefix has at most 40 lower-case letters, digits and hyphens and does not begin with a hyphen.");
        return false;
    }
    return true;
}

static bool
check_slot_minutes(int *newval, void **extra, GucSource source)
{
    if (60 % *newval != 0)
    {
        GUC_check_errdetail("The slot length must divide an hour: 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60 minutes.");
        return false;
    }
    return true;
}

/* A to F. A session that loads the library late may not define what only a start can change; nothing it does rests on it. */
static void
define_first(GucContext at_start)
{
    DefineCustomIntVariable("sparkingest.aging",
                            "What waiting work gains in priority, in points per hour.",
                            "0: nothing. Counted by whole days, for at most two, so that among equals of a day the fair share decides.",
                            &si_guc_aging, 5, 0, 1000, PGC_SUSET, 0, NULL, NULL, NULL);
    DefineCustomStringVariable("sparkingest.clock",
                               "Time that decisions and workers go by.",
                               "Empty: real time. A timestamptz: frozen there. '+2 days' or '-1 hour': shifted.",
                               &si_guc_clock, "", PGC_SUSET, 0, si_clock_check, si_clock_assign, NULL);
    DefineCustomStringVariable("sparkingest.database",
                               "Database in which the dispatcher works.",
                               "The extension is to be created in this database.",
                               &si_guc_database, "postgres", at_start, 0, NULL, NULL, NULL);
    DefineCustomIntVariable("sparkingest.dispatch_in_flight",
                            "Most Kubernetes requests that create applications at the same time, per cluster.", NULL,
                            &si_guc_dispatch_in_flight, 16, 1, 256, PGC_SIGHUP, 0, NULL, NULL, NULL);
    DefineCustomRealVariable("sparkingest.dispatch_rate",
                             "Applications created per second at most, per cluster.",
                             "The Spark operator starts 2 to 2.5 a second at best.",
                             &si_guc_dispatch_rate, 2.0, 0.01, 1000.0, PGC_SIGHUP, 0, NULL, NULL, NULL);
    DefineCustomIntVariable("sparkingest.event_days",
                            "How long events are kept, in days.",
                            "0: for ever. maintain() drops a month of events when all of it is older; so some are kept a month longer.",
                            &si_guc_event_days, 0, 0, 36500, PGC_SUSET, 0, NULL, NULL, NULL);
    DefineCustomIntVariable("sparkingest.firm_hours",
                            "How long before its start the place of a scheduled run is firm, in hours.",
                            "Places further ahead are tentative: more important work may take them.",
                            &si_guc_firm_hours, 24, 0, 9600, PGC_SUSET, 0, NULL, NULL, NULL);
}

/* H to Z. */
static void
define_last(GucContext at_start)
{
    DefineCustomIntVariable("sparkingest.history_months",
                            "How long rows of resource_consumption are kept, in whole months after theirs.",
                            "0: for ever. maintain() drops older months; hourly sums stay, statements of those months do not.",
                            &si_guc_history_months, 0, 0, 1200, PGC_SUSET, 0, NULL, NULL, NULL);
    DefineCustomIntVariable("sparkingest.horizon_days",
                            "How far ahead capacity can be reserved, in days.", NULL,
                            &si_guc_horizon_days, 35, 1, 400, PGC_SUSET, 0, NULL, NULL, NULL);
    DefineCustomIntVariable("sparkingest.ledger_memory",
                            "Shared memory of the capacity ledger.",
                            "288 slots (a day of five minutes) of one pool in which something is reserved take 14 KiB.",
                            &si_guc_ledger_memory, 64, 1, 65536, at_start, GUC_UNIT_MB, NULL, NULL, NULL);
    DefineCustomIntVariable("sparkingest.lender_share",
                            "What a lender is credited of the vCPU-hours that borrowers of its units paid, in percent.", NULL,
                            &si_guc_lender_share, 50, 0, 100, PGC_SUSET, 0, NULL, NULL, NULL);
    DefineCustomIntVariable("sparkingest.max_uncommitted_cores",
                            "Most cores that one tenant may hold in transactions that have not ended.",
                            "0: no limit. Others cannot use what is held, until it is committed and given back, or rolled back.",
                            &si_guc_max_uncommitted_cores, 0, 0, 1000000000, PGC_SUSET, 0, NULL, NULL, NULL);
    DefineCustomStringVariable("sparkingest.namespace_prefix",
                               "Prefix of the names of Kubernetes namespaces.",
                               "The Kubernetes name is this prefix followed by the namespace's name.",
                               &si_guc_namespace_prefix, "", PGC_SIGHUP, 0, check_namespace_prefix, NULL, NULL);
    DefineCustomIntVariable("sparkingest.reclaim_grace_seconds",
                            "Time that a run on borrowed units has to end after it was asked to, in seconds.",
                            "Then its owner's work begins.",
                            &si_guc_reclaim_grace_seconds, 30, 0, 3600, PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
    DefineCustomIntVariable("sparkingest.reclaim_min_run_minutes",
                            "Time that a run on borrowed units may run before it is asked to end for their owner, in minutes.", NULL,
                            &si_guc_reclaim_min_run_minutes, 10, 0, 1440, PGC_SUSET, GUC_UNIT_MIN, NULL, NULL, NULL);
    DefineCustomIntVariable("sparkingest.reconcile_interval",
                            "Time between full lists of Kubernetes objects, in seconds.",
                            "The watch reports changes at once; the list is the safety net.",
                            &si_guc_reconcile_interval, 120, 5, 3600, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
    DefineCustomIntVariable("sparkingest.slot_minutes",
                            "Grid step of namespaces that are created from now on, in minutes.",
                            "Must divide an hour. Existing namespaces keep theirs.",
                            &si_guc_slot_minutes, 5, 1, 60, PGC_SUSET, 0, check_slot_minutes, NULL, NULL);
    DefineCustomBoolVariable("sparkingest.tls_verify",
                             "Verify the certificate of the Kubernetes API.",
                             "Off is for tests only; the dispatcher warns at each start.",
                             &si_guc_tls_verify, true, PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
}

void
si_guc_init(void)
{
    GucContext at_start = process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP;

    define_first(at_start);
    define_last(at_start);
    MarkGUCPrefixReserved("sparkingest");
}
