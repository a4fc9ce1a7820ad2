/*
 * book.c: changes of tables carried into the ledger.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "domain/types.h"
#include "flow/availability.h"
#include "flow/book.h"
#include "flow/funds.h"
#include "flow/limit_account.h"
#include "flow/load.h"
#include "pg/clock.h"
#include "pg/errors.h"
#include "pg/lock.h"
#include "store/sql.h"

/* Reservations begin within the horizon and are at most as long: further away than this there is nothing in memory. */
#define SPAN_DAYS 802

/* Days gone by leave memory after this time. */
#define PAST_DAYS 2

/*
 * The slots of an interval; false when there are none. Demand begins in the slot that it touches first, supply
 * in the next; both end rounded up (C2). All of them count, whatever
 * the time: what is told of a change must be what was told of the change that it undoes, perhaps days ago. Only what goes on
 * for years is cut, where nothing is in memory.
 */
static bool
slots_of(const SiNamespace *namespace, TimestampTz from, TimestampTz until, bool up, int64 *first, int32 *n)
{
    TimestampTz now = si_now();
    int64 step = namespace->step_usecs;
    int64 begin = up ? si_slot_ceil(from, step) : si_slot_floor(from, step);
    int64 end = si_slot_ceil(until, step);

    if (end - begin > SPAN_DAYS * USECS_PER_DAY / step)
    {
        begin = Max(begin, si_slot_floor(now - SPAN_DAYS * USECS_PER_DAY, step));
        end = Min(end, si_slot_ceil(now + SPAN_DAYS * USECS_PER_DAY, step));
    }
    *first = begin;
    *n = (int32) Max(end - begin, 0);
    return *n > 0;
}

static void
load_namespace(const char *name, SiNamespace *out)
{
    if (!si_namespace_load(name, out))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("namespace \"%s\" does not exist", name)));
}

static void
book(const SiReservation *r, bool give, bool force)
{
    SiNamespace namespace;
    SiClaim claim;
    int64 first;
    int32 n;

    if (r == NULL || !r->active)
        return;
    si_ledger_begin();
    load_namespace(r->namespace_name, &namespace);
    if (!slots_of(&namespace, r->starts_at, r->ends_at, false, &first, &n))
        return;
    if (!si_claim_of(r, &namespace, &claim))
    {
        /* Replicated before its pool, or a wrong row that somebody corrects: what it counts in is read anew. */
        if (force || give)
        {
            si_ledger_seize(SI_OUTDATED_DEMAND);
            return;
        }
        ereport(ERROR, (errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
                        errmsg("pool %d is not the one of namespace \"%s\" for tenant \"%s\"", r->pool_id, r->namespace_name,
                               si_uuid_text(&r->tenant_id))));
    }
    if (give)
        si_claim_give(&namespace, &claim, first, n);
    else if (!si_claim_take(&namespace, &claim, first, n, force))
        ereport(ERROR, (errcode(ERRCODE_SI_CAPACITY),
                        errmsg("reservation \"%s\" does not fit into namespace \"%s\"", si_uuid_text(&r->reservation_id),
                               r->namespace_name),
                        errhint("Applications reserve by sparkingest.reserve().")));
}

static bool
same_booking(const SiReservation *a, const SiReservation *b)
{
    return a && b && a->active == b->active && a->borrowed == b->borrowed && a->pool_id == b->pool_id &&
           strcmp(a->namespace_name, b->namespace_name) == 0 &&
           si_uuid_equal(&a->tenant_id, &b->tenant_id) && a->cpu_millicores == b->cpu_millicores &&
           a->memory_mib == b->memory_mib && a->starts_at == b->starts_at && a->ends_at == b->ends_at && a->limited == b->limited;
}

/* What a reservation holds of limits goes and moves with it; of a deleted one the foreign key deletes it. */
static void
limits_follow(const SiReservation *before, const SiReservation *after)
{
    if (!after->active || !after->limited)
        si_reservation_limits_delete(&before->reservation_id);
    else if (after->starts_at != before->starts_at || after->ends_at != before->ends_at)
        si_reservation_limits_move(&before->reservation_id, NULL, after->starts_at, after->ends_at);
}

