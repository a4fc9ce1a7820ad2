/*
 * retrypolicy.c: options.retry of a job.
 */
#include "postgres.h"

#include "datatype/timestamp.h"

#include "domain/quantity.h"
#include "flow/retrypolicy.h"
#include "pg/errors.h"
#include "pg/json.h"

#define PATH "options.retry"
#define MAX_ATTEMPTS 10
#define MAX_BACKOFF_MINUTES 1440
#define MAX_BUDGET 10000
#define USECS_PER_MILLIMINUTE (USECS_PER_MINUTE / 1000)

static const char *const keys[] = {"max_attempts", "backoff_minutes", "max_backoff_minutes", "budget_per_day",
                                   "on", "max_memory_gb", NULL};

static int64
minutes(Jsonb *retry, const char *key, int64 dflt_usecs)
{
    int64 millis = si_json_quantity(retry, PATH, key, 1000, true, true, MAX_BACKOFF_MINUTES * 1000);

    return millis < 0 ? dflt_usecs : millis * USECS_PER_MILLIMINUTE;
}

static unsigned
classes(Jsonb *retry)
{
    char **names;
    int n = si_json_texts(retry, PATH, "on", 100, SI_ERROR_CLASSES, &names);
    unsigned bits = 0;

    if (n < 0)
        return SI_RETRY_DEFAULT_CLASSES;
    for (int i = 0; i < n; i++)
    {
        SiErrorClass class;

        if (!si_error_class_from_name(names[i], &class))
        {
            StringInfoData known;

            initStringInfo(&known);
            for (int k = 0; k < SI_ERROR_CLASSES; k++)
                appendStringInfo(&known, "%s%s", k ? ", " : "", si_error_class_name((SiErrorClass) k));
            si_bad_value(PATH ".on", names[i], psprintf("must name classes of errors: %s", known.data));
        }
        bits |= SI_ERROR_BIT(class);
    }
    return bits;
}

void
si_retry_policy_read(Jsonb *options, SiRetryPolicy *out)
{
    Jsonb *retry = si_json_object(options, "options", "retry");

    if (retry == NULL)
        retry = si_json_parse("{}");
    si_json_check_keys(retry, PATH, keys);
    out->max_attempts = (int) si_json_int(retry, PATH, "max_attempts", 1, MAX_ATTEMPTS, 1);
    out->backoff_usecs = minutes(retry, "backoff_minutes", USECS_PER_MINUTE);
    out->max_backoff_usecs = minutes(retry, "max_backoff_minutes", Max(USECS_PER_HOUR, out->backoff_usecs));
    if (out->max_backoff_usecs < out->backoff_usecs)
        si_bad_value(PATH ".max_backoff_minutes", (char *) NULL, "must not be less than backoff_minutes");
    out->budget_per_day = (int) si_json_int(retry, PATH, "budget_per_day", 0, MAX_BUDGET, 100);
    out->classes = classes(retry);
    out->max_memory_mib = Max(si_json_quantity(retry, PATH, "max_memory_gb", 1024, false, false, SI_MAX_MEMORY_MIB), 0);
}
