/*
 * holders.h: who holds capacity in a transaction that has not ended, how much and since when; and who is about to commit.
 * Shared memory: one place per backend, written by it alone, and a counter per tenant (by hash: tenants that meet in one
 * share a limit).
 *
 * Locks: a spinlock per place; counters are atomic.
 */
#ifndef SI_LEDGER_HOLDERS_H
#define SI_LEDGER_HOLDERS_H

#include "datatype/timestamp.h"
#include "utils/snapshot.h"
#include "utils/uuid.h"

typedef struct SiHolder
{
    int pid;
    TimestampTz since; /* first reservation of the transaction */
    int reservations;  /* taken and not rolled back */
    int64 cpu_millicores;
    int64 memory_mib;
    pg_uuid_t tenant_id; /* of the first of them */
} SiHolder;

/* _PG_init. */
extern void si_holders_init(void);

/*
 * Counts a reservation of a tenant; false when it would hold more than `most` millicores in transactions that have not
 * ended (0 = no limit), then nothing is counted. Raises nothing.
 */
extern bool si_holder_add(const pg_uuid_t *tenant_id, int64 cpu_millicores, int64 memory_mib, int64 most, TimestampTz now);

/* The opposite, when it is rolled back or the transaction ends; clear = the transaction is over. */
extern void si_holder_remove(const pg_uuid_t *tenant_id, int64 cpu_millicores, int64 memory_mib);
extern void si_holder_clear(void);

/* From before this transaction commits until the ledger has what it did. */
extern void si_holder_is_ending(bool yes);

/* Whether a transaction that the snapshot sees as ended was ending just now: perhaps the ledger did not have it yet. */
extern bool si_holders_are_ending(Snapshot snapshot);

/* Those of all databases' backends, palloc'd; returns how many. */
extern int si_holders(SiHolder **out);

#endif
