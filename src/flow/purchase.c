/*
 * purchase.c: buying capacity.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "domain/types.h"
#include "flow/idempotency.h"
#include "flow/purchase.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/quantities.h"
#include "pg/times.h"
#include "store/events.h"
#include "store/pools.h"
#include "store/sql.h"
#include "store/tenants.h"

#define FUNCTION "purchase"
#define MAX_QUANTITY 1000000
#define MAX_PRIORITY 1000
#define MICRO INT64CONST(1000000)
#define MAX_PRICE_MICROS (INT64CONST(999999999999) * MICRO)

static const char *const option_keys[] = {"lending_limit", "priority", "unit_price", "currency", NULL};

static void
require_word(const char *field, const char *value, const char *const *words, const char *problem)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], value) == 0)
            return;
    si_bad_value(field, value, problem);
}

static void
check_options(SiPurchase *purchase, Jsonb *options)
{
    bool units = strcmp(purchase->resource_type, "dedicated_units") == 0;
    int64 price;

    si_json_check_keys(options, "options", option_keys);
    purchase->lending_limit = (int32) si_json_int(options, "options", "lending_limit", 0, purchase->quantity, 0);
    if (!units && si_json_has(options, "lending_limit"))
        si_bad_value("options.lending_limit", (char *) NULL, "goes with dedicated_units only");
    purchase->priority = (int32) si_json_int(options, "options", "priority", -MAX_PRIORITY, MAX_PRIORITY, 100);
    price = si_json_quantity(options, "options", "unit_price", MICRO, false, true, MAX_PRICE_MICROS);
    purchase->currency = si_json_text(options, "options", "currency", 3);
    if ((price >= 0) != (purchase->currency != NULL))
        si_bad_value(price >= 0 ? "options.currency" : "options.unit_price", (char *) NULL,
                     "is required: unit_price and currency go together");
    if (purchase->currency != NULL &&
        (strlen(purchase->currency) != 3 || strspn(purchase->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3))
        si_bad_value("options.currency", purchase->currency, "must be an ISO 4217 code such as EUR");
    purchase->unit_price = price >= 0 ? si_quantity_text(price, MICRO) : NULL;
}

/* The dates between the periods; the last is the end of the purchase. Returns how many. */
static int
period_boundaries(SiPurchase *purchase, const char *time_zone, TimestampTz **out)
{
    int n;

    *out = palloc((SI_MAX_GRANTS + 2) * sizeof(TimestampTz));
    if (purchase->valid_until == SI_NO_TIME)
    {
        /* One more than needed, in case that the zone left a day out. */
        n = si_period_boundaries(purchase->valid_from, DT_NOEND, purchase->time_period, time_zone, 3, *out);
        Assert(n >= 2);
        purchase->valid_until = (*out)[1];
        return 2;
    }
    if (purchase->valid_until <= purchase->valid_from)
        si_bad_value("valid_until", timestamptz_to_str(purchase->valid_until), "must be after valid_from");
    n = si_period_boundaries(purchase->valid_from, purchase->valid_until, purchase->time_period, time_zone,
                             SI_MAX_GRANTS + 2, *out);
    if (n > SI_MAX_GRANTS + 1)
        si_bad_value("valid_until", timestamptz_to_str(purchase->valid_until),
                     psprintf("must leave at most %d periods", SI_MAX_GRANTS));
    if ((*out)[n - 1] != purchase->valid_until)
    {
        TimestampTz next[SI_MAX_GRANTS + 2];
        int with_next = si_period_boundaries(purchase->valid_from, DT_NOEND, purchase->time_period, time_zone, n + 1, next);

        si_bad_value("valid_until", timestamptz_to_str(purchase->valid_until),
                     psprintf("must be the end of a %s period counted from valid_from; the next one is %s",
                              purchase->time_period, timestamptz_to_str(next[with_next - 1])));
    }
    return n;
}

