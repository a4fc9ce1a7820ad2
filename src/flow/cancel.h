/*
 * cancel.h: cancelling runs (J6).
 */
#ifndef SI_FLOW_CANCEL_H
#define SI_FLOW_CANCEL_H

#include "store/executions.h"
#include "store/jobs.h"

/*
 * Cancels an execution, locked after its job: at once while it has not been claimed, else a stop is requested and capacity
 * stays held until its pods are gone. Whether this call changed something. reason may be NULL.
 */
extern bool si_cancel(SiExecution *execution, const char *reason, const char *actor, TimestampTz now);

/*
 * Cancels all executions of a group (store/executions.h) of a locked job; returns how many. SI_EXECUTIONS_LIVE stops
 * those that run.
 */
extern int si_cancel_group(const SiJob *job, SiExecutionGroup group, const char *reason, const char *actor, TimestampTz now);

#endif
