/*
 * fleet.c: the clusters as the dispatcher deals with them.
 *
 * Private to the dispatcher's process. Structs live in TopMemoryContext; strings that change are replaced by set_text.
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "utils/memutils.h"

#include "guc.h"
#include "kube/document.h"
#include "kube/manifest.h"
#include "store/clusters.h"
#include "worker/fleet.h"
#include "worker/live.h"
#include "worker/sightings.h"

static SiLink *links = NULL;
static SiTransport *transport = NULL;
static const SiFleetEvents *events = NULL;

static void
set_text(char **field, const char *value)
{
    if (*field && value && strcmp(*field, value) == 0)
        return;
    if (*field)
        pfree(*field);
    *field = value ? MemoryContextStrdup(TopMemoryContext, value) : NULL;
}

static bool
same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

int64
si_fleet_backoff(int tries)
{
    return si_backoff_millis(tries, pg_prng_double(&pg_global_prng_state));
}

void
si_fleet_init(const SiFleetEvents *its_events)
{
    events = its_events;
    transport = si_transport_open();
}

SiTransport *
si_fleet_transport(void)
{
    return transport;
}

SiLink *
si_fleet_first(void)
{
    return links;
}

SiLink *
si_fleet_find(const char *cluster_name)
{
    for (SiLink *link = links; link; link = link->next)
        if (strcmp(link->name, cluster_name) == 0)
            return link;
    return NULL;
}

SiStream *
si_fleet_stream(SiLink *link, const char *namespace_name)
{
    for (SiStream *stream = link->streams; stream; stream = stream->next)
        if (strcmp(stream->namespace_name, namespace_name) == 0)
            return stream;
    return NULL;
}

char *
si_fleet_namespace(const char *namespace_name)
{
    return psprintf("%s%s", si_guc_namespace_prefix, namespace_name);
}

static void
close_client(SiLink *link)
{
    if (link->client == NULL)
        return;
    si_client_close(link->client);
    link->client = NULL;
    si_live_drop_calls(link->name);
    for (SiStream *stream = link->streams; stream; stream = stream->next)
    {
        stream->call = NULL;
        stream->watching = false;
        stream->not_before = 0;
        stream->tries = 0;
        stream->posts_after = 0;
        set_text(&stream->version, NULL); /* means nothing to another cluster */
        set_text(&stream->problem, NULL);
        set_text(&stream->post_problem, NULL);
    }
}

static void
free_stream(SiStream *stream)
{
    if (stream->call)
        si_client_cancel(stream->call);
    set_text(&stream->continue_token, NULL);
    set_text(&stream->version, NULL);
    set_text(&stream->problem, NULL);
    set_text(&stream->post_problem, NULL);
    si_sightings_free(stream);
    pfree(stream);
}

/* set_cluster puts the status back: whoever calls it wants the file read now, also when its path is the old one. */
static bool
set_anew(SiLink *link, const SiCluster *cluster)
{
    if (strcmp(cluster->api_status, "unknown") != 0 || link->set_at == cluster->api_since)
        return false;
    link->set_at = cluster->api_since;
    return true;
}

static void
reload_link(const SiCluster *cluster, int64 now)
{
    SiLink *link = si_fleet_find(cluster->cluster_name);

    if (link == NULL)
    {
        link = MemoryContextAllocZero(TopMemoryContext, sizeof(SiLink));
        strlcpy(link->name, cluster->cluster_name, sizeof(link->name));
        si_bucket_init(&link->bucket, si_guc_dispatch_in_flight, now);
        link->next = links;
        links = link;
    }
    link->listed = true;
    if (set_anew(link, cluster) || !same(link->kubeconfig, cluster->kubeconfig) || !same(link->context, cluster->kube_context))
    {
        close_client(link);
        link->calls_after = 0;
        link->tries = 0;
        link->answered = false;
        set_text(&link->problem, NULL);
        set_text(&link->reported, NULL);
    }
    set_text(&link->kubeconfig, cluster->kubeconfig);
    set_text(&link->context, cluster->kube_context);
    set_text(&link->dispatch, cluster->dispatch);
    if (link->client == NULL && link->kubeconfig)
        link->client = si_client_open(transport, link->name, link->kubeconfig, link->context, si_manifest_instance(), link);
}

static void
reload_stream(const SiClusterNamespace *row)
{
    SiLink *link = si_fleet_find(row->cluster_name);
    SiStream *stream = link ? si_fleet_stream(link, row->namespace_name) : NULL;

    if (link == NULL)
        return;
    if (stream == NULL)
    {
        stream = MemoryContextAllocZero(TopMemoryContext, sizeof(SiStream));
        stream->link = link;
        strlcpy(stream->namespace_name, row->namespace_name, sizeof(stream->namespace_name));
        stream->list_ended = -1;
        stream->next = link->streams;
        link->streams = stream;
    }
    stream->listed = true;
}

