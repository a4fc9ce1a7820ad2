/*
 * transport.c: HTTPS exchanges over one curl multi handle.
 */
#include "postgres.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "libpq/pqsignal.h"
#include "storage/fd.h"

#include "kube/transport.h"

#define CONNECT_MILLIS 10000L
#define MAX_EVENTS 64

struct SiTransport
{
    CURLM *multi;
    int epoll_fd;
    int64 timer_at; /* -1 = no timer */
    int64 now;      /* of the current step, for timers that curl sets in it */
    SiExchange *exchanges;
};

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known)
{
    SiTransport *transport = user;
    struct epoll_event event = {.data.fd = fd};

    if (what == CURL_POLL_REMOVE)
    {
        (void) epoll_ctl(transport->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        curl_multi_assign(transport->multi, fd, NULL);
        return 0;
    }
    if (what & CURL_POLL_IN)
        event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        event.events |= EPOLLOUT;
    if (epoll_ctl(transport->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0)
        return -1;
    curl_multi_assign(transport->multi, fd, transport);
    return 0;
}

static int
on_timer(CURLM *multi, long millis, void *user)
{
    SiTransport *transport = user;

    transport->timer_at = millis < 0 ? -1 : transport->now + millis;
    return 0;
}

static size_t
on_bytes(char *bytes, size_t size, size_t count, void *user)
{
    SiExchange *exchange = user;

    if (si_lines_add(&exchange->received, bytes, size * count))
        return size * count;
    exchange->overflow = true;
    return 0; /* makes curl end the exchange */
}

SiTransport *
si_transport_open(void)
{
    SiTransport *transport = calloc(1, sizeof(SiTransport));

    if (transport == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not start libcurl")));
    transport->multi = curl_multi_init();
    if (transport->multi == NULL)
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not start libcurl")));
    transport->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (transport->epoll_fd < 0)
        ereport(ERROR, (errcode_for_socket_access(), errmsg("epoll_create1 failed: %m")));
    ReserveExternalFD();
    transport->timer_at = -1;
    curl_multi_setopt(transport->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(transport->multi, CURLMOPT_SOCKETDATA, transport);
    curl_multi_setopt(transport->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(transport->multi, CURLMOPT_TIMERDATA, transport);
    return transport;
}

int
si_transport_fd(const SiTransport *transport)
{
    return transport->epoll_fd;
}

long
si_transport_timeout(const SiTransport *transport, int64 now_millis)
{
    if (transport->timer_at < 0)
        return -1;
    return (long) Max(transport->timer_at - now_millis, 0);
}

static void
collect(SiTransport *transport)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(transport->multi, &left)) != NULL)
    {
        SiExchange *exchange;
        curl_off_t retry_after = 0;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &exchange);
        curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &exchange->http);
        if (curl_easy_getinfo(message->easy_handle, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK)
            exchange->retry_after = (long) Min(retry_after, 3600);
        exchange->result = message->data.result;
        /* An answer cut off in the middle is no answer. */
        if (exchange->result != CURLE_OK && !exchange->streaming)
            exchange->http = 0;
        exchange->finished = true;
    }
}

void
si_transport_step(SiTransport *transport, int64 now_millis)
{
    struct epoll_event events[MAX_EVENTS];
    int count;
    int running;

    PG_SETMASK(&BlockSig);
    transport->now = now_millis;
    count = epoll_wait(transport->epoll_fd, events, MAX_EVENTS, 0);
    for (int i = 0; i < count; i++)
    {
        int what = 0;

        if (events[i].events & EPOLLIN)
            what |= CURL_CSELECT_IN;
        if (events[i].events & EPOLLOUT)
            what |= CURL_CSELECT_OUT;
        if (events[i].events & (EPOLLERR | EPOLLHUP))
            what |= CURL_CSELECT_ERR;
        curl_multi_socket_action(transport->multi, events[i].data.fd, what, &running);
    }
    if (transport->timer_at >= 0 && transport->timer_at <= now_millis)
    {
        transport->timer_at = -1;
        curl_multi_socket_action(transport->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    collect(transport);
    PG_SETMASK(&UnBlockSig);
}

static void
set_pem(CURL *easy, CURLoption option, const char *pem)
{
    struct curl_blob blob = {(void *) pem, pem ? strlen(pem) : 0, CURL_BLOB_COPY};

    if (pem)
        curl_easy_setopt(easy, option, &blob);
}

static void
set_options(SiExchange *exchange, const SiExchangeSpec *spec)
{
    CURL *easy = exchange->easy;

    curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
    curl_easy_setopt(easy, CURLOPT_URL, spec->url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "sparkingest");
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MILLIS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, spec->timeout_millis);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    /* One connection per exchange under way: a stuck one never holds up another. */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);

    /* Nothing from the environment and nowhere else than the configured address. */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);

    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, spec->verify ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, spec->verify ? 2L : 0L);
    set_pem(easy, CURLOPT_CAINFO_BLOB, spec->ca_pem);
    set_pem(easy, CURLOPT_SSLCERT_BLOB, spec->cert_pem);
    set_pem(easy, CURLOPT_SSLKEY_BLOB, spec->key_pem);

    if (exchange->body)
    {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange->body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(exchange->body));
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, spec->method);
}

