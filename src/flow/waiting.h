/*
 * waiting.h: the plan of waiting work (C13, C15, C16).
 */
#ifndef SI_FLOW_WAITING_H
#define SI_FLOW_WAITING_H

#include "datatype/timestamp.h"

/*
 * Goes through waiting work in its order (domain/order.h). Each starts as early as capacity allows and never later than it was
 * planned; tentative places of lower rank give way to it, the fewest of them, and get other places at once. What nobody can
 * improve costs neither a statement nor a row version. Work that somebody has in hand is left for the next time. Returns how
 * many executions changed.
 */
extern int si_plan_waiting(const char *actor, TimestampTz now);

#endif
