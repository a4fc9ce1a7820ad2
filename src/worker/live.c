/*
 * live.c: the executions that Kubernetes knows of, or may.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "pg/clock.h"
#include "store/sql.h"
#include "worker/live.h"

static HTAB *table = NULL;

void
si_live_init(void)
{
    HASHCTL control;

    memset(&control, 0, sizeof(control));
    control.keysize = sizeof(pg_uuid_t);
    control.entrysize = sizeof(SiLive);
    control.hcxt = TopMemoryContext;
    table = hash_create("sparkingest live executions", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

uint32
si_live_hash(const char *error)
{
    uint32 hash;

    if (error == NULL)
        return 0;
    hash = hash_bytes((const unsigned char *) error, (int) strlen(error));
    return hash ? hash : 1;
}

static void
copy_row(SiLive *live, const SiLiveRow *row)
{
    live->state = row->state;
    strlcpy(live->cluster_name, row->cluster_name, sizeof(live->cluster_name));
    strlcpy(live->namespace_name, row->namespace_name, sizeof(live->namespace_name));
    strlcpy(live->object_name, row->object_name ? row->object_name : "", sizeof(live->object_name));
    if (row->object_uid)
        strlcpy(live->object_uid, row->object_uid, sizeof(live->object_uid));
    strlcpy(live->manifest_sha256, row->manifest_sha256 ? row->manifest_sha256 : "", sizeof(live->manifest_sha256));
    live->tries = row->tries;
    live->started_at = row->started_at;
    live->hard_minutes = row->hard_minutes;
    live->start_by = row->start_by;
    live->planned_end = row->planned_end;
    strlcpy(live->stop_cause, row->stop_cause ? row->stop_cause : "", sizeof(live->stop_cause));
    live->noted = si_live_hash(row->last_error);
}

static void
sweep(SiLive *live, void *argument)
{
    if (!live->listed)
        si_live_remove(live);
}

static void
unlist(SiLive *live, void *argument)
{
    live->listed = false;
}

void
si_live_reload(int64 now_millis)
{
    SiLiveRow *rows;
    int count = si_dispatch_live(si_now(), &rows);

    si_live_each(unlist, NULL);
    for (int i = 0; i < count; i++)
    {
        bool found;
        SiLive *live = hash_search(table, &rows[i].execution_id, HASH_ENTER, &found);

        if (!found)
        {
            memset((char *) live + sizeof(pg_uuid_t), 0, sizeof(SiLive) - sizeof(pg_uuid_t));
            live->since = now_millis - 1; /* known before any list that begins now */
            live->app_submitted_at = SI_NO_TIME;
            live->app_ended_at = SI_NO_TIME;
        }
        copy_row(live, &rows[i]);
        live->listed = true;
    }
    si_live_each(sweep, NULL);
}

SiLive *
si_live_find(const pg_uuid_t *execution_id)
{
    return hash_search(table, execution_id, HASH_FIND, NULL);
}

void
si_live_remove(SiLive *live)
{
    pg_uuid_t key = live->execution_id;

    if (live->call)
        si_client_cancel(live->call);
    hash_search(table, &key, HASH_REMOVE, NULL);
}

/* Keys first: a visit may end transactions, which ends the scan of a hash table, and entries may vanish meanwhile. */
void
si_live_each(void (*visit)(SiLive *live, void *argument), void *argument)
{
    pg_uuid_t *keys = palloc(sizeof(pg_uuid_t) * Max(si_live_count(), 1));
    HASH_SEQ_STATUS scan;
    SiLive *live;
    int n = 0;

    hash_seq_init(&scan, table);
    while ((live = hash_seq_search(&scan)) != NULL)
        keys[n++] = live->execution_id;
    for (int i = 0; i < n; i++)
    {
        live = si_live_find(&keys[i]);
        if (live)
            visit(live, argument);
    }
    pfree(keys);
}

int
si_live_count(void)
{
    return (int) hash_get_num_entries(table);
}

typedef struct Count
{
    const char *cluster_name;
    int count;
} Count;

static void
count_dispatching(SiLive *live, void *argument)
{
    Count *count = argument;

    if (live->state == SI_DISPATCHING && strcmp(live->cluster_name, count->cluster_name) == 0)
        count->count++;
}

static void
count_posting(SiLive *live, void *argument)
{
    Count *count = argument;

    if (live->call && live->posting && strcmp(live->cluster_name, count->cluster_name) == 0)
        count->count++;
}

int
si_live_posting(const char *cluster_name)
{
    Count count = {cluster_name, 0};

    si_live_each(count_posting, &count);
    return count.count;
}

int
si_live_dispatching(const char *cluster_name)
{
    Count count = {cluster_name, 0};

    si_live_each(count_dispatching, &count);
    return count.count;
}

static void
drop_call(SiLive *live, void *argument)
{
    if (strcmp(live->cluster_name, (const char *) argument) == 0)
        live->call = NULL;
}

void
si_live_drop_calls(const char *cluster_name)
{
    si_live_each(drop_call, (void *) cluster_name);
}

bool
si_live_see(SiLive *live, const SiApplication *application)
{
    if (application->uid == NULL)
        return false;
    if (live->object_uid[0] && strcmp(live->object_uid, application->uid) != 0)
        return false;
    strlcpy(live->object_uid, application->uid, sizeof(live->object_uid));
    live->seen = true;
    live->look = false;
    live->absences = 0;
    if (live->app != application->state)
    {
        live->waits = 0;
        live->not_before = 0;
    }
    live->app = application->state;
    live->app_message[0] = '\0';
    if (application->message)
    {
        int length = pg_mbcliplen(application->message, (int) strlen(application->message), sizeof(live->app_message) - 1);

        memcpy(live->app_message, application->message, length);
        live->app_message[length] = '\0';
    }
    live->app_submitted_at = application->submitted_at;
    live->app_ended_at = application->ended_at;
    return true;
}
