/*
 * rollover.c: what a tenant did not use goes on into the next period.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "flow/funds.h"
#include "flow/rollover.h"
#include "pg/attempt.h"
#include "pg/json.h"
#include "pg/quantities.h"
#include "pg/times.h"
#include "store/events.h"
#include "store/purchases.h"
#include "store/sql.h"
#include "store/tenants.h"

/* One grant. */
typedef struct Row
{
    pg_uuid_t grant_id;
    const char *actor;
    TimestampTz now;
    bool handled;
} Row;

static TimestampTz
one_period_later(const SiPurchase *purchase, TimestampTz from)
{
    TimestampTz boundaries[3];
    SiTenant tenant;

    if (!si_tenant_load(&purchase->tenant_id, &tenant))
        elog(ERROR, "tenant of a purchase is missing");
    (void) si_period_boundaries(from, DT_NOEND, purchase->time_period, tenant.time_zone, 3, boundaries);
    return boundaries[1];
}

static char *
describe(int64 amount, const TimestampTz *period)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_raw(&buf, "vcpu_hours", si_hours_text(amount));
    si_json_put_raw(&buf, "from", si_time_json(period[0]));
    si_json_put_raw(&buf, "until", si_time_json(period[1]));
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

static void
carry_over(const Row *row, const SiEndedGrant *ended, int64 amount)
{
    SiSupply supply = {.granted = amount, .rolled_from = &row->grant_id};
    SiPurchase purchase;
    TimestampTz period[2];

    if (!si_purchase_load(&ended->purchase_id, false, &purchase))
        elog(ERROR, "the purchase of a grant is missing");
    supply.price = purchase.unit_price >= 0 ? "0" : NULL;
    period[0] = ended->ends_at;
    period[1] = ended->next_end == SI_NO_TIME ? one_period_later(&purchase, ended->ends_at) : ended->next_end;
    /* Over just before the period's own hours, which may be carried over once more: so it is drawn before them (M5). */
    period[1]--;
    if (period[1] <= row->now)
        return;
    si_grants_insert(&purchase, NULL, period, 2, &supply, &supply, row->now);
    si_grant_rolled_over(&row->grant_id, amount, row->now);
    si_event("purchase.rolled_over", &purchase.tenant_id, NULL, NULL, row->actor, si_uuid_text(&purchase.purchase_id), NULL,
             describe(amount, period));
}

static void
end_grant(void *arg)
{
    Row *row = arg;
    SiEndedGrant ended;
    int64 rest;

    if (!si_grant_ended(&row->grant_id, &ended))
        return;
    rest = si_funds_lapse(&row->grant_id, row->now);
    if (Min(rest, ended.rollover_left) > 0)
        carry_over(row, &ended, Min(rest, ended.rollover_left));
    row->handled = rest > 0;
}

int
si_roll_over(const char *actor, TimestampTz now)
{
    pg_uuid_t *ids;
    int n = si_grants_ended(now, &ids);
    int handled = 0;

    for (int i = 0; i < n; i++)
    {
        Row row = {ids[i], actor, now, false};

        CHECK_FOR_INTERRUPTS();
        /* Nothing is lost by an error: the next tick tries again. */
        if (si_attempt(end_grant, &row) == NULL)
            handled += row.handled;
    }
    return handled;
}
