/*
 * transport.h: HTTPS exchanges that run side by side over one curl multi handle.
 *
 * Process model: one transport per process, private to it. curl's sockets live in an epoll set whose descriptor is one
 * more thing to wait for beside the latch, so that a hung peer delays nobody. No call here waits. Inside curl's callbacks
 * nothing raises or pallocs; signals are blocked while curl runs, so that a thread of its resolver never handles ours.
 */
#ifndef SI_KUBE_TRANSPORT_H
#define SI_KUBE_TRANSPORT_H

#include <curl/curl.h>

#include "kube/lines.h"

typedef struct SiTransport SiTransport;

typedef struct SiExchange
{
    SiTransport *transport;
    struct SiExchange *next;
    CURL *easy;
    struct curl_slist *headers;
    char *body; /* malloc'd, NULL = none */
    SiLines received;
    bool streaming;   /* lines are handed out as they come */
    bool overflow;    /* the answer was larger than allowed */
    bool finished;    /* nothing more will come */
    CURLcode result;  /* when finished */
    long http;        /* status, 0 = no answer */
    long retry_after; /* seconds the server asked for, 0 = none */
    char error[CURL_ERROR_SIZE];
    void *owner; /* of the caller */
} SiExchange;

typedef struct SiExchangeSpec
{
    const char *method;         /* GET, POST, DELETE */
    const char *url;            /* https only */
    const char *const *headers; /* NULL-terminated */
    const char *body;
    const char *ca_pem; /* NULL = the system's */
    const char *cert_pem;
    const char *key_pem;
    bool verify;
    bool streaming;
    size_t most;         /* bytes of an answer, or of one line of a stream */
    long timeout_millis; /* of the whole exchange */
    void *owner;
} SiExchangeSpec;

/* Raises when there is no memory or no descriptor. */
extern SiTransport *si_transport_open(void);

/* Descriptor that is readable when si_transport_step has something to do. */
extern int si_transport_fd(const SiTransport *transport);

/* Milliseconds until si_transport_step is to be called even so; -1 = no need. */
extern long si_transport_timeout(const SiTransport *transport, int64 now_millis);

/* Does what is possible without waiting. */
extern void si_transport_step(SiTransport *transport, int64 now_millis);

/* Starts an exchange; NULL when curl refuses (no memory). Copies all it needs. */
extern SiExchange *si_transport_start(SiTransport *transport, const SiExchangeSpec *spec);

/* The next exchange that finished; it stays until freed. NULL = none. Those of one `streaming` are given after their lines. */
extern SiExchange *si_transport_finished(SiTransport *transport);

/* The next exchange that has a line; the line is valid until the next step. NULL = none. */
extern SiExchange *si_transport_line(SiTransport *transport, char **line);

/* Ends an exchange, also one under way. */
extern void si_transport_free(SiExchange *exchange);

#endif
