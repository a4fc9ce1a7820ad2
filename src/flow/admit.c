/*
 * admit.c: admission of a run.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "domain/quantity.h"
#include "domain/slots.h"
#include "domain/types.h"
#include "flow/admit.h"
#include "flow/dependants.h"
#include "flow/fires.h"
#include "flow/funds.h"
#include "flow/named_limits.h"
#include "flow/place.h"
#include "flow/sla.h"
#include "flow/state.h"
#include "flow/target.h"
#include "guc.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/quantities.h"
#include "pg/times.h"
#include "store/events.h"
#include "store/sql.h"

static SiWish
wish_of(const SiJob *job, const SiExecution *e, TimestampTz now, int64 step_usecs, bool again)
{
    SiWish wish;
    SiSla sla;

    si_sla_bounds(job, &sla);
    wish.planned_usecs = si_job_planned_minutes(job) * USECS_PER_MINUTE;
    wish.start = si_admission_earliest(job, e);
    wish.latest = e->scheduled_for + sla.window;
    /* Draft runs stand outside the SLA; only the window bounds their search. */
    if (!e->is_draft && sla.start_by != SI_NO_BOUND)
        wish.latest = Min(wish.latest, e->scheduled_for + sla.start_by);
    if (!e->is_draft && sla.finish_by != SI_NO_BOUND)
        wish.latest = Min(wish.latest, e->scheduled_for + sla.finish_by - wish.planned_usecs);
    if (e->not_before != SI_NO_TIME)
        wish.start = Max(wish.start, e->not_before);
    wish.start = Max(wish.start, now);
    /*
     * Work that waits has missed its window or has been told to wait: it gets a window from now on. Its tentative place is
     * within reach at the latest when the slot before it runs.
     */
    if (again)
        wish.latest = Max(wish.latest, now + Max(sla.window, step_usecs));
    wish.latest = Max(wish.latest, wish.start);
    return wish;
}

/* Grid of the namespace where it is meant to run. */
static int64
step_of(const SiExecution *e)
{
    SiNamespace home;

    if (e->is_draft || !si_namespace_load(e->namespace_name, &home))
        si_target_draft(&home);
    return home.step_usecs;
}

/*
 * Makes a need of a wish. Work wanted in the slot that runs already starts in it, at its time, and not at the next slot: then
 * the reservation begins with the slot, and the need is longer by the part of it before the start.
 */
static void
need_of(const SiJob *job, const SiExecution *e, const SiWish *wish, const char *actor, TimestampTz now, SiNeed *need)
{
    int64 step = step_of(e);

    memset(need, 0, sizeof(*need));
    need->tenant_id = e->tenant_id;
    need->cpu_millicores = e->cpu_millicores;
    need->memory_mib = e->memory_mib;
    need->duration_usecs = wish->planned_usecs;
    need->not_before = wish->start;
    need->draft_job = e->is_draft;
    need->last_step = job->on_no_capacity;
    need->covered = e->held > 0;
    need->tentative = strcmp(e->started_by, "schedule") == 0 && wish->start > now + si_guc_firm_hours * USECS_PER_HOUR;
    need->actor = actor;
    if (wish->start < si_slot_time(si_slot_floor(now, step) + 1, step))
    {
        /* The beginning of the hour is a beginning of a slot in every grid, and not after the present slot's. */
        need->not_before = si_slot_time(si_slot_floor(now, USECS_PER_HOUR), USECS_PER_HOUR);
        need->duration_usecs += wish->start - now;
    }
    need->window_usecs = wish->latest - need->not_before;
    si_needs_of_job(job, need);
}

static void
take_plan(SiExecution *e, const SiPlacement *placement, const SiWish *wish)
{
    strlcpy(e->namespace_name, placement->namespace_name, sizeof(e->namespace_name));
    e->has_reservation = true;
    e->reservation_id = placement->reservation_id;
    e->borrowed = placement->borrowed;
    e->draft_fallback = placement->draft_fallback;
    e->planned_start = Max(placement->starts_at, wish->start);
    e->planned_end = placement->ends_at;
    e->waiting_reason = NULL;
}

static void
take_reason(SiExecution *e, const SiPlacement *placement, const SiWish *wish)
{
    e->has_reservation = placement->ahead;
    e->draft_fallback = false;
    e->planned_start = placement->earliest;
    e->planned_end = placement->earliest == SI_NO_TIME ? SI_NO_TIME : placement->earliest + wish->planned_usecs;
    e->waiting_reason = placement->reason;
    if (!placement->ahead)
        return;
    strlcpy(e->namespace_name, placement->namespace_name, sizeof(e->namespace_name));
    e->reservation_id = placement->reservation_id;
    e->planned_end = placement->ends_at;
}

