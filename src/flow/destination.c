/*
 * destination.c: destination_config of a job.
 */
#include "postgres.h"

#include "utils/fmgrprotos.h"

#include "flow/destination.h"
#include "flow/location.h"
#include "flow/secrets.h"
#include "pg/errors.h"
#include "pg/json.h"

#define PATH "destination_config"
#define MAX_PARTITION_COLUMNS 16
#define MAX_COLUMN_BYTES 128

/* Directory key that appended runs are told apart by (src/spark/ingest.py). */
#define RUN_COLUMN "ingest_run"

static const char *const s3_keys[] = {"type", "bucket", "path", "uri", "format", "mode", "partition_by", "credentials_secret", NULL};
static const char *const file_keys[] = {"type", "uri", "format", "mode", "partition_by", NULL};
static const char *const kinds[] = {"s3", "file", NULL};
static const char *const modes[] = {"append", "overwrite", "error", NULL};

/* A column becomes the name of a directory. */
static void
check_column(const char *column)
{
    if (*column == '\0')
        si_bad_value(PATH ".partition_by", (char *) NULL, "must not contain an empty name");
    if (strlen(column) > MAX_COLUMN_BYTES)
        si_bad_value(PATH ".partition_by", column, psprintf("must have names of at most %d bytes", MAX_COLUMN_BYTES));
    for (const unsigned char *c = (const unsigned char *) column; *c; c++)
        if (*c < 0x20 || *c == 0x7f || *c == '/' || *c == '\\' || *c == '=')
            si_bad_value(PATH ".partition_by", column, "must not contain control characters, '/', '\\' or '=' in a name");
    if (strcmp(column, RUN_COLUMN) == 0)
        si_bad_value(PATH ".partition_by", column, "must not use the name that tells runs apart");
}

static void
check_partition_by(Jsonb *config)
{
    Jsonb *columns = si_json_get(config, "partition_by");
    char *seen[MAX_PARTITION_COLUMNS];
    int n = 0;
    JsonbIterator *iterator;
    JsonbIteratorToken token;
    JsonbValue value;

    if (columns == NULL)
        return;
    if (!JB_ROOT_IS_ARRAY(columns) || JB_ROOT_IS_SCALAR(columns))
        si_bad_value(PATH ".partition_by", (char *) NULL, "must be an array of column names");
    iterator = JsonbIteratorInit(&columns->root);
    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
    {
        char *column;

        if (token != WJB_ELEM)
            continue;
        if (value.type != jbvString)
            si_bad_value(PATH ".partition_by", (char *) NULL, "must be an array of column names");
        column = pnstrdup(value.val.string.val, value.val.string.len);
        check_column(column);
        for (int i = 0; i < n; i++)
            if (strcmp(seen[i], column) == 0)
                si_bad_value(PATH ".partition_by", column, "must not name a column twice");
        if (n == MAX_PARTITION_COLUMNS)
            si_bad_value(PATH ".partition_by", (char *) NULL, psprintf("must have at most %d columns", MAX_PARTITION_COLUMNS));
        seen[n++] = column;
    }
}

Jsonb *
si_destination_check(Jsonb *config)
{
    Jsonb *defaults = si_json_parse("{\"format\": \"parquet\", \"mode\": \"append\"}");
    char *kind;
    bool s3;

    if (!JB_ROOT_IS_OBJECT(config))
        si_bad_value(PATH, (char *) NULL, "must be a JSON object");
    si_secrets_refuse(PATH, config);
    kind = si_json_word(config, PATH, "type", kinds, NULL);
    if (kind == NULL)
        si_bad_value(PATH ".type", (char *) NULL, "is required");
    s3 = strcmp(kind, "s3") == 0;
    si_json_check_keys(config, PATH, s3 ? s3_keys : file_keys);
    config = DatumGetJsonbP(DirectFunctionCall1(jsonb_strip_nulls, JsonbPGetDatum(config)));
    si_location_check(config, PATH, s3, true);
    (void) si_json_word(config, PATH, "format", si_file_formats, NULL);
    (void) si_json_word(config, PATH, "mode", modes, NULL);
    check_partition_by(config);
    if (s3)
        (void) si_secret_name(config, PATH);
    return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(defaults), JsonbPGetDatum(config)));
}

bool
si_destination_same_place(Jsonb *a, Jsonb *b)
{
    static const char *const place[] = {"type", "bucket", "path", "uri", NULL};

    for (int i = 0; place[i]; i++)
    {
        Jsonb *one = si_json_get(a, place[i]);
        Jsonb *other = si_json_get(b, place[i]);

        if ((one == NULL) != (other == NULL) || (one && compareJsonbContainers(&one->root, &other->root) != 0))
            return false;
    }
    return true;
}
