/*
 * fires.h: executions that schedules started, of many jobs at once (J2).
 */
#ifndef SI_STORE_FIRES_H
#define SI_STORE_FIRES_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

typedef struct SiFire
{
    pg_uuid_t job_id;
    TimestampTz at;
    int32 attempt;
    bool taken; /* it was launched, or is going to be: where the clock has stepped back, or its schedule was set anew, it comes again */
} SiFire;

/* Fires of these jobs that are scheduled or waiting, by job and time, a first attempt or not. palloc'd; returns how many. */
extern int si_fires_pending(const pg_uuid_t *job_ids, int n, SiFire **out);

/* Fires of job_ids[i] from from[i] on that there are executions of, by job and time, with the last attempt of each. The same. */
extern int si_fires_attempted(const pg_uuid_t *job_ids, const TimestampTz *from, int n, SiFire **out);

/* Whether that is so of one fire of a job. */
extern bool si_fire_is_taken(const pg_uuid_t *job_id, TimestampTz at);

/* Whether a schedule's execution that was not cancelled is for a time after one instant and not after another. */
extern bool si_fire_due_after(const pg_uuid_t *job_id, TimestampTz after, TimestampTz until);

#endif
