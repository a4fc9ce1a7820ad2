/*
 * waiting.c: the plan of waiting work. First arithmetic on an outlook (outlook.h), which finds for whom there may be something
 * better; then, for those alone, the same in the ledger and the tables, each in a subtransaction of its own (J12).
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "domain/order.h"
#include "domain/victims.h"
#include "flow/admit.h"
#include "flow/outlook.h"
#include "flow/overlap.h"
#include "flow/sla.h"
#include "flow/waiting.h"
#include "guc.h"
#include "pg/attempt.h"
#include "pg/errors.h"
#include "pg/wake.h"
#include "store/sql.h"
#include "store/waiting.h"

/* What was planned for one that gave its place away, and why it is not any more. */
typedef struct Lift
{
    SiPlan before;
    const char *cause;
} Lift;

typedef struct Round
{
    const char *actor;
    TimestampTz now;
    SiQueued *work;
    Lift **lifted; /* of those that gave their places away, until it is their turn; else NULL */
    SiTurn *turns; /* in their order; item = index into work */
    int n;
    SiOutlook *outlook;
    MemoryContext context;
    int changed;
    bool left; /* something is to be done that could not be */
} Round;

/* One that gives way. */
typedef struct Victim
{
    SiQueued *queued;
    SiExecution e;
    const SiTurn *turn;
    Lift lift;
} Victim;

/* What is done for one piece of work. */
typedef struct Step
{
    const Round *round;
    const SiTurn *turn;
    SiQueued *queued;
    const SiGoal *goal; /* NULL = none: its place is in reach */
    bool displaces;
    const Lift *lifted; /* it gave its place away; NULL = it did not */
    SiExecution e;      /* out, when done */
    bool done;
    bool left;
    Victim *victims;
    int n_victims;
} Step;

static bool
is_common(const char *namespace_name)
{
    SiNamespace namespace;

    return si_namespace_load(namespace_name, &namespace) && namespace.purpose != SI_NS_DEDICATED;
}

