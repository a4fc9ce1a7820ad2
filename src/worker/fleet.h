/*
 * fleet.h: the clusters as the dispatcher deals with them: a client each, how fast it may post, whether it is in trouble,
 * and one stream per namespace: a list, then a watch, and the list again as the safety net (J10).
 */
#ifndef SI_WORKER_FLEET_H
#define SI_WORKER_FLEET_H

#include "domain/pace.h"
#include "kube/client.h"

typedef struct SiLink SiLink;
typedef struct SiSightings SiSightings;

typedef struct SiStream
{
    struct SiStream *next;
    SiLink *link;
    bool listed; /* of the last reload */
    char namespace_name[64];
    SiCall *call; /* list or watch; NULL = none */
    bool watching;
    char *continue_token; /* of the list under way */
    char *version;        /* where a watch goes on */
    int64 list_began;     /* monotonic, of the list under way or the last one */
    int64 list_ended;     /* -1 = none was finished yet */
    int64 watch_began;
    int64 not_before;
    int tries;
    char *problem;     /* of list or watch, in words; NULL = none */
    int64 posts_after; /* no posts before: namespace, CRD or our rights are missing */
    int post_tries;
    char *post_problem;     /* NULL = none */
    SiSightings *sightings; /* of the list under way (worker/sightings.h); NULL = none yet */
} SiStream;

struct SiLink
{
    SiLink *next;
    bool listed;
    char name[64];
    char *kubeconfig; /* NULL = not configured */
    char *context;
    char *dispatch;     /* disabled, enabled, fenced */
    TimestampTz set_at; /* of the last set_cluster that was seen */
    SiClient *client;   /* NULL = not configured */
    SiBucket bucket;
    int in_flight;     /* creates under way; counted by each step of course.c */
    int64 calls_after; /* no calls before: unreachable, or login refused */
    int tries;
    char *problem;  /* in words; NULL = none */
    bool unusable;  /* the kubeconfig, or what it names, is to be read again before the next call */
    bool answered;  /* at least once */
    char *reported; /* what the row says: NULL = nothing yet, "" = ok */
    SiStream *streams;
};

/* Called for each object of a list or watch, and when a list is complete. */
typedef struct SiFleetEvents
{
    void (*object)(SiStream *stream, Jsonb *object, bool deleted);
    void (*complete)(SiStream *stream);
} SiFleetEvents;

extern void si_fleet_init(const SiFleetEvents *events);
extern SiTransport *si_fleet_transport(void);

/* Reads clusters and namespaces: opens, re-opens and closes clients. Inside a transaction. */
extern void si_fleet_reload(int64 now_millis);

extern SiLink *si_fleet_first(void);
extern SiLink *si_fleet_find(const char *cluster_name);
extern SiStream *si_fleet_stream(SiLink *link, const char *namespace_name);

/* The Kubernetes name of a namespace; palloc'd. */
extern char *si_fleet_namespace(const char *namespace_name);

/* Starts the lists and watches that are due. */
extern void si_fleet_step(int64 now_millis);

/* Takes an answer of a list or watch. */
extern void si_fleet_answer(SiAnswer *answer, int64 now_millis);

/* An answer of the stream could not be handled: everything anew after a pause. */
extern void si_fleet_failed(SiStream *stream, const char *words, int64 now_millis);

/* What any answer says about the cluster: pauses its calls while it is unreachable or refuses our login. */
extern void si_fleet_judge(const SiAnswer *answer, int64 now_millis);

/* No posts to the namespace for a while. */
extern void si_fleet_pause_posts(SiStream *stream, const char *words, int64 now_millis);
extern void si_fleet_resume_posts(SiStream *stream);

/* Why calls to the cluster must wait now, in words; NULL = they need not. */
extern const char *si_fleet_obstacle(SiLink *link, int64 now_millis);

/* Remembers what the row says: "" = ok. */
extern void si_fleet_set_reported(SiLink *link, const char *told);

/* The worst that is to be said of a cluster; NULL = all is well, or nothing is known yet. */
extern const char *si_fleet_problem(SiLink *link);

/* Milliseconds until something is due here, at most `most`. */
extern int64 si_fleet_timeout(int64 now_millis, int64 most);

/* Backoff with full jitter (domain/pace.h). */
extern int64 si_fleet_backoff(int tries);

#endif
