/*
 * state.h: states of an execution and the one table of moves between them (J5).
 */
#ifndef SI_DOMAIN_STATE_H
#define SI_DOMAIN_STATE_H

#include "domain/types.h"

typedef enum SiState
{
    SI_SCHEDULED,   /* capacity reserved, not claimed */
    SI_WAITING,     /* no capacity yet */
    SI_DISPATCHING, /* claimed: Kubernetes may have heard of it */
    SI_SUBMITTED,   /* exists in Kubernetes */
    SI_RUNNING,     /* driver runs */
    SI_SUCCEEDED,
    SI_FAILED,
    SI_CANCELLED,
    SI_TIMED_OUT,
    SI_PREEMPTED,
    SI_LOST /* absent from a list newer than its post (J10) */
} SiState;

#define SI_STATE_COUNT 11

/* Name as stored. */
const char *si_state_name(SiState state);

/* Whether the name is one; then *out is set. */
bool si_state_from_name(const char *name, SiState *out);

/* Whether a state may become another. No state becomes itself. */
bool si_state_allowed(SiState from, SiState to);

/* Whether nothing follows. */
bool si_state_final(SiState state);

#endif
