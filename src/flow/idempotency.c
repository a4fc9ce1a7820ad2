/*
 * idempotency.c: idempotency keys (J8).
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "common/sha2.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "flow/idempotency.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/lock.h"
#include "store/idempotency.h"
#include "store/sql.h"

#define UUID_TEXT_LENGTH 36

static bytea *
digest(const char *body)
{
    return DatumGetByteaPP(
        DirectFunctionCall1(sha256_bytea, PointerGetDatum(cstring_to_text(body)))); /* text and bytea look alike */
}

Jsonb *
si_idempotency_find(const pg_uuid_t *scope, const char *function_name, const char *key, const char *body)
{
    int length = pg_mbstrlen(key);
    Jsonb *answer;
    bytea *known;
    bytea *asked;

    if (length < 1 || length > 200)
        si_bad_value("idempotency_key", (char *) NULL, "must have 1 to 200 characters");
    si_lock_transaction(SI_LOCK_IDEMPOTENCY_KEY, hash_bytes(scope->data, UUID_LEN),
                        hash_bytes((const unsigned char *) key, strlen(key)));
    if (!si_idempotency_load(scope, function_name, key, &known, &answer))
        return NULL;
    asked = digest(body);
    if (VARSIZE_ANY_EXHDR(known) != VARSIZE_ANY_EXHDR(asked) ||
        memcmp(VARDATA_ANY(known), VARDATA_ANY(asked), VARSIZE_ANY_EXHDR(asked)) != 0)
        ereport(ERROR, (errcode(ERRCODE_SI_IDEMPOTENCY),
                        errmsg("idempotency key \"%s\" was used with other arguments of %s", key, function_name),
                        errhint("Use a new key for a new request.")));
    return answer;
}

void
si_idempotency_keep(const pg_uuid_t *scope, const char *function_name, const char *key, const char *body,
                    const char *answer_json)
{
    si_idempotency_insert(scope, function_name, key, digest(body), answer_json);
}

bool
si_idempotency_known_uuid(const pg_uuid_t *scope, const char *function_name, const char *key, const char *body,
                          pg_uuid_t *answer)
{
    Jsonb *known = key ? si_idempotency_find(scope, function_name, key, body) : NULL;

    if (known == NULL)
        return false;
    *answer = *DatumGetUUIDP(
        DirectFunctionCall1(uuid_in, CStringGetDatum(si_json_required_text(known, "answer", "id", UUID_TEXT_LENGTH))));
    return true;
}

void
si_idempotency_keep_uuid(const pg_uuid_t *scope, const char *function_name, const char *key, const char *body,
                         const pg_uuid_t *answer)
{
    if (key != NULL)
        si_idempotency_keep(scope, function_name, key, body, psprintf("{\"id\": \"%s\"}", si_uuid_text(answer)));
}
