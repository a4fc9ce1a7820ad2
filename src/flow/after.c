/*
 * after.c: options.after of a job.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "flow/after.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/lock.h"
#include "store/dependencies.h"
#include "store/sql.h"

#define PATH "options"
#define FIELD PATH ".after"
#define MAX_AFTER 20
#define MAX_BYTES 800 /* of a job's name: 200 characters */

static int
names_of(const SiJob *job, char ***out)
{
    return si_json_texts(job->options, PATH, "after", MAX_BYTES, MAX_AFTER, out);
}

void
si_after_check(const SiJob *job)
{
    char **names;

    if (names_of(job, &names) > 0 && job->schedule_cron != NULL)
        si_bad_value(FIELD, (char *) NULL, "must not be given with schedule_cron: other jobs start it, or its schedule does");
}

static void
check(const SiJob *job, const char *name, const pg_uuid_t *found)
{
    if (si_uuid_equal(found, &job->job_id))
        si_bad_value(FIELD, name, "must not name the job itself");
    if (si_dependency_leads(found, &job->job_id))
        si_bad_value(FIELD, name, "must not make a cycle: that job starts after this one");
}

bool
si_after_set(const SiJob *job)
{
    char **names = NULL;
    int n = Max(names_of(job, &names), 0);
    pg_uuid_t *after = palloc((n + 1) * sizeof(pg_uuid_t));

    /* Two sessions must not close a cycle together. */
    if (n > 0)
        si_lock_transaction(SI_LOCK_DEPENDENCIES, hash_bytes(job->tenant_id.data, UUID_LEN), 0);
    for (int i = 0; i < n; i++)
    {
        if (!si_dependency_find_job(&job->tenant_id, names[i], &after[i]))
            si_bad_value(FIELD, names[i], "must name a job of the tenant");
        check(job, names[i], &after[i]);
    }
    return si_dependencies_set(&job->job_id, &job->tenant_id, after, n);
}
