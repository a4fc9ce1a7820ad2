/*
 * jobspec.c: what create_job and alter_job are given, checked as a whole.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "flow/after.h"
#include "flow/destination.h"
#include "flow/jobspec.h"
#include "flow/named_limits.h"
#include "flow/options.h"
#include "flow/requirements.h"
#include "flow/schedule.h"
#include "flow/sla.h"
#include "flow/source.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/zone.h"
#include "store/sql.h"
#include "store/tenants.h"

#define MAX_NAME 200

static void
check_name(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || pg_mbstrlen(name) > MAX_NAME)
        si_bad_value("job_name", (char *) NULL, psprintf("must have 1 to %d characters", MAX_NAME));
    for (const unsigned char *c = (const unsigned char *) name; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            si_bad_value("job_name", (char *) NULL, "must not contain control characters");
    if (name[0] == ' ' || name[length - 1] == ' ')
        si_bad_value("job_name", name, "must not begin or end with a space");
}

static Jsonb *
or_empty(Jsonb *given)
{
    return given ? given : si_json_parse("{}");
}

/* The zone as the tz database spells it. */
static char *
zone_name(const char *time_zone)
{
    SiZone zone;

    return pstrdup(si_zone_require("time_zone", time_zone, &zone));
}

static void
check_schedule(const SiJob *job)
{
    SiSchedule schedule;

    if (job->schedule_cron != NULL)
        si_schedule_open(job->schedule_cron, job->time_zone, &schedule);
}

void
si_jobspec_new(const SiJobRequest *request, SiJob *out)
{
    SiTenant tenant;

    memset(out, 0, sizeof(*out));
    if (!si_tenant_load(&request->tenant_id, &tenant))
        elog(ERROR, "tenant of a new job is missing");
    check_name(request->job_name);
    si_source_type_check(request->source_type);
    out->tenant_id = request->tenant_id;
    out->draft = true;
    out->status = SI_JOB_ACTIVE;
    out->version = 1;
    out->next_fire_at = SI_NO_TIME;
    out->plan_at = SI_NO_TIME;
    out->job_name = pstrdup(request->job_name);
    out->source_type = pstrdup(request->source_type);
    out->source_config = si_source_check(out->source_type, request->source_config);
    out->destination_config = si_destination_check(request->destination_config);
    si_requirements_check(out, request->resource_requirements);
    out->time_zone = zone_name(request->time_zone ? request->time_zone : tenant.time_zone);
    out->schedule_cron = request->schedule_cron ? pstrdup(request->schedule_cron) : NULL;
    check_schedule(out);
    out->sla_requirements = or_empty(request->sla_requirements);
    si_sla_check(out);
    out->options = or_empty(request->options);
    si_options_check(out);
    si_after_check(out);
    out->tenant_active = true;
    out->owner_exists = true;
}

static const char *const change_keys[] = {"job_name", "source_type", "source_config", "destination_config",
                                          "resource_requirements", "schedule_cron", "sla_requirements", "time_zone",
                                          "options", NULL};

/* Only a schedule can be taken away. */
static void
check_nulls(Jsonb *changes)
{
    for (int i = 0; change_keys[i]; i++)
        if (strcmp(change_keys[i], "schedule_cron") != 0 && si_json_has_key(changes, change_keys[i]) &&
            !si_json_has(changes, change_keys[i]))
            si_bad_value(psprintf("changes.%s", change_keys[i]), (char *) NULL, "must not be null");
}

static bool
differs(Jsonb *a, Jsonb *b)
{
    return compareJsonbContainers(&a->root, &b->root) != 0;
}

static bool
differs_or_came(Jsonb *before, Jsonb *after)
{
    return before && after ? differs(before, after) : before != after;
}

static void
apply_definition(SiJob *job, Jsonb *changes, SiJobEdit *edit)
{
    const SiJob before = *job;
    Jsonb *source = si_json_object(changes, "changes", "source_config");
    Jsonb *destination = si_json_object(changes, "changes", "destination_config");
    Jsonb *requirements = si_json_object(changes, "changes", "resource_requirements");
    char *type = si_json_text(changes, "changes", "source_type", 100);

    if (type != NULL)
    {
        si_source_type_check(type);
        job->source_type = type;
    }
    /* A new type must be able to read the old configuration, too. */
    job->source_config = si_source_check(job->source_type, source ? source : job->source_config);
    if (destination != NULL)
        job->destination_config = si_destination_check(destination);
    if (requirements != NULL)
        si_requirements_check(job, requirements);

    edit->data = !si_source_keeps_watermark(before.source_type, before.source_config, job->source_type, job->source_config) ||
                 !si_destination_same_place(before.destination_config, job->destination_config);
    edit->definition = strcmp(before.source_type, job->source_type) != 0 ||
                       differs(before.source_config, job->source_config) ||
                       differs(before.destination_config, job->destination_config) ||
                       before.cpu_millicores != job->cpu_millicores || before.memory_mib != job->memory_mib ||
                       before.executors != job->executors || before.estimated_millis != job->estimated_millis;
}

static void
apply_schedule(SiJob *job, Jsonb *changes, SiJobEdit *edit)
{
    char *zone = si_json_text(changes, "changes", "time_zone", 100);

    if (zone != NULL)
    {
        zone = zone_name(zone);
        edit->schedule = edit->schedule || strcmp(zone, job->time_zone) != 0;
        job->time_zone = zone;
    }
    if (si_json_has_key(changes, "schedule_cron"))
    {
        char *cron = si_json_text(changes, "changes", "schedule_cron", 1000);

        edit->schedule = edit->schedule || (cron == NULL) != (job->schedule_cron == NULL) ||
                         (cron != NULL && strcmp(cron, job->schedule_cron) != 0);
        job->schedule_cron = cron;
    }
    check_schedule(job);
}

void
si_jobspec_apply(SiJob *job, Jsonb *changes, SiJobEdit *edit)
{
    char *name;
    Jsonb *sla;
    Jsonb *options;

    memset(edit, 0, sizeof(*edit));
    si_json_check_keys(changes, "changes", change_keys);
    check_nulls(changes);
    name = si_json_text(changes, "changes", "job_name", MAX_NAME * MAX_MULTIBYTE_CHAR_LEN);
    if (name != NULL)
    {
        check_name(name);
        job->job_name = name;
    }
    apply_definition(job, changes, edit);
    apply_schedule(job, changes, edit);
    sla = si_json_object(changes, "changes", "sla_requirements");
    if (sla != NULL)
        job->sla_requirements = sla;
    /* Also without a change: the bounds must leave time for what is planned now. */
    si_sla_check(job);
    options = si_json_object(changes, "changes", "options");
    if (options != NULL)
    {
        edit->limits = differs_or_came(si_needs_stated(job->options), si_needs_stated(options));
        job->options = options;
        si_options_check(job);
    }
    si_after_check(job);
}
