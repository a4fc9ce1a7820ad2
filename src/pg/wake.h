/*
 * wake.h: wakes workers when work for them was committed.
 *
 * Shared memory holds one slot per worker: its latch. Lock rule: slot->lock (spinlock) protects it; nothing else happens under
 * the lock. Beside the slots there is a count of what could change the plan of waiting work, and what the last plan had seen.
 */
#ifndef SI_PG_WAKE_H
#define SI_PG_WAKE_H

#include "datatype/timestamp.h"

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

/*
 * Waiting work may be planned otherwise when the current transaction has ended. Freed: there is more capacity than before, by
 * commit or by abort; then the planner is woken as well. Changed: some of it came, or became another; then the next tick sees
 * it. May be called while the transaction ends, by callbacks that were registered after si_wake_init; allocates and raises
 * nothing.
 */
extern void si_waiting_freed(void);
extern void si_waiting_changed(void);

/* For the planner: whether capacity was freed since si_waiting_take_news, which forgets that. */
extern bool si_waiting_has_news(void);
extern void si_waiting_take_news(void);

/*
 * What a plan of all waiting work goes by, and of which nothing tells but the clock and the settings: whoever plans again with
 * the same gets the same.
 */
typedef struct SiWaitingView
{
    uint64 changes; /* so far */
    int64 slot;     /* of five minutes: starts and windows come within reach with it */
    int64 setting;  /* order of priority */
} SiWaitingView;

/* To be taken before anything is read. */
extern SiWaitingView si_waiting_view(TimestampTz now, int64 setting);

/* Whether somebody planned with this view, and committed, and this transaction wrote nothing; and that it plans so. */
extern bool si_waiting_is_planned(const SiWaitingView *view);
extern void si_waiting_planned(const SiWaitingView *view);

/* Whether the library was preloaded, so that workers and shared memory exist. */
extern bool si_preloaded(void);

#endif
