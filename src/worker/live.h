/*
 * live.h: the executions that Kubernetes knows of, or may: a copy of their rows and what this process has seen of them.
 * The rows are the truth; what is only here is found out again after a restart.
 */
#ifndef SI_WORKER_LIVE_H
#define SI_WORKER_LIVE_H

#include "kube/client.h"
#include "store/dispatch.h"
#include "worker/judge.h"

typedef struct SiLive
{
    pg_uuid_t execution_id; /* key */
    bool listed;            /* of the last reload */

    /* The row. */
    SiState state;
    char cluster_name[64];
    char namespace_name[64];
    char object_name[64];
    char object_uid[64]; /* empty = not known; may be known here before it is in the row */
    char manifest_sha256[72];
    int tries;
    TimestampTz started_at;
    int hard_minutes;
    TimestampTz start_by;
    TimestampTz planned_end;
    char stop_cause[16]; /* empty = none */
    uint32 noted;        /* hash of last_error, 0 = none */

    /* Calls. */
    SiCall *call;     /* one at a time; NULL = none */
    int64 not_before; /* nothing is called before, monotonic */
    int64 extend_at;  /* its reservation is not tried to be extended before, monotonic */
    int waits;        /* repeated looks, for their pace */
    bool fresh;       /* claimed by this process and not posted yet: Kubernetes cannot have heard of it */
    bool posting;     /* the call is a create */
    bool adopting;    /* the name is taken: looking whose it is */

    /* Seen. */
    bool seen;      /* the object was shown to us */
    int64 since;    /* monotonic: acknowledged, or first known here */
    SiAppState app; /* of the last sight */
    char app_message[512];
    TimestampTz app_submitted_at;
    TimestampTz app_ended_at;
    int64 listed_at; /* list_began of the stream's list that showed it last */
    int absences;    /* looks that did not find it, in a row */
    bool look;       /* absent from a list, or deleted by a watch: look for it */
    bool missed;     /* changed before its POST was recorded */
    bool gone;       /* it is not there any more */
    bool deleted;    /* we asked for its deletion */
    int64 ended_at;  /* monotonic: first seen ended */
} SiLive;

/* Creates the table. */
extern void si_live_init(void);

/* Reads the rows: new ones appear, those that ended vanish with their calls. Inside a transaction. */
extern void si_live_reload(int64 now_millis);

/* NULL when it is not there. */
extern SiLive *si_live_find(const pg_uuid_t *execution_id);

/* Forgets one that ended. */
extern void si_live_remove(SiLive *live);

/* How many rows of a cluster are claimed and not acknowledged. */
extern int si_live_dispatching(const char *cluster_name);

/* How many creates are under way in a cluster. */
extern int si_live_posting(const char *cluster_name);

/* Calls visit for each; it may remove that one. */
extern void si_live_each(void (*visit)(SiLive *live, void *argument), void *argument);
extern int si_live_count(void);

/* Calls of a client are gone with it: nothing is under way any more in its cluster. */
extern void si_live_drop_calls(const char *cluster_name);

/* Remembers what an object shows; false when it is another object than ours. */
extern bool si_live_see(SiLive *live, const SiApplication *application);

/* Hash of last_error, to write it only when it changes. */
extern uint32 si_live_hash(const char *error);

#endif
