/*
 * usage.c: the answer of usage().
 */
#include "postgres.h"

#include "domain/types.h"
#include "flow/usage.h"
#include "pg/json.h"
#include "pg/quantities.h"
#include "pg/times.h"
#include "store/sql.h"
#include "store/usage.h"

#define MILLION 1000000

void
si_hours_shown(int64 granted, int64 held, int64 spent, SiShownHours *out)
{
    out->granted = si_hours_millionths(granted);
    out->spent = si_hours_millionths(spent);
    /* Rounding must not make more than there is: the last millionth is taken off what is held. */
    out->held = Min(si_hours_millionths(held), out->granted - out->spent);
    out->available = out->granted - out->held - out->spent;
}

static char *
units_json(const SiHoldings *h)
{
    int64 percent_hundredths =
        h->dedicated_cpu_millicores > 0 ? h->reserved_cpu_millicores * 10000 / h->dedicated_cpu_millicores : 0;
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_quantity(&buf, "units", h->dedicated_cpu_millicores / SI_UNIT_CPU_MILLICORES, 1);
    si_json_put_quantity(&buf, "cpu_cores", h->dedicated_cpu_millicores, 1000);
    si_json_put_quantity(&buf, "memory_gb", h->dedicated_memory_mib, 1024);
    si_json_put_quantity(&buf, "reserved_cpu_cores", h->reserved_cpu_millicores, 1000);
    si_json_put_quantity(&buf, "reserved_memory_gb", h->reserved_memory_mib, 1024);
    si_json_put_quantity(&buf, "lent_cpu_cores", h->lent_cpu_millicores, 1000);
    si_json_put_quantity(&buf, "lent_memory_gb", h->lent_memory_mib, 1024);
    si_json_put_quantity(&buf, "usage_percent", percent_hundredths, 100);
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

static char *
hours_json(const pg_uuid_t *tenant_id, TimestampTz at, TimestampTz now)
{
    SiGrantBalance *grants;
    SiGrantBalance sum = {{{0}}};
    int n = si_grant_balances(tenant_id, at, now, &grants);
    SiShownHours shown;
    StringInfoData buf;

    for (int i = 0; i < n; i++)
    {
        sum.granted += grants[i].granted;
        sum.held += grants[i].held;
        sum.spent += grants[i].spent;
    }
    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_hours_shown(sum.granted, sum.held, sum.spent, &shown);
    si_json_put_quantity(&buf, "granted", shown.granted, MILLION);
    si_json_put_quantity(&buf, "held", shown.held, MILLION);
    si_json_put_quantity(&buf, "spent", shown.spent, MILLION);
    si_json_put_quantity(&buf, "available", shown.available, MILLION);
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

static char *
executions_json(const SiHoldings *h)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_quantity(&buf, "scheduled", h->scheduled, 1);
    si_json_put_quantity(&buf, "waiting", h->waiting, 1);
    si_json_put_quantity(&buf, "running", h->running, 1);
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

char *
si_usage_json(const pg_uuid_t *tenant_id, TimestampTz at, TimestampTz now)
{
    SiHoldings holdings;
    StringInfoData buf;

    si_holdings(tenant_id, at, &holdings);
    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_text(&buf, "tenant_id", si_uuid_text(tenant_id));
    si_json_put_raw(&buf, "at", si_time_json(at));
    si_json_put_raw(&buf, "dedicated_units", units_json(&holdings));
    si_json_put_raw(&buf, "vcpu_hours", hours_json(tenant_id, at, now));
    si_json_put_raw(&buf, "executions", executions_json(&holdings));
    appendStringInfoChar(&buf, '}');
    return buf.data;
}
