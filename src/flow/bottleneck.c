/*
 * bottleneck.c: what a namespace has too little of for a run.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "domain/quantity.h"
#include "domain/shortage.h"
#include "domain/types.h"
#include "flow/bottleneck.h"
#include "pg/quantities.h"
#include "store/sql.h"

/* One resource of an account: what it is called, and in what it is told. */
typedef struct Resource
{
    const char *constraint_name;
    const char *unit;
    int64 scale;
} Resource;

static const Resource cores = {"cpu_cores", "cores", SI_SCALE_CORES};
static const Resource memory = {"memory_gb", "GiB", SI_SCALE_GIB};
static const Resource share_of_cores = {"tenant_cpu_cores", "cores", SI_SCALE_CORES};
static const Resource share_of_memory = {"tenant_memory_gb", "GiB", SI_SCALE_GIB};
static const Resource units = {"dedicated_units", "units", SI_SCALE_COUNT};

/* A candidate with what its accounts have from the wanted start on. */
typedef struct Place
{
    const SiSubject *subject;
    const SiCandidate *c;
    const SiReservation *own;
    SiClaim claim;
    int64 first;   /* slot of the earliest start */
    int32 length;  /* slots that the need touches then */
    int32 horizon; /* slots up to the horizon, at least `length` */
    SiSlots total[SI_MAX_ACCOUNTS];
    SiSlots allocated[SI_MAX_ACCOUNTS];
    int32 n; /* slots that were read */
} Place;

static TimestampTz
time_at(const Place *p, int64 slot)
{
    return si_slot_time(p->first + slot, p->c->pool.namespace.step_usecs);
}

static void
read_slots(Place *p, int32 n)
{
    const SiReservation *own = p->own;
    int64 step = p->c->pool.namespace.step_usecs;

    p->n = n;
    si_claim_read(&p->c->pool, &p->claim, p->first, n, p->total, p->allocated);
    if (own == NULL || strcmp(own->namespace_name, p->c->pool.namespace.name) != 0)
        return;
    for (int i = 0; i < p->claim.n_accounts; i++)
        si_slots_add(&p->allocated[i], si_slot_floor(own->starts_at, step), si_slot_ceil(own->ends_at, step),
                     -own->cpu_millicores, -own->memory_mib);
}

static void
open_place(Place *p, const SiSubject *subject, const SiCandidate *c, const SiReservation *own)
{
    const SiNamespace *namespace = &c->pool.namespace;
    SiStarts starts;

    *p = (Place){.subject = subject, .c = c, .own = own};
    si_claim_make(namespace, c->pool.tenant_id, subject->need.cpu_millicores, subject->need.memory_mib, &p->claim);
    si_search_starts(&subject->need, namespace->step_usecs, subject->now, subject->wish.latest, &starts);
    p->first = starts.earliest;
    p->length = starts.begun ? starts.length_begun : starts.length;
    p->horizon = (int32) Max(si_slot_floor(si_horizon(subject->now), namespace->step_usecs) - p->first, p->length);
    read_slots(p, p->length);
}

static int64 *
free_of(const int64 *total, const int64 *allocated, int32 n)
{
    int64 *free = palloc(n * sizeof(int64));

    for (int32 i = 0; i < n; i++)
        free[i] = total[i] - allocated[i];
    return free;
}

/* Units that the tenant owns, slot by slot. */
static int64 *
units_of(const SiSlots *total)
{
    int64 *owned = palloc(total->n * sizeof(int64));

    for (int32 i = 0; i < total->n; i++)
        owned[i] = Min(total->cpu[i] / SI_UNIT_CPU_MILLICORES, total->mem[i] / SI_UNIT_MEMORY_MIB);
    return owned;
}

/* "8 cores" */
static char *
amount(const Resource *r, int64 value)
{
    return psprintf("%s %s", si_quantity_text(value, r->scale), r->unit);
}

/* What would lift it, and where the run would start then; `other` (may be NULL) is what else the tenant can do. */
static char *
remedy(const Place *p, const Resource *r, const SiShortage *s, const char *other)
{
    const SiCandidate *c = p->c;
    const char *word = r == &units ? "owned" : "free";
    StringInfoData text;

    initStringInfo(&text);
    if (s->lifts)
        appendStringInfo(&text, "%s from %s on", word, si_explanation_time(time_at(p, s->until)));
    else
        appendStringInfo(&text, "not %s within the horizon", word);
    if (r != &units && s->least > 0)
        appendStringInfo(&text, "%s shrink to %s", s->lifts ? ", or" : ":", amount(r, s->least));
    if (other != NULL)
        appendStringInfo(&text, "%s %s", s->lifts || (r != &units && s->least > 0) ? ", or" : ":", other);
    if (c->start != SI_NO_TIME)
        appendStringInfo(&text, "; the run %s here at %s", p->subject->exists && p->own ? "starts" : "would start",
                         si_explanation_time(Max(c->start, p->subject->wish.start)));
    return text.data;
}

