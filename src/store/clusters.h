/*
 * clusters.h: rows of clusters and of worker_status, and the parts of namespaces that dispatch needs.
 */
#ifndef SI_STORE_CLUSTERS_H
#define SI_STORE_CLUSTERS_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

typedef struct SiCluster
{
    char *cluster_name;
    char *kubeconfig;   /* NULL = not configured */
    char *kube_context; /* NULL = current-context */
    char *dispatch;     /* disabled, enabled, fenced */
    char *dispatch_reason;
    char *api_status; /* unknown, ok, error */
    char *api_detail;
    TimestampTz api_since;
} SiCluster;

/* A namespace and the cluster that holds it. */
typedef struct SiClusterNamespace
{
    char *cluster_name;
    char *namespace_name; /* without the prefix */
} SiClusterNamespace;

/* Values for si_namespace_change: NULL or false = leave as it is. Caps: -1 = none. */
typedef struct SiNamespaceChange
{
    const char *cluster_name;
    bool has_cpu_cap;
    int64 cpu_cap_millicores;
    bool has_memory_cap;
    int64 memory_cap_mib;
    Jsonb *spark_profile; /* keys to replace */
} SiNamespaceChange;

/* All, by name, palloc'd; returns how many. */
extern int si_clusters_load(SiCluster **out);

/* Whether it exists. */
extern bool si_cluster_load(const char *cluster_name, SiCluster *out);

/* All namespaces with their clusters, by name, palloc'd; returns how many. */
extern int si_cluster_namespaces(SiClusterNamespace **out);

/* Sets where the API is; its status becomes unknown. */
extern void si_cluster_set_kubeconfig(const char *cluster_name, const char *kubeconfig, const char *kube_context,
                                      TimestampTz now);

/* dispatch: disabled, enabled or fenced. */
extern void si_cluster_set_dispatch(const char *cluster_name, const char *dispatch, const char *reason);

/* What the last exchange gave; writes only when it differs from what the row says. */
extern void si_cluster_set_api(const char *cluster_name, const char *api_status, const char *api_detail, TimestampTz now);

/*
 * What the keys of `changes` (arguments of set_namespace) are now, as a JSON object; NULL when there is no such namespace.
 * Locks the row.
 */
extern char *si_namespace_settings(const char *namespace_name, Jsonb *changes);

/* Whether the namespace exists. */
extern bool si_namespace_change(const char *namespace_name, const SiNamespaceChange *change);

/* The worker lives: one row per worker. started_at is kept when the pid is the same. error NULL leaves last_error. */
extern void si_worker_beat(const char *worker_name, int32 pid, const char *error, TimestampTz now);

/* When it last did so; SI_NO_TIME = never. */
extern TimestampTz si_worker_beaten(const char *worker_name);

typedef struct SiWorkerStatus
{
    int32 pid; /* 0 = never ran */
    TimestampTz started_at;
    TimestampTz beat_at;
    char *last_error;
    TimestampTz last_error_at;
    bool connected; /* its process is in pg_stat_activity */
} SiWorkerStatus;

/* Whether there is a row. */
extern bool si_worker_status_load(const char *worker_name, const char *backend_type, SiWorkerStatus *out);

#endif
