/*
 * sooner.c: planned runs pulled forward. First arithmetic on an outlook; then, for those alone that may move, the same in the
 * ledger and the tables, each in a subtransaction of its own (J12).
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "flow/admit.h"
#include "flow/outlook.h"
#include "flow/overlap.h"
#include "flow/sooner.h"
#include "pg/attempt.h"
#include "store/sql.h"
#include "store/waiting.h"

/* A start that is still to come must be earlier by so much: what is moved with each run that ends moves too often. */
#define WORTH_USECS USECS_PER_HOUR

typedef struct Move
{
    const SiQueued *queued;
    const char *actor;
    TimestampTz now;
    SiExecution e; /* out, when done */
    bool done;
} Move;

static void
move(void *arg)
{
    Move *m = arg;
    SiJob job;

    m->done = false;
    if (!si_job_load_if_free(&m->queued->e.job_id, &job) || !si_execution_load_if_free(&m->queued->e.execution_id, &m->e) ||
        m->e.state != SI_SCHEDULED || job.status != SI_JOB_ACTIVE || !job.tenant_active || !job.owner_exists)
        return;
    /* At its new start it would meet the earlier run of its job, and be skipped or queued. */
    if (si_overlap_holds_back(&job, &m->e))
        return;
    m->done = si_admit_sooner(&job, &m->e, m->actor, "capacity is free earlier", m->now);
}

/* Whether it is worth moving: it starts in the slot that runs or the next, or much earlier than planned. */
static bool
is_worth(const SiQueued *q, const SiGoal *goal, TimestampTz now)
{
    return goal->starts_at <= now + goal->candidate.pool.namespace.step_usecs || q->place.starts_at - goal->starts_at >= WORTH_USECS;
}

static void
consider(SiOutlook *outlook, SiQueued *q, const char *actor, TimestampTz now, int *moved)
{
    Move m = {.queued = q, .actor = actor, .now = now};
    SiNeed need;
    SiGoal goal;

    si_admission_need_sooner(&q->job, &q->e, &q->place, actor, now, &need);
    if (need.window_usecs < 0)
        return;
    si_outlook_give(outlook, &q->place);
    if (si_outlook_find(outlook, &need, q->place.starts_at, &goal) && is_worth(q, &goal, now) && si_attempt(move, &m) == NULL && m.done)
    {
        (*moved)++;
        strlcpy(q->place.namespace_name, m.e.namespace_name, sizeof(q->place.namespace_name));
        q->place.starts_at = m.e.planned_start;
        q->place.ends_at = m.e.planned_end;
    }
    si_outlook_take(outlook, &q->place);
}

int
si_plan_sooner(const char *actor, TimestampTz now)
{
    SiQueued *late;
    int n = si_queued_late(now, &late);
    SiOutlook *outlook;
    MemoryContext each;
    MemoryContext before;
    int moved = 0;

    if (n == 0)
        return 0;
    si_ledger_require();
    si_ledger_begin();
    outlook = si_outlook_open(now);
    each = AllocSetContextCreate(CurrentMemoryContext, "sparkingest sooner", ALLOCSET_DEFAULT_SIZES);
    before = MemoryContextSwitchTo(each);
    for (int i = 0; i < n; i++)
    {
        CHECK_FOR_INTERRUPTS();
        MemoryContextReset(each);
        consider(outlook, &late[i], actor, now, &moved);
    }
    MemoryContextSwitchTo(before);
    MemoryContextDelete(each);
    return moved;
}
