/*
 * evaluate.h: verdicts on draft runs (S2, S3).
 */
#ifndef SI_FLOW_EVALUATE_H
#define SI_FLOW_EVALUATE_H

#include "domain/evaluate.h"
#include "store/executions.h"
#include "store/jobs.h"

/* Judges a finished execution by the job's tier. */
extern void si_judge(const SiJob *job, const SiExecution *execution, SiVerdict *out);

/* The verdict as JSON: promotion_eligible, performance_ratio, confidence, recommended_namespace, resource_adjustment, reason, recommended_action. */
extern char *si_verdict_json(const SiJob *job, const SiExecution *execution, const SiVerdict *verdict, TimestampTz now);

/* Judges a finished draft run, keeps the verdict in its row and writes event execution.evaluated (S5). */
extern void si_evaluate_execution_now(const SiJob *job, SiExecution *execution, const char *actor, TimestampTz now,
                                      SiVerdict *out);

#endif
