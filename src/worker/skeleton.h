/*
 * skeleton.h: what every background worker of sparkingest does alike: signals, connection, being the only one, waiting,
 * and the boundary that keeps an error from ending the loop.
 */
#ifndef SI_WORKER_SKELETON_H
#define SI_WORKER_SKELETON_H

/* Registers a worker for _PG_init: started after recovery, restarted five seconds after it ended with an error. */
extern void si_skeleton_register(const char *type, const char *main_function);

/* Signals and the connection to sparkingest.database, as superuser. Raises FATAL when the database is not there. */
extern void si_skeleton_start(const char *type);

/*
 * Waits until the extension exists here and this process is the only one of its role, which a session lock decides.
 * Returns at once when that is so already; obeys signals meanwhile.
 */
extern void si_skeleton_require(int role);

/*
 * Waits for the latch, a descriptor (-1 = none) or the timeout, then obeys interrupts and reloads the configuration.
 * Whether the latch was set: somebody has news.
 */
extern bool si_skeleton_wait(int fd, long timeout_millis);

typedef void (*SiWork)(void *argument);

/*
 * Runs work in a transaction of its own; NULL, or, when it raised, the message, palloc'd in the context of the caller,
 * which is the current one again in both cases. The transaction is rolled back then and the error is logged.
 */
extern char *si_skeleton_try(const char *activity, bool synchronous, SiWork work, void *argument);

#define SI_DISPATCHER_TYPE "sparkingest dispatcher"
#define SI_PLANNER_TYPE "sparkingest planner"

/* Keys of the locks that keep each the only one. */
#define SI_DISPATCHER_ROLE 1
#define SI_PLANNER_ROLE 2

#endif
