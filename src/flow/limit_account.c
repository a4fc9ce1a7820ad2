/*
 * limit_account.c: named limits in the ledger.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "utils/timestamp.h"

#include "domain/types.h"
#include "flow/limit_account.h"
#include "flow/load.h"
#include "guc.h"
#include "pg/clock.h"
#include "pg/errors.h"
#include "pg/lock.h"
#include "pg/times.h"
#include "store/sql.h"

/* Days gone by in which something may still be held. */
#define PAST_DAYS 3

static SiAccount
account_of(const pg_uuid_t *limit_id)
{
    return (SiAccount){SI_LIMIT, *limit_id};
}

static SiClaim
claim_of(const pg_uuid_t *limit_id, int64 quantity)
{
    return (SiClaim){{account_of(limit_id)}, 1, *limit_id, quantity, 0, true};
}

/* The slots that [from, until) touches. */
static int64
slots_of(TimestampTz from, TimestampTz until, int32 *n)
{
    int64 first = si_slot_floor(from, SI_LIMIT_STEP_USECS);

    *n = (int32) (si_slot_ceil(until, SI_LIMIT_STEP_USECS) - first);
    return first;
}

static void
read_tables(const pg_uuid_t *limit_id, int64 quantity, int64 first, int32 n, SiSlots *total, SiSlots *held)
{
    SiAmount *amounts;
    int count = si_limit_demand(limit_id, si_slot_time(first, SI_LIMIT_STEP_USECS), si_slot_time(first + n, SI_LIMIT_STEP_USECS), &amounts);

    si_slots_make(total, first, n);
    si_slots_make(held, first, n);
    si_slots_fill(total, quantity, 0);
    for (int i = 0; i < count; i++)
        si_slots_add(held, si_slot_floor(amounts[i].from, SI_LIMIT_STEP_USECS), si_slot_ceil(amounts[i].until, SI_LIMIT_STEP_USECS),
                     amounts[i].cpu_millicores, 0);
}

/* What its row says; 0 when there is none. */
static int64
quantity_of(const pg_uuid_t *limit_id)
{
    SiLimit limit;

    return si_limit_load(limit_id, &limit) ? limit.quantity : 0;
}

void
si_limit_from_tables(const pg_uuid_t *limit_id, int64 first, int32 n, Snapshot as_of, SiSlots *total, SiSlots *held)
{
    si_sql_leave_own_out_as_of(as_of);
    read_tables(limit_id, quantity_of(limit_id), first, n, total, held);
    si_sql_leave_own_out(false);
}

/* Whether others know the limit. */
static bool
is_committed(const pg_uuid_t *limit_id)
{
    SiLimit limit;
    bool yes;

    si_sql_leave_own_out(true);
    yes = si_limit_load(limit_id, &limit);
    si_sql_leave_own_out(false);
    return yes;
}

/* What is read into memory. */
typedef struct Reading
{
    const pg_uuid_t *limit_id;
    int64 quantity; /* of a limit that only this transaction knows */
} Reading;

/* As others have committed it; a limit that only this transaction knows is taken as it is. */
static void
read_committed(const void *what, int64 first, int32 n, SiSlots *total, SiSlots *held)
{
    const Reading *reading = what;
    bool committed = is_committed(reading->limit_id);

    si_sql_leave_own_out(true);
    read_tables(reading->limit_id, committed ? quantity_of(reading->limit_id) : reading->quantity, first, n, total, held);
    si_sql_leave_own_out(false);
}

static void
bring_as(const pg_uuid_t *limit_id, int64 quantity, int64 first, int32 n, int *tries)
{
    SiAccount account = account_of(limit_id);
    Reading reading = {limit_id, quantity};

    si_account_try(tries);
    si_account_bring(&account, first, n, read_committed, &reading);
}

static void
bring(const pg_uuid_t *limit_id, int64 first, int32 n, int *tries)
{
    bring_as(limit_id, quantity_of(limit_id), first, n, tries);
}