/* Index of a tenant in what si_uses returned; n = it has no waiting work. */
static int
index_of(const pg_uuid_t *tenant_id, const SiTenantUse *uses, int n)
{
    int low = 0;
    int high = n;

    while (low < high)
    {
        int middle = (low + high) / 2;
        int order = memcmp(&uses[middle].tenant_id, tenant_id, sizeof(pg_uuid_t));

        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return n;
}

static SiTurn
turn_of(const SiQueued *q, int item, const SiTenantUse *uses, int n_uses)
{
    SiTurn turn = {.item = item,
                   .tenant = index_of(&q->e.tenant_id, uses, n_uses),
                   .priority = q->job.priority,
                   .since = Max(q->e.scheduled_for, q->e.created_at),
                   .wanted = q->e.scheduled_for,
                   .planned = q->e.planned_start,
                   .cpu = q->e.cpu_millicores,
                   .mem = q->e.memory_mib};

    /* Own units are nobody else's matter; what is scheduled does not wait. */
    if (q->e.state == SI_WAITING && is_common(q->e.namespace_name))
        turn.seconds = si_job_planned_minutes(&q->job) * SECS_PER_MINUTE;
    memcpy(turn.id, &q->e.execution_id, sizeof(turn.id));
    return turn;
}

/* What all tenants together could use of common namespaces (domain/order.h). */
static SiUse
capacity_of_all(void)
{
    SiUse capacity = {0};

    for (int purpose = SI_NS_SHARED; purpose <= SI_NS_DRAFT; purpose++)
    {
        SiNamespace *namespaces;
        int n = si_namespaces_of((SiPurpose) purpose, &namespaces);

        for (int i = 0; i < n; i++)
        {
            capacity.cpu += (double) namespaces[i].cpu_millicores * SI_USE_SPAN_SECONDS;
            capacity.mem += (double) namespaces[i].memory_mib * SI_USE_SPAN_SECONDS;
        }
    }
    return capacity;
}

static void
put_in_order(Round *round)
{
    SiUse capacity = capacity_of_all();
    SiTenantUse *found;
    int n_found = si_uses(round->now, &found);
    SiUse *uses = palloc0((n_found + 1) * sizeof(SiUse));

    for (int i = 0; i < n_found; i++)
        uses[i] = found[i].use;
    round->turns = MemoryContextAllocHuge(CurrentMemoryContext, (round->n + 1) * sizeof(SiTurn));
    for (int i = 0; i < round->n; i++)
        round->turns[i] = turn_of(&round->work[i], i, found, n_found);
    si_order(round->turns, round->n, uses, &capacity, round->now, si_guc_aging);
}

/* Tentative places that begin later than any that could be wanted are in nobody's way. */
static TimestampTz
latest_wanted(const SiQueued *waiting, int n, TimestampTz now)
{
    TimestampTz latest = now;

    for (int i = 0; i < n; i++)
        latest = Max(latest, waiting[i].e.has_reservation ? waiting[i].place.ends_at : si_horizon(now));
    return latest;
}

static bool
counts_in(const SiNamespace *namespace, const SiReservation *place, const SiAccount *account)
{
    SiClaim claim;

    if (!si_claim_of(place, namespace, &claim))
        return false;
    for (int i = 0; i < claim.n_accounts; i++)
        if (memcmp(&claim.accounts[i], account, sizeof(SiAccount)) == 0)
            return true;
    return false;
}

/* What is lacking of an account for the goal, if its own place and those of the victims so far were free. */
static void
deficit_of(const Step *step, const SiClaim *claim, int account, SiSlots *out)
{
    const SiNamespace *namespace = &step->goal->candidate.pool.namespace;
    const SiQueued *own = step->queued;
    int64 grid = namespace->step_usecs;

    si_claim_free(namespace, claim, account, step->goal->start, step->goal->length, out);
    for (int i = -1; i < step->n_victims; i++)
    {
        const SiReservation *place = i < 0 ? &own->place : &step->victims[i].queued->place;

        if ((i >= 0 || own->e.has_reservation) && strcmp(place->namespace_name, namespace->name) == 0 &&
            counts_in(namespace, place, &claim->accounts[account]))
            si_slots_add(out, si_slot_floor(place->starts_at, grid), si_slot_ceil(place->ends_at, grid), place->cpu_millicores,
                         place->memory_mib);
    }
    for (int i = 0; i < out->n; i++)
    {
        out->cpu[i] = claim->cpu_millicores - out->cpu[i];
        out->mem[i] = claim->memory_mib - out->mem[i];
    }
}

static bool
is_victim(const Step *step, const SiQueued *q)
{
    for (int i = 0; i < step->n_victims; i++)
        if (step->victims[i].queued == q)
            return true;
    return false;
}

/* Whether it may have to give way: a tentative place of lower rank where the goal is. */
static bool
is_in_the_way(const Step *step, const SiTurn *turn)
{
    const SiQueued *q = &step->round->work[turn->item];
    const SiNamespace *namespace = &step->goal->candidate.pool.namespace;
    TimestampTz end = si_slot_time(step->goal->start + step->goal->length, namespace->step_usecs);

    return q->e.has_reservation && q->place.tentative && q->place.ends_at > step->goal->starts_at && q->place.starts_at < end &&
           strcmp(q->place.namespace_name, namespace->name) == 0 && !is_victim(step, q) &&
           /* Equals of one tenant keep their order, whatever their steps of the share. */
           !(turn->tenant == step->turn->tenant && turn->effective == step->turn->effective);
}

/* Those in the way who would free something of an account. */
static int
offers_in(const Step *step, const SiAccount *account, SiOffer *offers, const SiTurn **who)
{
    const SiNamespace *namespace = &step->goal->candidate.pool.namespace;
    const Round *round = step->round;
    int n = 0;

    for (int i = round->n - 1; i >= 0 && round->turns[i].rank < step->turn->rank; i--)
    {
        const SiTurn *turn = &round->turns[i];
        const SiQueued *q = &round->work[turn->item];

        if (!is_in_the_way(step, turn) || !counts_in(namespace, &q->place, account))
            continue;
        who[n] = turn;
        offers[n++] = (SiOffer){.from = si_slot_floor(q->place.starts_at, namespace->step_usecs),
                                .until = si_slot_ceil(q->place.ends_at, namespace->step_usecs),
                                .cpu = q->place.cpu_millicores,
                                .mem = q->place.memory_mib,
                                .harm = q->e.state == SI_SCHEDULED,
                                .priority = (int32) turn->rank,
                                .since = q->e.created_at};
    }
    return n;
}

static bool
is_lacking(const SiSlots *deficit)
{
    for (int i = 0; i < deficit->n; i++)
        if (deficit->cpu[i] > 0 || deficit->mem[i] > 0)
            return true;
    return false;
}

/* Chooses the fewest whose places make the goal fit into an account. Whether they do. */
static bool
choose_in(Step *step, const SiClaim *claim, int account)
{
    SiOffer *offers;
    const SiTurn **who;
    SiSlots deficit;
    int n;

    deficit_of(step, claim, account, &deficit);
    if (!is_lacking(&deficit))
        return true;
    offers = palloc((step->round->n + 1) * sizeof(SiOffer));
    who = palloc((step->round->n + 1) * sizeof(SiTurn *));
    n = offers_in(step, &claim->accounts[account], offers, who);
    if (!si_victims_choose(&deficit, offers, n))
        return false;
    for (int i = 0; i < n; i++)
    {
        if (!offers[i].chosen)
            continue;
        step->victims = repalloc(step->victims, (step->n_victims + 1) * sizeof(Victim));
        step->victims[step->n_victims++] = (Victim){.queued = &step->round->work[who[i]->item], .turn = who[i]};
    }
    return true;
}

/* The same for all accounts in which it counts; who was chosen in one counts in the next. */
static bool
choose_victims(Step *step)
{
    const SiCandidate *candidate = &step->goal->candidate;
    SiClaim claim;

    step->victims = palloc0(sizeof(Victim));
    si_claim_for(&candidate->pool, step->queued->e.cpu_millicores, step->queued->e.memory_mib, &claim);
    /* The tenant's share of a common pool before the pool: it is the narrower one. */
    for (int account = claim.n_accounts - 1; account >= 0; account--)
        if (!choose_in(step, &claim, account))
            return false;
    return true;
}

/* Locks one with its job, if nobody has it in hand and it is still what it was. */
static bool
lock_victim(Victim *v)
{
    const SiQueued *q = v->queued;
    SiReservation place;

    SiJob job;

    return si_job_load_if_free(&q->e.job_id, &job) && job.status == SI_JOB_ACTIVE && job.tenant_active && job.owner_exists &&
           si_execution_load_if_free(&q->e.execution_id, &v->e) &&
           v->e.state == q->e.state && v->e.has_reservation && si_uuid_equal(&v->e.reservation_id, &q->place.reservation_id) &&
           si_reservation_load(&v->e.reservation_id, false, &place) && place.active && place.tentative;
}

/* Whether the vCPU-hours for it are there: else nobody need give way. */
static bool
is_affordable(const Step *step, const SiJob *job, const SiExecution *e)
{
    SiCandidate candidate = step->goal->candidate;
    SiNeed need;

    si_admission_need(job, e, step->round->actor, step->round->now, &need);
    return si_place_is_covered(&need, &candidate, step->round->now);
}

/* Has those of lower rank that stand in the way give up their places; false = that cannot be. */
static bool
displace(Step *step, const SiJob *job, const SiExecution *e)
{
    const Round *round = step->round;

    if (!choose_victims(step) || (step->n_victims > 0 && !is_affordable(step, job, e)))
        return false;
    for (int i = 0; i < step->n_victims; i++)
        if (!lock_victim(&step->victims[i]))
        {
            step->left = true;
            return false;
        }
    for (int i = 0; i < step->n_victims; i++)
    {
        Victim *v = &step->victims[i];

        v->lift.cause = v->turn->effective < step->turn->effective ? "more important work took its place"
                                                                   : "work of a tenant that used less took its place";
        si_admit_lift(&v->e, round->actor, v->lift.cause, round->now, &v->lift.before);
    }
    return true;
}

/* Why one starts earlier to whom others give way. */
static const char *
cause_of(const Step *step)
{
    for (int i = 0; i < step->n_victims; i++)
        if (step->victims[i].turn->effective < step->turn->effective)
            return "less important work gave way";
    return step->n_victims > 0 ? "work of a tenant that used more gave way" : "capacity is free";
}

static void
advance(void *arg)
{
    Step *step = arg;
    const Round *round = step->round;
    SiExecution *e = &step->e;
    SiJob job;

    step->n_victims = 0;
    step->done = false;
    if (!si_job_load_if_free(&step->queued->e.job_id, &job) || !si_execution_load_if_free(&step->queued->e.execution_id, e) ||
        e->state != SI_WAITING || job.status != SI_JOB_ACTIVE || !job.tenant_active || !job.owner_exists)
        return;
    /*
     * A run behind an earlier one of its job gets its place when that one ends; one in the future has none before it. One that begins
     * meanwhile is found when this one is claimed.
     */
    if (e->scheduled_for <= round->now && (step->queued->held_back || job.overlap_policy == SI_OVERLAP_ALLOW) &&
        si_overlap_holds_back(&job, e))
    {
        if (e->has_reservation)
            si_admit_hold_back(e, si_overlap_reason(&job), round->actor, round->now);
        step->done = true;
        return;
    }
    if (!step->displaces || !displace(step, &job, e))
        step->n_victims = 0;
    if (step->lifted)
        (void) si_admit_lifted(&job, e, &step->lifted->before, round->actor, step->lifted->cause, round->now);
    else
        (void) si_admit_again(&job, e, round->actor, cause_of(step), round->now);
    if (step->n_victims > 0 && !e->has_reservation)
        ereport(ERROR, (errcode(ERRCODE_SI_CAPACITY), errmsg("others gave way to execution \"%s\" in vain", si_uuid_text(&e->execution_id))));
    step->done = true;
}

/* Without a place, and what is wrong with it in its row: for one that gave its place away and cannot be planned. */
static void
put_aside(Step *step)
{
    if (!si_execution_load(&step->queued->e.execution_id, true, &step->e))
        elog(ERROR, "execution \"%s\" is missing", si_uuid_text(&step->queued->e.execution_id));
    si_admit_hold_back(&step->e, step->lifted->cause, step->round->actor, step->round->now);
    step->done = true;
}

/* What was planned for it is what counts from now on. Whether that is new. */
static bool
adopt(SiQueued *q, const SiExecution *e)
{
    bool is_new = q->e.state != e->state || q->e.planned_start != e->planned_start;

    q->e.state = e->state;
    q->e.planned_start = e->planned_start;
    q->e.has_reservation = e->has_reservation;
    q->e.reservation_id = q->place.reservation_id = e->reservation_id;
    q->place.tentative = e->has_reservation && e->state == SI_WAITING;
    if (!e->has_reservation)
        return is_new;
    strlcpy(q->place.namespace_name, e->namespace_name, sizeof(q->place.namespace_name));
    q->place.cpu_millicores = e->cpu_millicores;
    q->place.memory_mib = e->memory_mib;
    q->place.starts_at = e->planned_start;
    q->place.ends_at = e->planned_end;
    return is_new;
}

/* It gave its place away, and gets another when it is its turn: each moves once. */
static void
lift(Round *round, const Victim *victim)
{
    Lift *given = MemoryContextAlloc(round->context, sizeof(Lift));

    *given = victim->lift;
    round->lifted[victim->turn->item] = given;
    victim->queued->e.state = victim->e.state;
    victim->queued->e.has_reservation = false;
}

/*
 * Does what the goal asks for; with others giving way, or else as far as it goes without. An error loses nothing: the row waits
 * on, and what is wrong with its job blocks that.
 */
static void
pursue(Round *round, const SiTurn *turn, const SiGoal *goal)
{
    Step step = {.round = round,
                 .turn = turn,
                 .queued = &round->work[turn->item],
                 .goal = goal,
                 .displaces = goal != NULL,
                 .lifted = round->lifted[turn->item]};
    bool failed = si_attempt(advance, &step) != NULL;

    if (failed && step.displaces)
    {
        step.displaces = false;
        failed = si_attempt(advance, &step) != NULL;
    }
    if (failed)
        step.done = false;
    round->left |= step.left || !step.done;
    if (!step.done && step.lifted)
        put_aside(&step);
    if (!step.done)
        return;
    round->changed += adopt(step.queued, &step.e) || step.lifted;
    for (int i = 0; i < step.n_victims; i++)
        lift(round, &step.victims[i]);
}

/* The turn of one that waits. Its place, if any, counts as taken before and afterwards. */
static void
take_turn(Round *round, const SiTurn *turn)
{
    SiQueued *q = &round->work[turn->item];
    bool lifted = round->lifted[turn->item] != NULL;
    bool held_back = q->held_back && q->e.scheduled_for <= round->now;
    bool in_reach;
    bool better;
    SiNeed need;
    SiGoal goal;

    if (held_back && !lifted && !q->e.has_reservation)
        return;
    si_admission_need(&q->job, &q->e, round->actor, round->now, &need);
    in_reach = q->e.has_reservation && q->place.starts_at <= need.not_before + need.window_usecs;
    /* It keeps a place behind the run that holds it back, until that is still there when it comes. */
    if (held_back && !lifted && !in_reach)
        return;
    if (q->e.has_reservation)
        si_outlook_give(round->outlook, &q->place);
    better = si_outlook_find(round->outlook, &need, q->e.has_reservation ? q->place.starts_at : SI_NO_TIME, &goal);
    if (better || in_reach || lifted)
        pursue(round, turn, better ? &goal : NULL);
    if (q->e.has_reservation)
        si_outlook_take(round->outlook, &q->place);
}

/*
 * The turns of one rank: none of them gives way to another, so the places of all are taken first. What is left counts as free when
 * it is of a lower rank.
 */
static void
take_turns(Round *round, int from, int until)
{
    MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "sparkingest turn", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(each);

    for (int i = from; i < until; i++)
        if (round->work[round->turns[i].item].e.has_reservation)
            si_outlook_take(round->outlook, &round->work[round->turns[i].item].place);
    for (int i = from; i < until; i++)
    {
        CHECK_FOR_INTERRUPTS();
        MemoryContextReset(each);
        if (round->work[round->turns[i].item].e.state == SI_WAITING)
            take_turn(round, &round->turns[i]);
    }
    MemoryContextSwitchTo(before);
    MemoryContextDelete(each);
}

/* What waits, and what could give way to it. */
static void
gather(Round *round)
{
    SiQueued *waiting;
    SiQueued *fires;
    int n_waiting = si_queued_waiting(&waiting);
    int n_fires;

    round->n = 0;
    if (n_waiting == 0)
        return;
    n_fires = si_queued_tentative(latest_wanted(waiting, n_waiting, round->now), &fires);
    round->n = n_waiting + n_fires;
    round->work = repalloc_huge(waiting, (round->n + 1) * sizeof(SiQueued));
    memcpy(round->work + n_waiting, fires, n_fires * sizeof(SiQueued));
    round->lifted = MemoryContextAllocExtended(CurrentMemoryContext, (round->n + 1) * sizeof(Lift *), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    for (int i = 0; i < round->n; i++)
        round->work[i].place.tentative = round->work[i].e.has_reservation;
}

/* What is done for a run of a job, or a tenant, that is not active. */
typedef struct Idle
{
    const Round *round;
    pg_uuid_t execution_id;
    bool done;
} Idle;

static void
give_back(void *arg)
{
    Idle *idle = arg;
    SiExecution e;
    SiJob job;

    idle->done = false;
    if (!si_execution_load(&idle->execution_id, false, &e) || !si_job_load_if_free(&e.job_id, &job) ||
        !si_execution_load_if_free(&idle->execution_id, &e) || e.state != SI_WAITING || !e.has_reservation ||
        (job.status == SI_JOB_ACTIVE && job.tenant_active))
        return;
    si_admit_hold_back(&e,
                       job.tenant_active ? psprintf("the job is %s", si_job_status_name(job.status))
                                         : psprintf("the tenant is %s", job.tenant_status),
                       idle->round->actor, idle->round->now);
    idle->done = true;
}

/* Nobody waits for who will not start: paused work keeps no place. */
static void
give_back_idle(Round *round)
{
    pg_uuid_t *ids;
    int n = si_queued_idle(&ids);

    for (int i = 0; i < n; i++)
    {
        Idle idle = {round, ids[i]};

        CHECK_FOR_INTERRUPTS();
        if (si_attempt(give_back, &idle) == NULL)
            round->changed += idle.done;
        round->left |= !idle.done;
    }
}

static void
plan(Round *round)
{
    int until;

    si_ledger_begin();
    put_in_order(round);
    round->outlook = si_outlook_open(round->now);
    for (int i = 0; i < round->n; i++)
        if (round->work[i].e.has_reservation)
            si_outlook_give(round->outlook, &round->work[i].place);
    for (int from = 0; from < round->n; from = until)
    {
        for (until = from + 1; until < round->n && round->turns[until].rank == round->turns[from].rank;)
            until++;
        take_turns(round, from, until);
    }
}

int
si_plan_waiting(const char *actor, TimestampTz now)
{
    Round round = {.actor = actor, .now = now, .context = CurrentMemoryContext};
    SiWaitingView view = si_waiting_view(now, si_guc_aging);

    si_ledger_require();
    if (si_waiting_is_planned(&view))
        return 0;
    give_back_idle(&round);
    gather(&round);
    if (round.n > 0)
        plan(&round);
    if (!round.left)
        si_waiting_planned(&view);
    return round.changed;
}
