/*
 * cancellation.c: a purchase ends before its time.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "flow/cancellation.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/lock.h"
#include "pg/times.h"
#include "store/events.h"
#include "store/purchases.h"
#include "store/sql.h"

/* now() is the beginning of a transaction, and clients' clocks differ: so late is not yet in the past. */
#define LATE_USECS USECS_PER_MINUTE

/* Whether it is cancelled as asked already; raises where it cannot be. SI_NO_TIME asks for now. */
static bool
is_done(const SiPurchase *purchase, TimestampTz asked, TimestampTz now)
{
    if (purchase->cancelled_from != SI_NO_TIME)
    {
        if (asked == SI_NO_TIME ? purchase->cancelled_from <= now : purchase->cancelled_from == asked)
            return true;
        ereport(ERROR, (errcode(ERRCODE_SI_STATE), errmsg("purchase \"%s\" was cancelled for another instant", si_uuid_text(&purchase->purchase_id)),
                        errdetail("It ends at %s.", timestamptz_to_str(purchase->cancelled_from))));
    }
    if (purchase->valid_until <= now)
        ereport(ERROR, (errcode(ERRCODE_SI_STATE), errmsg("purchase \"%s\" is over", si_uuid_text(&purchase->purchase_id)),
                        errdetail("It ended at %s.", timestamptz_to_str(purchase->valid_until))));
    if (asked != SI_NO_TIME && asked < now - LATE_USECS)
        si_bad_value("effective", timestamptz_to_str(asked), "must not be in the past");
    if (asked != SI_NO_TIME && asked >= purchase->valid_until)
        si_bad_value("effective", timestamptz_to_str(asked),
                     psprintf("must be before the end of the purchase, %s", pstrdup(timestamptz_to_str(purchase->valid_until))));
    return false;
}

static char *
describe(const char *status, TimestampTz until, const SiCut *cut)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_text(&buf, "status", status);
    si_json_put_raw(&buf, "valid_until", si_time_json(until));
    if (cut)
    {
        si_json_put_quantity(&buf, "grants_shortened", cut->n - cut->n_void, 1);
        si_json_put_quantity(&buf, "grants_voided", cut->n_void, 1);
    }
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

/* Runs that keep what they hold of a cancelled purchase, each told by an event. */
static int
keep_holds(const SiPurchase *purchase, const SiCut *cut, TimestampTz effective, const char *actor, const char *cause,
           SiRelieved **out)
{
    pg_uuid_t *ids;
    int count = si_grants_holders(cut, effective, &ids);
    int n = 0;

    *out = palloc0((count + 1) * sizeof(SiRelieved));
    for (int i = 0; i < count; i++)
    {
        SiRelieved *r = &(*out)[n];

        if (!si_execution_load(&ids[i], false, &r->e))
            continue;
        r->has_execution = true;
        r->reservation.tenant_id = purchase->tenant_id;
        r->effect = SI_RELIEF_KEEPS_HOLD;
        si_event("execution.keeps_hold", &purchase->tenant_id, &r->e.job_id, &r->e.execution_id, actor, cause, NULL, NULL);
        n++;
    }
    return n;
}

int
si_purchase_cancel(const SiCaller *caller, const pg_uuid_t *purchase_id, TimestampTz effective, TimestampTz now,
                   SiRelieved **out)
{
    SiPoolRef pool = {{{0}}};
    SiPurchase purchase;
    SiCut cut;
    char *cause;

    /* Those that wait for holders take turns (supply.c). */
    si_lock_transaction(SI_LOCK_CHANGE, 0, 0);
    if (!si_purchase_load(purchase_id, true, &purchase))
        elog(ERROR, "purchase \"%s\" vanished", si_uuid_text(purchase_id));
    *out = NULL;
    if (is_done(&purchase, effective, now))
        return 0;
    if (effective == SI_NO_TIME)
        effective = now;
    si_purchase_set_cancelled(purchase_id, effective, now);
    si_grants_cut(purchase_id, effective, &cut);
    /* Who holds something of it in a transaction that has not ended must be seen; who comes now gets nothing of it. */
    si_lock_wait_for_holders(SI_LOCK_LEDGER, 0, 0);
    cause = psprintf("purchase %s was cancelled by %s", si_uuid_text(purchase_id), caller->name);
    si_event("purchase.cancelled", &purchase.tenant_id, NULL, NULL, caller->name, cause,
             describe("active", purchase.valid_until, NULL), describe("cancelled", effective, &cut));
    if (cut.namespace_name == NULL)
    {
        si_grants_price_void(&cut);
        return keep_holds(&purchase, &cut, effective, caller->name, cause, out);
    }
    if (!si_namespace_load(cut.namespace_name, &pool.namespace))
        elog(ERROR, "namespace \"%s\" of a purchase is missing", cut.namespace_name);
    pool.tenant_id = &purchase.tenant_id;
    return si_relieve(&pool, Max(effective, now), purchase.valid_until, caller->name, cause, true, now, out);
}