void
si_book_reservation(const SiReservation *before, const SiReservation *after, bool force)
{
    if (same_booking(before, after))
        return;
    book(before, true, force);
    book(after, false, force);
    /* What comes from another server brings its own rows of limits. */
    if (before && after && before->limited && !force)
        limits_follow(before, after);
}

void
si_book_held_limit(const SiHeldLimit *before, const SiHeldLimit *after, bool force)
{
    si_ledger_begin();
    if (before)
        si_limit_give(&before->limit_id, before->quantity, before->starts_at, before->ends_at);
    if (after && !si_limit_take(&after->limit_id, after->quantity, after->starts_at, after->ends_at, force))
        ereport(ERROR, (errcode(ERRCODE_SI_CAPACITY),
                        errmsg("reservation \"%s\" does not fit into limit \"%s\"", si_uuid_text(&after->reservation_id),
                               si_uuid_text(&after->limit_id)),
                        errhint("Jobs state what they need of limits by options.limits.")));
}

void
si_book_limit(const SiLimit *before, const SiLimit *after, bool follow)
{
    if (follow && before == NULL)
    {
        /* What is held of it may have come before it. */
        si_ledger_begin();
        si_ledger_seize(SI_OUTDATED_SUPPLY);
        return;
    }
    if (before && after && si_uuid_equal(&before->limit_id, &after->limit_id))
    {
        if (after->quantity != before->quantity)
            si_limit_book_supply(&after->limit_id, before->quantity, after->quantity);
        return;
    }
    if (after)
        si_limit_book_supply(&after->limit_id, 0, after->quantity);
    if (before)
        si_limit_book_supply(&before->limit_id, before->quantity, 0);
}

/* Changes what an account has by so much in all of the slots. */
static void
book_supply(const SiAccount *account, int64 first, int32 n, int64 cpu_millicores, int64 memory_mib)
{
    SiSlots change;

    /* Until we end, nobody brings what we change into memory. */
    si_lock_to_end(SI_LOCK_SUPPLY, (uint32) account->pool_id, si_account_key(account), false);
    si_slots_make(&change, first, n);
    si_slots_fill(&change, cpu_millicores, memory_mib);
    (void) si_ledger_supply(account, &change, false);
    pfree(change.cpu);
    pfree(change.mem);
}

static void
book_units(const SiGrantRow *grant, int sign, bool follow)
{
    SiNamespace namespace;
    SiAccount account = {0};
    int64 first;
    int32 n;

    si_ledger_begin();
    load_namespace(grant->namespace_name, &namespace);
    if (!slots_of(&namespace, grant->starts_at, grant->ends_at, true, &first, &n))
        return;
    account.pool_id = follow ? si_pool_find(grant->namespace_name, &grant->tenant_id)
                             : si_pool_get(grant->namespace_name, &grant->tenant_id);
    if (account.pool_id == 0)
    {
        /* Replicated before its pool, which comes with the number that it has there: one made here would be in its way. */
        si_ledger_seize(SI_OUTDATED_SUPPLY);
        return;
    }
    book_supply(&account, first, n, sign * grant->cpu_millicores, sign * grant->memory_mib);
    if (grant->lending_limit == 0)
        return;
    account.tenant_id = grant->tenant_id;
    book_supply(&account, first, n, sign * grant->lending_limit * SI_UNIT_CPU_MILLICORES,
                sign * grant->lending_limit * SI_UNIT_MEMORY_MIB);
}

static void
book_grant(const SiGrantRow *grant, int sign, bool follow)
{
    if (grant == NULL)
        return;
    if (grant->has_account)
        si_funds_book(&grant->tenant_id, grant->account_no, sign * grant->granted, sign * grant->used, true);
    else
        book_units(grant, sign, follow);
}

void
si_book_grant(const SiGrantRow *before, const SiGrantRow *after, bool follow)
{
    if (before && after && si_uuid_equal(&before->tenant_id, &after->tenant_id) && before->has_account == after->has_account &&
        before->account_no == after->account_no && before->granted == after->granted && before->used == after->used &&
        strcmp(before->namespace_name, after->namespace_name) == 0 && before->starts_at == after->starts_at &&
        before->ends_at == after->ends_at && before->cpu_millicores == after->cpu_millicores &&
        before->memory_mib == after->memory_mib && before->lending_limit == after->lending_limit)
        return;
    if (before && after && before->has_account && after->has_account && before->account_no == after->account_no &&
        si_uuid_equal(&before->tenant_id, &after->tenant_id))
    {
        si_funds_book(&after->tenant_id, after->account_no, after->granted - before->granted, after->used - before->used, true);
        return;
    }
    if (after && after->has_account && follow)
    {
        /* Its entries may have come before it. */
        si_ledger_begin();
        si_ledger_seize(SI_OUTDATED_SUPPLY);
        return;
    }
    /* In this order less is missing meanwhile only as far as there is less in the end. */
    book_grant(after, 1, follow);
    book_grant(before, -1, follow);
}

