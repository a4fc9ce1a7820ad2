/*
 * sql.h: prepared statements of the store. A statement is a static struct, planned once per backend and kept.
 *
 *     static SiStatement find = {"SELECT ... WHERE x OPERATOR(pg_catalog.=) $1", 1, {UUIDOID}};
 *     si_sql_open();                      SPI_connect
 *     si_sql_run(&find, values, NULL);    SPI_processed, SPI_tuptable
 *     si_sql_close();                     SPI_finish: copy results out before
 *
 * search_path is pinned to pg_catalog by the caller (pg/caller.h, pg/transaction.h), so that operators need no schema.
 */
#ifndef SI_STORE_SQL_H
#define SI_STORE_SQL_H

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

#define SI_SQL_MAX_ARGS 40

typedef struct SiStatement
{
    const char *text;
    int nargs;
    Oid types[SI_SQL_MAX_ARGS];
    bool by_index;   /* there is an index for it, which is right also when its table was small as it was planned */
    SPIPlanPtr plan; /* kept for the life of the backend */
} SiStatement;

extern void si_sql_open(void);
extern void si_sql_close(void);

/* Runs with the transaction's snapshot rules; nulls as in SPI (' ' or 'n' per argument), NULL = none. Returns rows processed. */
extern uint64 si_sql_run(SiStatement *statement, Datum *values, const char *nulls);

/*
 * Runs a SELECT with the newest snapshot whatever the isolation level: for reads under a pool's lock, which must see
 * what others committed before they let go of it (C3).
 */
extern uint64 si_sql_run_latest(SiStatement *statement, Datum *values, const char *nulls);

/*
 * While on, si_sql_run_latest reads as if this transaction had not changed anything. Off again at the end of any
 * transaction, and after an error.
 */
extern void si_sql_leave_own_out(bool on);

/* On, and with a registered snapshot instead of the newest one. */
extern void si_sql_leave_own_out_as_of(Snapshot snapshot);

/* Column of a row of SPI_tuptable, counted from 1. The _copy ones are palloc'd in `context`. */
extern Datum si_sql_get(uint64 row, int column, bool *isnull);
extern int64 si_sql_int8(uint64 row, int column);                               /* 0 when null */
extern int32 si_sql_int4(uint64 row, int column);                               /* 0 when null */
extern bool si_sql_bool(uint64 row, int column);                                /* false when null */
extern TimestampTz si_sql_time(uint64 row, int column);                         /* SI_NO_TIME when null */
extern pg_uuid_t si_sql_uuid(uint64 row, int column, bool *isnull);             /* isnull may be NULL */
extern char *si_sql_text_copy(uint64 row, int column, MemoryContext context);   /* NULL when null; any type, by its output function */
extern Jsonb *si_sql_jsonb_copy(uint64 row, int column, MemoryContext context); /* NULL when null */

/* Runs a SELECT of ids, in a session of its own; palloc'd in the caller's context. Returns how many. */
extern int si_sql_ids(SiStatement *statement, Datum *values, pg_uuid_t **out);

/* "No time" in structs of the store: never stored, NULL in tables. */
#define SI_NO_TIME PG_INT64_MAX

/* Runs a SELECT, in a session of its own, whose columns are those of desc, and puts its rows into a result of a function. */
extern void si_sql_return(SiStatement *statement, Datum *values, const char *nulls, Tuplestorestate *result, TupleDesc desc);

/*
 * New uuid, version 7: the time in milliseconds, then random bits. Rows of one time stand together in indexes, and those of one
 * session in the order in which they came.
 */
extern pg_uuid_t si_uuid_new(void);
extern bool si_uuid_equal(const pg_uuid_t *a, const pg_uuid_t *b);
extern char *si_uuid_text(const pg_uuid_t *id); /* palloc'd */

/*
 * Datums for arguments. The _or_null ones set the argument's place in the nulls string: NULL, SI_NO_TIME and negative counts
 * are null.
 */
#define si_text_datum(s) CStringGetTextDatum(s)
extern Datum si_text_or_null(const char *text, char *null);
extern Datum si_time_or_null(TimestampTz at, char *null);
extern Datum si_count_or_null(int64 count, char *null);

/* Arrays of n values, palloc'd; SI_NO_TIME is null. */
extern Datum si_uuids_datum(const pg_uuid_t *ids, int n);
extern Datum si_times_datum(const TimestampTz *times, int n);

#endif
