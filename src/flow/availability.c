/*
 * availability.c: what is free in a pool, slot by slot.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "utils/timestamp.h"

#include "domain/types.h"
#include "flow/availability.h"
#include "flow/load.h"
#include "guc.h"
#include "pg/errors.h"
#include "store/reservations.h"
#include "store/sql.h"

/* Demand holds every slot that it touches (C1). */
static void
add_demand(SiSlots *slots, const SiAmount *amounts, int n, int64 step, bool own, bool others)
{
    for (int i = 0; i < n; i++)
        if (amounts[i].own ? own : others)
            si_slots_add(slots, si_slot_floor(amounts[i].from, step), si_slot_ceil(amounts[i].until, step),
                         amounts[i].cpu_millicores, amounts[i].memory_mib);
}

/*
 * Both ends of supply round up (C2), so that one grant goes on where the one before it ends, also off the grid.
 */
static void
add_supply(SiSlots *slots, const SiAmount *amounts, int n, int64 step)
{
    for (int i = 0; i < n; i++)
    {
        int64 from = si_slot_ceil(amounts[i].from, step);
        int64 until = si_slot_ceil(amounts[i].until, step);

        if (from < until)
            si_slots_add(slots, from, until, amounts[i].cpu_millicores, amounts[i].memory_mib);
    }
}

/* What the namespace has at an instant: the newest override that covers it, else its base. Lowers *cpu and *mem to it. */
static void
lower_to_total_at(TimestampTz at, const SiNamespace *namespace, const SiAmount *amounts, int n, int64 *cpu, int64 *mem)
{
    int newest = n - 1;

    while (newest >= 0 && !(amounts[newest].from <= at && at < amounts[newest].until))
        newest--;
    *cpu = Min(*cpu, newest < 0 ? namespace->cpu_millicores : amounts[newest].cpu_millicores);
    *mem = Min(*mem, newest < 0 ? namespace->memory_mib : amounts[newest].memory_mib);
}

/* A slot in which an override begins or ends has what it has at its poorest instant. */
static void
set_poorest(SiSlots *slots, int64 slot, const SiNamespace *namespace, const SiAmount *amounts, int n)
{
    TimestampTz begin = si_slot_time(slot, namespace->step_usecs);
    TimestampTz end = si_slot_time(slot + 1, namespace->step_usecs);
    int64 cpu = PG_INT64_MAX;
    int64 mem = PG_INT64_MAX;

    lower_to_total_at(begin, namespace, amounts, n, &cpu, &mem);
    for (int i = 0; i < n; i++)
    {
        if (amounts[i].from > begin && amounts[i].from < end)
            lower_to_total_at(amounts[i].from, namespace, amounts, n, &cpu, &mem);
        if (amounts[i].until > begin && amounts[i].until < end)
            lower_to_total_at(amounts[i].until, namespace, amounts, n, &cpu, &mem);
    }
    si_slots_set(slots, slot, slot + 1, cpu, mem);
}

/* An override replaces the total of the slots that it covers; the newest is set last and wins (C9). */
static void
set_overrides(SiSlots *slots, const SiNamespace *namespace, const SiAmount *amounts, int n)
{
    int64 step = namespace->step_usecs;

    for (int i = 0; i < n; i++)
        si_slots_set(slots, si_slot_floor(amounts[i].from, step), si_slot_ceil(amounts[i].until, step),
                     amounts[i].cpu_millicores, amounts[i].memory_mib);
    for (int i = 0; i < n; i++)
    {
        if (amounts[i].from % step != 0)
            set_poorest(slots, si_slot_floor(amounts[i].from, step), namespace, amounts, n);
        if (amounts[i].until % step != 0)
            set_poorest(slots, si_slot_floor(amounts[i].until, step), namespace, amounts, n);
    }
}

/* Physical total of a namespace: its base with overrides (C9). */
static void
physical_total(const SiNamespace *namespace, SiSlots *total)
{
    TimestampTz from = si_slot_time(total->first, namespace->step_usecs);
    TimestampTz until = si_slot_time(total->first + total->n, namespace->step_usecs);
    SiAmount *overrides;
    int n = si_overrides(namespace->name, from, until, &overrides);

    si_slots_fill(total, namespace->cpu_millicores, namespace->memory_mib);
    set_overrides(total, namespace, overrides, n);
}

/* What a reservation is measured against. Every one counts in one to three of these at a time. */
typedef enum Measure
{
    OWN_UNITS, /* dedicated: the units of the pool's owner */
    NAMESPACE, /* the namespace as a whole */
    SHARE,     /* common: the tenant's cap (S2) */
    LENT       /* dedicated: what of the units others may borrow (C10) */
} Measure;

