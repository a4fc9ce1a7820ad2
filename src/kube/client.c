/*
 * client.c: the Kubernetes API of one cluster.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "guc.h"
#include "kube/client.h"
#include "kube/config.h"
#include "kube/document.h"

#define CONFIG_MILLIS 60000
#define CALL_MILLIS 30000L
#define WATCH_SECONDS 300
#define MAX_PAGE (16 * 1024 * 1024)
#define MAX_EVENT (4 * 1024 * 1024)
#define MAX_WORDS 500

#define APPLICATIONS "/apis/sparkoperator.k8s.io/v1beta2/namespaces/%s/sparkapplications"

struct SiClient
{
    SiTransport *transport;
    MemoryContext context;        /* what lives as long as the client */
    MemoryContext config_context; /* what lives until the next reading */
    char *cluster;
    char *kubeconfig;
    char *kube_context;
    char *instance;
    void *owner;
    SiKubeConfig *config; /* NULL = cannot be used, see problem */
    char *problem;
    int64 read_at; /* -1 = never */
    SiCall *calls;
};

struct SiCall
{
    SiClient *client;
    SiCall *next;
    SiExchange *exchange;
    SiCallKind kind;
    pg_uuid_t execution_id;
    void *stream;
};

SiClient *
si_client_open(SiTransport *transport, const char *cluster, const char *kubeconfig, const char *context, const char *instance,
               void *owner)
{
    MemoryContext own = AllocSetContextCreate(TopMemoryContext, "sparkingest client", ALLOCSET_DEFAULT_SIZES);
    SiClient *client = MemoryContextAllocZero(own, sizeof(SiClient));

    client->transport = transport;
    client->context = own;
    client->config_context = AllocSetContextCreate(own, "sparkingest kubeconfig", ALLOCSET_DEFAULT_SIZES);
    client->cluster = MemoryContextStrdup(own, cluster);
    client->kubeconfig = MemoryContextStrdup(own, kubeconfig);
    client->kube_context = context ? MemoryContextStrdup(own, context) : NULL;
    client->instance = MemoryContextStrdup(own, instance);
    client->owner = owner;
    client->read_at = -1;
    return client;
}

void
si_client_close(SiClient *client)
{
    while (client->calls)
        si_client_cancel(client->calls);
    MemoryContextDelete(client->context);
}

void *
si_client_owner(const SiClient *client)
{
    return client->owner;
}

const char *
si_client_refresh(SiClient *client, bool force, int64 now_millis)
{
    MemoryContext previous;

    if (!force && client->read_at >= 0 && now_millis - client->read_at < CONFIG_MILLIS)
        return client->problem;
    client->config = NULL;
    client->problem = NULL;
    MemoryContextReset(client->config_context);
    previous = MemoryContextSwitchTo(client->config_context);
    client->config = si_kube_config_read(client->kubeconfig, client->kube_context, si_guc_tls_verify, &client->problem);
    MemoryContextSwitchTo(previous);
    client->read_at = now_millis;
    return client->problem;
}

static SiCall *
start(SiClient *client, SiCallKind kind, const char *method, const char *path, const char *body, const pg_uuid_t *execution_id,
      void *stream)
{
    SiKubeConfig *config = client->config;
    SiCall *call;
    const char *headers[5];
    int count = 0;
    SiExchangeSpec spec;

    if (config == NULL)
        return NULL;
    headers[count++] = "Accept: application/json";
    headers[count++] = "Expect:";
    if (body)
        headers[count++] = "Content-Type: application/json";
    if (config->token)
        headers[count++] = psprintf("Authorization: Bearer %s", config->token);
    headers[count] = NULL;

    call = MemoryContextAllocZero(client->context, sizeof(SiCall));
    call->client = client;
    call->kind = kind;
    call->stream = stream;
    if (execution_id)
        call->execution_id = *execution_id;

    memset(&spec, 0, sizeof(spec));
    spec.method = method;
    spec.url = psprintf("%s%s", config->server, path);
    spec.headers = headers;
    spec.body = body;
    spec.ca_pem = config->ca;
    spec.cert_pem = config->client_cert;
    spec.key_pem = config->client_key;
    spec.verify = si_guc_tls_verify;
    spec.streaming = kind == SI_CALL_WATCH;
    spec.most = kind == SI_CALL_WATCH ? MAX_EVENT : MAX_PAGE;
    spec.timeout_millis = kind == SI_CALL_WATCH ? (WATCH_SECONDS + 30) * 1000L : CALL_MILLIS;
    spec.owner = call;
    call->exchange = si_transport_start(client->transport, &spec);
    if (call->exchange == NULL)
    {
        pfree(call);
        return NULL;
    }
    call->next = client->calls;
    client->calls = call;
    return call;
}

