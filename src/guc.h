/*
 * guc.h: the settings of sparkingest; guc.c documents each with its unit.
 */
#ifndef SI_GUC_H
#define SI_GUC_H

extern int si_guc_aging;
extern char *si_guc_clock;
extern char *si_guc_database;
extern int si_guc_dispatch_in_flight;
extern double si_guc_dispatch_rate;
extern int si_guc_event_days;
extern int si_guc_firm_hours;
extern int si_guc_history_months;
extern int si_guc_horizon_days;
extern int si_guc_ledger_memory;
extern int si_guc_lender_share;
extern int si_guc_max_uncommitted_cores;
extern char *si_guc_namespace_prefix;
extern int si_guc_reclaim_grace_seconds;
extern int si_guc_reclaim_min_run_minutes;
extern int si_guc_reconcile_interval;
extern int si_guc_slot_minutes;
extern bool si_guc_tls_verify;

/* _PG_init: defines them all. */
extern void si_guc_init(void);

#endif