static int
measures_of(const SiNamespace *namespace, bool has_tenant, Measure out[SI_MAX_ACCOUNTS])
{
    int n = 0;

    if (namespace->purpose == SI_NS_DEDICATED && has_tenant)
        out[n++] = OWN_UNITS;
    out[n++] = NAMESPACE;
    if (namespace->purpose == SI_NS_DRAFT && has_tenant)
        out[n++] = SHARE;
    return n;
}

/* What an account of a pool measures; and whose it is, NULL = nobody's. */
static Measure
measure_of(const SiAccount *account, const SiPool *pool, const pg_uuid_t **tenant_id)
{
    bool in_pool = !si_uuid_equal(&account->tenant_id, &(pg_uuid_t){{0}});

    *tenant_id = in_pool ? &account->tenant_id : pool->has_tenant ? &pool->tenant_id
                                                                  : NULL;
    if (pool->has_tenant)
        return in_pool ? LENT : OWN_UNITS;
    return in_pool ? SHARE : NAMESPACE;
}

/* What the tables say of a measure of a pool. A dedicated namespace as a whole is all of its pools. */
static void
read_tables(const SiNamespace *namespace, Measure measure, int32 pool_id, const pg_uuid_t *tenant_id, int64 first, int32 n,
            SiSlots *total, SiSlots *allocated)
{
    int64 step = namespace->step_usecs;
    TimestampTz from = si_slot_time(first, step);
    TimestampTz until = si_slot_time(first + n, step);
    bool all_pools = measure == NAMESPACE && namespace->purpose == SI_NS_DEDICATED;
    SiAmount *amounts;
    int count;

    si_slots_make(total, first, n);
    si_slots_make(allocated, first, n);
    switch (measure)
    {
        case OWN_UNITS:
            count = si_dedicated_supply(namespace->name, tenant_id, from, until, &amounts);
            add_supply(total, amounts, count, step);
            break;
        case NAMESPACE:
            physical_total(namespace, total);
            break;
        case SHARE:
            si_slots_fill(total, namespace->tenant_cpu_millicores >= 0 ? namespace->tenant_cpu_millicores : PG_INT64_MAX / 2,
                          namespace->tenant_memory_mib >= 0 ? namespace->tenant_memory_mib : PG_INT64_MAX / 2);
            break;
        case LENT:
            count = si_lent_supply(namespace->name, tenant_id, from, until, &amounts);
            add_supply(total, amounts, count, step);
            break;
    }
    /* Who is in a pool and does not own it has borrowed. */
    count = si_demand(all_pools ? 0 : pool_id, namespace->name, tenant_id, NULL, from, until, &amounts);
    add_demand(allocated, amounts, count, step, measure != LENT, measure != SHARE);
}

void
si_physical_total(const SiNamespace *namespace, int64 first, int32 n, SiSlots *total)
{
    si_slots_make(total, first, n);
    physical_total(namespace, total);
}

/*
 * The same as others have committed it, by a snapshot or by now, this transaction's own changes left out; also of the namespace, as its row is now:
 * `namespace` was read before the locks. A namespace that only this transaction knows is taken as it is.
 */
static void
read_committed(const SiNamespace *namespace, Measure measure, int32 pool_id, const pg_uuid_t *tenant_id, int64 first, int32 n,
               Snapshot as_of, SiSlots *total, SiSlots *allocated)
{
    SiNamespace committed;

    if (as_of)
        si_sql_leave_own_out_as_of(as_of);
    else
        si_sql_leave_own_out(true);
    if (!si_namespace_read(namespace->name, &committed))
        committed = *namespace;
    if (committed.step_usecs != namespace->step_usecs)
        ereport(ERROR, (errcode(ERRCODE_SI_LEDGER), errmsg("the grid of namespace \"%s\" was changed meanwhile", namespace->name),
                        errhint("Try again.")));
    read_tables(&committed, measure, pool_id, tenant_id, first, n, total, allocated);
    si_sql_leave_own_out(false);
}

void
si_account_from_tables(const SiAccount *account, const SiPool *pool, const SiNamespace *namespace, int64 first, int32 n,
                       Snapshot as_of, SiSlots *total, SiSlots *allocated)
{
    const pg_uuid_t *tenant_id;
    Measure measure = measure_of(account, pool, &tenant_id);

    read_committed(namespace, measure, account->pool_id, tenant_id, first, n, as_of, total, allocated);
}

void
si_claim_make(const SiNamespace *namespace, const pg_uuid_t *tenant_id, int64 cpu_millicores, int64 memory_mib, SiClaim *out)
{
    Measure measures[SI_MAX_ACCOUNTS];

    memset(out, 0, sizeof(*out));
    out->n_accounts = measures_of(namespace, tenant_id != NULL, measures);
    for (int i = 0; i < out->n_accounts; i++)
    {
        out->accounts[i].pool_id = si_pool_find(namespace->name, measures[i] == OWN_UNITS ? tenant_id : NULL);
        if (measures[i] == SHARE)
            out->accounts[i].tenant_id = *tenant_id;
        if (out->accounts[i].pool_id == 0)
            out->n_accounts = 0; /* who never bought units has no pool */
    }
    if (tenant_id)
        out->tenant_id = *tenant_id;
    out->cpu_millicores = cpu_millicores;
    out->memory_mib = memory_mib;
}

