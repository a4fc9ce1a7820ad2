/*
 * target.h: where a tenant's production work belongs, by what the tenant owns (C12, S4).
 */
#ifndef SI_FLOW_TARGET_H
#define SI_FLOW_TARGET_H

#include "store/jobs.h"
#include "store/pools.h"

/* Whether the tenant's dedicated units could hold the job at an instant; then *out (may be NULL) is their namespace. */
extern bool si_target_owns_units(const SiJob *job, TimestampTz at, SiNamespace *out);

/* The dedicated namespace where the tenant owns enough at an instant, else the shared one. */
extern void si_target_choose(const SiJob *job, TimestampTz at, SiNamespace *out);

/* The draft namespace. */
extern void si_target_draft(SiNamespace *out);

#endif
