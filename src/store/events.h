/*
 * events.h: rows of events, written in the transaction that they tell of (J5, S5).
 */
#ifndef SI_STORE_EVENTS_H
#define SI_STORE_EVENTS_H

#include "utils/uuid.h"

/* All but event_type and actor may be NULL. before and after are JSON objects as text. */
extern void si_event(const char *event_type, const pg_uuid_t *tenant, const pg_uuid_t *job, const pg_uuid_t *execution,
                     const char *actor, const char *cause, const char *before_json, const char *after_json);

#endif
