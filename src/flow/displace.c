/*
 * displace.c: reservations that give way.
 *
 * A borrower must not learn from its events whose units they were (Q4): they name no role of the owner's as their actor.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "flow/admit.h"
#include "flow/displace.h"
#include "flow/funds.h"
#include "flow/place.h"
#include "flow/reserve.h"
#include "guc.h"
#include "pg/attempt.h"
#include "pg/json.h"
#include "pg/times.h"
#include "pg/wake.h"
#include "store/events.h"
#include "store/sql.h"

static bool
has_begun(const SiVictim *v, TimestampTz now)
{
    return v->has_execution ? v->state != SI_SCHEDULED && v->state != SI_WAITING : v->starts_at <= now;
}

/* When what has begun is asked to end. */
static TimestampTz
stop_at(const SiVictim *v, TimestampTz now)
{
    TimestampTz started_at = v->has_execution ? v->started_at : v->starts_at;

    if (started_at == SI_NO_TIME)
        return now;
    return Max(now, started_at + si_guc_reclaim_min_run_minutes * USECS_PER_MINUTE);
}

/* First slot after it is gone; never the present one, of which it had a part. */
static int64
slot_after(const SiVictim *v, int64 step, TimestampTz now)
{
    TimestampTz gone_by = stop_at(v, now) + si_guc_reclaim_grace_seconds * USECS_PER_SEC;

    return Max(si_slot_ceil(gone_by, step), si_slot_floor(now, step) + 1);
}

bool
si_displace_offer(const SiVictim *v, int64 step, TimestampTz now, SiOffer *out)
{
    bool begun = has_begun(v, now);

    if (!v->borrowed && (begun || !v->has_execution))
        return false;
    *out = (SiOffer){.from = si_slot_floor(v->starts_at, step),
                     .until = si_slot_ceil(v->ends_at, step),
                     .cpu = v->cpu_millicores,
                     .mem = v->memory_mib,
                     .harm = v->borrowed ? SI_HARM_BORROWED : v->tentative ? SI_HARM_TENTATIVE
                                                                           : SI_HARM_OWN,
                     .priority = v->priority,
                     .since = v->starts_at};
    if (!begun)
        return true;
    if (v->has_execution && v->stop_requested_at != SI_NO_TIME)
        return false;
    out->from = slot_after(v, step, now);
    out->harm = v->has_execution && v->started_at == SI_NO_TIME ? SI_HARM_CLAIMED : SI_HARM_RUNNING;
    if (v->has_execution && v->started_at != SI_NO_TIME)
        out->since = v->started_at;
    return out->from < out->until;
}

bool
si_displace_lock(const SiVictim *v, SiDisplaced *out)
{
    memset(out, 0, sizeof(*out));
    out->victim = *v;
    if (v->has_execution)
    {
        if (!si_execution_load(&v->execution_id, false, &out->e) || !si_job_load_if_free(&out->e.job_id, &out->job) ||
            !si_execution_load_if_free(&v->execution_id, &out->e) || out->e.state != v->state || !out->e.has_reservation ||
            !si_uuid_equal(&out->e.reservation_id, &v->reservation_id) || out->e.started_at != v->started_at ||
            out->e.stop_requested_at != v->stop_requested_at)
            return false;
    }
    return si_reservation_load_if_free(&v->reservation_id, &out->reservation) && out->reservation.active &&
           out->reservation.pool_id == v->pool_id && out->reservation.starts_at == v->starts_at &&
           out->reservation.ends_at == v->ends_at;
}

