/*
 * sla.h: sla_requirements of a job (S1).
 */
#ifndef SI_FLOW_SLA_H
#define SI_FLOW_SLA_H

#include "domain/sla.h"
#include "store/jobs.h"

/* Longest window: what the default horizon holds. */
#define SI_MAX_WINDOW_HOURS 840

/*
 * Checks job->sla_requirements and sets tier, priority, sla_window_millihours and max_runtime_minutes from it. Raises
 * 22023 naming the field.
 */
extern void si_sla_check(SiJob *job);

/*
 * Gives a value (-1000 to 1000) a name that sla_requirements.priority may use from now on. Raises 22023.
 */
extern void si_priority_set(const char *name, int32 value, const char *actor);

/* The bounds of a checked job, in microseconds after the scheduled time. */
extern void si_sla_bounds(const SiJob *job, SiSla *out);

/* The run's planned length in minutes: the estimate's p90, but never above the hard line (C14). */
extern int64 si_job_planned_minutes(const SiJob *job);

/* The hard line in minutes: as stated, else three times the planned length (C14). */
extern int32 si_job_hard_minutes(const SiJob *job);

#endif
