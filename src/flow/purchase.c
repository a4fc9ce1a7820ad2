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
#include "pg/zone.h"
#include "store/discounts.h"
#include "store/events.h"
#include "store/pools.h"
#include "store/sql.h"
#include "store/tenants.h"

#define FUNCTION "purchase"
#define MAX_PRIORITY 1000
#define MICRO INT64CONST(1000000)
#define MAX_PRICE_MICROS (INT64CONST(999999999999) * MICRO)

static const char *const option_keys[] = {"lending_limit", "priority", "rollover_share", "unit_price", "currency", NULL};

/* In the order of the enum. */
static const char *const periods[] = {"hourly", "daily", "monthly", "yearly"};

/* Of the tenant's calendar. */
typedef struct Calendar
{
    SiPeriod period;
    SiZone zone;
    const char *name; /* of the zone */
} Calendar;

/* The dates between the periods, and how much of the first one is bought. */
typedef struct Periods
{
    TimestampTz *boundaries;
    int n;
    int64 part; /* of `whole`, microseconds */
    int64 whole;
} Periods;

SiPeriod
si_purchase_check_kind(const char *resource_type, const char *time_period)
{
    if (strcmp(resource_type, "dedicated_units") != 0 && strcmp(resource_type, "vcpu_hours") != 0)
        si_bad_value("resource_type", resource_type, "must be dedicated_units or vcpu_hours");
    for (int i = 0; i < lengthof(periods); i++)
        if (strcmp(periods[i], time_period) == 0)
            return (SiPeriod) i;
    si_bad_value("time_period", time_period, "must be hourly, daily, monthly or yearly");
    return SI_HOURLY;
}

static void
check_options(SiPurchase *purchase, Jsonb *options)
{
    bool units = strcmp(purchase->resource_type, "dedicated_units") == 0;
    int64 share;

    si_json_check_keys(options, "options", option_keys);
    purchase->lending_limit = (int32) si_json_int(options, "options", "lending_limit", 0, purchase->quantity, 0);
    if (!units && si_json_has(options, "lending_limit"))
        si_bad_value("options.lending_limit", (char *) NULL, "goes with dedicated_units only");
    purchase->priority = (int32) si_json_int(options, "options", "priority", -MAX_PRIORITY, MAX_PRIORITY, 100);
    share = si_json_quantity(options, "options", "rollover_share", MICRO, false, true, MICRO);
    if (units && share >= 0)
        si_bad_value("options.rollover_share", (char *) NULL, "goes with vcpu_hours only");
    purchase->rollover_share = Max(share, 0);
    purchase->unit_price = si_json_quantity(options, "options", "unit_price", MICRO, false, true, MAX_PRICE_MICROS);
    purchase->currency = si_json_text(options, "options", "currency", 3);
    if ((purchase->unit_price >= 0) != (purchase->currency != NULL))
        si_bad_value(purchase->unit_price >= 0 ? "options.currency" : "options.unit_price", (char *) NULL,
                     "is required: unit_price and currency go together");
    if (purchase->currency != NULL &&
        (strlen(purchase->currency) != 3 || strspn(purchase->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3))
        si_bad_value("options.currency", purchase->currency, "must be an ISO 4217 code such as EUR");
}

static TimestampTz
nearer(TimestampTz at, TimestampTz before, TimestampTz after)
{
    return at - before < after - at ? before : after;
}

/* An end that ends no period: says where the nearest ones are, counted from the start and in the calendar. */
static void
refuse_end(const SiPurchase *purchase, const Calendar *calendar, const TimestampTz *counted, int n)
{
    TimestampTz *next = palloc((n + 2) * sizeof(TimestampTz));
    TimestampTz until = purchase->valid_until;
    TimestampTz begin = si_period_begin(calendar->period, &calendar->zone, until);
    TimestampTz end = si_period_end(calendar->period, &calendar->zone, until);
    int with_next = si_period_boundaries(purchase->valid_from, DT_NOEND, purchase->time_period, calendar->name, n + 2, next);
    int later = 0;

    while (later < with_next - 1 && next[later] <= until)
        later++;
    if (n > 1)
        next[later] = nearer(until, counted[n - 1], next[later]);
    if (begin > purchase->valid_from)
        end = nearer(until, begin, end);
    si_bad_value("valid_until", timestamptz_to_str(until),
                 psprintf("must end whole %s periods: counted from valid_from (nearest: %s) or of the calendar in %s (nearest: %s)",
                          purchase->time_period, pstrdup(timestamptz_to_str(next[later])), calendar->name,
                          pstrdup(timestamptz_to_str(end))));
}

static void
refuse_many(const SiPurchase *purchase)
{
    si_bad_value("valid_until", timestamptz_to_str(purchase->valid_until), psprintf("must leave at most %d periods", SI_MAX_GRANTS));
}

/* Periods that follow the calendar up to valid_until, which is a boundary of it; the first one may be a part (M2). */
static void
calendar_periods(const SiPurchase *purchase, const Calendar *calendar, Periods *out)
{
    TimestampTz at = purchase->valid_from;

    out->n = 0;
    out->boundaries[out->n++] = at;
    while (at < purchase->valid_until)
    {
        if (out->n > SI_MAX_GRANTS)
            refuse_many(purchase);
        at = si_period_end(calendar->period, &calendar->zone, at);
        out->boundaries[out->n++] = at;
    }
    out->part = out->boundaries[1] - purchase->valid_from;
    out->whole = out->boundaries[1] - si_period_begin(calendar->period, &calendar->zone, purchase->valid_from);
}

/* Expands a purchase; without an end it gets that of one period. */
static void
find_periods(SiPurchase *purchase, const Calendar *calendar, Periods *out)
{
    *out = (Periods){palloc((SI_MAX_GRANTS + 3) * sizeof(TimestampTz)), 0, 1, 1};
    if (purchase->valid_until == SI_NO_TIME)
    {
        /* One more than needed, in case that the zone left a day out. */
        out->n = si_period_boundaries(purchase->valid_from, DT_NOEND, purchase->time_period, calendar->name, 3, out->boundaries);
        Assert(out->n >= 2);
        out->n = 2;
        purchase->valid_until = out->boundaries[1];
        return;
    }
    if (purchase->valid_until <= purchase->valid_from)
        si_bad_value("valid_until", timestamptz_to_str(purchase->valid_until), "must be after valid_from");
    out->n = si_period_boundaries(purchase->valid_from, purchase->valid_until, purchase->time_period, calendar->name,
                                  SI_MAX_GRANTS + 2, out->boundaries);
    if (out->n > SI_MAX_GRANTS + 1)
        refuse_many(purchase);
    if (out->boundaries[out->n - 1] == purchase->valid_until)
        return;
    if (si_period_begin(calendar->period, &calendar->zone, purchase->valid_until) != purchase->valid_until)
        refuse_end(purchase, calendar, out->boundaries, out->n);
    calendar_periods(purchase, calendar, out);
}

/* What a purchase brings in a part of a period. Units are capacity: they are all there, for a shorter time. */
static SiSupply
supply_of(const SiPurchase *purchase, int64 part, int64 whole)
{
    SiSupply supply = {0};
    char price[32];

    if (strcmp(purchase->resource_type, "dedicated_units") == 0)
    {
        supply.cpu_millicores = purchase->quantity * SI_UNIT_CPU_MILLICORES;
        supply.memory_mib = purchase->quantity * SI_UNIT_MEMORY_MIB;
    }
    else
    {
        supply.granted = si_prorate(purchase->quantity * SI_MILLICORE_SECONDS_PER_HOUR, part, whole);
        supply.rollover = si_prorate(supply.granted, purchase->rollover_share, MICRO);
    }
    if (purchase->unit_price >= 0)
    {
        si_price_print(purchase->unit_price, purchase->quantity, purchase->discount, part, whole, price, sizeof(price));
        supply.price = pstrdup(price);
    }
    return supply;
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

static void
open_calendar(const pg_uuid_t *tenant_id, SiPeriod period, Calendar *out)
{
    SiTenant tenant;

    if (!si_tenant_load(tenant_id, &tenant))
        elog(ERROR, "tenant of a purchase is missing");
    out->period = period;
    out->name = tenant.time_zone;
    if (!si_zone_open(tenant.time_zone, &out->zone, NULL))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("time zone \"%s\" of tenant \"%s\" is not known to this server", tenant.time_zone,
                               tenant.tenant_name)));
}

