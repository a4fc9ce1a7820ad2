/*
 * report.c: the answer of tenant_metrics().
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "domain/rates.h"
#include "domain/types.h"
#include "flow/report.h"
#include "pg/json.h"
#include "store/report.h"

/* Rates have four decimals. */
#define PARTS INT64CONST(10000)
#define PERCENT (100 * PARTS)

static void
put_rate(StringInfo buf, const char *key, int64 part, int64 scale, int64 whole)
{
    int64 rate = si_rate(part, scale, whole);

    if (rate == SI_NO_RATE)
        si_json_put_raw(buf, key, NULL);
    else
        si_json_put_quantity(buf, key, rate, PARTS);
}

static char *
week_json(const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until)
{
    SiWeekHour *cells;
    int n = from < until ? si_report_week(tenant_id, from, until, &cells) : 0;
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '[');
    for (int i = 0; i < n; i++)
    {
        appendStringInfoString(&buf, i > 0 ? ", {" : "{");
        si_json_put_quantity(&buf, "weekday", cells[i].weekday, 1);
        si_json_put_quantity(&buf, "hour", cells[i].hour, 1);
        /* A core is a thousand millicores. */
        put_rate(&buf, "average_cores", cells[i].millicore_seconds, PARTS / 1000, cells[i].seconds);
        appendStringInfoChar(&buf, '}');
    }
    appendStringInfoChar(&buf, ']');
    return buf.data;
}

static char *
utilization_json(const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until, const SiUseSums *sums)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    put_rate(&buf, "dedicated_units_usage_percent", sums->own_use, PERCENT, sums->supplied);
    /* An hour is 3,600,000 millicore-seconds, a day 86,400 seconds: 240 parts for a millicore-second in a second. */
    put_rate(&buf, "vcpu_hours_consumption_rate", sums->charged, PARTS * 86400 / SI_MILLICORE_SECONDS_PER_HOUR * USECS_PER_SEC,
             until - from);
    si_json_put_raw(&buf, "peak_usage_times", week_json(tenant_id, from, until));
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

static char *
performance_json(const SiUseSums *sums)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    put_rate(&buf, "average_runtime", sums->succeeded_millis, PARTS, sums->succeeded * 60000);
    put_rate(&buf, "sla_compliance_rate", sums->sla_met, PERCENT, sums->sla_met + sums->sla_missed);
    put_rate(&buf, "failure_rate", sums->ended - sums->succeeded, PERCENT, sums->ended);
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

static char *
efficiency_json(const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until, const SiUseSums *sums)
{
    int64 idle = sums->supplied - sums->own_use - sums->lent;
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_raw(&buf, "cost_per_gb_processed", sums->bytes_out > 0 ? si_report_costs(tenant_id, from, until, sums->bytes_out) : NULL);
    put_rate(&buf, "idle_resource_percentage", Max(idle, 0), PERCENT, sums->supplied);
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

char *
si_tenant_metrics_json(const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until, TimestampTz now)
{
    SiUseSums sums = {0};
    StringInfoData buf;

    si_report_hours(tenant_id, now, &from, &until);
    if (from < until)
        si_report_sums(tenant_id, from, until, &sums);
    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_raw(&buf, "resource_utilization", utilization_json(tenant_id, from, until, &sums));
    si_json_put_raw(&buf, "job_performance", performance_json(&sums));
    si_json_put_raw(&buf, "cost_efficiency", efficiency_json(tenant_id, from, until, &sums));
    appendStringInfoChar(&buf, '}');
    return buf.data;
}
