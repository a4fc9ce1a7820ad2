/*
 * bottleneck.h: what a namespace of the spillover order has too little of for a run (C1, C12, M4).
 */
#ifndef SI_FLOW_BOTTLENECK_H
#define SI_FLOW_BOTTLENECK_H

#include "flow/explanation.h"

/*
 * Adds what binds in a candidate that is priced, at the earliest start that is wanted; whether anything does. `own` (may be
 * NULL): the run's reservation, which does not stand in its way. Takes no lock.
 */
extern bool si_bottlenecks_add(List **rows, const SiSubject *subject, const SiCandidate *candidate, const SiReservation *own);

#endif
