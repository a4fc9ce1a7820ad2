/*
 * explain.h: why a run starts when it does, and not sooner (Q1). The walk over namespaces is that of flow/place.h: what
 * explains is what places. Nothing is locked or taken; works on a standby too.
 */
#ifndef SI_FLOW_EXPLAIN_H
#define SI_FLOW_EXPLAIN_H

#include "flow/explanation.h"

/* Of a loaded execution and its job; SiBinding rows. One that has ended: how, in one row. */
extern List *si_explanation_of_execution(const SiJob *job, const SiExecution *execution, TimestampTz now);

/*
 * Of the run that would be asked for at an instant. SI_NO_TIME: of the job's next run that has not started; without one, of
 * the next fire of its schedule, or else of one that is asked for now. Raises SI005 beyond the horizon.
 */
extern List *si_explanation_of_job(const SiJob *job, TimestampTz at, TimestampTz now);

#endif
