/*
 * estimate.c: the rule-based estimate.
 */
#include "domain/estimate.h"

#include <string.h>

typedef struct Rule
{
    int64_t cpu_millicores;
    int64_t cpu_millicores_per_gb;
    int64_t memory_mib;
    int64_t memory_tenth_mib_per_gb;
    int64_t millis;
    int64_t millis_per_gb;
} Rule;

static const Rule database_rule = {2000, 100, 4096, 2048, 600000, 120000};
static const Rule object_rule = {1000, 50, 2048, 1024, 300000, 120000};

static int64_t
divide_up(int64_t value, int64_t divisor)
{
    return (value + divisor - 1) / divisor;
}

bool
si_estimate_rules(const char *source_type, int64_t data_milli_gb, SiEstimate *out)
{
    bool object = strcmp(source_type, "s3") == 0 || strcmp(source_type, "file") == 0;
    const Rule *rule = object ? &object_rule : &database_rule;

    out->cpu_millicores = rule->cpu_millicores + divide_up(rule->cpu_millicores_per_gb * data_milli_gb, 1000);
    out->memory_mib = rule->memory_mib + divide_up(rule->memory_tenth_mib_per_gb * data_milli_gb, 10000);
    out->runtime_millis = rule->millis + divide_up(rule->millis_per_gb * data_milli_gb, 1000);
    out->runtime_p90_millis = divide_up(out->runtime_millis * 12, 10);
    return object || strcmp(source_type, "postgres") == 0 || strcmp(source_type, "mysql") == 0 ||
           strcmp(source_type, "jdbc") == 0;
}

int64_t
si_planned_minutes(int64_t runtime_millis)
{
    int64_t minutes = divide_up(runtime_millis * 12, 600000);

    return minutes < 1 ? 1 : minutes;
}
