/*
 * promote.h: from draft to production (S4).
 */
#ifndef SI_FLOW_PROMOTE_H
#define SI_FLOW_PROMOTE_H

#include "store/jobs.h"

/*
 * Promotes a locked draft job when enough of its latest draft runs are eligible, or leaves it as it is, and answers as
 * promote_job does. Writes job.promoted or job.not_eligible (S5). Raises SI003 unless the job is an active draft, and
 * SI001 and SI002 as a run_job of its first fire would.
 */
extern char *si_promote(SiJob *job, const char *actor, const char *cause, TimestampTz now);

#endif