/*
 * Holds the planned cost where vCPU-hours pay (M4, M9), in the struct and the ledger; returns what they do not cover. What
 * was held before the run had to wait is held still.
 */
static int64
hold(SiExecution *e, const SiPlacement *placement, const SiWish *wish, TimestampTz now)
{
    SiDebtor payer = {e->tenant_id, &e->execution_id, NULL};
    SiNamespace namespace;
    SiFunds funds = placement->funds;
    int64 cost;
    int64 missing;

    if (e->held > 0)
        return 0;
    if (e->is_draft || !(placement->purpose == SI_NS_SHARED || placement->borrowed || placement->draft_fallback))
        return 0;
    if (!si_namespace_load(placement->namespace_name, &namespace))
        elog(ERROR, "namespace \"%s\" of a placement is missing", placement->namespace_name);
    cost = si_planned_cost(&namespace, e->cpu_millicores, e->memory_mib, wish->planned_usecs);
    if (funds.n == 0)
        si_funds_find(&e->tenant_id, e->planned_start, e->planned_start, &funds);
    missing = si_funds_hold(&funds, &payer, cost, e->planned_start, now);
    if (missing == 0)
        e->held = cost;
    return missing;
}

static void
raise_balance(const SiJob *job, const SiExecution *e, int64 lacking)
{
    ereport(ERROR, (errcode(ERRCODE_SI_BALANCE),
                    errmsg("vCPU-hours do not cover a run of job \"%s\": %s are missing", job->job_name,
                           si_hours_text(lacking)),
                    errdetail("The run is planned for " INT64_FORMAT " minutes with %s cores and %s GiB.",
                              si_job_planned_minutes(job), si_quantity_text(e->cpu_millicores, 1000),
                              si_quantity_text(e->memory_mib, 1024)),
                    errhint("A purchase of " INT64_FORMAT " vcpu_hours would cover it, or one of " INT64_FORMAT
                            " dedicated_units.",
                            si_hours_whole(lacking), si_units_for(e->cpu_millicores, e->memory_mib))));
}

static void
raise_capacity(const SiJob *job, const SiExecution *e, const SiWish *wish)
{
    ereport(ERROR,
            (errcode(ERRCODE_SI_CAPACITY), errmsg("no capacity for job \"%s\": %s", job->job_name, e->waiting_reason),
             e->planned_start == SI_NO_TIME
                 ? errdetail("Nothing fits within the horizon.")
                 : errdetail("The earliest start is %s, the earliest finish %s.", pstrdup(timestamptz_to_str(e->planned_start)),
                             pstrdup(timestamptz_to_str(e->planned_start + wish->planned_usecs))),
             errhint("With on_no_capacity \"wait\" the run would wait; a longer sla_window_hours lets it start later.")));
}

static void
raise_size(const SiJob *job, const SiExecution *e)
{
    ereport(ERROR, (errcode(ERRCODE_SI_CAPACITY), errmsg("job \"%s\" is too large: %s", job->job_name, e->waiting_reason),
                    errhint("Lower resource_requirements by sparkingest.alter_job().")));
}

/* A draft run that is too large for the draft namespace or for the tenant's share of it would wait forever. */
static void
require_draft_size(const SiJob *job, const SiExecution *e)
{
    SiNamespace draft;
    int64 cpu;
    int64 memory;

    si_target_draft(&draft);
    cpu = draft.tenant_cpu_millicores < 0 ? draft.cpu_millicores : Min(draft.cpu_millicores, draft.tenant_cpu_millicores);
    memory = draft.tenant_memory_mib < 0 ? draft.memory_mib : Min(draft.memory_mib, draft.tenant_memory_mib);
    if (e->cpu_millicores > cpu || e->memory_mib > memory)
        ereport(ERROR,
                (errcode(ERRCODE_SI_CAPACITY),
                 errmsg("job \"%s\" is too large for a draft run: it asks for %s cores and %s GiB", job->job_name,
                        si_quantity_text(e->cpu_millicores, 1000), si_quantity_text(e->memory_mib, 1024)),
                 errdetail("Namespace \"%s\" gives a tenant at most %s cores and %s GiB.", draft.name,
                           si_quantity_text(cpu, 1000), si_quantity_text(memory, 1024)),
                 errhint("Ask for less, or have an operator raise the cap by sparkingest.set_namespace().")));
}

