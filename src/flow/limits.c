/*
 * limits.c: limits of a tenant.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "utils/timestamp.h"

#include "flow/limits.h"
#include "pg/clock.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/lock.h"
#include "pg/rate.h"
#include "store/events.h"
#include "store/sql.h"

#define PATH "limits"
#define MOST_JOBS 1000000
#define MOST_CALLS 100000

static const char *const keys[] = {"max_jobs", "max_schedules", "calls_per_second", NULL};

static void
put(StringInfo buf, const char *key, int32 limit)
{
    if (limit < 0)
        si_json_put_raw(buf, key, NULL);
    else
        si_json_put_quantity(buf, key, limit, 1);
}

static char *
limits_json(const SiTenantLimits *limits)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    put(&buf, "max_jobs", limits->max_jobs);
    put(&buf, "max_schedules", limits->max_schedules);
    put(&buf, "calls_per_second", limits->calls_per_second);
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

static void
take(Jsonb *limits, const char *key, int64 min, int64 max, int32 *limit)
{
    if (si_json_has_key(limits, key))
        *limit = (int32) si_json_int(limits, PATH, key, min, max, -1);
}

void
si_limits_set(const SiCaller *caller, const pg_uuid_t *tenant_id, Jsonb *limits)
{
    SiTenantLimits changed;
    SiTenant tenant;

    si_json_check_keys(limits, PATH, keys);
    if (!si_tenant_load(tenant_id, &tenant))
        elog(ERROR, "tenant \"%s\" is missing", si_uuid_text(tenant_id));
    changed = tenant.limits;
    take(limits, "max_jobs", 0, MOST_JOBS, &changed.max_jobs);
    take(limits, "max_schedules", 0, MOST_JOBS, &changed.max_schedules);
    take(limits, "calls_per_second", 1, MOST_CALLS, &changed.calls_per_second);
    if (memcmp(&changed, &tenant.limits, sizeof(changed)) == 0)
        return;
    si_tenant_set_limits(tenant_id, &changed);
    si_event("tenant.limits", tenant_id, NULL, NULL, caller->name, NULL, limits_json(&tenant.limits), limits_json(&changed));
}

void
si_limits_count_call(const SiTenant *tenant)
{
    int64 wait;

    if (tenant->limits.calls_per_second < 0)
        return;
    wait = si_rate_take(&tenant->tenant_id, tenant->limits.calls_per_second, si_now());
    if (wait <= 0)
        return;
    si_rate_pause(wait);
    ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                    errmsg("more than %d calls per second for tenant \"%s\"", tenant->limits.calls_per_second,
                           si_uuid_text(&tenant->tenant_id)),
                    errhint("Try again in " INT64_FORMAT " ms; an operator sets the limit by sparkingest.set_tenant_limits().",
                            wait / 1000 + 1)));
}

static void
refuse(const SiTenant *tenant, const char *what, int32 most)
{
    ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                    errmsg("tenant \"%s\" may have at most %d %s", si_uuid_text(&tenant->tenant_id), most, what),
                    errhint("Drop what is not needed; an operator sets the limit by sparkingest.set_tenant_limits().")));
}

void
si_limits_check_job(const SiJob *job, bool is_new, bool new_schedule)
{
    SiTenant tenant;
    int64 jobs;
    int64 schedules;

    if (!si_tenant_load(&job->tenant_id, &tenant))
        elog(ERROR, "tenant of a job is missing");
    if ((!is_new || tenant.limits.max_jobs < 0) && (!new_schedule || tenant.limits.max_schedules < 0))
        return;
    si_lock_transaction(SI_LOCK_LIMIT, hash_bytes(job->tenant_id.data, UUID_LEN), 0);
    si_jobs_count(&job->tenant_id, &jobs, &schedules);
    if (is_new && tenant.limits.max_jobs >= 0 && jobs >= tenant.limits.max_jobs)
        refuse(&tenant, "jobs", tenant.limits.max_jobs);
    if (new_schedule && tenant.limits.max_schedules >= 0 && schedules >= tenant.limits.max_schedules)
        refuse(&tenant, "jobs with a schedule", tenant.limits.max_schedules);
}
