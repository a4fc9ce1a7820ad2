/*
 * reservations.h: rows of reservations; the demand side of capacity.
 */
#ifndef SI_STORE_RESERVATIONS_H
#define SI_STORE_RESERVATIONS_H

#include "store/pools.h"

typedef struct SiReservation
{
    pg_uuid_t reservation_id;
    int32 pool_id;
    char namespace_name[64];
    pg_uuid_t tenant_id;
    int64 cpu_millicores;
    int64 memory_mib;
    TimestampTz starts_at;
    TimestampTz ends_at;
    bool active;
    bool borrowed;
    bool draft_fallback;
    bool limited;       /* holds something of named limits as well (limits.h) */
    int64 held;         /* vCPU-hours of an application's own, millicore-seconds */
    bool tentative;     /* it may still move (J2, C15) */
    bool has_execution; /* loaded only */
} SiReservation;

/* Whose it is, and nothing more; whether it exists. */
extern bool si_reservation_tenant(const pg_uuid_t *reservation_id, pg_uuid_t *tenant_id);

/* Whether it exists; for_update locks the row. */
extern bool si_reservation_load(const pg_uuid_t *reservation_id, bool for_update, SiReservation *out);

/* The same with the lock, but false when someone else holds it. */
extern bool si_reservation_load_if_free(const pg_uuid_t *reservation_id, SiReservation *out);
extern void si_reservation_insert(const SiReservation *reservation, const char *actor, TimestampTz now);

/* The same without a statement, so that the table's triggers do not hear of it; false = it takes a statement (append.h). */
extern bool si_reservation_append(const SiReservation *reservation, const char *actor, TimestampTz now);
extern void si_reservation_move(const pg_uuid_t *reservation_id, TimestampTz starts_at, TimestampTz ends_at);

/*
 * One is in another place, and active, also if it was released: pool, namespace, times, borrowed, draft_fallback, tentative and
 * held are written.
 */
extern void si_reservation_revive(const SiReservation *reservation);
extern void si_reservation_set_tentative(const pg_uuid_t *reservation_id, bool tentative);

/*
 * Places of scheduled executions that start before an instant may not move any more (J2); those that somebody is at are left out.
 * Returns how many.
 */
extern int64 si_reservations_make_firm(TimestampTz before);

/* Whether it was active. */
extern bool si_reservation_release(const pg_uuid_t *reservation_id, TimestampTz now);

/*
 * Active reservations touching [from, until) in a pool, or, with pool_id 0, in all pools of the namespace; newest
 * committed state and own changes, at any isolation level. `own` tells those of the tenant (may be NULL). `except` (may
 * be NULL) is left out.
 */
extern int si_demand(int32 pool_id, const char *namespace_name, const pg_uuid_t *tenant_id, const pg_uuid_t *except,
                     TimestampTz from, TimestampTz until, SiAmount **out);

/* Active reservations that ended before now and hold vCPU-hours, locked, palloc'd; those that somebody is at are left out. */
extern int si_reservations_over(TimestampTz now, pg_uuid_t **out);

/* Releases the others that no execution owns and that ended before now; returns how many. */
extern int64 si_reservations_expire(TimestampTz now);

#endif
