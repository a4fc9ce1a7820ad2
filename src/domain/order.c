/*
 * order.c: whose turn it is among waiting work.
 */
#include <stdlib.h>
#include <string.h>

#include "domain/order.h"

#define USECS_IN_A_DAY (24 * 60 * SI_USECS_PER_MIN)
#define MILLION 1000000
#define FIRST_STEP (MILLION / 1000)
#define MAX_STEP 15
#define MAX_SHARE (INT64_C(1) << 50)

int32_t
si_priority_effective(int32_t priority, SiTime since, SiTime now, int32_t points_per_hour)
{
    int64_t days = now > since ? (now - since) / USECS_IN_A_DAY : 0;

    if (days > SI_AGING_DAYS)
        days = SI_AGING_DAYS;
    return priority + (int32_t) (days * 24) * points_per_hour;
}

static double
part(double used, double there_is)
{
    if (used <= 0)
        return 0;
    return there_is > 0 ? used / there_is * MILLION : MAX_SHARE;
}

int64_t
si_share(const SiUse *use, const SiUse *capacity)
{
    double cpu = part(use->cpu, capacity->cpu);
    double mem = part(use->mem, capacity->mem);
    double most = cpu > mem ? cpu : mem;

    return most < MAX_SHARE ? (int64_t) most : MAX_SHARE;
}

int32_t
si_share_step(int64_t share)
{
    int32_t step = 0;

    while (step < MAX_STEP && share >= ((int64_t) FIRST_STEP << step))
        step++;
    return step;
}

static int
compare(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* The order of one tenant's own work. */
static int
in_tenant(const void *left, const void *right)
{
    const SiTurn *a = left;
    const SiTurn *b = right;
    int order = compare(a->tenant, b->tenant);

    if (order == 0)
        order = compare(b->effective, a->effective);
    if (order == 0)
        order = compare(a->planned, b->planned);
    if (order == 0)
        order = compare(a->wanted, b->wanted);
    return order ? order : memcmp(a->id, b->id, sizeof(a->id));
}

/* Of all of it. Shares of one rank may differ, those of different ranks follow them. */
static int
in_all(const void *left, const void *right)
{
    const SiTurn *a = left;
    const SiTurn *b = right;
    int order = compare(b->rank, a->rank);

    if (order == 0)
        order = compare(a->share, b->share);
    if (order == 0)
        order = compare(a->wanted, b->wanted);
    return order ? order : memcmp(a->id, b->id, sizeof(a->id));
}

void
si_order(SiTurn *turns, int n, SiUse *uses, const SiUse *capacity, SiTime now, int32_t points_per_hour)
{
    for (int i = 0; i < n; i++)
        turns[i].effective = si_priority_effective(turns[i].priority, turns[i].since, now, points_per_hour);
    qsort(turns, n, sizeof(SiTurn), in_tenant);
    for (int i = 0; i < n; i++)
    {
        SiTurn *turn = &turns[i];
        SiUse *use = &uses[turn->tenant];

        turn->share = si_share(use, capacity);
        turn->rank = (int64_t) turn->effective * (MAX_STEP + 1) + MAX_STEP - si_share_step(turn->share);
        use->cpu += (double) turn->cpu * turn->seconds;
        use->mem += (double) turn->mem * turn->seconds;
    }
    qsort(turns, n, sizeof(SiTurn), in_all);
}
