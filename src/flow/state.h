/*
 * state.h: the one way in which an execution gets and changes its state (J5). Each writes an event in the same
 * transaction.
 */
#ifndef SI_FLOW_STATE_H
#define SI_FLOW_STATE_H

#include "store/executions.h"

/* Inserts a new execution in its first state, scheduled or waiting. cause may be NULL. */
extern void si_execution_enter(const SiExecution *execution, const char *actor, const char *cause);

/*
 * Moves a loaded and locked execution and sets execution->state. Raises SI003 when the transition table does not allow
 * the move or the row is no longer in the state that was loaded. cause may be NULL.
 */
extern void si_execution_move(SiExecution *execution, SiState to, const char *actor, const char *cause);

/* The same, with members for the event's `after`, such as "\"exit_code\": 1"; NULL or empty = none. */
extern void si_execution_move_noting(SiExecution *execution, SiState to, const char *actor, const char *cause,
                                     const char *members);

#endif
