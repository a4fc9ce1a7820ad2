/*
 * dispatcher.h: the background worker that carries executions to Kubernetes and back.
 */
#ifndef SI_WORKER_DISPATCHER_H
#define SI_WORKER_DISPATCHER_H

/* _PG_init: registers the worker. */
extern void si_dispatcher_register(void);

/* Its main function. */
extern PGDLLEXPORT void si_dispatcher_main(Datum argument);

#endif
