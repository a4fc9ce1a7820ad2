/*
 * announce.c: what is about to be written is in the ledger already.
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/proc.h"

#include "flow/announce.h"

/* An announcement is over with the subtransaction that made it: what was rolled back in between must not be believed. */
static pg_uuid_t expected;
static LocalTransactionId expected_in = InvalidLocalTransactionId;
static SubTransactionId expected_by = InvalidSubTransactionId;

void
si_announce_reservation(const pg_uuid_t *reservation_id)
{
    expected = *reservation_id;
    expected_in = MyProc->lxid;
    expected_by = GetCurrentSubTransactionId();
}

bool
si_is_reservation_announced(const pg_uuid_t *reservation_id)
{
    bool yes = expected_in == MyProc->lxid && expected_by == GetCurrentSubTransactionId() &&
               memcmp(&expected, reservation_id, sizeof(pg_uuid_t)) == 0;

    if (yes)
        expected_in = InvalidLocalTransactionId;
    return yes;
}

static LocalTransactionId sealing_in = InvalidLocalTransactionId;
static SubTransactionId sealing_by = InvalidSubTransactionId;

void
si_announce_sealing(bool on)
{
    sealing_in = on ? MyProc->lxid : InvalidLocalTransactionId;
    sealing_by = GetCurrentSubTransactionId();
}

bool
si_is_sealing_announced(void)
{
    return sealing_in != InvalidLocalTransactionId && sealing_in == MyProc->lxid && sealing_by == GetCurrentSubTransactionId();
}

static pg_uuid_t
uuid_of_entry(int64 entry_id)
{
    pg_uuid_t id = {{0}};

    memcpy(id.data, &entry_id, sizeof(entry_id));
    return id;
}

void
si_announce_entry(int64 entry_id)
{
    pg_uuid_t id = uuid_of_entry(entry_id);

    si_announce_reservation(&id);
}

bool
si_is_entry_announced(int64 entry_id)
{
    pg_uuid_t id = uuid_of_entry(entry_id);

    return si_is_reservation_announced(&id);
}
