/*
 * billing.c: what a run costs and who pays for it.
 */
#include "domain/billing.h"

#define LEAST_SECONDS 60

int64_t
si_billed_seconds(SiTime start, SiTime end)
{
    int64_t usecs;
    int64_t seconds;

    if (end <= start)
        return LEAST_SECONDS;
    if (__builtin_sub_overflow(end, start, &usecs))
        usecs = INT64_MAX;
    seconds = usecs / SI_USECS_PER_SEC + (usecs % SI_USECS_PER_SEC != 0);
    return seconds < LEAST_SECONDS ? LEAST_SECONDS : seconds;
}

int64_t
si_billable_millicores(int64_t cpu_millicores, int64_t memory_mib, int64_t memory_mib_per_core)
{
    int64_t by_memory;

    if (__builtin_mul_overflow(memory_mib, 1000, &by_memory))
        return INT64_MAX;
    by_memory = by_memory / memory_mib_per_core + (by_memory % memory_mib_per_core != 0);
    return cpu_millicores > by_memory ? cpu_millicores : by_memory;
}

SiPayer
si_payer(const SiRunEnd *end)
{
    if (end->platform_fault || end->state == SI_PREEMPTED || end->state == SI_LOST)
        return SI_PAYER_PLATFORM;
    if (end->is_draft)
        return SI_PAYER_DRAFT;
    if (end->purpose == SI_NS_DEDICATED && !end->borrowed && !end->draft_fallback)
        return SI_PAYER_DEDICATED;
    return SI_PAYER_VCPU_HOURS;
}

const char *
si_payer_name(SiPayer payer)
{
    static const char *const names[] = {"vcpu_hours", "dedicated", "draft", "platform"};

    return names[payer];
}

int64_t
si_lender_credit(int64_t charged, int percent)
{
    return charged / 100 * percent + charged % 100 * percent / 100;
}

bool
si_cost(int64_t millicores, int64_t seconds, int64_t *out)
{
    return !__builtin_mul_overflow(millicores, seconds, out);
}
