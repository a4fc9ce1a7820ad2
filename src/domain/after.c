/*
 * after.c: runs that start after the success of runs of other jobs.
 */
#include "domain/after.h"

static bool
ended(SiState state)
{
    return state >= SI_SUCCEEDED;
}

/* The first predecessor of which something holds; -1 = of none. */
static int
first_failed(const SiPredecessor *predecessors, int n)
{
    for (int i = 0; i < n; i++)
        if (predecessors[i].exists && ended(predecessors[i].state) && predecessors[i].state != SI_SUCCEEDED)
            return i;
    return -1;
}

static int
first_missing(const SiPredecessor *predecessors, int n)
{
    for (int i = 0; i < n; i++)
        if (!predecessors[i].exists)
            return i;
    return -1;
}

static int
first_unplanned(const SiPredecessor *predecessors, int n, SiTime now)
{
    for (int i = 0; i < n; i++)
        if (predecessors[i].state != SI_SUCCEEDED &&
            (predecessors[i].state == SI_WAITING || !predecessors[i].planned || predecessors[i].planned_end <= now))
            return i;
    return -1;
}

SiAfterVerdict
si_after_decide(const SiPredecessor *predecessors, int n, SiTime now, SiTime *at, int *which)
{
    bool all = true;

    if ((*which = first_failed(predecessors, n)) >= 0)
        return SI_AFTER_CANCEL;
    if ((*which = first_missing(predecessors, n)) >= 0)
        return SI_AFTER_MISSING;
    if ((*which = first_unplanned(predecessors, n, now)) >= 0)
        return SI_AFTER_UNPLANNED;
    for (int i = 0; i < n; i++)
    {
        bool succeeded = predecessors[i].state == SI_SUCCEEDED;
        SiTime end = succeeded ? predecessors[i].finished_at : predecessors[i].planned_end;

        if (i == 0 || end > *at)
            *at = end;
        all = all && succeeded;
    }
    return all ? SI_AFTER_RELEASE : SI_AFTER_FOLLOW;
}

int
si_after_run_for(const SiAfterRun *runs, int n, bool *spare)
{
    *spare = false;
    for (int i = 0; i < n; i++)
        if (!runs[i].complete && !runs[i].has)
            return i;
    for (int i = 0; i < n; i++)
        if (!runs[i].complete)
        {
            *spare = true;
            return i;
        }
    return n;
}
