/*
 * dependencies.h: rows of job_dependencies and execution_dependencies: which jobs, and which of their runs, start after which.
 */
#ifndef SI_STORE_DEPENDENCIES_H
#define SI_STORE_DEPENDENCIES_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

#include "domain/state.h"

/* The tenant's job of that name, or of that id, that was not dropped; whether there is one. */
extern bool si_dependency_find_job(const pg_uuid_t *tenant_id, const char *name_or_id, pg_uuid_t *job_id);

/* Whether a job starts after another one, also by way of others, or is the same; newest state. Lock SI_LOCK_DEPENDENCIES first. */
extern bool si_dependency_leads(const pg_uuid_t *from_job_id, const pg_uuid_t *to_job_id);

/* Makes these the jobs that a job starts after. Whether that changed something. */
extern bool si_dependencies_set(const pg_uuid_t *job_id, const pg_uuid_t *tenant_id, const pg_uuid_t *after, int n);

typedef struct SiDependency
{
    pg_uuid_t job_id;
    char *job_name;
} SiDependency;

/* The jobs that a job starts after, and those that start after it and were not dropped; palloc'd, by name. Returns how many. */
extern int si_dependencies_of(const pg_uuid_t *job_id, SiDependency **out);
extern int si_dependants_of(const pg_uuid_t *job_id, SiDependency **out);

/* A run that others start after or may. */
typedef struct SiLink
{
    pg_uuid_t after_execution_id;
    pg_uuid_t after_job_id;
    bool assigned;
    pg_uuid_t execution_id; /* if assigned */
    bool spare;
    SiState state; /* of after_execution_id, as the next two */
    TimestampTz planned_end;
    TimestampTz finished_at;
} SiLink;

/* Links a run of a job to every job that starts after it and may run: production, active. */
extern void si_links_open(const pg_uuid_t *after_job_id, const pg_uuid_t *after_execution_id);

/* Links to a job all production runs that have not ended of the jobs that it starts after, again where the run was cancelled. */
extern void si_links_open_all(const pg_uuid_t *job_id);

/* A run was tried again: its next attempt takes its place. */
extern void si_links_follow(const pg_uuid_t *from_execution_id, const pg_uuid_t *to_execution_id);

/* The open links of a job, palloc'd, in the order in which the runs are planned to end. Returns how many. */
extern int si_links_load(const pg_uuid_t *job_id, SiLink **out);

extern void si_link_assign(const pg_uuid_t *job_id, const pg_uuid_t *after_execution_id, const pg_uuid_t *execution_id, bool spare);
extern void si_link_close(const pg_uuid_t *job_id, const pg_uuid_t *after_execution_id);

/* Closes those of a run that was let go or cancelled; spare ones that have not ended count for another run. */
extern void si_links_close(const pg_uuid_t *execution_id);

/* Jobs with open links to a run; palloc'd. Returns how many. */
extern int si_links_jobs(const pg_uuid_t *after_execution_id, pg_uuid_t **out);

/* Jobs with open links that may have something to do: a run ended, or its plan is another one than was followed. */
extern int si_links_moved(TimestampTz now, pg_uuid_t **out);

#endif
