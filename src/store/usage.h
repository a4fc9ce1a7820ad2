/*
 * usage.h: what a tenant bought, holds and has used, read at one instant.
 */
#ifndef SI_STORE_USAGE_H
#define SI_STORE_USAGE_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

/* One grant of vCPU-hours: amounts in millicore-seconds. */
typedef struct SiGrantBalance
{
    pg_uuid_t purchase_id;
    pg_uuid_t grant_id;
    TimestampTz starts_at;
    TimestampTz ends_at;
    int64 granted;
    int64 held;
    int64 spent;
} SiGrantBalance;

/*
 * Grants of vCPU-hours whose period contains an instant, in draw-down order (M5), palloc'd; returns how many. Amounts are those
 * of now; of an instant that is over by more than a second, what the entries up to it add up to: then all the tenant's entries
 * are read.
 */
extern int si_grant_balances(const pg_uuid_t *tenant_id, TimestampTz at, TimestampTz now, SiGrantBalance **out);

/* What is held at one instant. */
typedef struct SiHoldings
{
    int64 dedicated_cpu_millicores; /* supply of dedicated units */
    int64 dedicated_memory_mib;
    int64 reserved_cpu_millicores; /* taken of it by the tenant */
    int64 reserved_memory_mib;
    int64 lent_cpu_millicores; /* and by those who borrow it */
    int64 lent_memory_mib;
    int64 scheduled; /* executions */
    int64 waiting;
    int64 running; /* dispatching, submitted or running */
} SiHoldings;

extern void si_holdings(const pg_uuid_t *tenant_id, TimestampTz at, SiHoldings *out);

#endif
