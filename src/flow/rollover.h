/*
 * rollover.h: what a tenant did not use goes on into the next period, if its purchase says so (M3).
 */
#ifndef SI_FLOW_ROLLOVER_H
#define SI_FLOW_ROLLOVER_H

#include "datatype/timestamp.h"

/*
 * Carries over what is unused of grants that are over, up to rollover_share of what they granted, once nothing of them is held
 * any more: as a grant that is over with the purchase's next period, or, after its last one, one period later. What was carried
 * over once lapses. Returns how many. A row that fails blocks itself only (J12).
 */
extern int si_roll_over(const char *actor, TimestampTz now);

#endif
