/*
 * schedule.c: schedules of jobs.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "flow/schedule.h"
#include "pg/errors.h"
#include "pg/wake.h"
#include "pg/zone.h"
#include "store/sql.h"

#define ANNOUNCED_FIRES 5
#define MAX_CRON_BYTES 1000

void
si_schedule_open(const char *schedule_cron, const char *time_zone, SiSchedule *out)
{
    SiCronError error;

    (void) si_zone_require("time_zone", time_zone, &out->zone);
    if (strlen(schedule_cron) > MAX_CRON_BYTES)
        si_bad_value("schedule_cron", (char *) NULL, psprintf("must have at most %d bytes", MAX_CRON_BYTES));
    if (!si_cron_parse(schedule_cron, &out->cron, &error))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        error.field && *error.field
                            ? errmsg("invalid schedule_cron: %s: %s", error.field, error.message)
                            : errmsg("invalid schedule_cron: %s", error.message),
                        errdetail("The value is \"%s\".", schedule_cron),
                        errhint("Give minute, hour, day of month, month and day of week, such as \"30 2 * * mon-fri\".")));
}

bool
si_schedule_next(const SiSchedule *schedule, TimestampTz after, TimestampTz *next)
{
    return si_cron_next(&schedule->cron, &schedule->zone, after, next);
}

TimestampTz
si_job_next_fire(const SiJob *job, TimestampTz after)
{
    SiSchedule schedule;
    TimestampTz next;

    if (job->schedule_cron == NULL)
        return SI_NO_TIME;
    si_schedule_open(job->schedule_cron, job->time_zone, &schedule);
    return si_schedule_next(&schedule, after, &next) ? next : SI_NO_TIME;
}

void
si_job_set_next_fire(SiJob *job, TimestampTz next, TimestampTz now)
{
    job->next_fire_at = next;
    job->plan_at = next == SI_NO_TIME ? SI_NO_TIME : Min(next, now);
    if (next != SI_NO_TIME && next <= now + SI_NEAR_USECS)
        si_wake_planner_at_commit();
}

void
si_job_fire_from(SiJob *job, TimestampTz now)
{
    si_job_set_next_fire(job, si_job_next_fire(job, now), now);
}

void
si_schedule_announce(const SiJob *job, TimestampTz now)
{
    SiSchedule schedule;
    StringInfoData times;
    TimestampTz at = now;
    int n;

    if (job->schedule_cron == NULL)
        return;
    si_schedule_open(job->schedule_cron, job->time_zone, &schedule);
    initStringInfo(&times);
    for (n = 0; n < ANNOUNCED_FIRES && si_schedule_next(&schedule, at, &at); n++)
        appendStringInfo(&times, "%s%s", n ? ", " : "", timestamptz_to_str(at));
    if (n == 0)
        si_bad_value("schedule_cron", job->schedule_cron, "never fires");
    ereport(NOTICE, (errmsg("next fire times of job \"%s\": %s", job->job_name, times.data)));
}
