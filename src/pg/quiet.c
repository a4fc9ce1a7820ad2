/*
 * quiet.c: errors that take neither the statement nor its values into the server's log.
 */
#include "postgres.h"

#include "pg/quiet.h"

static void
hide(void *arg)
{
    errhidestmt(true);
    errhidecontext(true);
    errdetail_log("Values are not logged.");
}

void
si_quiet_begin(ErrorContextCallback *callback)
{
    callback->callback = hide;
    callback->arg = NULL;
    callback->previous = error_context_stack;
    error_context_stack = callback;
}

void
si_quiet_end(const ErrorContextCallback *callback)
{
    error_context_stack = callback->previous;
}
