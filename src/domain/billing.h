/*
 * billing.h: what a run costs and who pays for it (M6, M7, M9).
 */
#ifndef SI_DOMAIN_BILLING_H
#define SI_DOMAIN_BILLING_H

#include "domain/spill.h"
#include "domain/state.h"
#include "domain/types.h"

/* Seconds metered between driver running and last pod gone: rounded up, at least 60 (M7). end before start counts as 0. */
int64_t si_billed_seconds(SiTime start, SiTime end);

/* Millicores that are billed: max(vCPU, memory / memory that comes with a core), rounded up (M6). */
int64_t si_billable_millicores(int64_t cpu_millicores, int64_t memory_mib, int64_t memory_mib_per_core);

/* Who pays for what ran. */
typedef enum SiPayer
{
    SI_PAYER_VCPU_HOURS, /* the tenant's balance */
    SI_PAYER_DEDICATED,  /* flat charge already paid */
    SI_PAYER_DRAFT,      /* nobody: a draft run (M9) */
    SI_PAYER_PLATFORM    /* nobody: the platform failed it, or took its place away (M7) */
} SiPayer;

typedef struct SiRunEnd
{
    SiState state; /* how it ended */
    bool platform_fault;
    bool is_draft;
    SiPurpose purpose; /* of its namespace */
    bool draft_fallback;
    bool borrowed;
} SiRunEnd;

/*
 * Of one attempt (M7, M9). Failed, timed out and cancelled runs pay like those that succeeded; preempted and lost ones do
 * not, since it was not they who ended them.
 */
SiPayer si_payer(const SiRunEnd *end);

/* Name as stored. */
const char *si_payer_name(SiPayer payer);

/* Share of what a borrower paid that its lender is credited (M9), rounded down; percent from 0 to 100. */
int64_t si_lender_credit(int64_t charged, int percent);

/* Millicore-seconds; false on overflow. */
bool si_cost(int64_t millicores, int64_t seconds, int64_t *out);

#endif
