/*
 * rollup.h: usage_hourly and usage_load: what was used, summed by the hour.
 *
 * Every change of what is summed leaves a row in usage_changes in its own transaction (the triggers named usage). A roll-up
 * takes the rows that its snapshot shows and sums those hours anew from the same snapshot: what commits meanwhile, in
 * whatever order, leaves its row for the next one.
 */
#ifndef SI_STORE_ROLLUP_H
#define SI_STORE_ROLLUP_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

/* The instant before which rows of resource_consumption were dropped: an SQL expression for statements of the store. */
#define SI_KEPT_SINCE \
    "COALESCE((SELECT k.dropped_before FROM sparkingest.history_dropped AS k WHERE k.table_name = 'resource_consumption'), '-infinity')"

/* The hour on the tenant's clock is to be summed anew. Acts as the extension's owner only (pg/caller.h). */
extern void si_usage_note(const pg_uuid_t *tenant_id, TimestampTz at);

/* Sums the hours that changed; returns the rows written. One at a time: the caller holds a lock. */
extern int64 si_usage_roll_up(void);

/* Empties both tables and notes every hour there is. */
extern void si_usage_forget(void);

#endif