static void
sweep_streams(SiLink *link)
{
    for (SiStream **place = &link->streams; *place;)
    {
        SiStream *stream = *place;

        if (stream->listed)
        {
            place = &stream->next;
            continue;
        }
        *place = stream->next;
        free_stream(stream);
    }
}

void
si_fleet_reload(int64 now)
{
    SiCluster *clusters;
    SiClusterNamespace *namespaces;
    int count;

    for (SiLink *link = links; link; link = link->next)
    {
        link->listed = false;
        for (SiStream *stream = link->streams; stream; stream = stream->next)
            stream->listed = false;
    }
    count = si_clusters_load(&clusters);
    for (int i = 0; i < count; i++)
        reload_link(&clusters[i], now);
    count = si_cluster_namespaces(&namespaces);
    for (int i = 0; i < count; i++)
        reload_stream(&namespaces[i]);
    for (SiLink *link = links; link; link = link->next)
    {
        if (!link->listed) /* its row is gone: DROP EXTENSION, or another database's dump */
        {
            close_client(link);
            set_text(&link->kubeconfig, NULL);
            set_text(&link->dispatch, "disabled");
        }
        sweep_streams(link);
    }
}

const char *
si_fleet_obstacle(SiLink *link, int64 now)
{
    if (link->client == NULL)
        return "the cluster has no kubeconfig: call sparkingest.set_cluster()";
    if (now < link->calls_after && link->problem)
        return link->problem;
    return NULL;
}

void
si_fleet_set_reported(SiLink *link, const char *told)
{
    set_text(&link->reported, told);
}

const char *
si_fleet_problem(SiLink *link)
{
    if (link->problem)
        return link->problem;
    for (SiStream *stream = link->streams; stream; stream = stream->next)
        if (stream->problem || stream->post_problem)
            return stream->problem ? stream->problem : stream->post_problem;
    return NULL;
}

void
si_fleet_judge(const SiAnswer *answer, int64 now)
{
    SiLink *link = si_client_owner(answer->client);

    if (answer->outcome == SI_KUBE_AUTH || answer->http == 0)
    {
        int64 wait = si_fleet_backoff(link->tries);

        if (now >= link->calls_after)
            link->tries++; /* calls that were under way together are one failure */
        link->calls_after = Max(link->calls_after, now + wait);
        set_text(&link->problem, answer->words);
        /* The token may be renewed any moment: read it again before the next call, not when its minute is over. */
        if (answer->outcome == SI_KUBE_AUTH)
            link->unusable = true;
        return;
    }
    link->answered = true;
    link->tries = 0;
    link->calls_after = answer->wait_millis > 0 ? now + answer->wait_millis : 0;
    set_text(&link->problem, answer->wait_millis > 0 ? answer->words : NULL);
}

void
si_fleet_pause_posts(SiStream *stream, const char *words, int64 now)
{
    stream->posts_after = now + si_fleet_backoff(stream->post_tries++);
    set_text(&stream->post_problem, words);
}

void
si_fleet_resume_posts(SiStream *stream)
{
    stream->posts_after = 0;
    stream->post_tries = 0;
    set_text(&stream->post_problem, NULL);
}

static void
start_list(SiStream *stream, int64 now)
{
    set_text(&stream->continue_token, NULL);
    stream->watching = false;
    stream->list_began = now;
    stream->call = si_client_list(stream->link->client, si_fleet_namespace(stream->namespace_name), NULL, stream);
    if (stream->call == NULL)
        stream->not_before = now + si_fleet_backoff(stream->tries++);
}

static void
start_watch(SiStream *stream, int64 now)
{
    stream->watching = true;
    stream->watch_began = now;
    stream->call =
        si_client_watch(stream->link->client, si_fleet_namespace(stream->namespace_name), stream->version, stream);
    if (stream->call == NULL)
        stream->not_before = now + si_fleet_backoff(stream->tries++);
}

/* Everything anew after a pause: also when only the watch failed, since what it missed is not known. */
static void
retry_list(SiStream *stream, const char *words, int64 now)
{
    stream->watching = false;
    set_text(&stream->version, NULL);
    stream->not_before = now + si_fleet_backoff(stream->tries++);
    set_text(&stream->problem, words ? psprintf("namespace \"%s\": %s", si_fleet_namespace(stream->namespace_name), words) : NULL);
}

