/*
 * purchases.h: rows of resource_purchases and their grants.
 */
#ifndef SI_STORE_PURCHASES_H
#define SI_STORE_PURCHASES_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

/* No purchase is expanded to more grants than this. */
#define SI_MAX_GRANTS 10000

typedef struct SiPurchase
{
    pg_uuid_t purchase_id;
    pg_uuid_t tenant_id;
    const char *resource_type; /* dedicated_units, vcpu_hours */
    int32 quantity;
    const char *time_period; /* hourly, daily, monthly, yearly */
    TimestampTz valid_from;
    TimestampTz valid_until;
    int32 lending_limit;
    int32 priority;
    const char *unit_price; /* decimal text, NULL = none */
    const char *currency;
} SiPurchase;

/* What a grant supplies. */
typedef struct SiGrantRow
{
    pg_uuid_t tenant_id;
    bool has_account; /* vCPU-hours: the next three; else the others */
    int32 account_no;
    int64 granted; /* millicore-seconds */
    int64 used;    /* held or spent, by sealed entries */
    char namespace_name[64];
    TimestampTz starts_at;
    TimestampTz ends_at;
    int64 cpu_millicores;
    int64 memory_mib;
} SiGrantRow;

/*
 * Starts of the periods from valid_from on in a zone's calendar, and the end of the last one, while they are not later
 * than until: out[0] = valid_from. At most max values; returns how many (M2: no drift, the 31st stays the last day).
 */
extern int si_period_boundaries(TimestampTz valid_from, TimestampTz until, const char *time_period, const char *time_zone,
                                int max, TimestampTz *out);

extern void si_purchase_insert(const SiPurchase *purchase, TimestampTz now);

/* One grant per pair of neighbouring boundaries, each with the given supply, and its balance entry if it grants hours. */
extern void si_grants_insert(const SiPurchase *purchase, const char *namespace_name, const TimestampTz *boundaries, int n,
                             int64 cpu_millicores, int64 memory_mib, int64 granted, TimestampTz now);

/* Most dedicated supply sold in a namespace at one instant of [from, until). Newest committed state. */
extern void si_dedicated_peak(const char *namespace_name, TimestampTz from, TimestampTz until, int64 *cpu_millicores,
                              int64 *memory_mib);

#endif
