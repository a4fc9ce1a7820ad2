/*
 * overlap.h: what becomes of a run whose job has an earlier one that has not finished (J4).
 */
#ifndef SI_FLOW_OVERLAP_H
#define SI_FLOW_OVERLAP_H

#include "store/executions.h"
#include "store/jobs.h"

/*
 * Asked at the claim of a scheduled execution that is due, locked after its job: whether it may run now. When false it
 * was dealt with: skipped (cancelled, with event fire.skipped), or put back to wait for the earlier run's end; with
 * policy replace the earlier run is stopped as well. Only fires that came on time are skipped: runs that somebody asked
 * for, draft runs and fires that are made up for (J3) wait their turn.
 */
extern bool si_overlap_allows(SiExecution *execution, const char *actor);

/* Why it has to wait, in words; palloc'd. */
extern char *si_overlap_reason(const SiJob *job);

/* Whether a waiting execution of the job must go on waiting for a run that has not finished. */
extern bool si_overlap_holds_back(const SiJob *job, const SiExecution *execution);

#endif
