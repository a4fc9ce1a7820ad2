/*
 * outlook.h: what would be free if all tentative places of less important work gave way (C15): an upper bound of what a plan can
 * do for one piece of work, by arithmetic in local memory. Slots are copied from the ledger once; others go on reserving, and
 * whoever acts on an outlook looks at the ledger again.
 */
#ifndef SI_FLOW_OUTLOOK_H
#define SI_FLOW_OUTLOOK_H

#include "flow/place.h"

typedef struct SiOutlook SiOutlook;

/* From the present slot to the horizon. Lives in the current memory context. */
extern SiOutlook *si_outlook_open(TimestampTz now);

/* A place of tentative work counts as free from now on. */
extern void si_outlook_give(SiOutlook *outlook, const SiReservation *place);

/* A place that counts as free does so no more; or one that was taken since. */
extern void si_outlook_take(SiOutlook *outlook, const SiReservation *place);

/* Where work could start. */
typedef struct SiGoal
{
    SiCandidate candidate;
    int64 start;  /* slot of the candidate's grid */
    int32 length; /* slots */
    TimestampTz starts_at;
} SiGoal;

/* The earliest start of a need before an instant (SI_NO_TIME = any), whatever pays for it. Whether there is one. */
extern bool si_outlook_find(SiOutlook *outlook, const SiNeed *need, TimestampTz before, SiGoal *out);

#endif
