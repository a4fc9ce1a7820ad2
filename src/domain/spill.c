/*
 * spill.c: in which order namespaces are tried.
 */
#include "domain/spill.h"

int
si_spill_order(bool draft_job, bool owns_units, bool has_hours, SiOnNoCapacity last, SiStep steps[SI_MAX_STEPS])
{
    int n = 0;

    if (draft_job)
    {
        steps[n++] = (SiStep){.purpose = SI_NS_DRAFT};
        return n;
    }
    if (owns_units)
        steps[n++] = (SiStep){.purpose = SI_NS_DEDICATED};
    if (has_hours)
        steps[n++] = (SiStep){.purpose = SI_NS_SHARED};
    if (has_hours)
        steps[n++] = (SiStep){.purpose = SI_NS_DEDICATED, .borrowed = true};
    if (has_hours && last == SI_NO_CAPACITY_DRAFT)
        steps[n++] = (SiStep){.purpose = SI_NS_DRAFT, .fallback = true};
    return n;
}
