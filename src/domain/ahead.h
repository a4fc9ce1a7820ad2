/*
 * ahead.h: how far a schedule is planned ahead, and when it has to be looked at again (J2).
 */
#ifndef SI_DOMAIN_AHEAD_H
#define SI_DOMAIN_AHEAD_H

#include "domain/types.h"

/* How far ahead fires become executions, and how many of one job may be planned at a time. */
#define SI_AHEAD_DAYS 7
#define SI_AHEAD_LIMIT 48

/*
 * When a schedule has to be looked at again whose next fire is at `next`, after now. times: of the fires that are planned,
 * ascending. Below the limit it was the reach (microseconds) that ended the planning: when the next fire comes into reach. At
 * the limit: when about half of them are gone, so that the rest comes at once. Never after the next fire.
 */
SiTime si_ahead_look_again(SiTime next, int64_t reach, const SiTime *times, int n, SiTime now);

#endif