/* On a standby there is no ledger: the tables are read. */
static int64
find_in_tables(const SiLimitNeed *need, int32 length, int64 earliest, int64 latest)
{
    int32 n = (int32) (latest - earliest + length);
    SiSlots total;
    SiSlots held;

    read_tables(&need->limit_id, quantity_of(&need->limit_id), earliest, n, &total, &held);
    for (int i = 0; i < n; i++)
        total.cpu[i] -= held.cpu[i];
    return si_slots_find(&total, need->quantity, 0, length, earliest, latest);
}

static int64
find(const SiLimitNeed *need, int32 length, int64 earliest, int64 latest)
{
    SiClaim claim = claim_of(&need->limit_id, need->quantity);
    SiLedgerAnswer answer;
    int tries = 0;
    int64 slot;

    if (need->quantity > need->total || latest < earliest)
        return SI_NO_SLOT;
    if (RecoveryInProgress())
        return find_in_tables(need, length, earliest, latest);
    si_ledger_require();
    while ((answer = si_ledger_find(&claim, length, earliest, latest, &slot)) == SI_LEDGER_MISSING)
        bring(&need->limit_id, earliest, (int32) (latest - earliest + length), &tries);
    return answer == SI_LEDGER_YES ? slot : SI_NO_SLOT;
}

bool
si_limit_is_free(const SiLimitNeed *need, TimestampTz from, TimestampTz until)
{
    int32 n;
    int64 first = slots_of(from, until, &n);

    return find(need, n, first, first) != SI_NO_SLOT;
}

TimestampTz
si_limit_next(const SiLimitNeed *need, TimestampTz from, TimestampTz latest, int64 duration_usecs)
{
    int32 least = (int32) si_slot_ceil(duration_usecs, SI_LIMIT_STEP_USECS);
    int64 slot = find(need, least, si_slot_floor(from, SI_LIMIT_STEP_USECS) + 1, si_slot_floor(latest, SI_LIMIT_STEP_USECS));

    return slot == SI_NO_SLOT ? SI_NO_TIME : si_slot_time(slot, SI_LIMIT_STEP_USECS);
}

bool
si_limit_take(const pg_uuid_t *limit_id, int64 quantity, TimestampTz from, TimestampTz until, bool force)
{
    SiClaim claim = claim_of(limit_id, quantity);
    SiLedgerAnswer answer;
    int tries = 0;
    int32 n;
    int64 first = slots_of(from, until, &n);

    while ((answer = si_ledger_take(&claim, first, n, force)) == SI_LEDGER_MISSING)
        bring(limit_id, first, n, &tries);
    return answer == SI_LEDGER_YES;
}

void
si_limit_give(const pg_uuid_t *limit_id, int64 quantity, TimestampTz from, TimestampTz until)
{
    SiClaim claim = claim_of(limit_id, quantity);
    int tries = 0;
    int32 n;
    int64 first = slots_of(from, until, &n);

    while (!si_ledger_give(&claim, first, n))
        bring(limit_id, first, n, &tries);
}

void
si_limit_occupancy(const pg_uuid_t *limit_id, TimestampTz from, TimestampTz until, SiSlots *total, SiSlots *held)
{
    SiAccount account = account_of(limit_id);
    int tries = 0;
    int32 n;
    int64 first = slots_of(from, until, &n);

    if (RecoveryInProgress())
    {
        read_tables(limit_id, quantity_of(limit_id), first, n, total, held);
        return;
    }
    si_ledger_require();
    si_slots_make(total, first, n);
    si_slots_make(held, first, n);
    while (!si_ledger_read(&account, total, held))
        bring(limit_id, first, n, &tries);
}