void
si_client_cancel(SiCall *call)
{
    for (SiCall **link = &call->client->calls; *link; link = &(*link)->next)
        if (*link == call)
        {
            *link = call->next;
            break;
        }
    si_transport_free(call->exchange);
    pfree(call);
}

/* Names come from tables whose checks allow only what a URL needs no escaping for; tokens and versions are opaque. */
static char *
escape(const char *text)
{
    StringInfoData out;

    initStringInfo(&out);
    for (const unsigned char *c = (const unsigned char *) text; *c; c++)
    {
        if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("-._~", *c))
            appendStringInfoChar(&out, (char) *c);
        else
            appendStringInfo(&out, "%%%02X", *c);
    }
    return out.data;
}

SiCall *
si_client_create(SiClient *client, const char *namespace, const char *manifest, const pg_uuid_t *execution_id)
{
    return start(client, SI_CALL_CREATE, "POST",
                 psprintf(APPLICATIONS "?fieldValidation=Strict&fieldManager=sparkingest", escape(namespace)),
                 pg_server_to_any(manifest, (int) strlen(manifest), PG_UTF8), execution_id, NULL);
}

SiCall *
si_client_get(SiClient *client, const char *namespace, const char *name, const pg_uuid_t *execution_id)
{
    return start(client, SI_CALL_GET, "GET", psprintf(APPLICATIONS "/%s", escape(namespace), escape(name)), NULL, execution_id,
                 NULL);
}

SiCall *
si_client_delete(SiClient *client, const char *namespace, const char *name, const char *uid, const pg_uuid_t *execution_id)
{
    StringInfoData body;

    initStringInfo(&body);
    appendStringInfoString(&body, "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"Background\","
                                  "\"preconditions\":{\"uid\":");
    escape_json(&body, uid);
    appendStringInfoString(&body, "}}");
    return start(client, SI_CALL_DELETE, "DELETE", psprintf(APPLICATIONS "/%s", escape(namespace), escape(name)), body.data,
                 execution_id, NULL);
}

SiCall *
si_client_pods(SiClient *client, const char *namespace, const pg_uuid_t *execution_id)
{
    char *id = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(execution_id)));

    return start(client, SI_CALL_PODS, "GET",
                 psprintf("/api/v1/namespaces/%s/pods?labelSelector=%s", escape(namespace),
                          escape(psprintf("sparkingest.io/execution=%s", id))),
                 NULL, execution_id, NULL);
}

static char *
selector(const SiClient *client)
{
    return escape(psprintf("app.kubernetes.io/managed-by=sparkingest,sparkingest.io/instance=%s", client->instance));
}

SiCall *
si_client_list(SiClient *client, const char *namespace, const char *continue_token, void *stream)
{
    char *path = psprintf(APPLICATIONS "?limit=500&labelSelector=%s%s%s", escape(namespace), selector(client),
                          continue_token ? "&continue=" : "", continue_token ? escape(continue_token) : "");

    return start(client, SI_CALL_LIST, "GET", path, NULL, NULL, stream);
}

SiCall *
si_client_watch(SiClient *client, const char *namespace, const char *resource_version, void *stream)
{
    char *path = psprintf(APPLICATIONS "?watch=1&allowWatchBookmarks=true&timeoutSeconds=%d&resourceVersion=%s&labelSelector=%s",
                          escape(namespace), WATCH_SECONDS, escape(resource_version), selector(client));

    return start(client, SI_CALL_WATCH, "GET", path, NULL, NULL, stream);
}

