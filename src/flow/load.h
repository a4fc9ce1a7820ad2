/*
 * load.h: accounts of the ledger brought into memory from the tables.
 */
#ifndef SI_FLOW_LOAD_H
#define SI_FLOW_LOAD_H

#include "domain/slots.h"
#include "ledger/ledger.h"

/* Second key of the account's locks SI_LOCK_LOAD and SI_LOCK_SUPPLY; the first is its pool. */
extern uint32 si_account_key(const SiAccount *account);

/* Arrays of n slots from `first` on, all 0; palloc'd. */
extern void si_slots_make(SiSlots *slots, int64 first, int32 n);

/* Reads what others have committed to the tables of slots [first, first + n), own changes left out; makes both. */
typedef void (*SiReadTables)(const void *what, int64 first, int32 n, SiSlots *total, SiSlots *allocated);

/*
 * Brings what is missing of [first, first + n) into memory. Changes of supply that others have not committed are waited for.
 * Raises SI005 when memory is full. The slots may leave memory again before they are used: call again then, and count *tries,
 * which begins at 0; too many raise SI005, for memory that does not hold one claim is too small.
 */
extern void si_account_bring(const SiAccount *account, int64 first, int32 n, SiReadTables read, const void *what);
extern void si_account_try(int *tries);

#endif
