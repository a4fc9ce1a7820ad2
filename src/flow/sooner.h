/*
 * sooner.h: planned runs pulled forward into what became free (C13).
 */
#ifndef SI_FLOW_SOONER_H
#define SI_FLOW_SOONER_H

#include "datatype/timestamp.h"

/*
 * Scheduled runs that are planned for later than they are wanted start now where that is possible, or earlier by an hour or more;
 * the most important first. Nobody's place moves later. Returns how many moved.
 */
extern int si_plan_sooner(const char *actor, TimestampTz now);

#endif