/* It ends early. */
static void
stop(SiDisplaced *d, const char *cause, int64 step, TimestampTz now)
{
    SiReservation after = d->reservation;
    TimestampTz at = stop_at(&d->victim, now);
    StringInfoData text;

    after.ends_at = si_slot_time(slot_after(&d->victim, step, now), step);
    si_reservation_move(&after.reservation_id, after.starts_at, after.ends_at);
    if (!d->victim.has_execution)
    {
        si_event("reservation.shortened", &after.tenant_id, NULL, NULL, SI_DISPLACE_ACTOR, cause, si_reservation_describe(&d->reservation),
                 si_reservation_describe(&after));
        return;
    }
    d->e.planned_end = after.ends_at;
    si_execution_set_plan(&d->e);
    si_execution_set_stop(&d->e.execution_id, si_state_name(SI_PREEMPTED), cause, at);
    initStringInfo(&text);
    appendStringInfoChar(&text, '{');
    si_json_put_text(&text, "stop_cause", si_state_name(SI_PREEMPTED));
    si_json_put_raw(&text, "stop_at", si_time_json(at));
    si_json_put_raw(&text, "gone_by", si_time_json(after.ends_at));
    appendStringInfoChar(&text, '}');
    si_event("execution.stop_requested", &d->e.tenant_id, &d->e.job_id, &d->e.execution_id, SI_DISPLACE_ACTOR, cause, NULL, text.data);
    si_wake_at_commit();
}

void
si_displace_out(SiDisplaced *d, const char *cause, int64 step, TimestampTz now)
{
    d->stops = has_begun(&d->victim, now);
    if (d->stops)
        stop(d, cause, step, now);
    else if (d->victim.has_execution)
    {
        si_admit_lift(&d->e, SI_DISPLACE_ACTOR, cause, now, &d->plan);
        d->plan.left_pool = d->reservation.pool_id;
    }
    else
    {
        if (d->reservation.held > 0)
            (void) si_funds_settle(&(SiDebtor){d->reservation.tenant_id, NULL, &d->reservation.reservation_id}, 0, now);
        (void) si_unplace(&d->reservation.reservation_id, now);
    }
}

static void
move_reservation(SiDisplaced *d, const char *cause, TimestampTz now)
{
    SiReservation *r = &d->reservation;
    char *before = si_reservation_describe(r);
    SiNeed need = {.tenant_id = r->tenant_id,
                   .cpu_millicores = r->cpu_millicores,
                   .memory_mib = r->memory_mib,
                   .duration_usecs = r->ends_at - r->starts_at,
                   .not_before = r->starts_at,
                   .window_usecs = USECS_PER_DAY,
                   .pays = true,
                   .same_length = true,
                   .last_step = SI_NO_CAPACITY_WAIT,
                   .actor = SI_DISPLACE_ACTOR,
                   .not_of_pool = r->pool_id,
                   .revives = &r->reservation_id};
    SiPlacement placement;

    si_place(&need, now, &placement);
    if (placement.placed && !si_reservation_load(&r->reservation_id, false, r))
        elog(ERROR, "reservation \"%s\" vanished", si_uuid_text(&r->reservation_id));
    si_event(placement.placed ? "reservation.moved" : "reservation.released", &r->tenant_id, NULL, NULL, SI_DISPLACE_ACTOR, cause, before,
             placement.placed ? si_reservation_describe(r) : NULL);
}

/* One that looks for another place. */
typedef struct Search
{
    SiDisplaced *displaced;
    const char *cause;
    TimestampTz now;
} Search;

static void
look_elsewhere(void *arg)
{
    Search *search = arg;
    SiDisplaced *d = search->displaced;

    if (d->victim.has_execution)
        (void) si_admit_lifted(&d->job, &d->e, &d->plan, SI_DISPLACE_ACTOR, search->cause, search->now);
    else
        move_reservation(d, search->cause, search->now);
}

void
si_displace_in(SiDisplaced *d, const char *cause, TimestampTz now)
{
    Search search = {d, cause, now};
    ErrorData *error;

    if (d->stops)
        return;
    /* What is wrong with it is nothing to who takes its place: it waits. */
    error = si_attempt(look_elsewhere, &search);
    if (error == NULL)
        return;
    if (si_error_is_passing(error))
        ReThrowError(error);
    d->e.state = SI_WAITING;
    if (!d->victim.has_execution)
        si_event("reservation.released", &d->reservation.tenant_id, NULL, NULL, SI_DISPLACE_ACTOR, cause,
                 si_reservation_describe(&d->reservation), NULL);
}
