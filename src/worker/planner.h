/*
 * planner.h: the background worker that plans schedules where no tick does, or none comes in time.
 */
#ifndef SI_WORKER_PLANNER_H
#define SI_WORKER_PLANNER_H

/* _PG_init: registers the worker. */
extern void si_planner_register(void);

/* Its main function. */
extern PGDLLEXPORT void si_planner_main(Datum argument);

#endif