static char *
shorten(const char *text)
{
    int length = (int) strlen(text);

    return length <= MAX_WORDS ? pstrdup(text) : psprintf("%s...", pnstrdup(text, pg_mbcliplen(text, length, MAX_WORDS)));
}

/* curl's words without the milliseconds, so that the same trouble reads the same each time. */
static char *
without_times(const char *text)
{
    char *out = pstrdup(text);
    char *after = strstr(out, " after ");
    char *unit = after ? strstr(after, " ms") : NULL;

    if (unit && strspn(after + 7, "0123456789") == (size_t) (unit - after - 7))
        memmove(after, unit + 3, strlen(unit + 3) + 1);
    return out;
}

/* What went wrong, so that an operator knows where to look. */
static char *
describe(const SiAnswer *answer, const SiExchange *exchange, const char *message)
{
    const SiClient *client = answer->client;
    const char *server = client->config ? client->config->server : client->cluster;

    if (exchange->overflow)
        return psprintf("the Kubernetes API at %s answered with more than we take", server);
    if (answer->http == 0)
        return psprintf("the Kubernetes API at %s cannot be reached: %s", server,
                        without_times(exchange->error[0] ? exchange->error : curl_easy_strerror(exchange->result)));
    switch (answer->outcome)
    {
        case SI_KUBE_AUTH:
            return psprintf("the Kubernetes API at %s does not accept our token or certificate (401): renew those in \"%s\"",
                            server, client->kubeconfig);
        case SI_KUBE_NO_CRD:
            return psprintf("the Kubernetes API at %s does not know SparkApplication (sparkoperator.k8s.io/v1beta2): install "
                            "the Spark operator and its CRDs",
                            server);
        default:
            return psprintf("Kubernetes answered %ld: %s", answer->http, message ? shorten(message) : "without a reason");
    }
}

static void
decode(SiCall *call, SiAnswer *out)
{
    SiExchange *exchange = call->exchange;
    SiKubeReply reply;
    char *reason = NULL;
    char *message = NULL;
    char *kind = NULL;

    out->http = exchange->overflow ? 0 : exchange->http;
    if (out->http != 0 && exchange->received.data && !(exchange->streaming && out->http == 200))
        out->document = si_document_parse(exchange->received.data, exchange->received.length);
    if (out->document)
    {
        reason = si_document_text(out->document, "reason");
        message = si_document_text(out->document, "message");
        kind = si_document_text(out->document, "details.kind");
    }
    reply.http = out->http;
    reply.json = out->document != NULL || (exchange->streaming && out->http == 200);
    reply.reason = reason;
    reply.message = message;
    reply.kind = kind;
    out->outcome = si_kube_classify(&reply);
    if (out->outcome != SI_KUBE_OK)
        out->words = describe(out, exchange, message);
    if (exchange->retry_after > 0)
        out->wait_millis = exchange->retry_after * INT64CONST(1000);
}

static void
begin_answer(SiCall *call, SiAnswer *out)
{
    memset(out, 0, sizeof(*out));
    out->client = call->client;
    out->call = call;
    out->kind = call->kind;
    out->execution_id = call->execution_id;
    out->stream = call->stream;
}

bool
si_client_next(SiTransport *transport, SiAnswer *out)
{
    char *line;
    SiExchange *exchange = si_transport_line(transport, &line);

    if (exchange)
    {
        begin_answer(exchange->owner, out);
        out->is_event = true;
        out->http = 200;
        out->outcome = SI_KUBE_OK;
        out->document = si_document_parse(line, strlen(line));
        return true;
    }
    exchange = si_transport_finished(transport);
    if (exchange)
    {
        SiCall *call = exchange->owner;

        begin_answer(call, out);
        /* Ended first: parsing may raise, and the same answer must not come again. */
        PG_TRY();
        {
            decode(call, out);
        }
        PG_FINALLY();
        {
            si_client_cancel(call);
        }
        PG_END_TRY();
        return true;
    }
    return false;
}
