/*
 * wake.h: wakes workers when work for them was committed.
 *
 * Shared memory holds one slot per worker: its latch. Lock rule: slot->lock (spinlock) protects it; nothing else happens under
 * the lock.
 */
#ifndef SI_PG_WAKE_H
#define SI_PG_WAKE_H

typedef enum SiWake
{
    SI_WAKE_DISPATCHER, /* an execution is scheduled, or to be stopped */
    SI_WAKE_PLANNER,    /* a schedule fires soon */
    SI_WAKES
} SiWake;

/* _PG_init: requests the shared memory. Only while shared_preload_libraries is processed. */
extern void si_wake_init(void);

/* Called by a worker when it starts and, with false, when it leaves: registers its latch. */
extern void si_wake_register(SiWake worker, bool present);

/* Remember to wake the dispatcher, or the planner, when the current transaction commits (once, also when called often). */
extern void si_wake_at_commit(void);
extern void si_wake_planner_at_commit(void);

/* Whether the library was preloaded, so that workers and shared memory exist. */
extern bool si_preloaded(void);

#endif
