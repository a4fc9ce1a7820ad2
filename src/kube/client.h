/*
 * client.h: the Kubernetes API of one cluster: SparkApplications and their pods. Calls are started and answered later;
 * no call waits (transport.h).
 */
#ifndef SI_KUBE_CLIENT_H
#define SI_KUBE_CLIENT_H

#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "kube/outcome.h"
#include "kube/transport.h"

typedef struct SiClient SiClient;

typedef enum SiCallKind
{
    SI_CALL_CREATE,
    SI_CALL_GET,
    SI_CALL_DELETE,
    SI_CALL_PODS,
    SI_CALL_LIST,
    SI_CALL_WATCH
} SiCallKind;

/* A call under way; ended by its answer or by si_client_cancel. */
typedef struct SiCall SiCall;

typedef struct SiAnswer
{
    SiClient *client;
    SiCall *call; /* freed already, unless is_event; for comparing */
    SiCallKind kind;
    pg_uuid_t execution_id; /* CREATE, GET, DELETE, PODS */
    void *stream;           /* LIST, WATCH */
    bool is_event;          /* one event of a watch that goes on */
    SiKubeClass outcome;
    long http;
    Jsonb *document;   /* the answer, or the event; NULL when it was not a JSON object */
    char *words;       /* what went wrong, in a sentence; NULL when outcome is OK */
    int64 wait_millis; /* the server asked to wait so long, 0 = not */
} SiAnswer;

/*
 * cluster, kubeconfig, context (may be NULL) are copied. instance is the value of the label sparkingest.io/instance.
 * The kubeconfig is read by the first si_client_refresh.
 */
extern SiClient *si_client_open(SiTransport *transport, const char *cluster, const char *kubeconfig, const char *context,
                                const char *instance, void *owner);
/* Ends its calls too. */
extern void si_client_close(SiClient *client);
extern void *si_client_owner(const SiClient *client);

/* Reads kubeconfig, token and certificates again when 60 s old or `force`. NULL, or a sentence why it cannot be used. */
extern const char *si_client_refresh(SiClient *client, bool force, int64 now_millis);

/* Start calls; NULL when there is no usable configuration or no memory. namespace = the Kubernetes name. */
extern SiCall *si_client_create(SiClient *client, const char *namespace, const char *manifest, const pg_uuid_t *execution_id);
extern SiCall *si_client_get(SiClient *client, const char *namespace, const char *name, const pg_uuid_t *execution_id);
/* uid: delete only if it is this object; dependents go in the background. */
extern SiCall *si_client_delete(SiClient *client, const char *namespace, const char *name, const char *uid,
                                const pg_uuid_t *execution_id);
/* All pods that carry the execution's label. */
extern SiCall *si_client_pods(SiClient *client, const char *namespace, const pg_uuid_t *execution_id);
/* Our applications in a namespace, 500 a page; continue_token NULL = first page. */
extern SiCall *si_client_list(SiClient *client, const char *namespace, const char *continue_token, void *stream);
extern SiCall *si_client_watch(SiClient *client, const char *namespace, const char *resource_version, void *stream);
extern void si_client_cancel(SiCall *call);

/* The next answer, palloc'd parts in the current context; false when there is none now. */
extern bool si_client_next(SiTransport *transport, SiAnswer *out);

#endif
