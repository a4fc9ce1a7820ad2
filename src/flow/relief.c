/*
 * relief.c: less supply than was promised.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "flow/admit.h"
#include "flow/availability.h"
#include "flow/displace.h"
#include "flow/funds.h"
#include "flow/limit_account.h"
#include "flow/relief.h"
#include "flow/state.h"
#include "pg/json.h"
#include "store/events.h"
#include "store/jobs.h"
#include "store/sql.h"

const char *
si_relief_effect_name(SiReliefEffect effect)
{
    static const char *const names[] = {
        [SI_RELIEF_MOVED] = "moved",
        [SI_RELIEF_WAITING] = "waiting",
        [SI_RELIEF_STOPPING] = "stopping",
        [SI_RELIEF_RELEASED] = "released",
        [SI_RELIEF_OVER_COMMITTED] = "over_committed",
        [SI_RELIEF_KEEPS_HOLD] = "keeps_hold"};

    return names[effect];
}

bool
si_relieve_run(SiRelieved *r, bool pays_anew, const char *actor, const char *cause, TimestampTz now)
{
    SiJob job;

    if (!si_execution_load(&r->e.execution_id, false, &r->e) || !si_job_load_if_free(&r->e.job_id, &job) ||
        !si_execution_load_if_free(&r->e.execution_id, &r->e) ||
        !(r->e.state == SI_SCHEDULED || (r->e.state == SI_WAITING && (pays_anew || r->e.has_reservation))))
        return false;
    if (pays_anew && r->e.held > 0)
    {
        (void) si_funds_settle(&(SiDebtor){r->e.tenant_id, &r->e.execution_id, NULL}, 0, now);
        si_balance_note(&r->e.execution_id, 0, -1);
        r->e.held = 0;
    }
    r->effect = (r->e.state == SI_SCHEDULED || !pays_anew) && si_admit_anew(&job, &r->e, actor, cause, now) ? SI_RELIEF_MOVED : SI_RELIEF_WAITING;
    return true;
}

char *
si_relief_name(const SiReservation *reservation)
{
    StringInfoData text;

    initStringInfo(&text);
    appendStringInfoChar(&text, '{');
    si_json_put_text(&text, "reservation_id", si_uuid_text(&reservation->reservation_id));
    appendStringInfoChar(&text, '}');
    return text.data;
}

/* What a measure of the pool has and has promised: si_occupancy, or si_lent_occupancy. */
typedef void (*Occupancy)(const SiPoolRef *pool, int64 first, int32 n, SiSlots *total, SiSlots *allocated);

/* What is at hand. */
typedef struct Relief
{
    const SiPoolRef *pool;
    TimestampTz from;
    TimestampTz until;
    const char *actor;
    const char *cause;
    TimestampTz now;
    SiVictim *victims;
    bool *is_out; /* cannot be moved, or was */
    SiRelieved *relieved;
    bool *is_relieved;
    int n;
} Relief;

/* The slots of the interval that a reservation touches; whether there are any. */
static bool
slots_of(const Relief *relief, const SiVictim *v, int64 *first, int64 *last)
{
    int64 step = relief->pool->namespace.step_usecs;

    *first = si_slot_floor(Max(v->starts_at, relief->from), step);
    *last = si_slot_ceil(Min(v->ends_at, relief->until), step);
    return *first < *last;
}

/* Whether more is promised than there is in some slot that the reservation touches. */
static bool
is_over_committed(const Relief *relief, const SiVictim *v, Occupancy occupancy)
{
    SiSlots total;
    SiSlots allocated;
    int64 first;
    int64 last;

    if (!slots_of(relief, v, &first, &last))
        return false;
    occupancy(relief->pool, first, (int32) (last - first), &total, &allocated);
    for (int i = 0; i < total.n; i++)
        if (allocated.cpu[i] > total.cpu[i] || allocated.mem[i] > total.mem[i])
            return true;
    return false;
}

