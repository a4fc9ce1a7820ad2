/*
 * sla.c: sla_requirements of a job (S1).
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "domain/estimate.h"
#include "flow/sla.h"
#include "pg/duration.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "store/events.h"
#include "store/priorities.h"

#define PATH "sla_requirements"
#define MAX_PRIORITY 1000
#define MAX_BOUND_USECS (SI_MAX_WINDOW_HOURS * USECS_PER_HOUR)
#define USECS_PER_MILLIHOUR (USECS_PER_HOUR / 1000)

/* What sla_requirements.priority may be called: set_priority() and the table's CHECK. */
#define MAX_NAME_BYTES 63

static const char *const keys[] = {"max_runtime_minutes", "priority", "sla_window_hours", "earliest_start",
                                   "start_by", "finish_by", "tier", NULL};

/* A length of time after the scheduled time, as interval text; SI_NO_BOUND when absent. */
static int64
bound(Jsonb *sla, const char *key)
{
    char *field = psprintf(PATH ".%s", key);
    char *text = si_json_text(sla, PATH, key, 100);
    int64 usecs;

    if (text == NULL)
        return SI_NO_BOUND;
    if (!si_duration_parse(text, &usecs))
        si_bad_value(field, text, "must be an interval after the scheduled time, such as \"30 minutes\" or \"PT2H\"");
    if (usecs < 0)
        si_bad_value(field, text, "must not be negative");
    if (usecs > MAX_BOUND_USECS)
        si_bad_value(field, text, psprintf("must be at most %d hours", SI_MAX_WINDOW_HOURS));
    return usecs;
}

int64
si_job_planned_minutes(const SiJob *job)
{
    int64 planned = si_planned_minutes(job->estimated_millis);

    return job->max_runtime_minutes > 0 ? Min(planned, job->max_runtime_minutes) : planned;
}

int32
si_job_hard_minutes(const SiJob *job)
{
    return job->max_runtime_minutes > 0 ? job->max_runtime_minutes : (int32) (3 * si_job_planned_minutes(job));
}

void
si_sla_bounds(const SiJob *job, SiSla *out)
{
    out->earliest_start = bound(job->sla_requirements, "earliest_start");
    out->start_by = bound(job->sla_requirements, "start_by");
    out->finish_by = bound(job->sla_requirements, "finish_by");
    out->window = job->sla_window_millihours * USECS_PER_MILLIHOUR;
    out->max_runtime = job->max_runtime_minutes > 0 ? job->max_runtime_minutes * USECS_PER_MINUTE : SI_NO_BOUND;
}

/* Bounds that no run could keep are refused now: they would only turn into misses. */
static void
check_order(const SiJob *job)
{
    SiSla sla;
    int64 earliest;

    si_sla_bounds(job, &sla);
    earliest = sla.earliest_start == SI_NO_BOUND ? 0 : sla.earliest_start;
    if (earliest > sla.window)
        si_bad_value(PATH ".earliest_start", (char *) NULL, "must not be after the end of sla_window_hours");
    if (sla.start_by != SI_NO_BOUND && sla.start_by < earliest)
        si_bad_value(PATH ".start_by", (char *) NULL, "must not be before earliest_start");
    if (sla.finish_by != SI_NO_BOUND && sla.finish_by - earliest < si_job_planned_minutes(job) * USECS_PER_MINUTE)
        si_bad_value(PATH ".finish_by", (char *) NULL,
                     psprintf("must leave the planned " INT64_FORMAT " minutes after the earliest start",
                              si_job_planned_minutes(job)));
}

/* A number, or a name of one. */
static int32
priority(Jsonb *sla)
{
    Jsonb *given = si_json_get(sla, "priority");
    JsonbValue scalar;
    int32 value;
    char *name;

    if (given == NULL || !JsonbExtractScalar(&given->root, &scalar) || scalar.type != jbvString)
        return (int32) si_json_int(sla, PATH, "priority", -MAX_PRIORITY, MAX_PRIORITY, 0);
    name = si_json_text(sla, PATH, "priority", MAX_NAME_BYTES);
    if (!si_priority_load(name, &value))
        si_bad_value(PATH ".priority", name,
                     psprintf("must be a whole number from %d to %d or one of: %s", -MAX_PRIORITY, MAX_PRIORITY, si_priority_names()));
    return value;
}

static char *
describe(const char *name, const int32 *value)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_text(&buf, "name", name);
    si_json_put_raw(&buf, "value", value ? psprintf("%d", *value) : NULL);
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

void
si_priority_set(const char *name, int32 value, const char *actor)
{
    size_t length = strlen(name);
    int32 before;
    bool found;

    if (length == 0 || length > MAX_NAME_BYTES || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != length ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz") == 0)
        si_bad_value("name", name, psprintf("must be a lower-case letter, then letters, digits, hyphens and underscores, at most %d", MAX_NAME_BYTES));
    if (value < -MAX_PRIORITY || value > MAX_PRIORITY)
        si_bad_value("value", psprintf("%d", value), psprintf("must be from %d to %d", -MAX_PRIORITY, MAX_PRIORITY));
    found = si_priority_put(name, value, &before);
    si_event("priority.set", NULL, NULL, NULL, actor, NULL, describe(name, found ? &before : NULL), describe(name, &value));
}

void
si_sla_check(SiJob *job)
{
    Jsonb *sla = job->sla_requirements;
    int64 window;
    SiTier tier;

    si_json_check_keys(sla, PATH, keys);
    job->max_runtime_minutes = (int32) si_json_int(sla, PATH, "max_runtime_minutes", 1, SI_MAX_WINDOW_HOURS * 60, 0);
    job->priority = priority(sla);
    window = si_json_quantity(sla, PATH, "sla_window_hours", 1000, false, false, SI_MAX_WINDOW_HOURS * INT64CONST(1000));
    job->sla_window_millihours = window < 0 ? 24000 : window;
    job->tier = si_json_text(sla, PATH, "tier", 100);
    if (job->tier == NULL)
        job->tier = pstrdup("standard");
    if (!si_tier_load(job->tier, &tier))
        si_bad_value(PATH ".tier", job->tier, "must be a tier of sparkingest.sla_tiers");
    check_order(job);
}
