/*
 * patience.h: how long statements wait for a lock.
 */
#ifndef SI_PG_PATIENCE_H
#define SI_PG_PATIENCE_H

/* Until si_patience_restore, or the end of the (sub)transaction by an error: 55P03 after it. Returns what restoring takes. */
extern int si_patience_set(int millis);
extern void si_patience_restore(int level);

#endif
