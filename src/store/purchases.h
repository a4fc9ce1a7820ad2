/*
 * purchases.h: rows of resource_purchases and their grants.
 */
#ifndef SI_STORE_PURCHASES_H
#define SI_STORE_PURCHASES_H

#include "store/pools.h"

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
    int64 rollover_share; /* millionths, as the next two */
    int64 unit_price;     /* -1 = none */
    int64 discount;
    const char *currency;       /* NULL = none */
    TimestampTz cancelled_from; /* SI_NO_TIME = it is not; read only */
} SiPurchase;

/* What a grant brings. */
typedef struct SiSupply
{
    int64 cpu_millicores;
    int64 memory_mib;
    int64 granted;
    int64 rollover;               /* of what is granted, how much may go on into the next period */
    const char *price;            /* decimal text, NULL = none */
    const pg_uuid_t *rolled_from; /* NULL = it was bought */
} SiSupply;

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
    int32 lending_limit; /* units of it */
} SiGrantRow;

/*
 * Starts of the periods from valid_from on in a zone's calendar, and the end of the last one, while they are not later
 * than until: out[0] = valid_from. At most max values; returns how many (M2: no drift, the 31st stays the last day).
 */
extern int si_period_boundaries(TimestampTz valid_from, TimestampTz until, const char *time_period, const char *time_zone,
                                int max, TimestampTz *out);

extern void si_purchase_insert(const SiPurchase *purchase, TimestampTz now);

/*
 * One grant per pair of neighbouring boundaries, and its balance entry: the first period brings `first`,
 * the others `each`; what was rolled over has one period. Those that buy for one tenant take turns;
 * what is rolled over does not wait but raises 55P03.
 */
extern void si_grants_insert(const SiPurchase *purchase, const char *namespace_name, const TimestampTz *boundaries, int n,
                             const SiSupply *first, const SiSupply *each, TimestampTz now);

/* Whether it exists; for_update locks the row. What it points to is palloc'd. */
extern bool si_purchase_load(const pg_uuid_t *purchase_id, bool for_update, SiPurchase *out);

extern void si_purchase_set_cancelled(const pg_uuid_t *purchase_id, TimestampTz from, TimestampTz now);

/* Grants whose end was brought forward. */
typedef struct SiCut
{
    pg_uuid_t tenant_id;
    pg_uuid_t *grants; /* first those of which nothing is left */
    int n;
    int n_void;
    char *namespace_name; /* of dedicated units, else NULL */
} SiCut;

/*
 * Ends the grants of a purchase that are not over at an instant, palloc'd: those that have not begun have no time left then.
 * Nothing of them goes on into a next period. Dedicated units cost the seconds that are left.
 */
extern void si_grants_cut(const SiPurchase *purchase, TimestampTz at, TimestampTz now, SiCut *out);

/* Who has not ended and holds something of such grants. */
typedef struct SiHolder
{
    bool has_execution;
    pg_uuid_t id;      /* of the execution, or of an application's reservation */
    bool loses_period; /* some of it is held of a grant of which nothing is left */
} SiHolder;

/* Those that go on after an instant, high priority before low, early before late; palloc'd. */
extern int si_grants_holders(const SiCut *cut, TimestampTz after, SiHolder **out);

/* The price of a grant of which so much lapsed: for what is granted still. */
extern void si_grant_price_rest(const pg_uuid_t *grant_id, int64 lapsed, TimestampTz now);

/* Grants of hours that are over at an instant and of which something may be unused, palloc'd. */
extern int si_grants_ended(TimestampTz now, pg_uuid_t **out);

typedef struct SiEndedGrant
{
    pg_uuid_t purchase_id;
    int64 rollover_left;
    TimestampTz ends_at;
    TimestampTz next_end; /* of the purchase's next period; SI_NO_TIME = it has none */
} SiEndedGrant;

/* One of them, its purchase locked; false when somebody else has that in hand, who may wait for what we hold. */
extern bool si_grant_ended(const pg_uuid_t *grant_id, SiEndedGrant *out);

extern void si_grant_rolled_over(const pg_uuid_t *grant_id, int64 amount, TimestampTz now);

/* Pools of tenants that lost units by a cancellation in [from, until), and had them for longer; palloc'd. */
extern int si_pools_cut(TimestampTz from, TimestampTz until, SiPool **out);

/* Most dedicated supply sold in a namespace at one instant of [from, until). Newest committed state. */
extern void si_dedicated_peak(const char *namespace_name, TimestampTz from, TimestampTz until, int64 *cpu_millicores,
                              int64 *memory_mib);

#endif
