/*
 * report.h: sums of what a tenant used and paid, for tenant_metrics() and statement().
 */
#ifndef SI_STORE_REPORT_H
#define SI_STORE_REPORT_H

#include "datatype/timestamp.h"
#include "funcapi.h"
#include "utils/date.h"
#include "utils/uuid.h"

/* Widens an interval to whole hours of the tenant's clock and cuts it off at now; it may be empty then: from >= until. */
extern void si_report_hours(const pg_uuid_t *tenant_id, TimestampTz now, TimestampTz *from, TimestampTz *until);

/* The month of a day on the tenant's clock. */
extern void si_report_month(const pg_uuid_t *tenant_id, DateADT day, TimestampTz *from, TimestampTz *until);

/* Of the hours that begin in [from, until). Amounts in millicore-seconds. */
typedef struct SiUseSums
{
    int64 supplied; /* dedicated units */
    int64 own_use;  /* of them, by the tenant */
    int64 lent;     /* and by others */
    int64 charged;
    int64 ended; /* production executions, but cancelled ones */
    int64 succeeded;
    int64 succeeded_millis;
    int64 sla_met;
    int64 sla_missed;
    int64 bytes_out;
} SiUseSums;

extern void si_report_sums(const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until, SiUseSums *out);

/* Use at one hour of the week of the tenant's clock. */
typedef struct SiWeekHour
{
    int32 weekday; /* ISO: 1 = Monday */
    int32 hour;
    int64 millicore_seconds; /* used in all such hours of [from, until) */
    int64 seconds;           /* their length */
} SiWeekHour;

/* Those with use, busiest first, palloc'd; returns how many. */
extern int si_report_week(const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until, SiWeekHour **out);

/*
 * What purchased periods cost, each by its share inside [from, until), for each GiB of bytes: a JSON object of currencies,
 * palloc'd. bytes above 0.
 */
extern char *si_report_costs(const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until, int64 bytes);

/* The lines of statement() for a month, supply counted up to now. */
extern void si_report_statement(const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until, TimestampTz now,
                                ReturnSetInfo *result);

#endif