static void
add(List **rows, const Place *p, const Resource *r, int64 needed, const SiShortage *s, const char *other)
{
    si_explanation_add(rows, &(SiBinding){.namespace_name = p->c->pool.namespace.name,
                                          .constraint_name = r->constraint_name,
                                          .numbers = {needed, s->least, r->scale},
                                          .from = Max(time_at(p, s->from), p->subject->now),
                                          .until = s->lifts ? time_at(p, s->until) : SI_NO_TIME,
                                          .remedy = remedy(p, r, s, other)});
}

static char *
buy_units(int64 missing)
{
    return psprintf("purchase " INT64_FORMAT " dedicated_units more", missing);
}

/* vCPU-hours that pay there (M4). */
static void
hours(List **rows, Place *p)
{
    const SiNeed *need = &p->subject->need;
    const SiCandidate *c = p->c;
    int64 missing = c->cost - c->available;

    if (c->open)
        return;
    si_explanation_add(rows,
                       &(SiBinding){.namespace_name = c->pool.namespace.name,
                                    .constraint_name = "vcpu_hours",
                                    .numbers = {si_hours_millionths(c->cost), c->available / 36 * 10 + c->available % 36 * 10 / 36, SI_SCALE_HOURS},
                                    .from = p->subject->wish.start,
                                    .until = SI_NO_TIME,
                                    .remedy = psprintf("purchase " INT64_FORMAT " vcpu_hours, or " INT64_FORMAT " dedicated_units",
                                                       si_hours_whole(missing),
                                                       si_units_for(need->cpu_millicores, need->memory_mib))});
}

/* Dedicated units that the tenant owns then (C12). */
static void
owned_units(List **rows, Place *p)
{
    const SiNeed *need = &p->subject->need;
    int64 wanted = si_units_for(need->cpu_millicores, need->memory_mib);
    SiShortage s;

    if (p->c->pool.namespace.purpose != SI_NS_DEDICATED)
        return;
    if (p->claim.n_accounts == 0)
        s = (SiShortage){.until = p->horizon};
    else if (!si_shortage_find(units_of(&p->total[0]), p->n, p->length, wanted, &s))
        return;
    add(rows, p, &units, wanted, &s, buy_units(wanted - s.least));
}

/* What else there is to do about one resource of an account; NULL = nothing. */
static const char *
way_out(const Place *p, int account, const Resource *r, int64 needed, const SiShortage *s, const int64 *total)
{
    int64 least = total[s->from];

    if (r == &share_of_cores || r == &share_of_memory)
        return psprintf("an operator gives tenants more than the %s that each may hold there (set_namespace())", amount(r, least));
    if (account == 0 && p->c->pool.namespace.purpose == SI_NS_DEDICATED)
    {
        int64 missing = needed - s->least;

        return buy_units(r == &cores ? si_units_for(missing, 0) : si_units_for(0, missing));
    }
    return least < needed ? psprintf("an operator gives the namespace more than the %s that it has then (set_capacity())", amount(r, least)) : NULL;
}

static void
resource(List **rows, Place *p, int account, const Resource *r, int64 needed, const int64 *total, const int64 *allocated)
{
    SiShortage s;

    if (si_shortage_find(free_of(total, allocated, p->n), p->n, p->length, needed, &s))
        add(rows, p, r, needed, &s, way_out(p, account, r, needed, &s, total));
}

/* Whether the tenant owns too few units for the need at the wanted time: then they are not what is taken. */
static bool
owns_too_few(const Place *p)
{
    const SiNeed *need = &p->subject->need;
    SiShortage s;

    return si_shortage_find(units_of(&p->total[0]), p->n, p->length, si_units_for(need->cpu_millicores, need->memory_mib), &s);
}

/* Cores and GiB of own units, of the namespace, and of the tenant's share of it. */
static void
capacity(List **rows, Place *p)
{
    SiPurpose purpose = p->c->pool.namespace.purpose;
    const SiNeed *need = &p->subject->need;

    for (int i = 0; i < p->claim.n_accounts; i++)
    {
        bool share = purpose == SI_NS_DRAFT && i == 1;

        if (purpose == SI_NS_DEDICATED && i == 0 && owns_too_few(p))
            continue;
        resource(rows, p, i, share ? &share_of_cores : &cores, need->cpu_millicores, p->total[i].cpu, p->allocated[i].cpu);
        resource(rows, p, i, share ? &share_of_memory : &memory, need->memory_mib, p->total[i].mem, p->allocated[i].mem);
    }
}

static void (*const constraints[])(List **, Place *) = {hours, owned_units, capacity};

bool
si_bottlenecks_add(List **rows, const SiSubject *subject, const SiCandidate *c, const SiReservation *own)
{
    List *found = NIL;
    Place place;

    /* What others have and use of the units that they lend is not told (Q4). */
    if (c->pool.borrower != NULL)
        return c->start == SI_NO_TIME;
    open_place(&place, subject, c, own);
    for (int round = 0; round < 2; round++)
    {
        found = NIL;
        for (int i = 0; i < lengthof(constraints); i++)
            constraints[i](&found, &place);
        /* Most often there is enough; only else it is looked when there will be. */
        if (found == NIL || place.n == place.horizon)
            break;
        read_slots(&place, place.horizon);
    }
    *rows = list_concat(*rows, found);
    return found != NIL;
}
