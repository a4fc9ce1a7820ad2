/*
 * schedules.h: jobs of pg_cron, where it lives in this database. Call only when the extension pg_cron is here.
 */
#ifndef SI_STORE_SCHEDULES_H
#define SI_STORE_SCHEDULES_H

/* Registers a job, or changes that of the same name; its id. */
extern int64 si_schedule_register(const char *name, const char *schedule, const char *command);

/* Active jobs whose command calls a function of sparkingest here. */
extern int64 si_schedules_active(void);

/* Whether the last finished run of such a job failed; its message is palloc'd. */
extern bool si_schedules_failing(char **message);

#endif
