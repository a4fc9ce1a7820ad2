/*
 * named_limits.h: limits of things that jobs share, such as connections to a source database: who sets them, and what jobs
 * and reservations state of them, {"orders-db": 2}. A name means the service's limit of that name, else the tenant's own.
 */
#ifndef SI_FLOW_NAMED_LIMITS_H
#define SI_FLOW_NAMED_LIMITS_H

#include "flow/place.h"
#include "flow/relief.h"
#include "pg/caller.h"
#include "store/jobs.h"

/*
 * Reads what is stated into a need: at most 16 limits, each 1 to what the limit has in total. `path` names the field. Raises
 * 22023 naming the limit, also when there is no such limit. NULL = nothing.
 */
extern void si_needs_check(Jsonb *limits, const char *path, const pg_uuid_t *tenant_id, SiNeed *need);

/* The same of a job, which was checked when it was created: what has changed since is no error, but never fits. */
extern void si_needs_of_job(const SiJob *job, SiNeed *need);

/* The object that options of a job have of limits; NULL = none. */
extern Jsonb *si_needs_stated(Jsonb *options);

/*
 * Sets a limit of the service (tenant NULL), or of a tenant: 0 to 1,000,000, a name like a namespace's. One that becomes less
 * is relieved of what no longer fits (relief.h); returns who was affected, palloc'd. Raises 22023, 42710 when a tenant asks for
 * a name of the service's, 53400 when it has as many as it may.
 */
extern int si_named_limit_set(const SiCaller *caller, const pg_uuid_t *tenant_id, const char *name, int64 quantity, TimestampTz now,
                              SiRelieved **out);

/* Raises 42704 when there is none, SI003 when jobs state it or reservations hold it. */
extern void si_named_limit_drop(const SiCaller *caller, const pg_uuid_t *tenant_id, const char *name);

/* The limit; raises 42704. */
extern void si_named_limit_require(const pg_uuid_t *tenant_id, const char *name, SiLimit *out);

#endif
