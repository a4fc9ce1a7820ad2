/*
 * relief.c: less supply than was promised.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "flow/admit.h"
#include "flow/availability.h"
#include "flow/funds.h"
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
        [SI_RELIEF_OVER_COMMITTED] = "over_committed",
        [SI_RELIEF_KEEPS_HOLD] = "keeps_hold"};

    return names[effect];
}

/* Whether the pool has promised more than it has in some slot that the reservation touches. */
static bool
is_over_committed(const SiPoolRef *pool, const SiReservation *r, TimestampTz from, TimestampTz until)
{
    int64 step = pool->namespace.step_usecs;
    int64 first = si_slot_floor(Max(r->starts_at, from), step);
    int64 last = si_slot_ceil(Min(r->ends_at, until), step);
    SiSlots total;
    SiSlots allocated;

    if (first >= last)
        return false;
    si_occupancy(pool, first, (int32) (last - first), &total, &allocated);
    for (int i = 0; i < total.n; i++)
        if (allocated.cpu[i] > total.cpu[i] || allocated.mem[i] > total.mem[i])
            return true;
    return false;
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

int
si_relieve(const SiPoolRef *pool, TimestampTz from, TimestampTz until, const char *actor, const char *cause,
           bool tell, TimestampTz now, SiRelieved **out)
{
    SiVictim *victims;
    int count = si_executions_in(pool->namespace.name, from, until, &victims);
    int n = 0;

    *out = palloc((count + 1) * sizeof(SiRelieved));
    for (int i = 0; i < count; i++)
    {
        SiRelieved *r = &(*out)[n];

        CHECK_FOR_INTERRUPTS();
        memset(r, 0, sizeof(*r));
        if (!si_reservation_load(&victims[i].reservation_id, false, &r->reservation) || !r->reservation.active ||
            (pool->tenant_id && !si_uuid_equal(&r->reservation.tenant_id, pool->tenant_id)) ||
            !is_over_committed(pool, &r->reservation, from, until))
            continue;
        r->has_execution = victims[i].has_execution;
        r->e.execution_id = victims[i].execution_id;
        if (!r->has_execution || !si_relieve_run(r, false, actor, cause, now))
        {
            r->effect = SI_RELIEF_OVER_COMMITTED;
            if (tell)
                si_event("reservation.over_committed", &r->reservation.tenant_id, r->has_execution ? &r->e.job_id : NULL,
                         r->has_execution ? &r->e.execution_id : NULL, actor, cause, si_relief_name(&r->reservation), NULL);
        }
        n++;
    }
    return n;
}
