/*
 * transaction.h: transactions of background workers. No transaction, snapshot or lock may be held across a wait.
 */
#ifndef SI_PG_TRANSACTION_H
#define SI_PG_TRANSACTION_H

/* Starts a transaction with a snapshot, pinned search_path, and reports activity (a short phrase) to pg_stat_activity. */
extern void si_work_begin(const char *activity);

/* Commits; synchronous = wait for the flush whatever synchronous_commit says (J9: claims). */
extern void si_work_commit(bool synchronous);

/* Aborts after an error was caught, outside of any transaction state; safe when none is open. */
extern void si_work_abort(void);

#endif
