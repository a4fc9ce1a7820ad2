/*
 * judge.h: what Kubernetes shows of an execution, read from its objects, and what it means. No I/O, no rows.
 */
#ifndef SI_WORKER_JUDGE_H
#define SI_WORKER_JUDGE_H

#include "flow/finish.h"
#include "utils/jsonb.h"

/* status.applicationState.state, as far as we tell states apart; a level, states may be skipped. */
typedef enum SiAppState
{
    SI_APP_UNSEEN,   /* not shown to us yet */
    SI_APP_NEW,      /* "": no operator has touched it */
    SI_APP_STARTING, /* SUBMITTED and what the operator does on the way there */
    SI_APP_RUNNING,  /* RUNNING, SUCCEEDING, FAILING */
    SI_APP_COMPLETED,
    SI_APP_FAILED
} SiAppState;

typedef struct SiApplication
{
    char *name; /* NULL = none, as all here */
    char *uid;
    char *execution_id; /* label, NULL = none */
    SiAppState state;
    char *message;            /* status.applicationState.errorMessage, NULL = none */
    TimestampTz submitted_at; /* SI_NO_TIME = not stated */
    TimestampTz ended_at;
} SiApplication;

typedef struct SiPods
{
    int live; /* pods that still hold capacity: neither Succeeded nor Failed */
    bool has_driver;
    char *waiting;          /* why the driver's container does not start, in words; NULL = it does, or nobody says */
    bool lost;              /* the driver's pod was evicted, or its node went away */
    TimestampTz started_at; /* driver's container; SI_NO_TIME = not yet */
    TimestampTz ended_at;   /* last container that ended; SI_NO_TIME = none */
    bool has_exit_code;
    int exit_code;
    char *reason;  /* of the driver's end: OOMKilled, Error, Completed, ...; NULL = none */
    char *message; /* termination message of the driver; NULL = none */
} SiPods;

extern void si_judge_application(Jsonb *object, SiApplication *out);
extern void si_judge_pods(Jsonb *pod_list, SiPods *out);

/*
 * Outcome of an application that ended (COMPLETED or FAILED) and whose pods ended. Succeeded = COMPLETED and exit 0; with
 * the driver's pod gone, COMPLETED is trusted and there are no metrics. error_class (J7): out_of_memory, node_lost,
 * user_code, platform; the last three but user_code and out_of_memory are faults of the platform, which are free (M7).
 * Times that Kubernetes does not state stay SI_NO_TIME. Strings are palloc'd or constant.
 */
extern void si_judge_end(const SiApplication *application, const SiPods *pods, SiOutcome *out);

#endif
