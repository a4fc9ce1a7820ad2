/*
 * waiting.h: what the plan of waiting work goes by, read at once: statements for each row would not do for 10,000 of them.
 */
#ifndef SI_STORE_WAITING_H
#define SI_STORE_WAITING_H

#include "domain/order.h"
#include "store/executions.h"
#include "store/jobs.h"
#include "store/reservations.h"

/* An execution that waits, or one that is scheduled and has a tentative place. */
typedef struct SiQueued
{
    SiExecution e;       /* only: ids, state, started_by, is_draft, namespace, scheduled_for, created_at, need, held, planned_start, place */
    SiJob job;           /* only: ids, priority, SLA, estimate, last step, options where they state limits */
    SiReservation place; /* only, when e.has_reservation: id, tenant, namespace, need, times, limited */
    bool held_back;      /* an earlier run of its job has not ended, and the job allows no other */
} SiQueued;

/* Waiting executions of active jobs of active tenants; palloc'd. Returns how many. */
extern int si_queued_waiting(SiQueued **out);

/* Waiting executions with a place, of jobs or tenants that are not active; palloc'd. Returns how many. */
extern int si_queued_idle(pg_uuid_t **out);

/* Scheduled ones whose place is tentative and begins before an instant: the nearest SI_MOST_TENTATIVE. */
#define SI_MOST_TENTATIVE 20000

extern int si_queued_tentative(TimestampTz before, SiQueued **out);

/*
 * Scheduled ones that are planned for later than they are wanted, by more than starts round up on the usual grid, the most important
 * first: at most SI_MOST_TENTATIVE. Only first attempts: others wait for their backoff (J7).
 */
extern int si_queued_late(TimestampTz now, SiQueued **out);

/* What a tenant used and holds. */
typedef struct SiTenantUse
{
    pg_uuid_t tenant_id;
    SiUse use;
} SiTenantUse;

/*
 * Of tenants that have waiting work: what they used of common namespaces, halved for each SI_USE_HALF_LIFE_HOURS that went by
 * since, and what their runs under way hold of them until their planned end (C16). By tenant_id; palloc'd. Returns how many.
 */
extern int si_uses(TimestampTz now, SiTenantUse **out);

#endif
