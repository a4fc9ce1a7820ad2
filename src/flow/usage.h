/*
 * usage.h: the answer of usage().
 */
#ifndef SI_FLOW_USAGE_H
#define SI_FLOW_USAGE_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

/* vCPU-hours in millionths, so that available + held + spent = granted also as shown (M4): held and spent round up. */
typedef struct SiShownHours
{
    int64 granted;
    int64 available;
    int64 held;
    int64 spent;
} SiShownHours;

/* Of amounts in millicore-seconds. */
extern void si_hours_shown(int64 granted, int64 held, int64 spent, SiShownHours *out);

/* JSON as the COMMENT of sparkingest.usage gives it. */
extern char *si_usage_json(const pg_uuid_t *tenant_id, TimestampTz at, TimestampTz now);

#endif
