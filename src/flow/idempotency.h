/*
 * idempotency.h: same key and same body give the first answer; same key and another body raise SI004 (J8).
 */
#ifndef SI_FLOW_IDEMPOTENCY_H
#define SI_FLOW_IDEMPOTENCY_H

#include "utils/jsonb.h"
#include "utils/uuid.h"

/*
 * The stored answer, or NULL when the key is new. body: canonical text of the other arguments. Takes a lock on the key
 * until the end of the transaction: a twin call waits and then gets the first one's answer. Raises SI004, and 22023 when
 * the key is empty or longer than 200 characters.
 */
extern Jsonb *si_idempotency_find(const pg_uuid_t *scope, const char *function_name, const char *key, const char *body);

/* Keeps the answer, in the caller's transaction. */
extern void si_idempotency_keep(const pg_uuid_t *scope, const char *function_name, const char *key, const char *body,
                                const char *answer_json);

/* The same for functions whose answer is a uuid; key NULL = no key: then nothing is known, and nothing kept. */
extern bool si_idempotency_known_uuid(const pg_uuid_t *scope, const char *function_name, const char *key, const char *body,
                                      pg_uuid_t *answer);
extern void si_idempotency_keep_uuid(const pg_uuid_t *scope, const char *function_name, const char *key, const char *body,
                                     const pg_uuid_t *answer);

#endif