void
si_claim_for(const SiPoolRef *pool, int64 cpu_millicores, int64 memory_mib, SiClaim *out)
{
    si_claim_make(&pool->namespace, pool->tenant_id, cpu_millicores, memory_mib, out);
    if (pool->borrower == NULL || out->n_accounts == 0)
        return;
    out->accounts[out->n_accounts++] = (SiAccount){out->accounts[0].pool_id, *pool->tenant_id};
    out->tenant_id = *pool->borrower;
}

bool
si_claim_of(const SiReservation *reservation, const SiNamespace *namespace, SiClaim *out)
{
    SiPoolRef ref = {*namespace, &reservation->tenant_id};
    SiPool pool = {{0}};

    if (reservation->borrowed)
    {
        if (!si_pool_load(reservation->pool_id, &pool) || !pool.has_tenant ||
            si_uuid_equal(&pool.tenant_id, &reservation->tenant_id))
            return false;
        ref.tenant_id = &pool.tenant_id;
        ref.borrower = &reservation->tenant_id;
    }
    si_claim_for(&ref, reservation->cpu_millicores, reservation->memory_mib, out);
    return out->n_accounts > 0 && out->accounts[0].pool_id == reservation->pool_id;
}

/* What is read of an account. */
typedef struct Reading
{
    const SiNamespace *namespace;
    const SiAccount *account;
    SiPool pool;
} Reading;

static void
load_pool(const SiAccount *account, SiPool *out)
{
    if (!si_pool_load(account->pool_id, out))
        elog(ERROR, "pool %d is missing", account->pool_id);
}

static void
read_account(const void *what, int64 first, int32 n, SiSlots *total, SiSlots *allocated)
{
    const Reading *r = what;

    si_account_from_tables(r->account, &r->pool, r->namespace, first, n, NULL, total, allocated);
}

/* Brings what is missing of the accounts into the ledger. */
static void
load_claim(const SiNamespace *namespace, const SiClaim *claim, int64 first, int32 n, int *tries)
{
    Assert(!RecoveryInProgress());
    si_account_try(tries);
    for (int i = 0; i < claim->n_accounts; i++)
    {
        Reading reading = {namespace, &claim->accounts[i]};

        load_pool(reading.account, &reading.pool);
        si_account_bring(reading.account, first, n, read_account, &reading);
    }
}

bool
si_claim_take(const SiNamespace *namespace, const SiClaim *claim, int64 first, int32 n, bool force)
{
    SiLedgerAnswer answer;
    int tries = 0;

    while ((answer = si_ledger_take(claim, first, n, force)) == SI_LEDGER_MISSING)
        load_claim(namespace, claim, first, n, &tries);
    return answer == SI_LEDGER_YES;
}

void
si_claim_give(const SiNamespace *namespace, const SiClaim *claim, int64 first, int32 n)
{
    int tries = 0;

    while (!si_ledger_give(claim, first, n))
        load_claim(namespace, claim, first, n, &tries);
}

void
si_claim_free(const SiNamespace *namespace, const SiClaim *claim, int account, int64 first, int32 n, SiSlots *out)
{
    SiSlots allocated;
    int tries = 0;

    si_slots_make(out, first, n);
    si_slots_make(&allocated, first, n);
    while (!si_ledger_read(&claim->accounts[account], out, &allocated))
        load_claim(namespace, claim, first, n, &tries);
    for (int32 i = 0; i < n; i++)
    {
        out->cpu[i] -= allocated.cpu[i];
        out->mem[i] -= allocated.mem[i];
    }
    pfree(allocated.cpu);
    pfree(allocated.mem);
}

/* On a standby there is no ledger: the tables are read. */
static int64
find_in_tables(const SiPoolRef *pool, const SiClaim *claim, int32 length, int64 earliest, int64 latest)
{
    int32 n = (int32) (latest - earliest + length);
    SiSlots least;

    si_slots_make(&least, earliest, n);
    si_slots_fill(&least, PG_INT64_MAX, PG_INT64_MAX);
    for (int a = 0; a < claim->n_accounts; a++)
    {
        const pg_uuid_t *tenant_id;
        Measure measure;
        SiPool owner;
        SiSlots total;
        SiSlots allocated;

        load_pool(&claim->accounts[a], &owner);
        measure = measure_of(&claim->accounts[a], &owner, &tenant_id);
        read_tables(&pool->namespace, measure, claim->accounts[a].pool_id, tenant_id, earliest, n, &total, &allocated);
        for (int i = 0; i < n; i++)
        {
            total.cpu[i] -= allocated.cpu[i];
            total.mem[i] -= allocated.mem[i];
        }
        si_slots_min(&least, &total);
    }
    return si_slots_find(&least, claim->cpu_millicores, claim->memory_mib, length, earliest, latest);
}

