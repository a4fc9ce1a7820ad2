/*
 * estimate.h: the rule-based estimate, for jobs of which nothing is known yet.
 */
#ifndef SI_DOMAIN_ESTIMATE_H
#define SI_DOMAIN_ESTIMATE_H

#include "domain/types.h"

typedef struct SiEstimate
{
    int64_t cpu_millicores;
    int64_t memory_mib;
    int64_t runtime_millis;
    int64_t runtime_p90_millis; /* 1.2 * runtime (C14) */
} SiEstimate;

#define SI_DEFAULT_DATA_MILLI_GB 10000
#define SI_MAX_DATA_MILLI_GB INT64_C(1000000000) /* a million GB */

/*
 * Rules of the service design, by data size in thousandths of a GB (0 to SI_MAX_DATA_MILLI_GB), rounded up: postgres,
 * mysql, jdbc: 2 cores + 0.1 per GB, 4 GiB + 0.2 per GB, 10 min + 2 min per GB; s3, file: 1 + 0.05, 2 + 0.1, 5 + 2.
 * Returns whether the source type is known; others go by the rule of postgres.
 */
bool si_estimate_rules(const char *source_type, int64_t data_milli_gb, SiEstimate *out);

/* The planned length of a run: 1.2 * estimate, in whole minutes, rounded up, at least 1 (C14). */
int64_t si_planned_minutes(int64_t runtime_millis);

#endif
