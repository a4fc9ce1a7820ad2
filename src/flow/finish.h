/*
 * finish.h: the end of an execution and all that follows from it, in one transaction.
 */
#ifndef SI_FLOW_FINISH_H
#define SI_FLOW_FINISH_H

#include "store/executions.h"

/* How a run ended. */
typedef struct SiOutcome
{
    SiState state;           /* one of the ends */
    TimestampTz started_at;  /* driver running; SI_NO_TIME = never ran */
    TimestampTz finished_at; /* last pod gone; SI_NO_TIME = now */
    bool has_exit_code;
    int exit_code;
    const char *error_class; /* out_of_memory, node_lost, user_code, platform, rejected; NULL = none */
    const char *error_message;
    bool platform_fault; /* then the run is free (M7) */
    Jsonb *metrics;      /* the driver's termination message, of which nothing is trusted; NULL = none */
} SiOutcome;

/*
 * Moves an execution to its end and writes what it used: reservation released, metered (M7, M8), settled (M4, M9),
 * watermark advanced, SLA judged (S1), observed, a draft evaluated (S2) and, where the job says so, promoted; a retry
 * admitted (J7); runs of other jobs that start after it let go or cancelled; work of the job that waited for it placed (J4).
 * Locks the job, then the execution. No-op when it has ended already. Raises SI003 when the move is not allowed.
 */
extern void si_execution_finish(const pg_uuid_t *execution_id, const SiOutcome *outcome, const char *actor,
                                const char *cause);

#endif