void
si_admission_draft(const SiJob *job, const SiAdmission *admission, TimestampTz now, SiExecution *e)
{
    SiNamespace home;

    memset(e, 0, sizeof(*e));
    e->execution_id = si_uuid_new();
    e->job_id = job->job_id;
    e->tenant_id = job->tenant_id;
    e->job_version = job->version;
    e->attempt = admission->attempt;
    e->run_id = admission->run_id ? *admission->run_id : e->execution_id;
    e->started_by = pstrdup(admission->started_by);
    e->is_draft = job->draft;
    e->scheduled_for = admission->scheduled_for;
    e->not_before = admission->not_before;
    e->cpu_millicores = job->cpu_millicores;
    e->memory_mib = admission->memory_mib > 0 ? admission->memory_mib : job->memory_mib;
    if (!job->draft)
        e->memory_mib = Max(e->memory_mib, job->raised_memory_mib);
    e->executors = job->executors;
    e->estimated_millis = job->estimated_millis;
    e->hard_minutes = si_job_hard_minutes(job);
    e->charged = -1;
    e->created_at = now;
    if (job->draft)
        si_target_draft(&home);
    else if (job->target_namespace == NULL)
        si_target_choose(job, Max(admission->scheduled_for, now), &home);
    strlcpy(e->namespace_name, job->target_namespace && !job->draft ? job->target_namespace : home.name,
            sizeof(e->namespace_name));
}

static bool
admit(const SiJob *job, const SiAdmission *admission, TimestampTz now, SiExecution *out)
{
    SiPlacement placement;
    SiNeed need;
    SiWish wish;
    int64 missing;

    si_admission_draft(job, admission, now, out);
    if (out->is_draft)
        require_draft_size(job, out);
    wish = wish_of(job, out, now, 0, false);
    need_of(job, out, &wish, admission->actor, now, &need);
    /* Who is not refused waits with a planned start, which nothing that comes later delays (C15, S2). */
    need.ahead = out->is_draft || job->on_no_capacity != SI_NO_CAPACITY_REJECT;
    si_place(&need, now, &placement);
    if (!placement.placed)
    {
        /* Too little balance is a matter of means, not of room: nothing that the tenant owns could ever take the run. */
        bool lacks_means = placement.lacks_balance && !si_target_owns_units(job, wish.start, NULL);

        take_reason(out, &placement, &wish);
        if (placement.too_large && admission->insist)
            raise_size(job, out);
        if (lacks_means && admission->insist)
            raise_balance(job, out, placement.lacking);
        if (!out->is_draft && !lacks_means && job->on_no_capacity == SI_NO_CAPACITY_REJECT)
        {
            if (admission->insist)
                raise_capacity(job, out, &wish);
            return false;
        }
        out->state = SI_WAITING;
        si_execution_enter(out, admission->actor, admission->cause);
        return true;
    }

    take_plan(out, &placement, &wish);
    out->state = SI_SCHEDULED;
    missing = hold(out, &placement, &wish, now);
    if (missing > 0)
    {
        /* The place is there, but the balance of its day does not cover it (M4). */
        if (admission->insist)
            raise_balance(job, out, missing);
        si_admission_undo(out, now);
        out->state = SI_WAITING;
        out->waiting_reason = psprintf("vCPU-hours do not cover the run: %s are missing", si_hours_text(missing));
    }
    si_execution_enter(out, admission->actor, admission->cause);
    return true;
}

/* Jobs that start after this one are told of its production runs; of a further attempt who admits it tells (J7). */
static void
tell_dependants(const SiJob *job, const SiAdmission *admission, TimestampTz now, const SiExecution *e)
{
    if (job->has_dependants && !e->is_draft && admission->run_id == NULL)
        si_dependants_open(e, admission->actor, now);
}

bool
si_admit(const SiJob *job, const SiAdmission *admission, TimestampTz now, SiExecution *out)
{
    if (!admit(job, admission, now, out))
        return false;
    tell_dependants(job, admission, now, out);
    return true;
}

void
si_admit_awaiting(const SiJob *job, const SiAdmission *admission, const char *reason, TimestampTz now, SiExecution *out)
{
    si_admission_draft(job, admission, now, out);
    out->state = SI_WAITING;
    out->awaits = true;
    out->planned_start = SI_NO_TIME;
    out->planned_end = SI_NO_TIME;
    out->waiting_reason = pstrdup(reason);
    si_execution_enter(out, admission->actor, admission->cause);
    si_execution_set_awaiting(&out->execution_id, true, out->scheduled_for);
    tell_dependants(job, admission, now, out);
}

