/*
 * relief.c: less supply than was promised.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "flow/admit.h"
#include "flow/availability.h"
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
        [SI_RELIEF_OVER_COMMITTED] = "over_committed",
        [SI_RELIEF_KEEPS_HOLD] = "keeps_hold"};

    return names[effect];
}

/* What has less than it promised, and when. */
typedef struct Strain
{
    const SiPoolRef *pool; /* or: */
    const pg_uuid_t *limit_id;
    TimestampTz from;
    TimestampTz until;
} Strain;

/* Whether more is promised than there is in some slot that the reservation touches. */
static bool
is_over_committed(const Strain *strain, const SiReservation *r)
{
    int64 step = strain->pool ? strain->pool->namespace.step_usecs : SI_LIMIT_STEP_USECS;
    TimestampTz from = Max(r->starts_at, strain->from);
    TimestampTz until = Min(r->ends_at, strain->until);
    int64 first = si_slot_floor(from, step);
    int64 last = si_slot_ceil(until, step);
    SiSlots total;
    SiSlots allocated;

    if (first >= last)
        return false;
    if (strain->pool)
        si_occupancy(strain->pool, first, (int32) (last - first), &total, &allocated);
    else
        si_limit_occupancy(strain->limit_id, from, until, &total, &allocated);
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

static int
relieve(const Strain *strain, const SiVictim *victims, int count, const char *actor, const char *cause, bool tell,
        TimestampTz now, SiRelieved **out)
{
    const SiPoolRef *pool = strain->pool;
    int n = 0;

    *out = palloc((count + 1) * sizeof(SiRelieved));
    for (int i = 0; i < count; i++)
    {
        SiRelieved *r = &(*out)[n];

        CHECK_FOR_INTERRUPTS();
        memset(r, 0, sizeof(*r));
        if (!si_reservation_load(&victims[i].reservation_id, false, &r->reservation) || !r->reservation.active ||
            (pool && pool->tenant_id && !si_uuid_equal(&r->reservation.tenant_id, pool->tenant_id)) ||
            !is_over_committed(strain, &r->reservation))
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

int
si_relieve(const SiPoolRef *pool, TimestampTz from, TimestampTz until, const char *actor, const char *cause,
           bool tell, TimestampTz now, SiRelieved **out)
{
    Strain strain = {pool, NULL, from, until};
    SiVictim *victims;
    int count = si_executions_in(pool->namespace.name, from, until, &victims);

    return relieve(&strain, victims, count, actor, cause, tell, now, out);
}

int
si_relieve_limit(const pg_uuid_t *limit_id, const char *actor, const char *cause, TimestampTz now, SiRelieved **out)
{
    Strain strain = {NULL, limit_id, now, DT_NOEND};
    SiVictim *victims;
    int count = si_executions_limited(limit_id, strain.from, strain.until, &victims);

    return relieve(&strain, victims, count, actor, cause, true, now, out);
}