SiExchange *
si_transport_start(SiTransport *transport, const SiExchangeSpec *spec)
{
    SiExchange *exchange = calloc(1, sizeof(SiExchange));
    bool good;

    if (exchange == NULL)
        return NULL;
    exchange->transport = transport;
    exchange->streaming = spec->streaming;
    exchange->owner = spec->owner;
    si_lines_init(&exchange->received, spec->most);
    exchange->easy = curl_easy_init();
    good = exchange->easy != NULL;
    for (int i = 0; good && spec->headers[i]; i++)
    {
        struct curl_slist *headers = curl_slist_append(exchange->headers, spec->headers[i]);

        good = headers != NULL;
        if (good)
            exchange->headers = headers;
    }
    if (good && spec->body)
    {
        exchange->body = strdup(spec->body);
        good = exchange->body != NULL;
    }
    exchange->next = transport->exchanges;
    transport->exchanges = exchange;
    if (good)
    {
        PG_SETMASK(&BlockSig);
        set_options(exchange, spec);
        good = curl_multi_add_handle(transport->multi, exchange->easy) == CURLM_OK;
        PG_SETMASK(&UnBlockSig);
    }
    if (!good)
    {
        si_transport_free(exchange);
        return NULL;
    }
    return exchange;
}

SiExchange *
si_transport_finished(SiTransport *transport)
{
    for (SiExchange *exchange = transport->exchanges; exchange; exchange = exchange->next)
        if (exchange->finished)
            return exchange;
    return NULL;
}

SiExchange *
si_transport_line(SiTransport *transport, char **line)
{
    for (SiExchange *exchange = transport->exchanges; exchange; exchange = exchange->next)
    {
        if (!exchange->streaming)
            continue;
        if (exchange->http == 0)
            curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &exchange->http);
        if (exchange->http != 200)
            continue; /* a refusal: a Status, not events */
        *line = si_lines_next(&exchange->received);
        if (*line)
            return exchange;
    }
    return NULL;
}

void
si_transport_free(SiExchange *exchange)
{
    SiTransport *transport = exchange->transport;

    for (SiExchange **link = &transport->exchanges; *link; link = &(*link)->next)
        if (*link == exchange)
        {
            *link = exchange->next;
            break;
        }
    if (exchange->easy)
    {
        PG_SETMASK(&BlockSig);
        curl_multi_remove_handle(transport->multi, exchange->easy);
        curl_easy_cleanup(exchange->easy);
        PG_SETMASK(&UnBlockSig);
    }
    curl_slist_free_all(exchange->headers);
    free(exchange->body);
    si_lines_free(&exchange->received);
    free(exchange);
}