pg_uuid_t
si_purchase_make(const SiCaller *caller, const SiPurchaseRequest *request, TimestampTz now)
{
    SiPurchase purchase = {.tenant_id = request->tenant_id,
                           .resource_type = request->resource_type,
                           .quantity = request->quantity,
                           .time_period = request->time_period,
                           .valid_from = request->valid_from == SI_NO_TIME ? now : request->valid_from,
                           .valid_until = request->valid_until};
    SiPeriod period = si_purchase_check_kind(request->resource_type, request->time_period);
    char *namespace_name = NULL;
    Calendar calendar;
    Periods found;
    SiSupply first;
    SiSupply each;

    if (request->quantity < 1 || request->quantity > SI_MAX_QUANTITY)
        si_bad_value("quantity", psprintf("%d", request->quantity), psprintf("must be from 1 to %d", SI_MAX_QUANTITY));
    check_options(&purchase, request->options);
    if (si_idempotency_known_uuid(&request->tenant_id, FUNCTION, request->key, body_of(request), &purchase.purchase_id))
        return purchase.purchase_id;

    open_calendar(&request->tenant_id, period, &calendar);
    find_periods(&purchase, &calendar, &found);
    if (purchase.unit_price >= 0)
        purchase.discount = si_discount_for(purchase.resource_type, purchase.time_period, purchase.quantity);
    first = supply_of(&purchase, found.part, found.whole);
    each = supply_of(&purchase, 1, 1);
    purchase.purchase_id = si_uuid_new();
    if (strcmp(purchase.resource_type, "dedicated_units") == 0)
        namespace_name = dedicated_namespace(&purchase, each.cpu_millicores, each.memory_mib);
    si_purchase_insert(&purchase, now);
    si_grants_insert(&purchase, namespace_name, found.boundaries, found.n, &first, &each, now);
    si_idempotency_keep_uuid(&request->tenant_id, FUNCTION, request->key, body_of(request), &purchase.purchase_id);
    si_event("purchase.created", &request->tenant_id, NULL, NULL, caller->name, si_uuid_text(&purchase.purchase_id), NULL,
             describe(request));
    return purchase.purchase_id;
}