TimestampTz
si_admission_earliest(const SiJob *job, const SiExecution *e)
{
    SiSla sla;

    si_sla_bounds(job, &sla);
    return e->is_draft || sla.earliest_start == SI_NO_BOUND ? e->scheduled_for : e->scheduled_for + sla.earliest_start;
}

void
si_admission_undo(SiExecution *e, TimestampTz now)
{
    if (e->has_reservation)
        (void) si_unplace(&e->reservation_id, now);
    e->has_reservation = false;
    e->draft_fallback = false;
    e->planned_start = SI_NO_TIME;
    e->planned_end = SI_NO_TIME;
}

/* Why its planned start is another one than before. */
static void
note_cause(SiExecution *e, const SiPlan *before, const char *cause)
{
    if (before->planned_start != SI_NO_TIME && e->planned_start != before->planned_start)
        e->plan_reason = pstrdup(cause);
}

static char *
plan_json(const char *namespace_name, TimestampTz planned_start, const char *waiting_reason)
{
    StringInfoData text;

    initStringInfo(&text);
    appendStringInfoChar(&text, '{');
    si_json_put_text(&text, "namespace", namespace_name);
    si_json_put_raw(&text, "planned_start", si_time_json(planned_start));
    if (waiting_reason != NULL)
        si_json_put_text(&text, "waiting_reason", waiting_reason);
    appendStringInfoChar(&text, '}');
    return text.data;
}

/*
 * Of a run that waits on: writes the row when something of it is new, so that waiting costs no row versions, and tells when its
 * planned start moved.
 */
static void
note_outlook(SiExecution *e, const SiExecution *was, const SiPlan *before, const char *actor, const char *cause)
{
    bool moved = e->planned_start != before->planned_start;

    if (moved)
        note_cause(e, before, cause);
    if (moved || was->planned_start != e->planned_start || was->has_reservation != e->has_reservation ||
        (e->has_reservation && !si_uuid_equal(&was->reservation_id, &e->reservation_id)) || was->waiting_reason == NULL ||
        strcmp(was->waiting_reason, e->waiting_reason) != 0)
        si_execution_set_plan(e);
    if (moved)
        si_event("execution.replanned", &e->tenant_id, &e->job_id, &e->execution_id, actor, cause,
                 plan_json(before->namespace_name, before->planned_start, NULL),
                 plan_json(e->namespace_name, e->planned_start, e->waiting_reason));
}

/* The place that an execution has, loaded; NULL = none. */
static const SiReservation *
place_of(const SiExecution *e, SiReservation *out)
{
    if (!e->has_reservation || !si_reservation_load(&e->reservation_id, false, out) || !out->active)
        return NULL;
    return out;
}

void
si_admission_ask(const SiJob *job, const SiExecution *e, bool again, TimestampTz now, SiWish *wish, SiNeed *need)
{
    *wish = wish_of(job, e, now, again ? step_of(e) : 0, again);
    need_of(job, e, wish, NULL, now, need);
}

void
si_admission_need(const SiJob *job, const SiExecution *e, const char *actor, TimestampTz now, SiNeed *out)
{
    SiWish wish;

    si_admission_ask(job, e, true, now, &wish, out);
    out->actor = actor;
    out->ahead = true;
}

/* Why it is planned as it is: who was moved knows; who only looked for an earlier place lost the one it had. */
static const char *
why(const SiExecution *e, const SiPlan *before, const char *cause, bool moved)
{
    if (moved || e->planned_start <= before->planned_start)
        return cause;
    return e->planned_start == SI_NO_TIME ? e->waiting_reason : "its place is not there any more";
}

static bool
plan_again(const SiJob *job, SiExecution *e, const SiPlan *before, const char *actor, const char *cause, bool moved, TimestampTz now)
{
    const SiExecution was = *e;
    SiWish wish = wish_of(job, e, now, step_of(e), true);
    SiPlacement placement;
    SiReservation place;
    SiNeed need;
    int64 missing;

    Assert(e->state == SI_WAITING);
    si_admission_need(job, e, actor, now, &need);
    need.not_of_pool = before->left_pool;
    need.keep = place_of(e, &place);
    si_place(&need, now, &placement);
    if (!placement.placed)
    {
        take_reason(e, &placement, &wish);
        note_outlook(e, &was, before, actor, why(e, before, cause, moved));
        return false;
    }
    take_plan(e, &placement, &wish);
    missing = hold(e, &placement, &wish, now);
    if (missing > 0)
    {
        si_admission_undo(e, now);
        e->waiting_reason = psprintf("vCPU-hours do not cover the run: %s are missing", si_hours_text(missing));
        note_outlook(e, &was, before, actor, why(e, before, cause, moved));
        return false;
    }
    if (e->held != was.held)
        si_balance_note(&e->execution_id, e->held, -1);
    note_cause(e, before, why(e, before, cause, moved));
    si_execution_set_plan(e);
    si_execution_move(e, SI_SCHEDULED, actor, cause);
    return true;
}

