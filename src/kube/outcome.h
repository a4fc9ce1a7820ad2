/*
 * outcome.h: what an answer of the Kubernetes API means to the dispatcher. The reason decides, never the code alone:
 * AlreadyExists and Conflict are both 409, quota and RBAC both 403. Pure.
 */
#ifndef SI_KUBE_OUTCOME_H
#define SI_KUBE_OUTCOME_H

#include <stdbool.h>

typedef enum SiKubeClass
{
    SI_KUBE_OK,
    SI_KUBE_EXISTS,       /* 409 AlreadyExists: an object of that name is there */
    SI_KUBE_CONFLICT,     /* 409 Conflict: the uid precondition does not hold */
    SI_KUBE_GONE,         /* 404: no such object */
    SI_KUBE_EXPIRED,      /* 410: list again */
    SI_KUBE_TRANSIENT,    /* transport, 429, 5xx, not what an API answers: try again */
    SI_KUBE_QUOTA,        /* 403 of a ResourceQuota: capacity differs from what we think (drift) */
    SI_KUBE_PERMANENT,    /* 400, 413, 422, webhook denial: trying again does not help */
    SI_KUBE_AUTH,         /* 401: token or certificate not accepted */
    SI_KUBE_NO_RIGHTS,    /* 403 of RBAC: true of all runs there; a server that comes up says so before it knows its roles */
    SI_KUBE_NO_NAMESPACE, /* the namespace is missing or being deleted */
    SI_KUBE_NO_CRD        /* SparkApplication is not known there */
} SiKubeClass;

typedef struct SiKubeReply
{
    long http;           /* 0 = no answer came */
    bool json;           /* the body is a JSON object */
    const char *reason;  /* of a Status object, NULL = none */
    const char *message; /* of a Status object, NULL = none */
    const char *kind;    /* details.kind of a Status object, NULL = none */
} SiKubeReply;

extern SiKubeClass si_kube_classify(const SiKubeReply *reply);

#endif
