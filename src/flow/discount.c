/*
 * discount.c: volume discounts.
 */
#include "postgres.h"

#include "flow/discount.h"
#include "flow/purchase.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "store/events.h"

static char *
describe(const SiDiscount *discount, int64 share)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_text(&buf, "resource_type", discount->resource_type);
    si_json_put_text(&buf, "time_period", discount->time_period);
    si_json_put_quantity(&buf, "from_quantity", discount->from_quantity, 1);
    if (share >= 0)
        si_json_put_quantity(&buf, "share", share, 1000000);
    else
        si_json_put_raw(&buf, "share", NULL);
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

void
si_discount_set(const SiCaller *caller, const SiDiscount *discount)
{
    int64 before;

    si_purchase_check_kind(discount->resource_type, discount->time_period);
    if (discount->from_quantity < 1 || discount->from_quantity > SI_MAX_QUANTITY)
        si_bad_value("from_quantity", psprintf("%d", discount->from_quantity), psprintf("must be from 1 to %d", SI_MAX_QUANTITY));
    before = si_discount_put(discount);
    si_event("discount.set", NULL, NULL, NULL, caller->name, NULL, describe(discount, before), describe(discount, discount->share));
}
