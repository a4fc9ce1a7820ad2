/*
 * evaluate.h: the verdict on a draft run (S3).
 */
#ifndef SI_DOMAIN_EVALUATE_H
#define SI_DOMAIN_EVALUATE_H

#include "domain/types.h"

/* What is judged: times in milliseconds (above 0), the tier's bounds in thousandths, the resources of the run. */
typedef struct SiTrial
{
    bool succeeded;
    int64_t actual_millis;
    int64_t estimated_millis;
    int64_t high_permille;
    int64_t medium_permille;
    int64_t adjustment_permille;
    int64_t cpu_millicores;
    int64_t memory_mib;
} SiTrial;

typedef enum SiConfidence
{
    SI_CONFIDENCE_NONE,
    SI_CONFIDENCE_HIGH,
    SI_CONFIDENCE_MEDIUM
} SiConfidence;

typedef struct SiVerdict
{
    bool eligible;
    int64_t ratio_permille; /* actual / estimated, rounded up, for display; the bounds are compared exactly */
    SiConfidence confidence;
    bool adjusted; /* then the recommended resources follow, in whole cores and GiB */
    int64_t cpu_millicores;
    int64_t memory_mib;
    const char *reason; /* NULL when eligible */
    const char *action;
} SiVerdict;

void si_evaluate(const SiTrial *trial, SiVerdict *out);

/* high, medium, or NULL. */
const char *si_confidence_name(SiConfidence confidence);

#endif
