/*
 * fires.h: schedules turned into executions, ahead of time and, where a tick came late, afterwards (J2, J3).
 */
#ifndef SI_FLOW_FIRES_H
#define SI_FLOW_FIRES_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

/* How far ahead fires become executions, and how many of one job may be planned at a time (J2). */
#define SI_MATERIALISE_DAYS 7
#define SI_MATERIALISE_LIMIT 48

/*
 * Turns the fires of a production job up to now + SI_MATERIALISE_DAYS, or the horizon if that is nearer, into executions:
 * missed ones by the job's misfire policy, coming ones up to SI_MATERIALISE_LIMIT, and moves next_fire_at behind them. A
 * fire that gets no execution is told by an event, so that none vanishes. Returns the executions made; -1 when somebody
 * else has the job.
 */
extern int si_materialise(const pg_uuid_t *job_id, const char *actor, TimestampTz now);

#endif
