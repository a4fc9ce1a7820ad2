/*
 * supply.h: capacity as it is shown, and changes of what a namespace has (C9).
 */
#ifndef SI_FLOW_SUPPLY_H
#define SI_FLOW_SUPPLY_H

#include "flow/availability.h"
#include "flow/relief.h"
#include "pg/caller.h"

/* Slots that touch [from, until): total and allocated. Raises SI005 beyond the horizon, 22023 when longer than it. */
extern void si_supply_slots(const SiPoolRef *pool, TimestampTz from, TimestampTz until, TimestampTz now, SiSlots *total,
                            SiSlots *allocated);

/* "namespace/start", the start in UTC; palloc'd. */
extern char *si_slot_id(const SiNamespace *namespace, TimestampTz at);

typedef struct SiSupplyChange
{
    int64 cpu_millicores;
    int64 memory_mib;
    TimestampTz from;
    TimestampTz until;
} SiSupplyChange;

/* Sets the total over an interval and plans anew what no longer fits (relief.h). Returns who was affected, palloc'd. */
extern int si_supply_set(const SiCaller *caller, const SiNamespace *namespace, const SiSupplyChange *change, TimestampTz now,
                         SiRelieved **out);

#endif
