/*
 * quiet.h: errors that do not take the statement into the server's log. What is refused because it holds a secret would be
 * written there, with the statement that brought it; so would a secret under a key that nobody knows.
 */
#ifndef SI_PG_QUIET_H
#define SI_PG_QUIET_H

#include "utils/elog.h"

/* From here to si_quiet_end, which an error needs not reach, errors are logged without STATEMENT and CONTEXT. */
extern void si_quiet_begin(ErrorContextCallback *callback);
extern void si_quiet_end(const ErrorContextCallback *callback);

#endif
