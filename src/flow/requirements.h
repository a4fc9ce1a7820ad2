/*
 * requirements.h: resource_requirements of a job.
 */
#ifndef SI_FLOW_REQUIREMENTS_H
#define SI_FLOW_REQUIREMENTS_H

#include "store/jobs.h"

/* Longest runtime that may be planned. */
#define SI_MAX_RUNTIME_MINUTES INT64CONST(43200)

/*
 * Checks resource_requirements and sets cpu_millicores, memory_mib, executors and estimated_millis of the job, which has
 * its source_type; what is missing follows from the estimation rules. Raises 22023 naming the field.
 */
extern void si_requirements_check(SiJob *job, Jsonb *requirements);

/* Raises 22023 unless the job's total can be split over its pods and fits into some namespace. */
extern void si_requirements_check_size(const SiJob *job);

/* {cpu_cores, memory_gb, executors, runtime_minutes} of a job as JSON. */
extern char *si_requirements_json(const SiJob *job);

#endif
