/*
 * misfire.h: what becomes of fires that came late (J3) and of fires while an earlier run is not finished (J4).
 */
#ifndef SI_DOMAIN_MISFIRE_H
#define SI_DOMAIN_MISFIRE_H

#include "domain/types.h"

typedef enum SiMisfire
{
    SI_MISFIRE_ALL,
    SI_MISFIRE_LATEST,
    SI_MISFIRE_NONE
} SiMisfire;

/* A tick comes each minute: a fire that is not older than two is on time. */
#define SI_ON_TIME_USECS (2 * SI_USECS_PER_MIN)

/*
 * keep[i] = whether due[i] still runs; due is ascending and not after now. Fires on time always run. Of the late ones:
 * all those inside the window, the latest inside the window (unless a fire on time follows it), or none. Returns how
 * many are kept.
 */
int si_misfire_keep(const SiTime *due, int n, SiTime now, int64_t window, SiMisfire policy, bool *keep);

typedef enum SiOverlapPolicy
{
    SI_OVERLAP_FORBID,
    SI_OVERLAP_QUEUE_ONE,
    SI_OVERLAP_ALLOW,
    SI_OVERLAP_REPLACE
} SiOverlapPolicy;

typedef enum SiOverlap
{
    SI_OVERLAP_RUN,
    SI_OVERLAP_QUEUE,
    SI_OVERLAP_SKIP,
    SI_OVERLAP_SUPERSEDE
} SiOverlap;

/* active: other runs of the job that were claimed and have not ended; queued: other runs that wait their turn. */
SiOverlap si_overlap_decide(SiOverlapPolicy policy, int limit, int active, int queued);

#endif