static void
book_entry(const SiEntryRow *entry, int sign, bool force)
{
    pg_uuid_t tenant_id;
    int32 account_no;

    if (entry == NULL || entry->used == 0)
        return;
    if (si_balance_account(&entry->grant_id, &tenant_id, &account_no))
        si_funds_book(&tenant_id, account_no, 0, sign * entry->used, force);
    else
        si_ledger_seize(SI_OUTDATED_DEMAND); /* replicated before its grant, or of none */
}

void
si_book_entry(const SiEntryRow *before, const SiEntryRow *after, bool force)
{
    if (before && after && si_uuid_equal(&before->grant_id, &after->grant_id) && before->used == after->used)
        return;
    book_entry(before, -1, true);
    book_entry(after, 1, force);
}

void
si_book_override(const char *namespace_name, TimestampTz from, TimestampTz until)
{
    SiPoolRef pool = {{{0}}, NULL};
    SiSlots now_total;
    SiSlots allocated;
    SiSlots total;
    SiClaim claim;
    int64 first;
    uint32 key2;
    int tries = 0;
    int32 n;

    si_ledger_begin();
    load_namespace(namespace_name, &pool.namespace);
    if (!slots_of(&pool.namespace, from, until, false, &first, &n))
        return;
    si_claim_make(&pool.namespace, NULL, 0, 0, &claim);
    key2 = si_account_key(&claim.accounts[0]);
    /*
     * Changes of one pool take turns: each is counted against what the one before left. Loading waits only while the interval
     * is brought into memory and changed there: it stays there until we end, and other days do not concern us (C6).
     */
    si_lock_to_end(SI_LOCK_CHANGE, (uint32) claim.accounts[0].pool_id, key2, false);
    si_lock_transaction(SI_LOCK_SUPPLY, (uint32) claim.accounts[0].pool_id, key2);
    do
    {
        si_account_try(&tries);
        /* Where memory is short, a part of the interval may have left it again. */
        si_occupancy(&pool, first, n, &now_total, &allocated);
        si_physical_total(&pool.namespace, first, n, &total);
        for (int i = 0; i < n; i++)
        {
            total.cpu[i] -= now_total.cpu[i];
            total.mem[i] -= now_total.mem[i];
        }
    } while (!si_ledger_supply(&claim.accounts[0], &total, true));
    si_lock_release(SI_LOCK_SUPPLY, (uint32) claim.accounts[0].pool_id, key2, false);
}

/* Whether a chunk is of days gone by, or belongs to nobody. */
static bool
is_over(const SiChunkName *chunk, TimestampTz now)
{
    SiNamespace namespace;
    SiLimit limit;
    SiPool pool;

    if (chunk->account.pool_id == SI_FUNDS)
        return false;
    if (chunk->account.pool_id == SI_LIMIT)
        return !si_limit_load(&chunk->account.tenant_id, &limit) ||
               si_slot_time(chunk->first + SI_CHUNK_SLOTS, SI_LIMIT_STEP_USECS) < now - PAST_DAYS * USECS_PER_DAY;
    if (!si_pool_load(chunk->account.pool_id, &pool) || !si_namespace_load(pool.namespace_name, &namespace))
        return true; /* of a transaction that was rolled back */
    return si_slot_time(chunk->first + SI_CHUNK_SLOTS, namespace.step_usecs) < now - PAST_DAYS * USECS_PER_DAY;
}

void
si_book_forget_past(TimestampTz now)
{
    SiChunkName *chunks;
    int n = si_ledger_chunks(&chunks);

    for (int i = 0; i < n; i++)
    {
        CHECK_FOR_INTERRUPTS();
        if (is_over(&chunks[i], now))
            (void) si_ledger_evict(&chunks[i].account, chunks[i].first);
    }
}
