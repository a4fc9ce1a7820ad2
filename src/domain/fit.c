/*
 * fit.c: earliest fit in slots that come piece by piece.
 */
#include "domain/fit.h"

void
si_fit_begin(SiFit *fit, int64_t cpu, int64_t mem, int32_t length, int64_t latest)
{
    fit->cpu = cpu;
    fit->mem = mem;
    fit->length = length;
    fit->latest = latest;
    fit->run = SI_NO_SLOT;
}

/* Nothing fits any more once no run is under way and none may begin. */
static SiFitState
after(const SiFit *fit, int64_t next)
{
    return fit->run == SI_NO_SLOT && next > fit->latest ? SI_FIT_NONE : SI_FIT_GOES_ON;
}

SiFitState
si_fit_feed(SiFit *fit, int64_t first, int32_t n, const SiFree *free, int n_free)
{
    const SiFree *second = &free[n_free > 1];
    const SiFree *third = &free[n_free - 1];

    for (int32_t i = 0; i < n; i++)
    {
        if (free->cpu[i] < fit->cpu || free->mem[i] < fit->mem || second->cpu[i] < fit->cpu || second->mem[i] < fit->mem ||
            third->cpu[i] < fit->cpu || third->mem[i] < fit->mem)
        {
            fit->run = SI_NO_SLOT;
            continue;
        }
        if (fit->run == SI_NO_SLOT)
        {
            if (first + i > fit->latest)
                return SI_FIT_NONE;
            fit->run = first + i;
        }
        if (first + i + 1 - fit->run >= fit->length)
            return SI_FIT_FOUND;
    }
    return after(fit, first + n);
}

SiFitState
si_fit_feed_same(SiFit *fit, int64_t first, int32_t n, int64_t free_cpu, int64_t free_mem)
{
    if (free_cpu < fit->cpu || free_mem < fit->mem)
        fit->run = SI_NO_SLOT;
    else
    {
        if (fit->run == SI_NO_SLOT)
        {
            if (first > fit->latest)
                return SI_FIT_NONE;
            fit->run = first;
        }
        if (first + n - fit->run >= fit->length)
            return SI_FIT_FOUND;
    }
    return after(fit, first + n);
}
