/*
 * idempotency.c: rows of idempotency_keys.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/clock.h"
#include "pg/json.h"
#include "store/idempotency.h"
#include "store/sql.h"

bool
si_idempotency_load(const pg_uuid_t *scope, const char *function_name, const char *key, bytea **body_sha256, Jsonb **answer)
{
    static SiStatement find = {"SELECT body_sha256, answer FROM sparkingest.idempotency_keys "
                               "WHERE scope = $1 AND function_name = $2 AND idempotency_key = $3",
                               3,
                               {UUIDOID, TEXTOID, TEXTOID}};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {UUIDPGetDatum(scope), si_text_datum(function_name), si_text_datum(key)};
    bool found;

    si_sql_open();
    found = si_sql_run_latest(&find, values, NULL) > 0;
    if (found)
    {
        bool isnull;
        Datum hash = si_sql_get(0, 1, &isnull);
        MemoryContext previous = MemoryContextSwitchTo(context);

        *body_sha256 = DatumGetByteaPCopy(hash);
        MemoryContextSwitchTo(previous);
        *answer = si_sql_jsonb_copy(0, 2, context);
    }
    si_sql_close();
    return found;
}

void
si_idempotency_insert(const pg_uuid_t *scope, const char *function_name, const char *key, bytea *body_sha256,
                      const char *answer_json)
{
    static SiStatement insert = {"INSERT INTO sparkingest.idempotency_keys "
                                 "(scope, function_name, idempotency_key, body_sha256, answer, created_at) "
                                 "VALUES ($1, $2, $3, $4, $5, $6)",
                                 6,
                                 {UUIDOID, TEXTOID, TEXTOID, BYTEAOID, JSONBOID, TIMESTAMPTZOID}};
    Datum values[] = {UUIDPGetDatum(scope), si_text_datum(function_name),
                      si_text_datum(key), PointerGetDatum(body_sha256),
                      JsonbPGetDatum(si_json_parse(answer_json)), TimestampTzGetDatum(si_now())};

    si_sql_open();
    si_sql_run(&insert, values, NULL);
    si_sql_close();
}
