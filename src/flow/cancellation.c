/*
 * cancellation.c: a purchase ends before its time.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "flow/cancellation.h"
#include "flow/funds.h"
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

/* What cannot be planned anew keeps what it holds, and is told of. */
static void
keep_hold(SiRelieved *r, const SiCut *cut, const char *actor, const char *cause)
{
    r->effect = SI_RELIEF_KEEPS_HOLD;
    if (r->has_execution)
        si_event("execution.keeps_hold", &cut->tenant_id, &r->e.job_id, &r->e.execution_id, actor, cause, NULL, NULL);
    else
        si_event("reservation.keeps_hold", &cut->tenant_id, NULL, NULL, actor, cause, si_relief_name(&r->reservation), NULL);
}

/*
 * Runs that hold vCPU-hours of a period that will not be hold others, or wait; who holds of the one that is running, or has
 * started, keeps them (M3).
 */
static int
relieve_holders(const SiCut *cut, TimestampTz effective, const char *actor, const char *cause, TimestampTz now, SiRelieved **out)
{
    SiHolder *holders;
    int count = si_grants_holders(cut, effective, &holders);
    int n = 0;

    *out = palloc0((count + 1) * sizeof(SiRelieved));
    for (int i = 0; i < count; i++)
    {
        SiRelieved *r = &(*out)[n];

        CHECK_FOR_INTERRUPTS();
        r->has_execution = holders[i].has_execution;
        r->e.execution_id = holders[i].id;
        r->reservation.reservation_id = holders[i].id;
        r->reservation.tenant_id = cut->tenant_id;
        if (r->has_execution ? !si_execution_load(&holders[i].id, false, &r->e)
                             : !si_reservation_load(&holders[i].id, false, &r->reservation))
            continue;
        if (!r->has_execution || !holders[i].loses_period || !si_relieve_run(r, true, actor, cause, now))
            keep_hold(r, cut, actor, cause);
        n++;
    }
    return n;
}

/* What nobody holds of hours that are over lapses; periods that will not be cost no more than what is held of them. */
static void
lapse(const SiCut *cut, bool at_once, TimestampTz now)
{
    int n = at_once ? cut->n : cut->n_void;

    for (int i = 0; i < n; i++)
    {
        int64 rest = si_funds_lapse(&cut->grants[i], now);

        CHECK_FOR_INTERRUPTS();
        if (i < cut->n_void)
            si_grant_price_rest(&cut->grants[i], rest, now);
    }
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
    si_grants_cut(&purchase, effective, now, &cut);
    /* Who holds something of it in a transaction that has not ended must be seen; who comes now gets nothing of it. */
    si_lock_wait_for_holders(SI_LOCK_LEDGER, 0, 0);
    cause = psprintf("purchase %s was cancelled by %s", si_uuid_text(purchase_id), caller->name);
    si_event("purchase.cancelled", &purchase.tenant_id, NULL, NULL, caller->name, cause,
             describe("active", purchase.valid_until, NULL), describe("cancelled", effective, &cut));
    if (cut.namespace_name == NULL)
    {
        int n = relieve_holders(&cut, effective, caller->name, cause, now, out);

        lapse(&cut, effective <= now, now);
        return n;
    }
    if (!si_namespace_load(cut.namespace_name, &pool.namespace))
        elog(ERROR, "namespace \"%s\" of a purchase is missing", cut.namespace_name);
    pool.tenant_id = &purchase.tenant_id;
    return si_relieve(&pool, Max(effective, now), purchase.valid_until, caller->name, cause, true, now, out);
}
