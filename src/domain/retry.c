/*
 * retry.c: whether a run that failed is tried again.
 */
#include "domain/retry.h"

#include <string.h>

#define EXIT_UNREACHABLE 69 /* of ingest.py */
#define MIB_PER_GIB 1024

static const char *const names[SI_ERROR_CLASSES] = {
    "out_of_memory",
    "node_lost",
    "platform",
    "source_unreachable",
    "user_code",
    "rejected",
    "timed_out",
    "preempted",
    "lost",
};

const char *
si_error_class_name(SiErrorClass error_class)
{
    return names[error_class];
}

bool
si_error_class_from_name(const char *name, SiErrorClass *out)
{
    for (int i = 0; i < SI_ERROR_CLASSES; i++)
        if (strcmp(name, names[i]) == 0)
        {
            *out = (SiErrorClass) i;
            return true;
        }
    return false;
}

static SiErrorClass
class_of_failure(const char *error_class, int exit_code)
{
    SiErrorClass class;

    if (error_class == NULL || !si_error_class_from_name(error_class, &class))
        class = SI_ERROR_USER_CODE;
    return class == SI_ERROR_USER_CODE && exit_code == EXIT_UNREACHABLE ? SI_ERROR_SOURCE_UNREACHABLE : class;
}

bool
si_error_classify(SiState state, const char *error_class, int exit_code, SiErrorClass *out)
{
    switch (state)
    {
        case SI_FAILED:
            *out = class_of_failure(error_class, exit_code);
            return true;
        case SI_TIMED_OUT:
            *out = SI_ERROR_TIMED_OUT;
            return true;
        case SI_PREEMPTED:
            *out = SI_ERROR_PREEMPTED;
            return true;
        case SI_LOST:
            *out = SI_ERROR_LOST;
            return true;
        default:
            return false;
    }
}

SiRetryVerdict
si_retry_decide(const SiRetryPolicy *policy, SiErrorClass error_class, int failed, int spent)
{
    if ((policy->classes & SI_ERROR_BIT(error_class)) == 0)
        return SI_RETRY_NOT_OF_CLASS;
    if (error_class != SI_ERROR_PREEMPTED && failed >= policy->max_attempts)
        return SI_RETRY_NO_ATTEMPTS;
    if (spent >= policy->budget_per_day)
        return SI_RETRY_NO_BUDGET;
    return SI_RETRY_YES;
}

int64_t
si_retry_backoff(const SiRetryPolicy *policy, int failed, double jitter)
{
    int64_t wait = policy->backoff_usecs;

    for (int i = 1; i < failed && wait < policy->max_backoff_usecs; i++)
        wait *= 2;
    if (wait > policy->max_backoff_usecs)
        wait = policy->max_backoff_usecs;
    return wait + (int64_t) (jitter * (double) wait / 4);
}

int64_t
si_retry_memory(int64_t memory_mib, int64_t ceiling_mib)
{
    int64_t raised = (memory_mib * 3 / 2 + MIB_PER_GIB - 1) / MIB_PER_GIB * MIB_PER_GIB;

    if (raised > ceiling_mib)
        raised = ceiling_mib;
    return raised > memory_mib ? raised : memory_mib;
}
