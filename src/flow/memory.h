/*
 * memory.h: memory of a job that ran out of it (J7).
 */
#ifndef SI_FLOW_MEMORY_H
#define SI_FLOW_MEMORY_H

#include "domain/retry.h"
#include "store/executions.h"
#include "store/jobs.h"

/*
 * A production run of a locked job ran out of memory: the job's runs get the next step from now on, and those that have not
 * started are planned anew with it. At most retry.max_memory_gb, or four times what the job states, and no more than its
 * namespace has, or its tenant's units there. Returns what an attempt gets now, MiB; no more than the run had = it is at its
 * ceiling.
 */
extern int64 si_memory_raise(SiJob *job, const SiExecution *execution, const SiRetryPolicy *policy, const char *actor, TimestampTz now);

/* The owner stated resources: as stated from now on. The job is locked. */
extern void si_memory_reset(SiJob *job, const char *actor);

#endif
