/*
 * retry.h: whether a run that failed is tried again, when, and with how much memory (J7).
 */
#ifndef SI_DOMAIN_RETRY_H
#define SI_DOMAIN_RETRY_H

#include "domain/state.h"
#include "domain/types.h"

/* Why a run failed. */
typedef enum SiErrorClass
{
    SI_ERROR_OUT_OF_MEMORY,
    SI_ERROR_NODE_LOST,
    SI_ERROR_PLATFORM,
    SI_ERROR_SOURCE_UNREACHABLE, /* or its login refused: ingest.py ends with 69 */
    SI_ERROR_USER_CODE,
    SI_ERROR_REJECTED,
    SI_ERROR_TIMED_OUT,
    SI_ERROR_PREEMPTED,
    SI_ERROR_LOST
} SiErrorClass;

#define SI_ERROR_CLASSES 9
#define SI_ERROR_BIT(class) (1u << (class))

/* What may pass by itself, or with more memory; what is not here is tried again only where the job says so. */
#define SI_RETRY_DEFAULT_CLASSES \
    (SI_ERROR_BIT(SI_ERROR_OUT_OF_MEMORY) | SI_ERROR_BIT(SI_ERROR_NODE_LOST) | SI_ERROR_BIT(SI_ERROR_PLATFORM) | \
     SI_ERROR_BIT(SI_ERROR_SOURCE_UNREACHABLE) | SI_ERROR_BIT(SI_ERROR_PREEMPTED) | SI_ERROR_BIT(SI_ERROR_LOST))

/* Name as users write it. */
const char *si_error_class_name(SiErrorClass error_class);

/* Whether the name is one; then *out is set. */
bool si_error_class_from_name(const char *name, SiErrorClass *out);

/*
 * The class of a run that has ended; false when it did not fail: it succeeded, or somebody cancelled it. error_class is the
 * stored one, NULL = none; exit_code is the driver's, negative = none. What is of no known class counts as user_code.
 */
bool si_error_classify(SiState state, const char *error_class, int exit_code, SiErrorClass *out);

/* options.retry of a job. */
typedef struct SiRetryPolicy
{
    int max_attempts;      /* of one run, at least 1 */
    int64_t backoff_usecs; /* before the second attempt; doubles with each further one */
    int64_t max_backoff_usecs;
    int budget_per_day;     /* retries of the job in any 24 hours */
    unsigned classes;       /* that are tried again, SI_ERROR_BIT of each */
    int64_t max_memory_mib; /* up to which memory is raised; 0 = not stated */
} SiRetryPolicy;

typedef enum SiRetryVerdict
{
    SI_RETRY_YES,
    SI_RETRY_NOT_OF_CLASS,
    SI_RETRY_NO_ATTEMPTS,
    SI_RETRY_NO_BUDGET
} SiRetryVerdict;

/*
 * failed: attempts of the run that failed, this one included and those that were preempted left out; spent: retries of the job
 * in the last 24 hours. A run that was preempted lost its place through no fault of its own: it uses up no attempt.
 */
SiRetryVerdict si_retry_decide(const SiRetryPolicy *policy, SiErrorClass error_class, int failed, int spent);

/*
 * Microseconds to wait before the next attempt, after `failed` attempts (at least 1): the backoff doubled failed - 1 times, at
 * most the largest, and up to a quarter more: jitter from 0 to 1.
 */
int64_t si_retry_backoff(const SiRetryPolicy *policy, int failed, double jitter);

/* The next step after memory_mib was too little: half as much again in whole GiB, at most the ceiling, never less than it was. */
int64_t si_retry_memory(int64_t memory_mib, int64_t ceiling_mib);

/* Up to so many times the memory that a job states is raised, unless it says otherwise. */
#define SI_RETRY_MEMORY_FACTOR 4

#endif
