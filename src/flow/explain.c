/*
 * explain.c: why a run starts when it does.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "flow/bottleneck.h"
#include "flow/explain.h"
#include "flow/hindrance.h"
#include "flow/schedule.h"
#include "flow/sla.h"
#include "guc.h"
#include "store/inquiry.h"
#include "store/sql.h"

static void
add(List **rows, const char *namespace_name, const char *constraint_name, TimestampTz from, TimestampTz until, const char *remedy)
{
    si_explanation_add(rows, &(SiBinding){.namespace_name = namespace_name,
                                          .constraint_name = constraint_name,
                                          .from = from,
                                          .until = until,
                                          .remedy = remedy});
}

static void
ended(List **rows, const SiExecution *e)
{
    char *cause = si_inquiry_end_cause(&e->execution_id);
    StringInfoData text;

    initStringInfo(&text);
    appendStringInfoString(&text, si_state_name(e->state));
    if (e->error_class != NULL)
        appendStringInfo(&text, ", %s", e->error_class);
    if (e->has_exit_code)
        appendStringInfo(&text, ", exit code %d", e->exit_code);
    if (cause != NULL)
        appendStringInfo(&text, ": %s", cause);
    add(rows, e->namespace_name, "ended", e->started_at, e->finished_at, text.data);
}

static void
under_way(List **rows, const SiExecution *e)
{
    TimestampTz since = e->started_at != SI_NO_TIME ? e->started_at : e->claimed_at;
    TimestampTz hard = since + e->hard_minutes * USECS_PER_MINUTE;
    const char *stop = e->stop_requested_at == SI_NO_TIME ? "" : psprintf(", and is being stopped (%s)", e->stop_cause);

    add(rows, e->namespace_name, "none", since, e->planned_end,
        e->started_at == SI_NO_TIME
            ? psprintf("it is %s since %s%s", si_state_name(e->state), si_explanation_time(since), stop)
            : psprintf("it runs since %s, is to end by %s and is stopped at %s%s", si_explanation_time(since),
                       si_explanation_time(e->planned_end), si_explanation_time(hard), stop));
}

/* In minutes after the scheduled time; whether the bound is passed. */
static bool
passes(List **rows, const SiSubject *s, const char *field, TimestampTz at, int64 bound, const char *remedy)
{
    int64 needed = at - s->e->scheduled_for;

    if (needed <= bound)
        return false;
    si_explanation_add(rows, &(SiBinding){.constraint_name = field,
                                          .numbers = {needed / (USECS_PER_MINUTE / 1000), bound / (USECS_PER_MINUTE / 1000), SI_SCALE_MINUTES},
                                          .from = s->wish.start,
                                          .until = at,
                                          .remedy = remedy});
    return true;
}

/* No place in the window: which of its bounds are in the way (S1). */
static void
bounds(List **rows, const SiSubject *s, TimestampTz start)
{
    TimestampTz finish = start + s->wish.planned_usecs;
    bool refused = !s->exists && !s->e->is_draft && s->job->on_no_capacity == SI_NO_CAPACITY_REJECT;
    const char *then = psprintf("the earliest start is %s, the earliest finish %s: %s", si_explanation_time(start),
                                si_explanation_time(finish),
                                refused ? "it would be refused (on_no_capacity)" : "it waits for that, or for a longer window");
    SiSla sla;
    bool found = false;

    si_sla_bounds(s->job, &sla);
    if (!s->e->is_draft && sla.start_by != SI_NO_BOUND)
        found |= passes(rows, s, "start_by", start, sla.start_by, then);
    if (!s->e->is_draft && sla.finish_by != SI_NO_BOUND)
        found |= passes(rows, s, "finish_by", finish, sla.finish_by, then);
    /* What waits has a window from now on. */
    if (!passes(rows, s, "sla_window_hours", start, s->exists ? s->wish.latest - s->e->scheduled_for : sla.window, then) && !found)
        add(rows, NULL, "sla_window_hours", s->wish.start, start, then);
}

static void
no_place(List **rows, const SiSubject *s, const SiCandidate *list, int n, TimestampTz earliest)
{
    const char *most = si_place_outgrown(&s->need, list, n);

    if (earliest != SI_NO_TIME)
        bounds(rows, s, Max(earliest, s->wish.start));
    else
        add(rows, NULL, "horizon", s->wish.start, si_horizon(s->now),
            most ? psprintf("it is more than there ever is: shrink to at most %s", most)
                 : psprintf("nothing fits within the next %d days (sparkingest.horizon_days) unless one of these is lifted", si_guc_horizon_days));
}

/* Every namespace that is tried, in order, up to the one where it has a place. */
static void
places(List **rows, const SiSubject *s)
{
    const char *where = s->e->namespace_name;
    SiCandidate *list;
    TimestampTz earliest;
    int n = si_place_look(&s->need, s->now, &list, &earliest);

    for (int i = 0; i < n; i++)
    {
        const SiCandidate *c = &list[i];
        TimestampTz start = Max(c->start, s->wish.start);

        if (si_bottlenecks_add(rows, s, c, NULL) || c->start == SI_NO_TIME)
            continue;
        add(rows, c->pool.namespace.name, "none", start, c->end,
            psprintf("%s here at %s", s->exists ? "plan() places it, to start" : "it would start", si_explanation_time(start)));
    }
    if (list[n - 1].start != SI_NO_TIME)
        where = list[n - 1].pool.namespace.name;
    else
        no_place(rows, s, list, n, earliest);
    (void) si_dispatch_open(rows, s, where);
}

