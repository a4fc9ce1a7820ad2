/*
 * spill.h: in which order namespaces are tried (C12).
 */
#ifndef SI_DOMAIN_SPILL_H
#define SI_DOMAIN_SPILL_H

#include "domain/types.h"

typedef enum SiPurpose
{
    SI_NS_DEDICATED,
    SI_NS_SHARED,
    SI_NS_DRAFT
} SiPurpose;

typedef enum SiOnNoCapacity
{
    SI_NO_CAPACITY_DRAFT,
    SI_NO_CAPACITY_WAIT,
    SI_NO_CAPACITY_REJECT
} SiOnNoCapacity;

typedef struct SiStep
{
    SiPurpose purpose;
    bool borrowed; /* of units that others lend (C10) */
    bool fallback; /* production work in the draft namespace: best effort, outside SLA */
} SiStep;

#define SI_MAX_STEPS 4

/*
 * Fills steps and returns how many. A draft job runs in the draft namespace only. Production work: own dedicated units
 * when the tenant owns some, when its vCPU-hours cover the run the shared namespace and then units that others lend, and,
 * where last is SI_NO_CAPACITY_DRAFT, the draft namespace. All but its own units are charged to the vCPU-hours (M9).
 */
int si_spill_order(bool draft_job, bool owns_units, bool has_hours, SiOnNoCapacity last, SiStep steps[SI_MAX_STEPS]);

#endif
