/*
 * sizing.h: a job's total split over its pods so that the sum is exact: what is reserved is what is posted (C7).
 */
#ifndef SI_DOMAIN_SIZING_H
#define SI_DOMAIN_SIZING_H

#include "domain/types.h"

#define SI_MAX_EXECUTORS 1000
#define SI_POD_MIN_MILLICORES 100
#define SI_POD_MIN_MIB 896 /* 512 heap + 384 overhead */

typedef struct SiPod
{
    int64_t cpu_millicores; /* request and limit */
    int32_t cores;          /* Spark task slots: whole cores, at least 1 */
    int64_t heap_mib;
    int64_t overhead_mib;
} SiPod;

typedef struct SiSizing
{
    SiPod driver;
    SiPod executor;
    int32_t executors;
} SiSizing;

typedef enum SiSizingResult
{
    SI_SIZING_OK,
    SI_SIZING_BAD_EXECUTORS,
    SI_SIZING_TOO_LITTLE_CPU,
    SI_SIZING_TOO_LITTLE_MEMORY
} SiSizingResult;

/*
 * Executors (1 to 1000) get floor(total / (executors + 1)) each, the driver the rest. A pod of P MiB has a heap of
 * floor(P / 1.4) if that leaves 384 MiB or more, else P - 384 (Spark's default overhead for Python is 0.4 of the heap).
 */
SiSizingResult si_sizing_split(int64_t cpu_millicores, int64_t memory_mib, int32_t executors, SiSizing *out);

/* Least totals that si_sizing_split accepts for so many executors. */
void si_sizing_minimum(int32_t executors, int64_t *cpu_millicores, int64_t *memory_mib);

/*
 * Executors so that they have at most 4 cores and 8 GiB where the pod minimum allows; 1 to 1000. The driver, which takes the
 * rest of the division, may have up to a millicore and a MiB per executor more.
 */
int32_t si_sizing_default_executors(int64_t cpu_millicores, int64_t memory_mib);

#endif
