/*
 * owner.h: jobs whose owner is gone, and whatever else keeps a job from being planned: it is blocked with a reason, and
 * stands in nobody's way (J12).
 */
#ifndef SI_FLOW_OWNER_H
#define SI_FLOW_OWNER_H

#include "pg/caller.h"
#include "store/jobs.h"

/* Blocks a job, or, without a reason, no longer; an event when that is new. */
extern void si_job_block(const pg_uuid_t *job_id, const char *reason, const char *actor);

/*
 * Blocks a locked job whose owner was dropped: runs of its schedule that have not been claimed are cancelled, and none is
 * planned until somebody takes it over.
 */
extern void si_job_block_orphan(SiJob *job, const char *actor, TimestampTz now);

/* All of them that nobody else has locked. Returns how many were blocked. */
extern int si_orphans_block(const char *actor, TimestampTz now);

/* Whoever changes a job whose owner was dropped is its owner from now on. Whether it was; to be written by si_job_update. */
extern bool si_job_take_over(const SiCaller *caller, SiJob *job);

/* Raises SI003 when its owner was dropped. */
extern void si_job_require_owner(const SiJob *job);

#endif
