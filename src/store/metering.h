/*
 * metering.h: what finished executions used: resource_consumption, lending_credits and estimation_observations.
 */
#ifndef SI_STORE_METERING_H
#define SI_STORE_METERING_H

#include "domain/billing.h"
#include "store/executions.h"

typedef struct SiConsumption
{
    TimestampTz started_at;
    TimestampTz ended_at;
    int64 billed_seconds;
    int64 billable; /* millicore-seconds (M6), whoever pays */
    bool borrowed;
    SiPayer payer;
    int64 charged; /* millicore-seconds */
} SiConsumption;

/* One row per execution that ran (M7, M8). */
extern void si_consumption_insert(const SiExecution *execution, const SiConsumption *consumption);

/* For whom a borrowed run's units were lent: what it paid and what of it the lender is credited, in millicore-seconds (M9). */
extern void si_lending_credit_insert(const SiExecution *execution, const pg_uuid_t *lender_id, const SiConsumption *consumption,
                                     int64 credit);

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

#endif
