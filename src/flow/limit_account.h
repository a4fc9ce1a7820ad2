/*
 * limit_account.h: named limits in the ledger: what is free of them on the time axis, as of a pool's cores (C1, C3, C5, C9).
 *
 * Each limit has one account with slots of five minutes, whatever the grids of the namespaces whose work holds it, so that
 * nothing is given twice (C2): what is held over a part of a slot is held over all of it. A claim of a pool and of limits is
 * taken account by account; who does not get one of them gives the others back.
 */
#ifndef SI_FLOW_LIMIT_ACCOUNT_H
#define SI_FLOW_LIMIT_ACCOUNT_H

#include "domain/slots.h"
#include "ledger/ledger.h"
#include "store/limits.h"

#define SI_LIMIT_STEP_USECS (5 * SI_USECS_PER_MIN)

/* What is asked of a limit. */
typedef struct SiLimitNeed
{
    pg_uuid_t limit_id;
    const char *limit_name;
    int64 quantity;
    int64 total; /* when it was looked up; -1 = there is no such limit: it is never free */
} SiLimitNeed;

/* Whether it is free over [from, until), counting what this transaction gave up. Raises SI005 when there is no ledger. */
extern bool si_limit_is_free(const SiLimitNeed *need, TimestampTz from, TimestampTz until);

/*
 * When it was not free at `from`: the first instant at which it may be free for so long, at most `latest`; SI_NO_TIME = none.
 * Later ones may do while this one does not: only si_limit_is_free tells.
 */
extern TimestampTz si_limit_next(const SiLimitNeed *need, TimestampTz from, TimestampTz latest, int64 duration_usecs);

/* Takes it over [from, until); whether it was free, or `force`. Gives it back: to others when this transaction commits (C5). */
extern bool si_limit_take(const pg_uuid_t *limit_id, int64 quantity, TimestampTz from, TimestampTz until, bool force);
extern void si_limit_give(const pg_uuid_t *limit_id, int64 quantity, TimestampTz from, TimestampTz until);

/* Why it cannot be had over [from, until), in words, palloc'd: how much is free of it, and until when it is no more. */
extern char *si_limit_shortage(const SiLimitNeed *need, TimestampTz from, TimestampTz until, TimestampTz horizon);

/* Total and held of the slots that [from, until) touches; palloc'd. */
extern void si_limit_occupancy(const pg_uuid_t *limit_id, TimestampTz from, TimestampTz until, SiSlots *total, SiSlots *held);

/* What the tables say by a registered snapshot, this transaction's own changes left out; palloc'd. */
extern void si_limit_from_tables(const pg_uuid_t *limit_id, int64 first, int32 n, Snapshot as_of, SiSlots *total, SiSlots *held);

/* Its row changed: so much instead of so much; less at once, more when the transaction commits. */
extern void si_limit_book_supply(const pg_uuid_t *limit_id, int64 before, int64 after);

#endif
