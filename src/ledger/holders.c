/*
 * holders.c: who holds capacity in a transaction that has not ended.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/backendid.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/snapmgr.h"

#include "ledger/holders.h"

#define COUNTERS 4096

typedef struct Place
{
    slock_t lock;            /* protects holder */
    SiHolder holder;         /* pid 0 = holds nothing */
    pg_atomic_uint32 ending; /* its xid while it commits */
} Place;

typedef struct Holders
{
    pg_atomic_uint64 open_millicores[COUNTERS];
    Place places[FLEXIBLE_ARRAY_MEMBER]; /* by backend id */
} Holders;

static Holders *holders = NULL;
static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static Size
memory_size(void)
{
    return add_size(offsetof(Holders, places), mul_size(sizeof(Place), MaxBackends));
}

static void
request_memory(void)
{
    if (previous_request_hook)
        previous_request_hook();
    RequestAddinShmemSpace(memory_size());
}

static void
attach_memory(void)
{
    bool found;

    if (previous_startup_hook)
        previous_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    holders = ShmemInitStruct("sparkingest holders", memory_size(), &found);
    if (!found)
    {
        memset(holders, 0, memory_size());
        for (int i = 0; i < COUNTERS; i++)
            pg_atomic_init_u64(&holders->open_millicores[i], 0);
        for (int i = 0; i < MaxBackends; i++)
        {
            SpinLockInit(&holders->places[i].lock);
            pg_atomic_init_u32(&holders->places[i].ending, InvalidTransactionId);
        }
    }
    LWLockRelease(AddinShmemInitLock);
}

void
si_holders_init(void)
{
    previous_request_hook = shmem_request_hook;
    shmem_request_hook = request_memory;
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = attach_memory;
}

static pg_atomic_uint64 *
counter_of(const pg_uuid_t *tenant_id)
{
    return &holders->open_millicores[hash_bytes(tenant_id->data, UUID_LEN) % COUNTERS];
}

static Place *
own_place(void)
{
    return &holders->places[MyBackendId - 1];
}

static void
change(int reservations, int64 cpu_millicores, int64 memory_mib)
{
    Place *place = own_place();

    SpinLockAcquire(&place->lock);
    place->holder.reservations += reservations;
    place->holder.cpu_millicores += cpu_millicores;
    place->holder.memory_mib += memory_mib;
    SpinLockRelease(&place->lock);
}

bool
si_holder_add(const pg_uuid_t *tenant_id, int64 cpu_millicores, int64 memory_mib, int64 most, TimestampTz now)
{
    pg_atomic_uint64 *counter = counter_of(tenant_id);
    Place *place = own_place();
    uint64 before = pg_atomic_fetch_add_u64(counter, cpu_millicores);

    if (most > 0 && before + cpu_millicores > (uint64) most)
    {
        pg_atomic_fetch_sub_u64(counter, cpu_millicores);
        return false;
    }
    if (place->holder.pid == 0)
    {
        SiHolder fresh = {.pid = MyProcPid, .since = now, .tenant_id = *tenant_id};

        SpinLockAcquire(&place->lock);
        place->holder = fresh;
        SpinLockRelease(&place->lock);
    }
    change(1, cpu_millicores, memory_mib);
    return true;
}

void
si_holder_remove(const pg_uuid_t *tenant_id, int64 cpu_millicores, int64 memory_mib)
{
    pg_atomic_fetch_sub_u64(counter_of(tenant_id), cpu_millicores);
    change(-1, -cpu_millicores, -memory_mib);
}

void
si_holder_clear(void)
{
    Place *place = own_place();

    if (place->holder.pid == 0)
        return;
    SpinLockAcquire(&place->lock);
    memset(&place->holder, 0, sizeof(place->holder));
    SpinLockRelease(&place->lock);
}

void
si_holder_is_ending(bool yes)
{
    /* A commit takes a lock before others see it, which is a barrier. */
    pg_atomic_write_u32(&own_place()->ending, yes ? GetTopTransactionIdIfAny() : InvalidTransactionId);
}

bool
si_holders_are_ending(Snapshot snapshot)
{
    for (int i = 0; i < MaxBackends; i++)
    {
        TransactionId xid = pg_atomic_read_u32(&holders->places[i].ending);

        if (TransactionIdIsValid(xid) && !XidInMVCCSnapshot(xid, snapshot))
            return true;
    }
    return false;
}

int
si_holders(SiHolder **out)
{
    int n = 0;

    *out = palloc(sizeof(SiHolder) * MaxBackends);
    for (int i = 0; i < MaxBackends; i++)
    {
        Place *place = &holders->places[i];

        SpinLockAcquire(&place->lock);
        (*out)[n] = place->holder;
        SpinLockRelease(&place->lock);
        if ((*out)[n].pid != 0 && (*out)[n].reservations > 0)
            n++;
    }
    return n;
}
