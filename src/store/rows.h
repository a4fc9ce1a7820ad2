/*
 * rows.h: rows that triggers see, without a query.
 */
#ifndef SI_STORE_ROWS_H
#define SI_STORE_ROWS_H

#include "access/htup.h"
#include "access/tupdesc.h"

#include "store/limits.h"
#include "store/purchases.h"
#include "store/reservations.h"

extern const pg_uuid_t *si_reservation_id_of_row(HeapTuple row, TupleDesc desc);

/* has_execution stays unknown: false. */
extern void si_reservation_from_row(HeapTuple row, TupleDesc desc, SiReservation *out);

/* What a reservation holds of a limit, and of a limit its id and quantity; no names. */
extern void si_held_limit_from_row(HeapTuple row, TupleDesc desc, SiHeldLimit *out);
extern void si_limit_from_row(HeapTuple row, TupleDesc desc, SiLimit *out);

extern void si_grant_from_row(HeapTuple row, TupleDesc desc, SiGrantRow *out);

/* What an entry means to the ledger. */
typedef struct SiEntryRow
{
    int64 entry_id;
    pg_uuid_t grant_id;
    int64 used; /* millicore-seconds that it takes from what its grant has left; 0 once it is sealed, the grant counts it then */
} SiEntryRow;

extern void si_entry_from_row(HeapTuple row, TupleDesc desc, SiEntryRow *out);

/* The namespace of a capacity_overrides row and its interval; unbounded ends are DT_NOBEGIN and DT_NOEND. */
extern char *si_override_from_row(HeapTuple row, TupleDesc desc, TimestampTz *from, TimestampTz *until);

/* The row as a JSON object; NULL when it is NULL. */
extern char *si_row_json(HeapTuple row, TupleDesc desc);

/* Its tenant_id; false when there is no such column. */
extern bool si_row_tenant(HeapTuple row, TupleDesc desc, pg_uuid_t *tenant_id);

/* Whose row it is and when it ended; false when the named column is null. */
extern bool si_ending_from_row(HeapTuple row, TupleDesc desc, const char *time_column, pg_uuid_t *tenant_id, TimestampTz *at);

#endif
