/*
 * sla.c: whether a run met its SLA.
 */
#include "domain/sla.h"

static bool
within(int64_t value, int64_t bound)
{
    return bound == SI_NO_BOUND || value <= bound;
}

bool
si_sla_met(const SiSla *sla, SiTime scheduled, SiTime started, SiTime finished, bool succeeded)
{
    if (!succeeded)
        return false;
    if (sla->earliest_start != SI_NO_BOUND && started - scheduled < sla->earliest_start)
        return false;
    return within(started - scheduled, sla->start_by) && within(started - scheduled, sla->window) &&
           within(finished - scheduled, sla->finish_by) && within(finished - started, sla->max_runtime);
}