/* What is lacking in the slots of those who are in over-committed ones; whether there are any. */
static bool
read_deficit(const Relief *relief, Occupancy occupancy, bool borrowed, SiSlots *out)
{
    int64 from = PG_INT64_MAX;
    int64 until = PG_INT64_MIN;
    SiSlots total;

    for (int i = 0; i < relief->n; i++)
    {
        int64 first;
        int64 last;

        if (relief->is_out[i] || (borrowed && !relief->victims[i].borrowed) ||
            !is_over_committed(relief, &relief->victims[i], occupancy) || !slots_of(relief, &relief->victims[i], &first, &last))
            continue;
        from = Min(from, first);
        until = Max(until, last);
    }
    if (from > until)
        return false;
    occupancy(relief->pool, from, (int32) (until - from), &total, out);
    for (int i = 0; i < out->n; i++)
    {
        out->cpu[i] -= total.cpu[i];
        out->mem[i] -= total.mem[i];
    }
    return true;
}

/* A borrower does not learn whose units they were, nor who took them away (Q4). */
static const char *
cause_for(const Relief *relief, const SiVictim *v)
{
    if (!v->borrowed)
        return relief->cause;
    return psprintf("units that were borrowed in namespace \"%s\" are lent no more", relief->pool->namespace.name);
}

static bool
move_borrower(Relief *relief, int i)
{
    const char *cause = cause_for(relief, &relief->victims[i]);
    SiRelieved *r = &relief->relieved[i];
    SiDisplaced displaced;

    if (!si_displace_lock(&relief->victims[i], &displaced))
        return false;
    si_displace_out(&displaced, cause, relief->pool->namespace.step_usecs, relief->now);
    si_displace_in(&displaced, cause, relief->now);
    r->e = displaced.e;
    if (displaced.stops)
        r->effect = SI_RELIEF_STOPPING;
    else if (displaced.victim.has_execution)
        r->effect = r->e.state == SI_SCHEDULED ? SI_RELIEF_MOVED : SI_RELIEF_WAITING;
    else
        r->effect = si_reservation_load(&r->reservation.reservation_id, false, &displaced.reservation) && displaced.reservation.active
                        ? SI_RELIEF_MOVED
                        : SI_RELIEF_RELEASED;
    return true;
}

static bool
move(Relief *relief, int i)
{
    SiRelieved *r = &relief->relieved[i];
    const SiVictim *v = &relief->victims[i];

    CHECK_FOR_INTERRUPTS();
    relief->is_out[i] = true;
    if (!si_reservation_load(&v->reservation_id, false, &r->reservation) || !r->reservation.active)
        return false;
    r->has_execution = v->has_execution;
    r->e.execution_id = v->execution_id;
    relief->is_relieved[i] =
        v->borrowed ? move_borrower(relief, i) : si_relieve_run(r, false, relief->actor, relief->cause, relief->now);
    return relief->is_relieved[i];
}

/* Moves whom the rule chooses, until nothing is lacking or nobody is left who could be moved. */
static void
relieve(Relief *relief, Occupancy occupancy, bool borrowed)
{
    SiOffer *offers = palloc((relief->n + 1) * sizeof(SiOffer));
    int *whose = palloc((relief->n + 1) * sizeof(int));
    bool all;

    do
    {
        SiSlots deficit;
        int n = 0;

        all = true;
        if (!read_deficit(relief, occupancy, borrowed, &deficit))
            return;
        for (int i = 0; i < relief->n; i++)
            if (!relief->is_out[i] && (relief->victims[i].borrowed || !borrowed) &&
                si_displace_offer(&relief->victims[i], relief->pool->namespace.step_usecs, relief->now, &offers[n]))
                whose[n++] = i;
        (void) si_victims_choose(&deficit, offers, n);
        for (int i = 0; i < n; i++)
            if (offers[i].chosen)
                all &= move(relief, whose[i]);
    } while (!all);
}

