/*
 * retry.h: another attempt after a failure (J7).
 */
#ifndef SI_FLOW_RETRY_H
#define SI_FLOW_RETRY_H

#include "store/executions.h"
#include "store/jobs.h"

/*
 * Admits the next attempt of a production run that has failed, while options.retry leaves one and its error may pass: the
 * platform's own, a lost node, memory (then with half as much again), or a source that could not be reached. The attempt
 * keeps the scheduled time, so that all share one SLA clock, and starts after a backoff that doubles from one minute, with
 * jitter. Whether there is one.
 */
extern bool si_retry(const SiJob *job, const SiExecution *execution, const char *actor, TimestampTz now);

#endif