char *
si_limit_shortage(const SiLimitNeed *need, TimestampTz from, TimestampTz until, TimestampTz horizon)
{
    TimestampTz next = SI_NO_TIME;
    int64 least = PG_INT64_MAX;
    char *when;
    SiSlots total;
    SiSlots held;

    if (need->total < 0)
        return psprintf("limit \"%s\" does not exist", need->limit_name);
    if (need->quantity > need->total)
        return psprintf("limit \"%s\": " INT64_FORMAT " needed, " INT64_FORMAT " in total", need->limit_name, need->quantity, need->total);
    si_limit_occupancy(&need->limit_id, from, until, &total, &held);
    for (int i = 0; i < total.n; i++)
        least = Min(least, Max(total.cpu[i] - held.cpu[i], 0));
    next = si_limit_next(need, from, horizon, until - from);
    when = si_time_json(next);
    return psprintf("limit \"%s\": " INT64_FORMAT " needed, " INT64_FORMAT " free %s%.*s", need->limit_name, need->quantity, least,
                    when ? "until " : "as far as can be planned", when ? (int) strlen(when) - 2 : 0, when ? when + 1 : "");
}

static bool
is_of(const SiChunkName *chunk, const SiAccount *account)
{
    return chunk->account.pool_id == account->pool_id && si_uuid_equal(&chunk->account.tenant_id, &account->tenant_id);
}

static bool
is_in_memory(const SiAccount *account)
{
    SiChunkName *chunks;
    int n = si_ledger_chunks(&chunks);

    for (int i = 0; i < n; i++)
        if (is_of(&chunks[i], account))
            return true;
    return false;
}

/* What is outside of the slots leaves memory. */
static void
forget_others(const SiAccount *account, const SiSlots *slots)
{
    SiChunkName *chunks;
    int n = si_ledger_chunks(&chunks);

    for (int i = 0; i < n; i++)
        if (is_of(&chunks[i], account) && (chunks[i].first < slots->first || chunks[i].first >= slots->first + slots->n))
            (void) si_ledger_evict(account, chunks[i].first);
}

/* Widened to the chunks that it touches. */
static void
whole_chunks(SiSlots *slots)
{
    int64 first = si_slot_floor(slots->first, SI_CHUNK_SLOTS) * SI_CHUNK_SLOTS;
    int64 end = si_slot_ceil(slots->first + slots->n, SI_CHUNK_SLOTS) * SI_CHUNK_SLOTS;

    slots->first = first;
    slots->n = (int32) (end - first);
}

void
si_limit_book_supply(const pg_uuid_t *limit_id, int64 before, int64 after)
{
    SiAccount account = account_of(limit_id);
    uint32 key2 = si_account_key(&account);
    TimestampTz now = si_now();
    SiSlots change;
    int tries = 0;

    si_ledger_begin();
    /* A limit that only this transaction knows is read as it is by then. */
    if (!is_committed(limit_id) && !is_in_memory(&account))
        return;
    /* All days that anybody may ask for; those that begin within the horizon may be as long as it. */
    change.first = slots_of(now - PAST_DAYS * USECS_PER_DAY, now + (2 * si_guc_horizon_days + 1) * USECS_PER_DAY, &change.n);
    whole_chunks(&change);
    change.cpu = palloc(sizeof(int64) * change.n);
    change.mem = palloc(sizeof(int64) * change.n);
    si_slots_fill(&change, after - before, 0);
    /* As an override of a namespace (book.c): changes of one limit take turns, and loading does not wait for our end (C6). */
    si_lock_to_end(SI_LOCK_CHANGE, (uint32) account.pool_id, key2, false);
    si_lock_transaction(SI_LOCK_SUPPLY, (uint32) account.pool_id, key2);
    do
        bring_as(limit_id, before, change.first, change.n, &tries);
    while (!si_ledger_supply(&account, &change, true));
    forget_others(&account, &change);
    si_lock_release(SI_LOCK_SUPPLY, (uint32) account.pool_id, key2, false);
    pfree(change.cpu);
    pfree(change.mem);
}
