/*
 * rate.c: limits per second. A place says when the next one would come if all that were counted had come evenly (GCRA): a
 * number to compare and to add to, and no queue.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "pg/rate.h"

#define PLACES 4096
#define NEIGHBOURS 16
#define LONGEST_PAUSE_MILLIS 20

typedef struct Place
{
    slock_t lock;
    Oid database;
    pg_uuid_t id;
    TimestampTz next; /* not after now: nothing is remembered, and the place is free */
} Place;

static Place *places = NULL;
static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void
request_memory(void)
{
    if (previous_request_hook)
        previous_request_hook();
    RequestAddinShmemSpace(MAXALIGN(sizeof(Place) * PLACES));
}

static void
attach_memory(void)
{
    bool found;

    if (previous_startup_hook)
        previous_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    places = ShmemInitStruct("sparkingest rates", sizeof(Place) * PLACES, &found);
    if (!found)
    {
        memset(places, 0, sizeof(Place) * PLACES);
        for (int i = 0; i < PLACES; i++)
        {
            SpinLockInit(&places[i].lock);
            places[i].next = DT_NOBEGIN;
        }
    }
    LWLockRelease(AddinShmemInitLock);
}

void
si_rate_init(void)
{
    previous_request_hook = shmem_request_hook;
    shmem_request_hook = request_memory;
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = attach_memory;
}

static bool
is_of(const Place *place, const pg_uuid_t *id)
{
    return place->database == MyDatabaseId && memcmp(&place->id, id, sizeof(*id)) == 0;
}

/* The id's place, locked: that which it has, or else the one among its neighbours that is free, or remembers least. */
static Place *
find(const pg_uuid_t *id)
{
    uint32 first = hash_bytes(id->data, UUID_LEN);
    Place *least = NULL;
    TimestampTz least_next = DT_NOEND;

    for (uint32 i = 0; i < NEIGHBOURS; i++)
    {
        Place *place = &places[(first + i) % PLACES];

        SpinLockAcquire(&place->lock);
        if (is_of(place, id))
            return place;
        if (place->next < least_next)
        {
            least = place;
            least_next = place->next;
        }
        SpinLockRelease(&place->lock);
    }
    SpinLockAcquire(&least->lock);
    if (!is_of(least, id))
    {
        least->database = MyDatabaseId;
        least->id = *id;
        least->next = DT_NOBEGIN;
    }
    return least;
}

int64
si_rate_take(const pg_uuid_t *id, int per_second, TimestampTz now)
{
    int64 interval = Max(USECS_PER_SEC / per_second, 1);
    int64 wait = 0;
    Place *place;

    if (places == NULL)
        return 0;
    place = find(id);
    /* A clock that stepped back makes nobody wait for longer than a second. */
    if (place->next < now || place->next > now + 2 * USECS_PER_SEC)
        place->next = now;
    if (place->next + interval > now + Max(USECS_PER_SEC, interval))
        wait = place->next + interval - now - USECS_PER_SEC;
    else
        place->next += interval;
    SpinLockRelease(&place->lock);
    return wait;
}

void
si_rate_pause(int64 usecs)
{
    long millis = (long) Min(usecs / 1000, LONGEST_PAUSE_MILLIS);

    if (millis > 0)
        (void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, millis, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
}
