/*
 * attempt.h: work that may fail without taking the transaction with it (J12).
 */
#ifndef SI_PG_ATTEMPT_H
#define SI_PG_ATTEMPT_H

#include "utils/elog.h"

typedef void (*SiAttempt)(void *arg);

/*
 * Does work(arg) in a subtransaction. NULL when it went well; else the error, palloc'd, and all that it did is undone.
 * Cancelling and shutting down are not caught.
 */
extern ErrorData *si_attempt(SiAttempt work, void *arg);

/* Whether an error says nothing about the work itself: another session was in the way, and the next try may go well. */
extern bool si_error_is_passing(const ErrorData *error);

#endif
