/*
 * job.h: what owners do with their jobs: create, alter, pause, resume, drop, run, promote.
 */
#ifndef SI_FLOW_JOB_H
#define SI_FLOW_JOB_H

#include "flow/jobspec.h"
#include "pg/caller.h"

/* Creates a draft job (S2); key may be NULL (J8). Raises 22023, 42710, SI001 (auto_draft finds it too large), SI004. */
extern pg_uuid_t si_job_create(const SiCaller *caller, const SiJobRequest *request, const char *key, TimestampTz now);

/*
 * Of a job whose row is locked and that the caller may touch. All raise SI003 when the job was dropped, but for
 * si_job_drop, which then does nothing.
 */
extern void si_job_alter(const SiCaller *caller, SiJob *job, Jsonb *changes, TimestampTz now);
extern void si_job_pause(const SiCaller *caller, SiJob *job, TimestampTz now);
extern void si_job_resume(const SiCaller *caller, SiJob *job, TimestampTz now);
extern void si_job_drop(const SiCaller *caller, SiJob *job, TimestampTz now);

/*
 * Admits one run at or after an instant (SI_NO_TIME = now). Raises SI001 where on_no_capacity is reject, SI002, SI003
 * when the job is not active, SI004.
 */
extern pg_uuid_t si_job_run(const SiCaller *caller, SiJob *job, TimestampTz at, const char *key, TimestampTz now);

/* Promotes (flow/promote.h); with a key the first answer is given again (J8). JSON. */
extern char *si_job_promote(const SiCaller *caller, SiJob *job, const char *key, TimestampTz now);

#endif