/* Why its place is not an earlier one: a firm one is in the first namespace that had room, a tentative one where there is any. */
static void
lateness(List **rows, const SiSubject *s)
{
    bool firm = s->e->state == SI_SCHEDULED;
    SiReservation own;
    SiCandidate *list;
    int n;

    if (s->e->planned_start <= s->wish.start || !si_reservation_load(&s->e->reservation_id, false, &own))
        return;
    n = si_place_candidates(&s->need, &list);
    for (int i = 0; i < n; i++)
    {
        bool here = strcmp(list[i].pool.namespace.name, s->e->namespace_name) == 0;

        (void) si_place_is_covered(&s->need, &list[i], s->now);
        list[i].start = here ? s->e->planned_start : SI_NO_TIME;
        (void) si_bottlenecks_add(rows, s, &list[i], &own);
        if (here && firm)
            break;
    }
    if (!firm && s->e->planned_start > s->wish.latest)
        bounds(rows, s, s->e->planned_start);
}

/* A run that has a place, firm or, while it waits, tentative. */
static void
in_place(List **rows, const SiSubject *s)
{
    const SiExecution *e = s->e;
    const char *moved = e->plan_reason ? psprintf(" (planned anew: %s)", e->plan_reason) : "";
    bool open;

    lateness(rows, s);
    if (e->planned_start > s->now)
        add(rows, e->namespace_name, "planned_start", s->now, e->planned_start,
            e->state == SI_SCHEDULED
                ? psprintf("it has its place here and starts at %s%s", si_explanation_time(e->planned_start), moved)
                : psprintf("it has a tentative place here at %s%s; plan() puts it earlier when there is room",
                           si_explanation_time(e->planned_start), moved));
    open = si_dispatch_open(rows, s, e->namespace_name);
    if (*rows == NIL && open)
        add(rows, e->namespace_name, "none", e->planned_start, e->planned_end, "it is due: the dispatcher posts it next");
}

List *
si_explanation_of_execution(const SiJob *job, const SiExecution *e, TimestampTz now)
{
    SiSubject subject = {.job = job, .e = e, .exists = true, .now = now};
    List *rows = NIL;

    if (si_state_final(e->state))
        ended(&rows, e);
    else if (e->state != SI_SCHEDULED && e->state != SI_WAITING)
    {
        under_way(&rows, e);
        si_hindrances_of_post(&rows, &subject);
    }
    else
    {
        si_admission_ask(job, e, e->state == SI_WAITING, now, &subject.wish, &subject.need);
        si_hindrances_add(&rows, &subject);
        /* A tentative place whose time has come is none: plan() is about to look again. */
        if (e->state == SI_SCHEDULED || (e->has_reservation && e->planned_start > now))
            in_place(&rows, &subject);
        else
            places(&rows, &subject);
    }
    return rows;
}

/* A run that nobody has asked for yet. */
static List *
explain_wanted(const SiJob *job, TimestampTz at, bool by_schedule, TimestampTz now)
{
    SiAdmission admission = {.scheduled_for = at, .not_before = SI_NO_TIME, .started_by = by_schedule ? "schedule" : "run_job", .attempt = 1};
    SiSubject subject = {.job = job, .by_schedule = by_schedule, .now = now};
    SiExecution e;
    List *rows = NIL;

    si_admission_draft(job, &admission, now, &e);
    subject.e = &e;
    si_hindrances_add(&rows, &subject);
    if (by_schedule && at > si_horizon(now))
    {
        add(&rows, NULL, "horizon", now, at - si_guc_horizon_days * USECS_PER_DAY,
            psprintf("its next fire, at %s, is planned once it is less than %d days ahead (sparkingest.horizon_days)", si_explanation_time(at),
                     si_guc_horizon_days));
        return rows;
    }
    si_admission_ask(job, &e, false, now, &subject.wish, &subject.need);
    places(&rows, &subject);
    return rows;
}

List *
si_explanation_of_job(const SiJob *job, TimestampTz at, TimestampTz now)
{
    pg_uuid_t next;
    SiExecution e;
    List *rows = NIL;

    if (job->status == SI_JOB_DROPPED)
    {
        add(&rows, NULL, "job_status", job->updated_at, SI_NO_TIME, "the job was dropped: create_job() makes another");
        return rows;
    }
    if (at != SI_NO_TIME)
    {
        si_require_horizon("at", at, now);
        return explain_wanted(job, at, false, now);
    }
    if (si_inquiry_next_run(&job->job_id, &next) && si_execution_load(&next, false, &e))
        return si_explanation_of_execution(job, &e, now);
    at = job->next_fire_at != SI_NO_TIME ? job->next_fire_at : si_job_next_fire(job, now);
    return explain_wanted(job, at == SI_NO_TIME ? now : at, at != SI_NO_TIME, now);
}
