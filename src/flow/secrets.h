/*
 * secrets.h: jobs hold no secrets. credentials_secret names a Kubernetes Secret instead.
 */
#ifndef SI_FLOW_SECRETS_H
#define SI_FLOW_SECRETS_H

#include "utils/jsonb.h"

/*
 * Raises 22023 when a key at any depth of a configuration looks like it holds a secret (password, token, access key, ...),
 * or when a value is a URL with a user and password or with such a parameter in it. The value is never repeated.
 */
extern void si_secrets_refuse(const char *path, Jsonb *config);

/* credentials_secret: NULL when absent; raises 22023 unless Kubernetes can carry the name. */
extern char *si_secret_name(Jsonb *config, const char *path);

#endif
