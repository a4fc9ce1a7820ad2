/*
 * metering.h: what finished executions used: resource_consumption, estimation_observations and usage_hourly.
 */
#ifndef SI_STORE_METERING_H
#define SI_STORE_METERING_H

#include "store/executions.h"

typedef struct SiConsumption
{
    TimestampTz started_at;
    TimestampTz ended_at;
    int64 billed_seconds;
    const char *charge_to; /* vcpu_hours, dedicated, draft, platform */
    int64 charged;         /* millicore-seconds */
} SiConsumption;

/* One row per execution that ran (M7, M8). */
extern void si_consumption_insert(const SiExecution *execution, const SiConsumption *consumption);

typedef struct SiObservation
{
    const char *source_type;
    int64 rows_read; /* -1 = not known, as all below but the runtime */
    int64 bytes_out;
    int64 runtime_millis;
    int64 peak_memory_mib;
    int64 cpu_millis;
    TimestampTz observed_at;
} SiObservation;

extern void si_observation_insert(const SiExecution *execution, const SiObservation *observation);

/* Makes usage_hourly equal to the sums of resource_consumption; returns the rows written or removed. */
extern int64 si_usage_roll_up(void);

#endif
