/*
 * events.h: rows of events, written in the transaction that they tell of (J5, S5).
 */
#ifndef SI_STORE_EVENTS_H
#define SI_STORE_EVENTS_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

/* All but event_type and actor may be NULL. before and after are JSON objects as text. */
extern void si_event(const char *event_type, const pg_uuid_t *tenant, const pg_uuid_t *job, const pg_uuid_t *execution,
                     const char *actor, const char *cause, const char *before_json, const char *after_json);

/* An event as a reader gets it; absent: NULL, or has_ is false. */
typedef struct SiEventRow
{
    uint64 xact;
    TimestampTz at;
    char *event_type;
    bool has_tenant;
    bool has_job;
    bool has_execution;
    pg_uuid_t tenant_id;
    pg_uuid_t job_id;
    pg_uuid_t execution_id;
    char *actor;
    char *cause;
    Jsonb *before;
    Jsonb *after;
} SiEventRow;

/*
 * The first `most` events of transactions from `xact` on, in order, but none of a transaction beside which an older one is
 * still at work; of these tenants, or, when tenants is NULL, all. palloc'd; returns how many.
 */
extern int si_events_from(uint64 xact, int most, const pg_uuid_t *tenants, int n_tenants, SiEventRow **out);

#endif
