/*
 * book.h: changes of tables carried into the ledger: what triggers call, whoever changed the rows.
 */
#ifndef SI_FLOW_BOOK_H
#define SI_FLOW_BOOK_H

#include "store/purchases.h"
#include "store/reservations.h"
#include "store/rows.h"

/*
 * A reservation came, changed or went; NULL = there was, or is, none. Raises SI001 when it does not fit, unless `force`:
 * what another server decided is followed.
 */
extern void si_book_reservation(const SiReservation *before, const SiReservation *after, bool force);

/* The same of what a reservation holds of a limit: as si_announce_reservation, once per row. */
extern void si_book_held_limit(const SiHeldLimit *before, const SiHeldLimit *after, bool force);

/* A limit came, changed or went. With `follow`, for what another server decided, one that comes has the ledger made anew. */
extern void si_book_limit(const SiLimit *before, const SiLimit *after, bool follow);

/*
 * A grant came, changed or went. Of dedicated units the owner's pool is made when it is missing, but not with `follow`: then it
 * comes from another server, as the grant does.
 */
extern void si_book_grant(const SiGrantRow *before, const SiGrantRow *after, bool follow);

/* An entry came, changed or went; raises SI002 when its grant has not so much, unless `force`. */
extern void si_book_entry(const SiEntryRow *before, const SiEntryRow *after, bool force);

/* Chunks of days that nobody can ask for any more leave memory. */
extern void si_book_forget_past(TimestampTz now);

/* An override of a namespace came, changed or went over an interval. */
extern void si_book_override(const char *namespace_name, TimestampTz from, TimestampTz until);

#endif
