/*
 * retry.h: another attempt after a failure (J7).
 */
#ifndef SI_FLOW_RETRY_H
#define SI_FLOW_RETRY_H

#include "store/executions.h"
#include "store/jobs.h"

/*
 * Admits the next attempt of a production run of a locked job that has failed, where options.retry allows it (domain/retry.h)
 * and the job is still what it was. The attempt keeps the scheduled time, so that all share one SLA clock, and its memory,
 * or more after it ran out of it (flow/memory.h). Whether there is one. Event execution.retried or, where the job asks for
 * retries, execution.not_retried tells why.
 */
extern bool si_retry(SiJob *job, const SiExecution *execution, const char *actor, TimestampTz now, SiExecution *next);

#endif
