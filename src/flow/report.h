/*
 * report.h: the answer of tenant_metrics().
 */
#ifndef SI_FLOW_REPORT_H
#define SI_FLOW_REPORT_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

/* JSON as the COMMENT of sparkingest.tenant_metrics gives it, of [from, until). */
extern char *si_tenant_metrics_json(const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until, TimestampTz now);

#endif
