/*
 * idempotency.h: rows of idempotency_keys.
 */
#ifndef SI_STORE_IDEMPOTENCY_H
#define SI_STORE_IDEMPOTENCY_H

#include "utils/jsonb.h"
#include "utils/uuid.h"

/* Whether the key is known; then its body's hash and its answer. Sees what others committed, at any isolation level. */
extern bool si_idempotency_load(const pg_uuid_t *scope, const char *function_name, const char *key, bytea **body_sha256,
                                Jsonb **answer);

extern void si_idempotency_insert(const pg_uuid_t *scope, const char *function_name, const char *key, bytea *body_sha256,
                                  const char *answer_json);

#endif
