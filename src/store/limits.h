/*
 * limits.h: rows of limits, which count something that jobs share (connections to a database), and of reservation_limits,
 * which say what of them a reservation holds.
 */
#ifndef SI_STORE_LIMITS_H
#define SI_STORE_LIMITS_H

#include "store/pools.h"

#define SI_MAX_LIMIT 1000000

typedef struct SiLimit
{
    pg_uuid_t limit_id;
    bool has_tenant; /* else the service's own */
    pg_uuid_t tenant_id;
    char *limit_name;
    int64 quantity;
} SiLimit;

/* What a reservation holds of a limit over [starts_at, ends_at). */
typedef struct SiHeldLimit
{
    pg_uuid_t reservation_id;
    pg_uuid_t limit_id;
    pg_uuid_t tenant_id;
    char *limit_name; /* loaded only; NULL = the limit is gone */
    int64 quantity;
    TimestampTz starts_at;
    TimestampTz ends_at;
} SiHeldLimit;

/* Whether it exists; newest committed state and own changes, whatever the isolation level. */
extern bool si_limit_load(const pg_uuid_t *limit_id, SiLimit *out);

/* The same by name: the tenant's, or with NULL the service's own. */
extern bool si_limit_find(const pg_uuid_t *tenant_id, const char *limit_name, SiLimit *out);

/* The same, and locks it against others that set it; who holds something of it does not wait. */
extern bool si_limit_lock(const pg_uuid_t *tenant_id, const char *limit_name, SiLimit *out);

/* False when there is one of that name meanwhile. */
extern bool si_limit_insert(const SiLimit *limit);
extern void si_limit_set_quantity(const pg_uuid_t *limit_id, int64 quantity);
extern void si_limit_delete(const pg_uuid_t *limit_id);

/* How many a tenant has. */
extern int64 si_limits_count(const pg_uuid_t *tenant_id);

/* How many jobs that are not dropped state the limit, and how many reservations hold something of it. */
extern void si_limit_uses(const SiLimit *limit, int64 *jobs, int64 *reservations);

/* What is held of a limit at some time in [from, until), as CPU; palloc'd. Newest state, as si_demand. Returns how many. */
extern int si_limit_demand(const pg_uuid_t *limit_id, TimestampTz from, TimestampTz until, SiAmount **out);

/* What a reservation holds, palloc'd; returns how many. */
extern int si_reservation_limits(const pg_uuid_t *reservation_id, SiHeldLimit **out);

extern void si_reservation_limit_insert(const SiHeldLimit *held);

/* Moves one row, or with limit_id NULL all rows of a reservation. */
extern void si_reservation_limits_move(const pg_uuid_t *reservation_id, const pg_uuid_t *limit_id, TimestampTz starts_at,
                                       TimestampTz ends_at);
extern void si_reservation_limits_delete(const pg_uuid_t *reservation_id);

#endif
