/*
 * wake.h: wakes the dispatcher when work was committed.
 *
 * Shared memory holds one pointer-free slot: the dispatcher's procno latch. Lock rule: slot->lock (spinlock) protects
 * it; nothing else happens under the lock.
 */
#ifndef SI_PG_WAKE_H
#define SI_PG_WAKE_H

/* _PG_init: requests the shared memory. Only while shared_preload_libraries is processed. */
extern void si_wake_init(void);

/* Called by the dispatcher when it starts and, with false, when it leaves: registers its latch. */
extern void si_wake_register(bool present);

/* Remember to wake the dispatcher when the current transaction commits (once, also when called often). */
extern void si_wake_at_commit(void);

/* Whether the library was preloaded, so that workers and shared memory exist. */
extern bool si_preloaded(void);

#endif
