/*
 * announce.h: what a use case tells the triggers of rows that it is about to change (book.h), because the ledger has it already.
 */
#ifndef SI_FLOW_ANNOUNCE_H
#define SI_FLOW_ANNOUNCE_H

#include "utils/uuid.h"

/* The next change of this reservation's row, or of what it holds of limits, is in the ledger: its trigger has nothing to do. */
extern void si_announce_reservation(const pg_uuid_t *reservation_id);

/* Whether it was announced so; once. */
extern bool si_is_reservation_announced(const pg_uuid_t *reservation_id);

/* The same of an entry of the books. */
extern void si_announce_entry(int64 entry_id);
extern bool si_is_entry_announced(int64 entry_id);

/* What follows, until it is called with false, moves amounts of entries into their grants: nothing that the ledger counts. */
extern void si_announce_sealing(bool on);
extern bool si_is_sealing_announced(void);

#endif
