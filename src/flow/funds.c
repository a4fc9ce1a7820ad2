/*
 * funds.c: vCPU-hours in the ledger.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "common/int.h"
#include "flow/announce.h"
#include "utils/timestamp.h"

#include "flow/funds.h"
#include "flow/load.h"
#include "pg/errors.h"
#include "pg/lock.h"
#include "pg/quantities.h"
#include "store/sql.h"

static SiAccount
account_of(const pg_uuid_t *tenant_id)
{
    return (SiAccount){SI_FUNDS, *tenant_id};
}

static void
read_accounts(const void *what, int64 first, int32 n, SiSlots *granted, SiSlots *used)
{
    si_slots_make(granted, first, n);
    si_slots_make(used, first, n);
    si_sql_leave_own_out(true);
    si_balance_read(what, granted, used);
    si_sql_leave_own_out(false);
}

void
si_funds_from_tables(const pg_uuid_t *tenant_id, int64 first, int32 n, Snapshot as_of, SiSlots *granted, SiSlots *used)
{
    si_slots_make(granted, first, n);
    si_slots_make(used, first, n);
    si_sql_leave_own_out_as_of(as_of);
    si_balance_read(tenant_id, granted, used);
    si_sql_leave_own_out(false);
}

void
si_funds_find(const pg_uuid_t *tenant_id, TimestampTz from, TimestampTz until, SiFunds *out)
{
    out->tenant_id = *tenant_id;
    out->n = si_balance_grants(tenant_id, from, until, &out->grants);
}

/* Never below nothing: more may be held or spent than granted after somebody changed rows. */
static int64
available(const pg_uuid_t *tenant_id, int32 account_no)
{
    SiAccount account = account_of(tenant_id);
    int64 amounts[4];
    SiSlots granted = {account_no, 1, &amounts[0], &amounts[1]};
    SiSlots used = {account_no, 1, &amounts[2], &amounts[3]};
    int tries = 0;

    /* On a standby there is no ledger: the tables are read. */
    if (RecoveryInProgress())
    {
        memset(amounts, 0, sizeof(amounts));
        si_balance_read(tenant_id, &granted, &used);
        return Max(amounts[0] - amounts[2], 0);
    }
    si_ledger_require();
    si_ledger_begin();
    while (!si_ledger_read(&account, &granted, &used))
    {
        si_account_try(&tries);
        si_account_bring(&account, account_no, 1, read_accounts, tenant_id);
    }
    return Max(amounts[0] - amounts[2], 0);
}

/* Whether there was so much. */
static bool
take(const pg_uuid_t *tenant_id, int32 account_no, int64 amount, bool force)
{
    SiClaim claim = {{account_of(tenant_id)}, 1, *tenant_id, amount, 0, true};
    SiLedgerAnswer answer;
    int tries = 0;

    while ((answer = si_ledger_take(&claim, account_no, 1, force)) == SI_LEDGER_MISSING)
    {
        si_account_try(&tries);
        si_account_bring(&claim.accounts[0], account_no, 1, read_accounts, tenant_id);
    }
    return answer == SI_LEDGER_YES;
}

static void
give(const pg_uuid_t *tenant_id, int32 account_no, int64 amount)
{
    SiClaim claim = {{account_of(tenant_id)}, 1, *tenant_id, amount, 0, true};
    int tries = 0;

    while (!si_ledger_give(&claim, account_no, 1))
    {
        si_account_try(&tries);
        si_account_bring(&claim.accounts[0], account_no, 1, read_accounts, tenant_id);
    }
}

static bool
is_valid(const SiFundsGrant *grant, TimestampTz at)
{
    return grant->starts_at <= at && grant->ends_at > at;
}

int64
si_funds_available(const SiFunds *funds, TimestampTz at)
{
    int64 sum = 0;

    for (int i = 0; i < funds->n; i++)
        if (is_valid(&funds->grants[i], at) &&
            pg_add_s64_overflow(sum, available(&funds->tenant_id, funds->grants[i].account_no), &sum))
            return PG_INT64_MAX;
    return sum;
}

static void
enter(const SiDebtor *payer, const SiFundsGrant *grant, const char *entry_type, int64 amount, TimestampTz now)
{
    SiEntry entry = {0, now, *payer, grant->grant_id, entry_type, amount};

    if (amount == 0)
        return;
    entry.entry_id = si_balance_next_id();
    if (si_balance_append(&entry))
        return;
    si_announce_entry(entry.entry_id);
    si_balance_insert(&entry);
}

/* Takes what there is from each, up to the amount; taken[i] of grant i. Returns what is missing. */
static int64
draw(const SiFunds *funds, int64 amount, TimestampTz at, int64 *taken)
{
    for (int i = 0; i < funds->n; i++)
    {
        taken[i] = 0;
        /* Others may have taken it between the look and the hand. */
        while (amount > 0 && is_valid(&funds->grants[i], at) && taken[i] == 0)
        {
            int64 part = Min(available(&funds->tenant_id, funds->grants[i].account_no), amount);

            if (part == 0)
                break;
            if (take(&funds->tenant_id, funds->grants[i].account_no, part, false))
                taken[i] = part;
        }
        amount -= taken[i];
    }
    return amount;
}

