/*
 * estimate.c: the answer of calculate_estimate().
 */
#include "postgres.h"

#include "domain/estimate.h"
#include "domain/quantity.h"
#include "flow/estimate.h"
#include "pg/json.h"

#define PATH "request"

/* The service design's figure for its rules; measured confidence comes with measured models (Q3). */
#define RULES_CONFIDENCE "0.6"

static const char *const keys[] = {"source_type", "data_size_gb", NULL};

char *
si_estimate_json(Jsonb *request)
{
    char *source_type;
    int64 data;
    SiEstimate estimate;
    bool known;
    StringInfoData buf;

    si_json_check_keys(request, PATH, keys);
    source_type = si_json_required_text(request, PATH, "source_type", 100);
    data = si_json_quantity(request, PATH, "data_size_gb", 1000, true, true, SI_MAX_DATA_MILLI_GB);
    known = si_estimate_rules(source_type, data < 0 ? SI_DEFAULT_DATA_MILLI_GB : data, &estimate);

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_quantity(&buf, "cpu_cores", estimate.cpu_millicores, 1000);
    si_json_put_quantity(&buf, "memory_gb", estimate.memory_mib, 1024);
    si_json_put_quantity(&buf, "runtime_minutes", estimate.runtime_millis, 60000);
    si_json_put_quantity(&buf, "runtime_minutes_p90", estimate.runtime_p90_millis, 60000);
    si_json_put_raw(&buf, "confidence", RULES_CONFIDENCE);
    si_json_put_quantity(&buf, "recommended_units", si_units_for(estimate.cpu_millicores, estimate.memory_mib), 1);
    si_json_put_text(&buf, "model", "rules");
    si_json_put_raw(&buf, "coverage", NULL);
    si_json_put_raw(&buf, "similar_runs", "0");
    si_json_put_text(&buf, "reason",
                     known ? "no model has learned from runs yet: rules of the source type" : "unknown source type: rules of postgres");
    appendStringInfoChar(&buf, '}');
    return buf.data;
}