/* Where units are bought; refuses more than there physically is, at any time of the purchase (M10). */
static char *
dedicated_namespace(const SiPurchase *purchase, int64 cpu_millicores, int64 memory_mib)
{
    SiNamespace *namespaces;
    int64 sold_cpu = 0;
    int64 sold_memory = 0;
    int64 free_units;

    if (si_namespaces_of(SI_NS_DEDICATED, &namespaces) == 0)
        elog(ERROR, "no dedicated namespace");
    si_namespace_lock(namespaces[0].name);
    si_dedicated_peak(namespaces[0].name, purchase->valid_from, purchase->valid_until, &sold_cpu, &sold_memory);
    if (sold_cpu + cpu_millicores <= namespaces[0].cpu_millicores && sold_memory + memory_mib <= namespaces[0].memory_mib)
        return pstrdup(namespaces[0].name);
    free_units = Min((namespaces[0].cpu_millicores - sold_cpu) / SI_UNIT_CPU_MILLICORES,
                     (namespaces[0].memory_mib - sold_memory) / SI_UNIT_MEMORY_MIB);
    ereport(ERROR, (errcode(ERRCODE_SI_CAPACITY),
                    errmsg("%d dedicated units exceed the physical capacity of namespace \"%s\"", purchase->quantity,
                           namespaces[0].name),
                    errdetail("At most " INT64_FORMAT " units are unsold throughout the period.", Max(free_units, 0)),
                    errhint("Buy fewer units, another period, or vcpu_hours.")));
}

static char *
describe(const SiPurchaseRequest *request)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_text(&buf, "resource_type", request->resource_type);
    si_json_put_quantity(&buf, "quantity", request->quantity, 1);
    si_json_put_text(&buf, "time_period", request->time_period);
    si_json_put_raw(&buf, "options", JsonbToCString(NULL, &request->options->root, VARSIZE(request->options)));
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

/* What makes two calls the same (J8): what was stated, so that a start at "now" is the same in both. */
static char *
body_of(const SiPurchaseRequest *request)
{
    return psprintf("%s from %s until %s", describe(request),
                    request->valid_from == SI_NO_TIME ? "now" : si_time_json(request->valid_from),
                    request->valid_until == SI_NO_TIME ? "one period" : si_time_json(request->valid_until));
}

pg_uuid_t
si_purchase_make(const SiCaller *caller, const SiPurchaseRequest *request, TimestampTz now)
{
    static const char *const types[] = {"dedicated_units", "vcpu_hours", NULL};
    static const char *const periods[] = {"hourly", "daily", "monthly", "yearly", NULL};
    SiPurchase purchase = {.tenant_id = request->tenant_id,
                           .resource_type = request->resource_type,
                           .quantity = request->quantity,
                           .time_period = request->time_period,
                           .valid_from = request->valid_from == SI_NO_TIME ? now : request->valid_from,
                           .valid_until = request->valid_until};
    TimestampTz *boundaries;
    SiTenant tenant;
    int n;

    require_word("resource_type", request->resource_type, types, "must be dedicated_units or vcpu_hours");
    require_word("time_period", request->time_period, periods, "must be hourly, daily, monthly or yearly");
    if (request->quantity < 1 || request->quantity > MAX_QUANTITY)
        si_bad_value("quantity", psprintf("%d", request->quantity), psprintf("must be from 1 to %d", MAX_QUANTITY));
    check_options(&purchase, request->options);
    if (si_idempotency_known_uuid(&request->tenant_id, FUNCTION, request->key, body_of(request), &purchase.purchase_id))
        return purchase.purchase_id;

    if (!si_tenant_load(&request->tenant_id, &tenant))
        elog(ERROR, "tenant of a purchase is missing");
    n = period_boundaries(&purchase, tenant.time_zone, &boundaries);
    purchase.purchase_id = si_uuid_new();
    if (strcmp(purchase.resource_type, "dedicated_units") == 0)
    {
        int64 cpu = purchase.quantity * SI_UNIT_CPU_MILLICORES;
        int64 memory = purchase.quantity * SI_UNIT_MEMORY_MIB;
        char *namespace_name = dedicated_namespace(&purchase, cpu, memory);

        si_purchase_insert(&purchase, now);
        si_grants_insert(&purchase, namespace_name, boundaries, n, cpu, memory, 0, now);
    }
    else
    {
        si_purchase_insert(&purchase, now);
        si_grants_insert(&purchase, NULL, boundaries, n, 0, 0, purchase.quantity * SI_MILLICORE_SECONDS_PER_HOUR, now);
    }
    si_idempotency_keep_uuid(&request->tenant_id, FUNCTION, request->key, body_of(request), &purchase.purchase_id);
    si_event("purchase.created", &request->tenant_id, NULL, NULL, caller->name, si_uuid_text(&purchase.purchase_id), NULL,
             describe(request));
    return purchase.purchase_id;
}
