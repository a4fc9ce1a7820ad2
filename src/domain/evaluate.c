/*
 * evaluate.c: the verdict on a draft run.
 */
#include "domain/evaluate.h"

/* a / b <= permille / 1000, exactly. */
static bool
at_most(int64_t a, int64_t b, int64_t permille)
{
    return (__int128) a * 1000 <= (__int128) b * permille;
}

/* value * permille / 1000, rounded up to a whole multiple of unit. */
static int64_t
adjust(int64_t value, int64_t permille, int64_t unit)
{
    __int128 scaled = (__int128) value * permille;
    __int128 step = (__int128) unit * 1000;

    return (int64_t) ((scaled + step - 1) / step * unit);
}

void
si_evaluate(const SiTrial *trial, SiVerdict *out)
{
    __int128 ratio = ((__int128) trial->actual_millis * 1000 + trial->estimated_millis - 1) / trial->estimated_millis;

    *out = (SiVerdict){0};
    out->ratio_permille = ratio > INT64_MAX ? INT64_MAX : (int64_t) ratio;
    if (!trial->succeeded)
    {
        out->reason = "run_did_not_succeed";
        out->action = "fix_the_failure_and_run_again";
    }
    else if (at_most(trial->actual_millis, trial->estimated_millis, trial->high_permille))
    {
        out->eligible = true;
        out->confidence = SI_CONFIDENCE_HIGH;
    }
    else if (at_most(trial->actual_millis, trial->estimated_millis, trial->medium_permille))
    {
        out->eligible = true;
        out->confidence = SI_CONFIDENCE_MEDIUM;
        out->adjusted = true;
        out->cpu_millicores = adjust(trial->cpu_millicores, trial->adjustment_permille, 1000);
        out->memory_mib = adjust(trial->memory_mib, trial->adjustment_permille, 1024);
    }
    else
    {
        out->reason = "performance_below_threshold";
        out->action = "increase_resources_or_purchase_more_units";
    }
}

const char *
si_confidence_name(SiConfidence confidence)
{
    static const char *const words[] = {
        [SI_CONFIDENCE_NONE] = NULL, [SI_CONFIDENCE_HIGH] = "high", [SI_CONFIDENCE_MEDIUM] = "medium"};

    return words[confidence];
}