int64
si_available_from(const SiPoolRef *pool, const SiClaim *claim, int32 length, int64 earliest, int64 latest)
{
    SiLedgerAnswer answer;
    int tries = 0;
    int64 slot;

    if (claim->n_accounts == 0 || latest < earliest)
        return SI_NO_SLOT;
    if (RecoveryInProgress())
        return find_in_tables(pool, claim, length, earliest, latest);
    si_ledger_require();
    while ((answer = si_ledger_find(claim, length, earliest, latest, &slot)) == SI_LEDGER_MISSING)
        load_claim(&pool->namespace, claim, earliest, (int32) (latest - earliest + length), &tries);
    return answer == SI_LEDGER_YES ? slot : SI_NO_SLOT;
}

void
si_claim_read(const SiPoolRef *pool, const SiClaim *claim, int64 first, int32 n, SiSlots *total, SiSlots *allocated)
{
    Measure measures[SI_MAX_ACCOUNTS] = {NAMESPACE};
    int tries = 0;

    (void) measures_of(&pool->namespace, pool->tenant_id != NULL, measures);
    for (int i = 0; i < claim->n_accounts; i++)
    {
        if (RecoveryInProgress())
        {
            read_tables(&pool->namespace, measures[i], claim->accounts[i].pool_id, pool->tenant_id, first, n, &total[i], &allocated[i]);
            continue;
        }
        si_ledger_require();
        si_slots_make(&total[i], first, n);
        si_slots_make(&allocated[i], first, n);
        while (!si_ledger_read(&claim->accounts[i], &total[i], &allocated[i]))
            load_claim(&pool->namespace, claim, first, n, &tries);
    }
}

void
si_occupancy(const SiPoolRef *pool, int64 first, int32 n, SiSlots *total, SiSlots *allocated)
{
    bool own_units = pool->namespace.purpose == SI_NS_DEDICATED && pool->tenant_id != NULL;
    SiClaim claim;
    int tries = 0;

    /* A tenant's part of a common pool is not an account everywhere: it is summed up. So is what a standby shows. */
    if (RecoveryInProgress() || (pool->tenant_id != NULL && !own_units))
    {
        int32 pool_id = si_pool_find(pool->namespace.name, own_units ? pool->tenant_id : NULL);
        SiSlots ignored;

        read_tables(&pool->namespace, own_units ? OWN_UNITS : NAMESPACE, pool_id, pool->tenant_id, first, n, total, allocated);
        if (pool->tenant_id != NULL && !own_units)
            read_tables(&pool->namespace, SHARE, pool_id, pool->tenant_id, first, n, &ignored, allocated);
        return;
    }
    si_ledger_require();
    si_slots_make(total, first, n);
    si_slots_make(allocated, first, n);
    si_claim_make(&pool->namespace, own_units ? pool->tenant_id : NULL, 1, 1, &claim);
    if (claim.n_accounts == 0)
        return;
    while (!si_ledger_read(&claim.accounts[0], total, allocated))
        load_claim(&pool->namespace, &claim, first, n, &tries);
}

void
si_lent_occupancy(const SiPoolRef *pool, int64 first, int32 n, SiSlots *total, SiSlots *allocated)
{
    SiPoolRef lender = {pool->namespace, pool->tenant_id, pool->tenant_id};
    SiClaim claim;
    int tries = 0;

    si_ledger_require();
    si_slots_make(total, first, n);
    si_slots_make(allocated, first, n);
    si_claim_for(&lender, 1, 1, &claim);
    if (claim.n_accounts == 0)
        return;
    while (!si_ledger_read(&claim.accounts[claim.n_accounts - 1], total, allocated))
        load_claim(&pool->namespace, &claim, first, n, &tries);
}

TimestampTz
si_horizon(TimestampTz now)
{
    return now + (int64) si_guc_horizon_days * USECS_PER_DAY;
}

void
si_require_horizon(const char *field, TimestampTz at, TimestampTz now)
{
    if (TIMESTAMP_NOT_FINITE(at))
        si_bad_value(field, timestamptz_to_str(at), "must be finite");
    if (at > si_horizon(now))
        ereport(ERROR, (errcode(ERRCODE_SI_LEDGER),
                        errmsg("%s %s is beyond the horizon, which ends at %s", field, pstrdup(timestamptz_to_str(at)),
                               pstrdup(timestamptz_to_str(si_horizon(now)))),
                        errhint("Raise sparkingest.horizon_days, now %d, or ask again later.", si_guc_horizon_days)));
}
