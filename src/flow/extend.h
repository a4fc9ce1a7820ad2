/*
 * extend.h: runs that come to the end of their reservation, the soft line, and go on (C14).
 */
#ifndef SI_FLOW_EXTEND_H
#define SI_FLOW_EXTEND_H

#include "store/executions.h"
#include "store/jobs.h"

/*
 * A running execution, locked after its job, has come to the end of its reservation: event execution.overrun warns, and slots
 * are taken one by one, for a quarter of an hour at most and up to the hard line, where they are free, also of the limits that
 * the reservation holds, and, where vCPU-hours pay, covered. Nothing firm is moved for it; tentative places give way, and those
 * of runs that start after it. Else it goes on without a reservation, and the event says what is missing, once for each reason.
 * Whether it was extended. Does nothing before the line, and where a stop was asked for.
 */
extern bool si_extend(const SiJob *job, SiExecution *execution, const char *actor, TimestampTz now);

/* Tries it for all runs beyond the line but those that somebody has in hand; returns how many were extended. */
extern int si_extend_all(const char *actor, TimestampTz now);

#endif
