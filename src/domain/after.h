/*
 * after.h: runs that start after the success of runs of other jobs (dependencies).
 */
#ifndef SI_DOMAIN_AFTER_H
#define SI_DOMAIN_AFTER_H

#include "domain/state.h"
#include "domain/types.h"

/* What a dependant's run knows of one of its predecessors. */
typedef struct SiPredecessor
{
    bool exists; /* a run of it was found; else nothing below counts */
    SiState state;
    bool planned; /* planned_end is known */
    SiTime planned_end;
    SiTime finished_at; /* of one that succeeded */
} SiPredecessor;

typedef enum SiAfterVerdict
{
    SI_AFTER_CANCEL,    /* a predecessor ended for good without success */
    SI_AFTER_MISSING,   /* there is no run of a predecessor yet */
    SI_AFTER_UNPLANNED, /* when a predecessor ends is not known: it waits, or runs beyond its plan */
    SI_AFTER_FOLLOW,    /* it is planned from *at on */
    SI_AFTER_RELEASE    /* all succeeded, the last one at *at */
} SiAfterVerdict;

/*
 * What becomes of a run that waits for n (at least 1) predecessors. *at is set for the last two verdicts, *which, the
 * predecessor that decides, for the first three. A predecessor that ended otherwise than by success ended for good: of one that
 * is tried again its next attempt is to be given.
 */
SiAfterVerdict si_after_decide(const SiPredecessor *predecessors, int n, SiTime now, SiTime *at, int *which);

/* A run of the dependant that has not been started, as one predecessor job sees it. */
typedef struct SiAfterRun
{
    bool has;      /* it waits for a run of that job already */
    bool complete; /* it has one of every predecessor */
} SiAfterRun;

/*
 * Which of n runs, oldest first, a further run of a predecessor counts for; n = a new one. *spare: that one waits for an
 * earlier run of the same job, and this one stands by for it: a job that runs more often than another predecessor starts no
 * run more for it.
 */
int si_after_run_for(const SiAfterRun *runs, int n, bool *spare);

#endif
