/*
 * victims.c: who gives way when more is wanted than is free.
 */
#include "domain/victims.h"

/* The slots of an offer that the deficit is about, relative to its first one. */
static void
range(const SiSlots *deficit, const SiOffer *offer, int64_t *from, int64_t *until)
{
    *from = offer->from > deficit->first ? offer->from - deficit->first : 0;
    *until = offer->until < deficit->first + deficit->n ? offer->until - deficit->first : deficit->n;
}

static int64_t
least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* How much of what is lacking it would free: millicores times MiB of a unit, so that both weigh the same. */
static int64_t
worth_of(const SiSlots *deficit, const SiOffer *offer)
{
    int64_t worth = 0;
    int64_t from;
    int64_t until;

    range(deficit, offer, &from, &until);
    for (int64_t i = from; i < until; i++)
    {
        if (deficit->cpu[i] > 0)
            worth += least(deficit->cpu[i], offer->cpu) * SI_UNIT_MEMORY_MIB;
        if (deficit->mem[i] > 0)
            worth += least(deficit->mem[i], offer->mem) * SI_UNIT_CPU_MILLICORES;
    }
    return worth;
}

/* Negative: a is asked before b, were both worth the same. */
static int
compare_harm(const SiOffer *a, const SiOffer *b)
{
    if (a->harm != b->harm)
        return a->harm < b->harm ? -1 : 1;
    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    return 0;
}

static bool
goes_before(const SiOffer *a, const SiOffer *b)
{
    int order = compare_harm(a, b);

    if (order != 0)
        return order < 0;
    if (a->worth != b->worth)
        return a->worth > b->worth;
    return a->since > b->since;
}

/* The next to be asked; NULL when nobody could free anything of what is lacking. */
static SiOffer *
next(const SiSlots *deficit, SiOffer *offers, int n)
{
    for (;;)
    {
        SiOffer *best = NULL;
        int64_t worth;

        for (int i = 0; i < n; i++)
            if (!offers[i].chosen && offers[i].worth > 0 && (best == NULL || goes_before(&offers[i], best)))
                best = &offers[i];
        if (best == NULL)
            return NULL;
        /* The more are chosen, the less the others are worth: what it was worth before is the most that it is now. */
        worth = worth_of(deficit, best);
        if (worth == best->worth)
            return best;
        best->worth = worth;
    }
}

/* Whether the others do without it. */
static bool
is_spare(const SiSlots *deficit, const SiOffer *offer)
{
    int64_t from;
    int64_t until;

    range(deficit, offer, &from, &until);
    for (int64_t i = from; i < until; i++)
        if ((offer->cpu > 0 && deficit->cpu[i] + offer->cpu > 0) || (offer->mem > 0 && deficit->mem[i] + offer->mem > 0))
            return false;
    return true;
}

/* Of those that were not looked at, the one with the greatest harm, and of these the oldest; NULL = none. */
static SiOffer *
most_harmed(SiOffer *offers, int n)
{
    SiOffer *most = NULL;

    for (int i = 0; i < n; i++)
    {
        int order;

        if (!offers[i].chosen || offers[i].worth == 0)
            continue;
        order = most ? compare_harm(&offers[i], most) : 1;
        if (order > 0 || (order == 0 && offers[i].since <= most->since))
            most = &offers[i];
    }
    return most;
}

/* What is lacking grows by as much as the offer has times sign. */
static void
add(SiSlots *deficit, const SiOffer *offer, int sign)
{
    int64_t from;
    int64_t until;

    range(deficit, offer, &from, &until);
    for (int64_t i = from; i < until; i++)
    {
        deficit->cpu[i] += sign * offer->cpu;
        deficit->mem[i] += sign * offer->mem;
    }
}

bool
si_victims_choose(SiSlots *deficit, SiOffer *offers, int n)
{
    SiOffer *offer;

    for (int i = 0; i < n; i++)
    {
        offers[i].chosen = false;
        offers[i].worth = worth_of(deficit, &offers[i]);
    }
    while ((offer = next(deficit, offers, n)) != NULL)
    {
        offer->chosen = true;
        add(deficit, offer, -1);
    }
    while ((offer = most_harmed(offers, n)) != NULL)
    {
        offer->worth = 0; /* looked at */
        if (!is_spare(deficit, offer))
            continue;
        offer->chosen = false;
        add(deficit, offer, 1);
    }
    for (int32_t i = 0; i < deficit->n; i++)
        if (deficit->cpu[i] > 0 || deficit->mem[i] > 0)
            return false;
    return true;
}