static void
step_stream(SiStream *stream, int64 now)
{
    bool stale = stream->list_ended >= 0 && now - stream->list_began >= si_guc_reconcile_interval * INT64CONST(1000);

    if (stream->call && stream->watching && stale)
    {
        si_client_cancel(stream->call);
        stream->call = NULL;
        stream->watching = false;
        set_text(&stream->version, NULL);
    }
    if (stream->call || now < stream->not_before)
        return;
    if (stream->version && !stale)
        start_watch(stream, now);
    else
        start_list(stream, now);
}

void
si_fleet_step(int64 now)
{
    for (SiLink *link = links; link; link = link->next)
    {
        const char *problem;

        if (link->client == NULL || now < link->calls_after)
            continue;
        problem = si_client_refresh(link->client, link->unusable, now);
        link->unusable = problem != NULL;
        if (problem)
        {
            link->calls_after = now + si_fleet_backoff(link->tries++);
            set_text(&link->problem, problem);
            continue;
        }
        for (SiStream *stream = link->streams; stream; stream = stream->next)
            step_stream(stream, now);
    }
}

static void
answer_list(SiStream *stream, SiAnswer *answer, int64 now)
{
    Jsonb *items;
    char *token;

    if (answer->outcome != SI_KUBE_OK)
    {
        retry_list(stream, answer->outcome == SI_KUBE_EXPIRED ? NULL : answer->words, now);
        return;
    }
    items = si_document_object(answer->document, "items");
    for (int i = 0; i < si_document_count(items); i++)
    {
        Jsonb *item = si_document_element(items, i);

        if (item)
            events->object(stream, item, false);
    }
    token = si_document_text(answer->document, "metadata.continue");
    if (token && *token)
    {
        set_text(&stream->continue_token, token);
        stream->call = si_client_list(stream->link->client, si_fleet_namespace(stream->namespace_name), token, stream);
        if (stream->call == NULL)
            retry_list(stream, NULL, now);
        return;
    }
    stream->list_ended = now;
    stream->tries = 0;
    stream->not_before = 0;
    set_text(&stream->problem, NULL);
    set_text(&stream->version, si_document_text(answer->document, "metadata.resourceVersion"));
    events->complete(stream);
    if (stream->version)
        start_watch(stream, now);
}

/* One line of a watch. */
static void
answer_event(SiStream *stream, SiAnswer *answer, int64 now)
{
    char *type = answer->document ? si_document_text(answer->document, "type") : NULL;
    Jsonb *object = answer->document ? si_document_object(answer->document, "object") : NULL;
    char *version = object ? si_document_text(object, "metadata.resourceVersion") : NULL;

    if (type == NULL || object == NULL || strcmp(type, "ERROR") == 0)
    {
        /* An expired watch is HTTP 200 and a line of type ERROR with code 410. */
        si_client_cancel(stream->call);
        stream->call = NULL;
        retry_list(stream, NULL, now);
        return;
    }
    if (version)
        set_text(&stream->version, version);
    if (strcmp(type, "BOOKMARK") != 0)
        events->object(stream, object, strcmp(type, "DELETED") == 0);
}

void
si_fleet_failed(SiStream *stream, const char *words, int64 now)
{
    if (stream->call)
    {
        si_client_cancel(stream->call);
        stream->call = NULL;
    }
    retry_list(stream, words, now);
}

void
si_fleet_answer(SiAnswer *answer, int64 now)
{
    SiStream *stream = answer->stream;

    if (answer->is_event)
    {
        answer_event(stream, answer, now);
        return;
    }
    stream->call = NULL;
    if (answer->kind == SI_CALL_LIST)
        answer_list(stream, answer, now);
    else if (answer->outcome == SI_KUBE_OK)
        /* It ran its time; one that ends at once must not spin. */
        stream->not_before = now - stream->watch_began < 1000 ? now + 1000 : 0;
    else
        retry_list(stream, answer->outcome == SI_KUBE_EXPIRED ? NULL : answer->words, now);
}

int64
si_fleet_timeout(int64 now, int64 most)
{
    int64 least = most;

    for (SiLink *link = links; link; link = link->next)
    {
        if (link->client == NULL)
            continue;
        if (link->calls_after > now)
        {
            least = Min(least, link->calls_after - now);
            continue;
        }
        for (SiStream *stream = link->streams; stream; stream = stream->next)
        {
            if (stream->call == NULL)
                least = Min(least, Max(stream->not_before - now, 0));
            else if (stream->watching)
                least = Min(least, Max(stream->list_began + si_guc_reconcile_interval * INT64CONST(1000) - now, 0));
        }
    }
    return Max(least, 0);
}
