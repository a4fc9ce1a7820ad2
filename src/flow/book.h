/*
 * book.h: changes of tables carried into the ledger: what triggers call, whoever changed the rows.
 */
#ifndef SI_FLOW_BOOK_H
#define SI_FLOW_BOOK_H

#include "store/purchases.h"
#include "store/reservations.h"

/* The next change of this reservation's row is in the ledger already: its trigger has nothing to do. */
extern void si_book_expect(const pg_uuid_t *reservation_id);

/* Whether it was announced so; once. */
extern bool si_book_expected(const pg_uuid_t *reservation_id);

/*
 * A reservation came, changed or went; NULL = there was, or is, none. Raises SI001 when it does not fit, unless `force`:
 * what another server decided is followed.
 */
extern void si_book_reservation(const SiReservation *before, const SiReservation *after, bool force);

/*
 * Dedicated units came, changed or went. The owner's pool is made when it is missing, but not with `follow`: then it comes from
 * another server, as the units do.
 */
extern void si_book_grant(const SiGrantRow *before, const SiGrantRow *after, bool follow);

/* Chunks of days that nobody can ask for any more leave memory. */
extern void si_book_forget_past(TimestampTz now);

/* An override of a namespace came, changed or went over an interval. */
extern void si_book_override(const char *namespace_name, TimestampTz from, TimestampTz until);

#endif
