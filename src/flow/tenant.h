/*
 * tenant.h: tenants and who acts for them.
 */
#ifndef SI_FLOW_TENANT_H
#define SI_FLOW_TENANT_H

#include "datatype/timestamp.h"
#include "pg/caller.h"
#include "utils/uuid.h"

/* Creates a tenant; key may be NULL (J8). Raises 22023, 42710, SI004. */
extern pg_uuid_t si_tenant_create(const SiCaller *caller, const char *tenant_name, const char *time_zone, const char *key,
                                  TimestampTz now);

/* status: active, suspended, closed. Its schedules fire only while it is active. Raises 22023, and SI003 for a tenant that was closed. */
extern void si_tenant_change_status(const SiCaller *caller, const pg_uuid_t *tenant_id, const char *status, TimestampTz now);

/* Lets a role act for the tenant, or no more. Idempotent. */
extern void si_tenant_let(const SiCaller *caller, const pg_uuid_t *tenant_id, Oid role, bool allowed);

/* Roles that were dropped act for nobody any more; returns how many rows that were. */
extern int si_tenant_forget_roles(const char *actor);

#endif
