/*
 * rollover.h: what a tenant did not use of a period lapses, or goes on into the next one, if its purchase says so (M3).
 */
#ifndef SI_FLOW_ROLLOVER_H
#define SI_FLOW_ROLLOVER_H

#include "datatype/timestamp.h"

/*
 * What is available of grants that are over lapses. Up to rollover_share of what they granted becomes a grant that is over with
 * the purchase's next period, or, after its last one, one period later; what was carried over once is not again. What a run gives
 * back later goes the same way. Returns of how many grants something lapsed. A row that fails blocks itself only (J12).
 */
extern int si_roll_over(const char *actor, TimestampTz now);

#endif
