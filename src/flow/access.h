/*
 * access.h: who may touch what (J12, Q4), and that no tenant's roles do so too often (53400). Operators learn that a thing is
 * missing (42704); others get the same 42501 in the same words whether it is missing or somebody else's.
 */
#ifndef SI_FLOW_ACCESS_H
#define SI_FLOW_ACCESS_H

#include "pg/caller.h"
#include "utils/uuid.h"

/* Raises unless the tenant exists and the caller sees all or acts for it: for what only reads. */
extern void si_access_tenant(const SiCaller *caller, const pg_uuid_t *tenant_id);

/* Raises unless the caller is an operator or acts for it; SI003 unless it is active: for everything that starts something new. */
extern void si_access_active_tenant(const SiCaller *caller, const pg_uuid_t *tenant_id);

/*
 * The same for a row ("job", "execution", "reservation", "purchase") that was looked up: found, and whose it is. Only
 * operators and who acts for its tenant; with _seen also readers: for what only reads.
 */
extern void si_access_row(const SiCaller *caller, const char *what, const pg_uuid_t *id, bool found,
                          const pg_uuid_t *tenant_id);
extern void si_access_row_seen(const SiCaller *caller, const char *what, const pg_uuid_t *id, bool found,
                               const pg_uuid_t *tenant_id);

/* Whether the caller sees all or acts for the tenant; raises nothing. */
extern bool si_access_visible(const SiCaller *caller, const pg_uuid_t *tenant_id);

#endif
