/*
 * extend.c: runs that come to the end of their reservation and go on.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "domain/overrun.h"
#include "flow/book.h"
#include "flow/dependants.h"
#include "flow/extend.h"
#include "flow/funds.h"
#include "flow/place.h"
#include "pg/attempt.h"
#include "pg/json.h"
#include "pg/quantities.h"
#include "pg/times.h"
#include "store/events.h"
#include "store/sql.h"

/* A run at its line. */
typedef struct Overrun
{
    SiExecution *e;
    SiReservation reservation;
    SiNamespace namespace;
    SiClaim claim;
    SiExtension wanted;
    int32 taken; /* slots */
    int64 cost;  /* millicore-seconds held for them */
    TimestampTz now;
} Overrun;

static bool
open_overrun(SiExecution *e, TimestampTz now, Overrun *out)
{
    int64 step;

    *out = (Overrun){.e = e, .now = now};
    if (!e->has_reservation || !si_reservation_load(&e->reservation_id, true, &out->reservation) || !out->reservation.active)
        return false;
    if (!si_namespace_load(e->namespace_name, &out->namespace))
        elog(ERROR, "namespace \"%s\" of an execution is missing", e->namespace_name);
    step = out->namespace.step_usecs;
    out->wanted = si_extension(si_slot_ceil(out->reservation.ends_at, step), si_slot_floor(now, step),
                               si_slot_ceil(e->started_at + e->hard_minutes * USECS_PER_MINUTE, step), step);
    return out->wanted.n > 0;
}

/* Why no slot could be taken; NULL = some were. */
static const char *
take(Overrun *o)
{
    const SiReservation *r = &o->reservation;

    if (!si_claim_of(r, &o->namespace, &o->claim))
        elog(ERROR, "reservation \"%s\" is in another pool than it says", si_uuid_text(&r->reservation_id));
    while (o->taken < o->wanted.n && si_claim_take(&o->namespace, &o->claim, o->wanted.first + o->taken, 1, false))
        o->taken++;
    if (o->taken > 0)
        return NULL;
    return psprintf("namespace \"%s\" has no %s cores and %s GiB free for it", o->namespace.name,
                    si_quantity_text(r->cpu_millicores, 1000), si_quantity_text(r->memory_mib, 1024));
}

/* Slots that are not covered are given back. Why none is; NULL = what is left is held. */
static const char *
pay(Overrun *o)
{
    const SiExecution *e = o->e;
    SiDebtor payer = {e->tenant_id, &e->execution_id, NULL};
    SiFunds funds;
    int64 missing = 0;

    if (e->is_draft || !(o->namespace.purpose == SI_NS_SHARED || e->draft_fallback || o->reservation.borrowed))
        return NULL;
    si_funds_find(&e->tenant_id, o->now, o->now, &funds);
    while (o->taken > 0)
    {
        o->cost = si_planned_cost(&o->namespace, e->cpu_millicores, e->memory_mib, o->taken * o->namespace.step_usecs);
        missing = si_funds_hold(&funds, &payer, o->cost, o->now, o->now);
        if (missing == 0)
            return NULL;
        o->taken--;
        si_claim_give(&o->namespace, &o->claim, o->wanted.first + o->taken, 1);
    }
    o->cost = 0;
    return psprintf("vCPU-hours do not cover it: %s are missing", si_hours_text(missing));
}

/* The reservation goes on with what was taken; after a gap it begins anew, since what others have there is theirs. */
static void
lengthen(Overrun *o)
{
    SiReservation *r = &o->reservation;
    int64 step = o->namespace.step_usecs;

    if (o->wanted.gap)
    {
        int64 first = si_slot_floor(r->starts_at, step);

        si_claim_give(&o->namespace, &o->claim, first, (int32) (si_slot_ceil(r->ends_at, step) - first));
        r->starts_at = si_slot_time(o->wanted.first, step);
    }
    r->ends_at = si_slot_time(o->wanted.first + o->taken, step);
    si_book_expect(&r->reservation_id);
    si_reservation_move(&r->reservation_id, r->starts_at, r->ends_at);
    o->e->planned_end = r->ends_at;
    si_execution_set_plan(o->e);
    if (o->cost == 0)
        return;
    o->e->held += o->cost;
    si_balance_note(&o->e->execution_id, o->e->held, -1);
}

static char *
describe(const SiExecution *e, const char *extended)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_raw(&buf, "planned_end", si_time_json(e->planned_end));
    if (e->held > 0)
        si_json_put_quantity(&buf, "held_vcpu_hours", e->held, SI_MILLICORE_SECONDS_PER_HOUR);
    if (extended)
        si_json_put_raw(&buf, "extended", extended);
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

/* Remembered, so that it is told once and not at each try. */
static void
note(SiExecution *e, const char *reason)
{
    if (reason == NULL && e->overrun_reason == NULL)
        return;
    si_execution_set_overrun(&e->execution_id, reason);
    e->overrun_reason = reason ? pstrdup(reason) : NULL;
}

bool
si_extend(const SiJob *job, SiExecution *e, const char *actor, TimestampTz now)
{
    char *before = describe(e, NULL);
    const char *reason;
    Overrun o;

    if (e->state != SI_RUNNING || e->stop_requested_at != SI_NO_TIME || e->planned_end == SI_NO_TIME || now < e->planned_end)
        return false;
    si_ledger_require();
    si_ledger_begin();
    if (!open_overrun(e, now, &o))
        return false;
    reason = take(&o);
    if (reason != NULL && job->has_dependants)
    {
        /* What starts after it cannot start at this line: it gives up its place there, for a later one. */
        si_dependants_follow(e, actor, now);
        reason = take(&o);
    }
    if (reason == NULL)
        reason = pay(&o);
    if (reason != NULL && e->overrun_reason != NULL && strcmp(reason, e->overrun_reason) == 0)
        return false;
    if (reason == NULL)
        lengthen(&o);
    note(e, reason);
    si_event("execution.overrun", &e->tenant_id, &e->job_id, &e->execution_id, actor,
             reason ? psprintf("it runs beyond its planned end, without a reservation: %s", reason)
                    : "it runs beyond its planned end, and its reservation was extended",
             before, describe(e, reason ? "false" : "true"));
    if (reason == NULL && job->has_dependants)
        si_dependants_follow(e, actor, now);
    return reason == NULL;
}

/* One run of a tick. */
typedef struct Row
{
    pg_uuid_t id;
    const char *actor;
    TimestampTz now;
    bool extended;
} Row;

static void
extend_row(void *arg)
{
    Row *row = arg;
    SiExecution e;
    SiJob job;

    if (!si_execution_load(&row->id, false, &e) || !si_job_load_if_free(&e.job_id, &job) || !si_execution_load_if_free(&row->id, &e))
        return;
    row->extended = si_extend(&job, &e, row->actor, row->now);
}

int
si_extend_all(const char *actor, TimestampTz now)
{
    pg_uuid_t *ids;
    int n = si_executions_overrun(now, &ids);
    int extended = 0;

    for (int i = 0; i < n; i++)
    {
        Row row = {ids[i], actor, now, false};

        CHECK_FOR_INTERRUPTS();
        if (si_attempt(extend_row, &row) == NULL)
            extended += row.extended;
    }
    return extended;
}