/* Those who are left in over-committed slots, and those who were moved, in their order. */
static int
collect(Relief *relief, bool tell, SiRelieved *out)
{
    int n = 0;

    for (int i = 0; i < relief->n; i++)
    {
        const SiVictim *v = &relief->victims[i];
        SiRelieved *r = &relief->relieved[i];

        if (relief->is_relieved[i])
        {
            out[n++] = *r;
            continue;
        }
        if ((!is_over_committed(relief, v, si_occupancy) &&
             !(v->borrowed && relief->pool->tenant_id && is_over_committed(relief, v, si_lent_occupancy))) ||
            !si_reservation_load(&v->reservation_id, false, &r->reservation) || !r->reservation.active)
            continue;
        r->has_execution = v->has_execution;
        if (v->has_execution && !si_execution_load(&v->execution_id, false, &r->e))
            elog(ERROR, "execution \"%s\" vanished", si_uuid_text(&v->execution_id));
        r->effect = SI_RELIEF_OVER_COMMITTED;
        if (tell)
            si_event("reservation.over_committed", &v->tenant_id, v->has_execution ? &r->e.job_id : NULL,
                     v->has_execution ? &r->e.execution_id : NULL, v->borrowed ? SI_DISPLACE_ACTOR : relief->actor,
                     cause_for(relief, v), si_relief_name(&r->reservation), NULL);
        out[n++] = *r;
    }
    return n;
}

int
si_relieve(const SiPoolRef *pool, TimestampTz from, TimestampTz until, const char *actor, const char *cause,
           bool tell, TimestampTz now, SiRelieved **out)
{
    Relief relief = {pool, from, until, actor, cause, now};
    int32 pool_id = pool->tenant_id ? si_pool_find(pool->namespace.name, pool->tenant_id) : 0;

    *out = NULL;
    if (pool->tenant_id && pool_id == 0)
        return 0;
    relief.n = si_executions_in(pool->namespace.name, pool_id, false, from, until, &relief.victims);
    relief.is_out = palloc0((relief.n + 1) * sizeof(bool));
    relief.is_relieved = palloc0((relief.n + 1) * sizeof(bool));
    relief.relieved = palloc0((relief.n + 1) * sizeof(SiRelieved));
    if (pool->tenant_id)
        relieve(&relief, si_lent_occupancy, true);
    relieve(&relief, si_occupancy, false);
    *out = palloc((relief.n + 1) * sizeof(SiRelieved));
    return collect(&relief, tell, *out);
}

/* Whether more of the limit is promised than there is while the reservation holds it. */
static bool
is_limit_over_committed(const pg_uuid_t *limit_id, const SiReservation *r, TimestampTz now)
{
    SiSlots total;
    SiSlots held;

    if (r->ends_at <= now)
        return false;
    si_limit_occupancy(limit_id, Max(r->starts_at, now), r->ends_at, &total, &held);
    for (int i = 0; i < total.n; i++)
        if (held.cpu[i] > total.cpu[i])
            return true;
    return false;
}

int
si_relieve_limit(const pg_uuid_t *limit_id, const char *actor, const char *cause, TimestampTz now, SiRelieved **out)
{
    SiVictim *victims;
    int count = si_executions_limited(limit_id, now, DT_NOEND, &victims);
    int n = 0;

    *out = palloc((count + 1) * sizeof(SiRelieved));
    for (int i = 0; i < count; i++)
    {
        SiRelieved *r = &(*out)[n];

        CHECK_FOR_INTERRUPTS();
        memset(r, 0, sizeof(*r));
        if (!si_reservation_load(&victims[i].reservation_id, false, &r->reservation) || !r->reservation.active ||
            !is_limit_over_committed(limit_id, &r->reservation, now))
            continue;
        r->has_execution = victims[i].has_execution;
        r->e.execution_id = victims[i].execution_id;
        if (!r->has_execution || !si_relieve_run(r, false, actor, cause, now))
        {
            r->effect = SI_RELIEF_OVER_COMMITTED;
            si_event("reservation.over_committed", &r->reservation.tenant_id, r->has_execution ? &r->e.job_id : NULL,
                     r->has_execution ? &r->e.execution_id : NULL, actor, cause, si_relief_name(&r->reservation), NULL);
        }
        n++;
    }
    return n;
}
