/*
 * limits.h: what one tenant may have and do at most, so that it is in nobody's way. Operators set it; none is the default.
 */
#ifndef SI_FLOW_LIMITS_H
#define SI_FLOW_LIMITS_H

#include "pg/caller.h"
#include "store/jobs.h"
#include "store/tenants.h"

/*
 * Changes limits: {max_jobs, max_schedules (0 to 1,000,000), calls_per_second (1 to 100,000)}; null = none, a key that is not
 * given stays. Raises 22023.
 */
extern void si_limits_set(const SiCaller *caller, const pg_uuid_t *tenant_id, Jsonb *limits);

/* Counts a call for the tenant; raises 53400 when it is one too many. */
extern void si_limits_count_call(const SiTenant *tenant);

/*
 * Before a job is added, or gets a schedule: raises 53400 when the tenant has as many as it may. Whoever asks waits for others
 * of the tenant that have asked, until their transactions end.
 */
extern void si_limits_check_job(const SiJob *job, bool is_new, bool new_schedule);

#endif
