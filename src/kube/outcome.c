/*
 * outcome.c: what an answer of the Kubernetes API means.
 */
#include "kube/outcome.h"

#include <string.h>

static bool
says(const char *text, const char *part)
{
    return text != NULL && strstr(text, part) != NULL;
}

static bool
is(const char *text, const char *word)
{
    return text != NULL && strcmp(text, word) == 0;
}

SiKubeClass
si_kube_classify(const SiKubeReply *reply)
{
    if (reply->http >= 200 && reply->http < 300)
        return reply->json ? SI_KUBE_OK : SI_KUBE_TRANSIENT;
    switch (reply->http)
    {
        case 401:
            return SI_KUBE_AUTH;
        case 403:
            if (says(reply->message, "exceeded quota") || says(reply->message, "failed quota") ||
                says(reply->message, "status unknown for quota"))
                return SI_KUBE_QUOTA;
            if (says(reply->message, "because it is being terminated"))
                return SI_KUBE_NO_NAMESPACE;
            if (says(reply->message, "User \"") && says(reply->message, "\" cannot "))
                return SI_KUBE_NO_RIGHTS;
            return SI_KUBE_PERMANENT;
        case 404:
            /* An unknown resource type is answered in plain text, an unknown object by a Status. */
            if (!reply->json)
                return SI_KUBE_NO_CRD;
            return is(reply->kind, "namespaces") ? SI_KUBE_NO_NAMESPACE : SI_KUBE_GONE;
        case 409:
            return is(reply->reason, "AlreadyExists") ? SI_KUBE_EXISTS : SI_KUBE_CONFLICT;
        case 410:
            return SI_KUBE_EXPIRED;
        case 400:
        case 405:
        case 406:
        case 413:
        case 415:
        case 422:
            return SI_KUBE_PERMANENT;
        default:
            return SI_KUBE_TRANSIENT;
    }
}
