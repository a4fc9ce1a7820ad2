/*
 * state.c: states of an execution.
 */
#include "domain/state.h"

#include <string.h>

static const char *const names[SI_STATE_COUNT] = {
    "scheduled",
    "waiting",
    "dispatching",
    "submitted",
    "running",
    "succeeded",
    "failed",
    "cancelled",
    "timed_out",
    "preempted",
    "lost",
};

#define BIT(state) (1u << (state))
#define ENDS \
    (BIT(SI_SUCCEEDED) | BIT(SI_FAILED) | BIT(SI_CANCELLED) | BIT(SI_TIMED_OUT) | BIT(SI_PREEMPTED) | BIT(SI_LOST))

/* Status is a level, not an edge: a run may be seen first when it has ended, so each stage leads to all ends. */
static const unsigned moves[SI_STATE_COUNT] = {
    [SI_SCHEDULED] = BIT(SI_WAITING) | BIT(SI_DISPATCHING) | BIT(SI_CANCELLED),
    [SI_WAITING] = BIT(SI_SCHEDULED) | BIT(SI_CANCELLED),
    [SI_DISPATCHING] = BIT(SI_SCHEDULED) | BIT(SI_SUBMITTED) | BIT(SI_RUNNING) | ENDS,
    [SI_SUBMITTED] = BIT(SI_RUNNING) | ENDS,
    [SI_RUNNING] = ENDS,
};

const char *
si_state_name(SiState state)
{
    return names[state];
}

bool
si_state_from_name(const char *name, SiState *out)
{
    for (int i = 0; i < SI_STATE_COUNT; i++)
        if (strcmp(name, names[i]) == 0)
        {
            *out = (SiState) i;
            return true;
        }
    return false;
}

bool
si_state_allowed(SiState from, SiState to)
{
    return (moves[from] & BIT(to)) != 0;
}

bool
si_state_final(SiState state)
{
    return moves[state] == 0;
}