static void
remember(const SiExecution *e, SiPlan *out)
{
    out->left_pool = 0;
    out->planned_start = e->planned_start;
    strlcpy(out->namespace_name, e->namespace_name, sizeof(out->namespace_name));
}

bool
si_admit_again(const SiJob *job, SiExecution *e, const char *actor, const char *cause, TimestampTz now)
{
    TimestampTz planned_end = e->planned_end;
    SiPlan before;
    bool placed;

    remember(e, &before);
    placed = plan_again(job, e, &before, actor, cause, false, now);
    if (job->has_dependants && !e->is_draft && (placed || e->planned_end != planned_end))
        si_dependants_follow(e, actor, now);
    return placed;
}

bool
si_admit_lifted(const SiJob *job, SiExecution *e, const SiPlan *before, const char *actor, const char *cause, TimestampTz now)
{
    bool placed = plan_again(job, e, before, actor, cause, true, now);

    if (job->has_dependants && !e->is_draft)
        si_dependants_follow(e, actor, now);
    return placed;
}

void
si_admit_lift(SiExecution *e, const char *actor, const char *cause, TimestampTz now, SiPlan *before)
{
    remember(e, before);
    si_admission_undo(e, now);
    if (e->state != SI_SCHEDULED)
        return;
    e->waiting_reason = pstrdup(cause);
    si_execution_set_plan(e);
    si_execution_move(e, SI_WAITING, actor, cause);
}

bool
si_admit_anew(const SiJob *job, SiExecution *e, const char *actor, const char *cause, TimestampTz now)
{
    SiPlan before;

    si_admit_lift(e, actor, cause, now, &before);
    return si_admit_lifted(job, e, &before, actor, cause, now);
}

void
si_admit_hold_back(SiExecution *e, const char *reason, const char *actor, TimestampTz now)
{
    const SiExecution was = *e;
    SiPlan before;

    Assert(e->state == SI_WAITING);
    remember(e, &before);
    si_admission_undo(e, now);
    e->waiting_reason = pstrdup(reason);
    note_outlook(e, &was, &before, actor, reason);
}

void
si_admission_need_sooner(const SiJob *job, const SiExecution *e, const SiReservation *place, const char *actor, TimestampTz now,
                         SiNeed *out)
{
    si_admission_need(job, e, actor, now, out);
    out->ahead = false;
    out->window_usecs = place->starts_at - out->not_before - 1;
    /* What nothing was held for is not moved to where vCPU-hours pay. */
    out->namespace_name = e->held > 0 ? NULL : e->namespace_name;
}

bool
si_admit_sooner(const SiJob *job, SiExecution *e, const char *actor, const char *cause, TimestampTz now)
{
    SiWish wish = wish_of(job, e, now, step_of(e), true);
    SiPlacement placement;
    SiReservation place;
    SiPlan before;
    SiNeed need;

    Assert(e->state == SI_SCHEDULED);
    if (place_of(e, &place) == NULL)
        return false;
    remember(e, &before);
    si_admission_need_sooner(job, e, &place, actor, now, &need);
    if (need.window_usecs < 0)
        return false;
    need.keep = &place;
    si_place(&need, now, &placement);
    if (!placement.placed)
        ereport(ERROR, (errcode(ERRCODE_SI_CAPACITY), errmsg("what was free earlier is not free any more")));
    take_plan(e, &placement, &wish);
    note_cause(e, &before, cause);
    si_execution_set_plan(e);
    si_event("execution.replanned", &e->tenant_id, &e->job_id, &e->execution_id, actor, cause,
             plan_json(before.namespace_name, before.planned_start, NULL), plan_json(e->namespace_name, e->planned_start, NULL));
    if (job->has_dependants && !e->is_draft)
        si_dependants_follow(e, actor, now);
    return true;
}

bool
si_admit_late(SiExecution *e, const char *actor, TimestampTz now)
{
    SiJob job;

    if (e->planned_end == SI_NO_TIME || now < e->planned_end)
        return false;
    if (!si_job_load(&e->job_id, true, &job))
        elog(ERROR, "job of an execution is missing");
    if (si_fires_give_up_late(&job, e, actor, now))
        return true;
    (void) si_admit_anew(&job, e, actor, "its reservation ended before it could start", now);
    return true;
}
