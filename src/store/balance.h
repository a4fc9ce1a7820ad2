/*
 * balance.h: rows of balance_entries, and grants of vCPU-hours, in millicore-seconds (1 vCPU-hour = 3,600,000). What a grant
 * has left is in the ledger (flow/funds.h); these rows are what it is made from.
 */
#ifndef SI_STORE_BALANCE_H
#define SI_STORE_BALANCE_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

#include "domain/slots.h"

typedef struct SiFundsGrant
{
    pg_uuid_t grant_id;
    int32 account_no;
    TimestampTz starts_at;
    TimestampTz ends_at;
    int32 priority;
    int64 held; /* of one payer: si_balance_held only */
} SiFundsGrant;

/*
 * The tenant's grants that are valid at some instant of [from, until], palloc'd, in the order of drawing down: priority,
 * earliest expiry, oldest (M5). Returns how many.
 */
extern int si_balance_grants(const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until, SiFundsGrant **out);

/* Who pays, or is held for: an execution, or an application's reservation; the other one is NULL. */
typedef struct SiDebtor
{
    pg_uuid_t tenant_id;
    const pg_uuid_t *execution_id;
    const pg_uuid_t *reservation_id;
} SiDebtor;

/* The grants of which something is held for a payer, and how much, palloc'd, in the order of drawing down. Newest state. */
extern int si_balance_held(const SiDebtor *payer, SiFundsGrant **out);

/* Granted, and held or spent, of the tenant's accounts [first, first + n); accounts that are none have 0. Newest state. */
extern void si_balance_read(const pg_uuid_t *tenant_id, SiSlots *granted, SiSlots *used);

typedef struct SiEntry
{
    int64 entry_id;
    TimestampTz at;
    SiDebtor payer;
    pg_uuid_t grant_id;
    const char *entry_type; /* see the table */
    int64 amount;
} SiEntry;

/* The id of an entry to come. */
extern int64 si_balance_next_id(void);

/* Adds an entry without a statement, so that the table's triggers do not hear of it; false = it takes one (append.h). */
extern bool si_balance_append(const SiEntry *entry);
extern void si_balance_insert(const SiEntry *entry);

/* Notes on an execution what is held for it; `charged` at its end, else -1. */
extern void si_balance_note(const pg_uuid_t *execution_id, int64 held, int64 charged);

/* Less is granted of a grant. */
extern void si_balance_lower(const pg_uuid_t *grant_id, int64 by);

/* A grant's account; false when there is no such grant of vCPU-hours. Newest state. */
extern bool si_balance_account(const pg_uuid_t *grant_id, pg_uuid_t *tenant_id, int32 *account_no);

/* The grant of an account; false when there is none. */
extern bool si_balance_grant_of(const pg_uuid_t *tenant_id, int32 account_no, pg_uuid_t *grant_id);

#endif