/* All of it from the grant that is drawn on first, as it mostly goes. */
static bool
hold_of_first(const SiFunds *funds, const SiDebtor *payer, int64 amount, TimestampTz at, TimestampTz now)
{
    for (int i = 0; i < funds->n; i++)
        if (is_valid(&funds->grants[i], at))
        {
            if (!take(&funds->tenant_id, funds->grants[i].account_no, amount, false))
                return false;
            enter(payer, &funds->grants[i], "hold", amount, now);
            return true;
        }
    return false;
}

int64
si_funds_hold(const SiFunds *funds, const SiDebtor *payer, int64 amount, TimestampTz at, TimestampTz now)
{
    int64 missing;
    int64 *taken;

    si_ledger_require();
    if (hold_of_first(funds, payer, amount, at, now))
        return 0;
    missing = amount - si_funds_available(funds, at);
    if (missing > 0)
        return missing;
    taken = palloc((funds->n + 1) * sizeof(int64));
    missing = draw(funds, amount, at, taken);
    for (int i = 0; i < funds->n; i++)
    {
        if (missing == 0)
            enter(payer, &funds->grants[i], "hold", taken[i], now);
        else if (taken[i] > 0)
            give(&funds->tenant_id, funds->grants[i].account_no, taken[i]);
    }
    return missing;
}

/* One grant's part of a settlement: a charge takes what was held, so that the entries of a grant add up to it. */
static void
settle_grant(const SiDebtor *payer, const SiFundsGrant *grant, int64 more, int64 charge, TimestampTz now)
{
    int64 rest = grant->held + more - charge;

    enter(payer, grant, "hold", more, now);
    enter(payer, grant, "charge", charge, now);
    enter(payer, grant, "release", rest, now);
    if (rest > 0)
        give(&payer->tenant_id, grant->account_no, rest);
}

int64
si_funds_settle(const SiDebtor *payer, int64 actual, TimestampTz now)
{
    SiFundsGrant *held;
    int n = si_balance_held(payer, &held);
    int64 left = actual;
    SiFunds funds = {0};
    int64 *taken;

    if (n == 0 && actual == 0)
        return 0;
    si_ledger_require();
    for (int i = 0; i < n; i++)
        left -= Min(held[i].held, left);
    if (left > 0)
        si_funds_find(&payer->tenant_id, now, now, &funds);
    taken = palloc0((funds.n + 1) * sizeof(int64));
    left = draw(&funds, left, now, taken);
    actual -= left;
    left = actual;
    for (int i = 0; i < n; i++)
    {
        int64 more = 0;
        int64 charge;

        for (int f = 0; f < funds.n; f++)
            if (funds.grants[f].account_no == held[i].account_no)
            {
                more = taken[f];
                taken[f] = 0;
            }
        charge = Min(held[i].held + more, left);
        left -= charge;
        settle_grant(payer, &held[i], more, charge, now);
    }
    for (int f = 0; f < funds.n; f++)
        settle_grant(payer, &funds.grants[f], taken[f], taken[f], now);
    return actual;
}

int64
si_funds_lapse(const pg_uuid_t *grant_id, TimestampTz now)
{
    SiFundsGrant grant = {.grant_id = *grant_id};
    SiDebtor nobody = {{{0}}, NULL, NULL};
    int64 rest;

    if (!si_balance_account(grant_id, &nobody.tenant_id, &grant.account_no))
        return 0;
    do
        rest = available(&nobody.tenant_id, grant.account_no);
    while (rest > 0 && !take(&nobody.tenant_id, grant.account_no, rest, false));
    if (rest == 0)
        return 0;
    enter(&nobody, &grant, "lapse", rest, now);
    /* What was taken covers that less is granted: the row's trigger takes it, and others see neither. */
    give(&nobody.tenant_id, grant.account_no, rest);
    si_balance_lower(grant_id, rest);
    return rest;
}

static void
change_supply(const pg_uuid_t *tenant_id, int32 account_no, int64 granted)
{
    SiAccount account = account_of(tenant_id);
    uint32 key2 = si_account_key(&account);
    int64 none = 0;
    SiSlots change = {account_no, 1, &granted, &none};
    int tries = 0;

    /* Loading waits only while the account is brought into memory and changed there; it stays until we end (C6). */
    si_lock_transaction(SI_LOCK_SUPPLY, (uint32) account.pool_id, key2);
    do
    {
        si_account_try(&tries);
        si_account_bring(&account, account_no, 1, read_accounts, tenant_id);
    } while (!si_ledger_supply(&account, &change, true));
    si_lock_release(SI_LOCK_SUPPLY, (uint32) account.pool_id, key2, false);
}

void
si_funds_book(const pg_uuid_t *tenant_id, int32 account_no, int64 granted, int64 used, bool force)
{
    si_ledger_begin();
    if (granted != 0)
        change_supply(tenant_id, account_no, granted);
    if (used < 0)
        give(tenant_id, account_no, -used);
    else if (used > 0 && !take(tenant_id, account_no, used, force))
        ereport(ERROR, (errcode(ERRCODE_SI_BALANCE),
                        errmsg("an entry holds %s vCPU-hours, which its grant does not have", si_hours_text(used))));
}
