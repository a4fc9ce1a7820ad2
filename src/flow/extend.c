/*
 * extend.c: runs that come to the end of their reservation and go on.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "flow/announce.h"
#include "utils/timestamp.h"

#include "domain/overrun.h"
#include "flow/admit.h"
#include "flow/dependants.h"
#include "flow/extend.h"
#include "flow/funds.h"
#include "flow/limit_account.h"
#include "flow/place.h"
#include "pg/attempt.h"
#include "pg/json.h"
#include "pg/quantities.h"
#include "pg/times.h"
#include "store/events.h"
#include "store/sql.h"

#define GAVE_WAY "a run that goes on beyond its planned end took its place"

/* Waiting work whose tentative place was taken. */
typedef struct Lifted
{
    SiJob job;
    SiExecution e;
    SiPlan before;
} Lifted;

/* A run at its line. */
typedef struct Overrun
{
    SiExecution *e;
    SiReservation reservation;
    SiNamespace namespace;
    SiClaim claim;
    SiExtension wanted;
    int32 taken; /* slots */
    SiHeldLimit *held;
    int n_held;  /* limits that the reservation holds */
    int n_taken; /* of them, for the new time */
    int64 cost;  /* millicore-seconds held for them */
    Lifted *lifted;
    int n_lifted;
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

/* Takes slots as far as they are free. */
static void
take_slots(Overrun *o)
{
    while (o->taken < o->wanted.n && si_claim_take(&o->namespace, &o->claim, o->wanted.first + o->taken, 1, false))
        o->taken++;
}

/* Waiting work that has a tentative place in the first slot, if nobody has it in hand. */
static bool
load_tentative(const SiVictim *victim, Lifted *out, SiReservation *place)
{
    return victim->has_execution && si_reservation_load(&victim->reservation_id, false, place) && place->active && place->tentative &&
           si_execution_load(&victim->execution_id, false, &out->e) && si_job_load_if_free(&out->e.job_id, &out->job) &&
           si_execution_load_if_free(&victim->execution_id, &out->e) && out->e.state == SI_WAITING && out->e.has_reservation &&
           si_uuid_equal(&out->e.reservation_id, &victim->reservation_id);
}

/* What is free in the first slot where it runs; of borrowed units, those of the lender that are lent. */
static void
free_of_pool(const Overrun *o, int64 *cpu, int64 *memory)
{
    SiPoolRef pool = {o->namespace, NULL};
    SiSlots allocated;
    SiPool lender;
    SiSlots total;

    if (o->namespace.purpose == SI_NS_DEDICATED)
        pool.tenant_id = &o->reservation.tenant_id;
    if (o->reservation.borrowed)
    {
        if (!si_pool_load(o->reservation.pool_id, &lender))
            elog(ERROR, "pool %d is missing", o->reservation.pool_id);
        pool.tenant_id = &lender.tenant_id;
    }
    si_occupancy(&pool, o->wanted.first, 1, &total, &allocated);
    *cpu = total.cpu[0] - allocated.cpu[0];
    *memory = total.mem[0] - allocated.mem[0];
    if (!o->reservation.borrowed)
        return;
    si_lent_occupancy(&pool, o->wanted.first, 1, &total, &allocated);
    *cpu = Min(*cpu, total.cpu[0] - allocated.cpu[0]);
    *memory = Min(*memory, total.mem[0] - allocated.mem[0]);
}

/*
 * Tentative places in the first slot give way, an owner's own never to a borrower; as few as do (C14, C15); who had them gets
 * others in the end. None does where all of them together would not leave room.
 */
static void
lift_tentative(Overrun *o, const char *actor)
{
    TimestampTz from = si_slot_time(o->wanted.first, o->namespace.step_usecs);
    SiReservation place;
    SiVictim *victims;
    int64 cpu;
    int64 memory;
    int n = si_executions_in(o->namespace.name, 0, false, from, from + o->namespace.step_usecs, &victims);

    o->lifted = palloc((n + 1) * sizeof(Lifted));
    free_of_pool(o, &cpu, &memory);
    for (int i = 0; i < n; i++)
    {
        Lifted *l = &o->lifted[o->n_lifted];

        if (!load_tentative(&victims[i], l, &place) || place.pool_id != o->reservation.pool_id ||
            (o->reservation.borrowed && !place.borrowed))
            continue;
        cpu += place.cpu_millicores;
        memory += place.memory_mib;
        o->n_lifted++;
    }
    if (cpu < o->reservation.cpu_millicores || memory < o->reservation.memory_mib)
        o->n_lifted = 0;
    n = o->n_lifted;
    for (o->n_lifted = 0; o->n_lifted < n && o->taken == 0; take_slots(o))
    {
        Lifted *l = &o->lifted[o->n_lifted++];

        si_admit_lift(&l->e, actor, GAVE_WAY, o->now, &l->before);
    }
}

static void
place_lifted(const Overrun *o, const char *actor)
{
    for (int i = 0; i < o->n_lifted; i++)
        (void) si_admit_lifted(&o->lifted[i].job, &o->lifted[i].e, &o->lifted[i].before, actor, GAVE_WAY, o->now);
}

/* Why no slot could be taken; NULL = some were. */
static const char *
take(Overrun *o, const char *actor)
{
    const SiReservation *r = &o->reservation;

    if (!si_claim_of(r, &o->namespace, &o->claim))
        elog(ERROR, "reservation \"%s\" is in another pool than it says", si_uuid_text(&r->reservation_id));
    take_slots(o);
    if (o->taken == 0 && o->lifted == NULL)
        lift_tentative(o, actor);
    if (o->taken > 0)
        return NULL;
    return psprintf("namespace \"%s\" has no %s cores and %s GiB free for it", o->namespace.name,
                    si_quantity_text(r->cpu_millicores, 1000), si_quantity_text(r->memory_mib, 1024));
}

/* The reservation as it is to be; after a gap it begins anew, since what others have there is theirs. */
static TimestampTz
starts_at(const Overrun *o)
{
    return o->wanted.gap ? si_slot_time(o->wanted.first, o->namespace.step_usecs) : o->reservation.starts_at;
}

static TimestampTz
ends_at(const Overrun *o)
{
    return si_slot_time(o->wanted.first + o->taken, o->namespace.step_usecs);
}

static void
give_limits(const Overrun *o, int n, TimestampTz from, TimestampTz until)
{
    for (int i = 0; i < n; i++)
        si_limit_give(&o->held[i].limit_id, o->held[i].quantity, from, until);
}

/*
 * What it holds of limits goes on with it, over all of its time anew: their grid is another one, and a slot of theirs must not
 * be counted twice. Why that cannot be; NULL = it was taken.
 */
static const char *
take_limits(Overrun *o)
{
    const SiReservation *r = &o->reservation;

    give_limits(o, o->n_held, r->starts_at, r->ends_at);
    for (int i = 0; i < o->n_held; i++)
        if (!si_limit_take(&o->held[i].limit_id, o->held[i].quantity, starts_at(o), ends_at(o), false))
        {
            o->n_taken = i;
            return psprintf("limit \"%s\" is not free for it", o->held[i].limit_name ? o->held[i].limit_name : "(removed)");
        }
    o->n_taken = o->n_held;
    return NULL;
}

static void
hold_limits_as_before(const Overrun *o)
{
    give_limits(o, o->n_taken, starts_at(o), ends_at(o));
    for (int i = 0; i < o->n_held; i++)
        (void) si_limit_take(&o->held[i].limit_id, o->held[i].quantity, o->reservation.starts_at, o->reservation.ends_at, true);
}

/* Why vCPU-hours, where they pay, do not cover it; NULL = its cost is held. */
static const char *
pay(Overrun *o)
{
    const SiExecution *e = o->e;
    SiDebtor payer = {e->tenant_id, &e->execution_id, NULL};
    SiFunds funds;
    int64 missing;

    if (e->is_draft || !(o->namespace.purpose == SI_NS_SHARED || e->draft_fallback || o->reservation.borrowed))
        return NULL;
    o->cost = si_planned_cost(&o->namespace, e->cpu_millicores, e->memory_mib, o->taken * o->namespace.step_usecs);
    si_funds_find(&e->tenant_id, o->now, o->now, &funds);
    missing = si_funds_hold(&funds, &payer, o->cost, o->now, o->now);
    return missing > 0 ? psprintf("vCPU-hours do not cover it: %s are missing", si_hours_text(missing)) : NULL;
}

/* Slots for which limits or vCPU-hours are missing are given back, the last one first. Why none is left; NULL = some are. */
static const char *
secure(Overrun *o)
{
    const char *reason = NULL;

    o->n_held = o->reservation.limited ? si_reservation_limits(&o->reservation.reservation_id, &o->held) : 0;
    while (o->taken > 0)
    {
        reason = take_limits(o);
        if (reason == NULL && (reason = pay(o)) == NULL)
            return NULL;
        hold_limits_as_before(o);
        o->taken--;
        si_claim_give(&o->namespace, &o->claim, o->wanted.first + o->taken, 1);
    }
    return reason;
}

static void
lengthen(Overrun *o)
{
    const TimestampTz from = starts_at(o);
    const TimestampTz until = ends_at(o);
    SiReservation *r = &o->reservation;
    int64 step = o->namespace.step_usecs;

    if (o->wanted.gap)
    {
        int64 first = si_slot_floor(r->starts_at, step);

        si_claim_give(&o->namespace, &o->claim, first, (int32) (si_slot_ceil(r->ends_at, step) - first));
    }
    si_announce_reservation(&r->reservation_id);
    si_reservation_move(&r->reservation_id, from, until);
    for (int i = 0; i < o->n_held; i++)
    {
        si_announce_reservation(&r->reservation_id);
        si_reservation_limits_move(&r->reservation_id, &o->held[i].limit_id, from, until);
    }
    o->e->planned_end = until;
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
    reason = take(&o, actor);
    if (reason != NULL && job->has_dependants)
    {
        /* What starts after it cannot start at this line: it gives up its place there, for a later one. */
        si_dependants_follow(e, actor, now);
        reason = take(&o, actor);
    }
    if (reason == NULL)
        reason = secure(&o);
    if (reason == NULL)
        lengthen(&o);
    place_lifted(&o, actor);
    if (reason != NULL && e->overrun_reason != NULL && strcmp(reason, e->overrun_reason) == 0)
        return false;
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
