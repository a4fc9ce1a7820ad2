/*
 * quiet.h: errors that take neither the statement nor its values into the server's log. What is refused because it holds a
 * secret would be written there, with the statement that brought it; so would a secret under a key that nobody knows, or in
 * a value that is refused for another reason. The client is told all of it.
 */
#ifndef SI_PG_QUIET_H
#define SI_PG_QUIET_H

#include "utils/elog.h"

/* From here to si_quiet_end, which an error needs not reach, errors are logged without STATEMENT, CONTEXT and DETAIL. */
extern void si_quiet_begin(ErrorContextCallback *callback);
extern void si_quiet_end(const ErrorContextCallback *callback);

#endif
