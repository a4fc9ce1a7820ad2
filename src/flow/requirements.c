/*
 * requirements.c: resource_requirements of a job.
 */
#include "postgres.h"

#include "domain/estimate.h"
#include "domain/sizing.h"
#include "flow/place.h"
#include "flow/requirements.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/quantities.h"

#define PATH "resource_requirements"

static const char *const keys[] = {"cpu_cores", "memory_gb", "executors", "runtime_minutes", "data_size_gb", NULL};

/* A need that no namespace could ever hold is refused at once, with the largest that each could. */
static void
check_place(const SiJob *job)
{
    SiNeed need = {.cpu_millicores = job->cpu_millicores, .memory_mib = job->memory_mib, .last_step = SI_NO_CAPACITY_DRAFT};
    SiCandidate *list;
    int n = si_place_candidates(&need, &list);
    char *most = si_place_outgrown(&need, list, n);

    if (most != NULL)
        si_bad_value(PATH, psprintf("%s cores, %s GiB", si_quantity_text(job->cpu_millicores, 1000), si_quantity_text(job->memory_mib, 1024)),
                     psprintf("must fit into a namespace: at most %s", most));
}

void
si_requirements_check_size(const SiJob *job)
{
    SiSizing sizing;
    int64 cpu;
    int64 memory;

    si_sizing_minimum(job->executors, &cpu, &memory);
    switch (si_sizing_split(job->cpu_millicores, job->memory_mib, job->executors, &sizing))
    {
        case SI_SIZING_OK:
            break;
        case SI_SIZING_BAD_EXECUTORS:
            si_bad_value(PATH ".executors", si_quantity_text(job->executors, 1), psprintf("must be from 1 to %d", SI_MAX_EXECUTORS));
            break;
        case SI_SIZING_TOO_LITTLE_CPU:
            si_bad_value(PATH ".cpu_cores", si_quantity_text(job->cpu_millicores, 1000),
                         psprintf("must be at least %s for a driver and %d executors", si_quantity_text(cpu, 1000), job->executors));
            break;
        case SI_SIZING_TOO_LITTLE_MEMORY:
            si_bad_value(PATH ".memory_gb", si_quantity_text(job->memory_mib, 1024),
                         psprintf("must be at least %s for a driver and %d executors", si_quantity_text(memory, 1024), job->executors));
            break;
    }
    check_place(job);
}

void
si_requirements_check(SiJob *job, Jsonb *requirements)
{
    SiEstimate estimate;
    int64 data;
    int64 minutes;

    si_json_check_keys(requirements, PATH, keys);
    data = si_json_quantity(requirements, PATH, "data_size_gb", 1000, true, true, SI_MAX_DATA_MILLI_GB);
    (void) si_estimate_rules(job->source_type, data < 0 ? SI_DEFAULT_DATA_MILLI_GB : data, &estimate);

    job->cpu_millicores = si_json_quantity(requirements, PATH, "cpu_cores", 1000, false, false, SI_MAX_CPU_MILLICORES);
    if (job->cpu_millicores < 0)
        job->cpu_millicores = estimate.cpu_millicores;
    job->memory_mib = si_json_quantity(requirements, PATH, "memory_gb", 1024, false, false, SI_MAX_MEMORY_MIB);
    if (job->memory_mib < 0)
        job->memory_mib = estimate.memory_mib;
    job->executors = (int32) si_json_int(requirements, PATH, "executors", 1, SI_MAX_EXECUTORS, 0);
    if (job->executors == 0)
        job->executors = si_sizing_default_executors(job->cpu_millicores, job->memory_mib);
    si_requirements_check_size(job);

    /* Thousandths of a minute: 60 ms each. */
    minutes = si_json_quantity(requirements, PATH, "runtime_minutes", 1000, false, false, SI_MAX_RUNTIME_MINUTES * 1000);
    job->estimated_millis = minutes < 0 ? (estimate.runtime_millis + 59) / 60 * 60 : minutes * 60;
    if (si_planned_minutes(job->estimated_millis) > SI_MAX_RUNTIME_MINUTES)
        si_bad_value(PATH ".runtime_minutes", si_quantity_text(job->estimated_millis, 60000),
                     psprintf("must leave the planned runtime, 1.2 times as long, at most " INT64_FORMAT " minutes",
                              SI_MAX_RUNTIME_MINUTES));
}

char *
si_requirements_json(const SiJob *job)
{
    StringInfoData text;

    initStringInfo(&text);
    appendStringInfoChar(&text, '{');
    si_json_put_quantity(&text, "cpu_cores", job->cpu_millicores, 1000);
    si_json_put_quantity(&text, "memory_gb", job->memory_mib, 1024);
    si_json_put_quantity(&text, "executors", job->executors, 1);
    si_json_put_quantity(&text, "runtime_minutes", job->estimated_millis, 60000);
    appendStringInfoChar(&text, '}');
    return text.data;
}
