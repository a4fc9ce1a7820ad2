/*
 * load.c: accounts of the ledger brought into memory from the tables.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"

#include "flow/load.h"
#include "pg/errors.h"
#include "pg/lock.h"

#define MAX_TRIES 100

uint32
si_account_key(const SiAccount *account)
{
    return hash_bytes(account->tenant_id.data, UUID_LEN);
}

void
si_slots_make(SiSlots *slots, int64 first, int32 n)
{
    slots->first = first;
    slots->n = n;
    slots->cpu = palloc0(n * sizeof(int64));
    slots->mem = palloc0(n * sizeof(int64));
}

void
si_account_try(int *tries)
{
    CHECK_FOR_INTERRUPTS();
    if ((*tries)++ >= MAX_TRIES)
        ereport(ERROR, (errcode(ERRCODE_SI_LEDGER), errmsg("the capacity ledger is full"),
                        errhint("Raise sparkingest.ledger_memory and restart the server.")));
}

void
si_account_bring(const SiAccount *account, int64 first, int32 n, SiReadTables read, const void *what)
{
    uint32 key2 = si_account_key(account);
    int64 from;
    int32 count;

    if (!si_ledger_missing(account, first, n, &from, &count))
        return;
    /* Nobody makes the ledger anew meanwhile. */
    si_lock_transaction_shared(SI_LOCK_LEDGER, 0, 0);
    si_lock_transaction_shared(SI_LOCK_SUPPLY, (uint32) account->pool_id, key2);
    si_lock_transaction(SI_LOCK_LOAD, (uint32) account->pool_id, key2);
    if (si_ledger_missing(account, first, n, &from, &count))
    {
        SiSlots total;
        SiSlots allocated;

        read(what, from, count, &total, &allocated);
        si_ledger_load(account, &total, &allocated);
    }
    si_lock_release(SI_LOCK_LOAD, (uint32) account->pool_id, key2, false);
    si_lock_release(SI_LOCK_SUPPLY, (uint32) account->pool_id, key2, true);
    si_lock_release(SI_LOCK_LEDGER, 0, 0, true);
}
