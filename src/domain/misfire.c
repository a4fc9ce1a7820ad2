/*
 * misfire.c: late fires and overlapping runs.
 */
#include "domain/misfire.h"

int
si_misfire_keep(const SiTime *due, int n, SiTime now, int64_t window, SiMisfire policy, bool *keep)
{
    int kept = 0;

    for (int i = 0; i < n; i++)
    {
        bool late = now - due[i] > SI_ON_TIME_USECS;

        if (!late)
            keep[i] = true;
        else if (policy == SI_MISFIRE_NONE || now - due[i] > window)
            keep[i] = false;
        else
            keep[i] = policy == SI_MISFIRE_ALL || i == n - 1;
        kept += keep[i];
    }
    return kept;
}

SiOverlap
si_overlap_decide(SiOverlapPolicy policy, int limit, int active, int queued)
{
    if (active == 0)
        return SI_OVERLAP_RUN;
    switch (policy)
    {
        case SI_OVERLAP_QUEUE_ONE:
            return queued == 0 ? SI_OVERLAP_QUEUE : SI_OVERLAP_SKIP;
        case SI_OVERLAP_ALLOW:
            return active < limit ? SI_OVERLAP_RUN : SI_OVERLAP_SKIP;
        case SI_OVERLAP_REPLACE:
            return SI_OVERLAP_SUPERSEDE;
        case SI_OVERLAP_FORBID:
            break;
    }
    return SI_OVERLAP_SKIP;
}
