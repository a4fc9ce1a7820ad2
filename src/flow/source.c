/*
 * source.c: source_type and source_config of a job.
 */
#include "postgres.h"

#include "utils/fmgrprotos.h"

#include "domain/names.h"
#include "flow/location.h"
#include "flow/secrets.h"
#include "flow/source.h"
#include "pg/errors.h"
#include "pg/json.h"

#define PATH "source_config"
#define MAX_IDENTIFIER 128
#define MAX_QUERY 16384
#define MAX_URL 2000
#define MAX_OVERLAP_MICROS INT64CONST(1000000000000000000)

static const char *const types[] = {"postgres", "mysql", "jdbc", "s3", "file", NULL};

#define READING "table", "query", "partition", "fetchsize", "incremental", "credentials_secret"
static const char *const postgres_keys[] = {"host", "port", "database", "schema", READING, NULL};
static const char *const mysql_keys[] = {"host", "port", "database", READING, NULL};
static const char *const jdbc_keys[] = {"url", "driver", READING, NULL};
static const char *const s3_keys[] = {"bucket", "path", "uri", "format", "credentials_secret", NULL};
static const char *const file_keys[] = {"uri", "format", NULL};
static const char *const partition_keys[] = {"column", "num", NULL};
static const char *const incremental_keys[] = {"column", "overlap", NULL};

void
si_source_type_check(const char *source_type)
{
    for (int i = 0; types[i]; i++)
        if (strcmp(source_type, types[i]) == 0)
            return;
    si_bad_value("source_type", source_type, "must be one of postgres, mysql, jdbc, s3, file");
}

/* A query may have several lines: tabs and line ends are welcome, other control characters are not. */
static void
check_query(Jsonb *config)
{
    JsonbValue *value = getKeyJsonValueFromContainer(&config->root, "query", strlen("query"), NULL);
    char *text;
    char *end;

    if (value == NULL || value->type == jbvNull)
        return;
    if (value->type != jbvString)
        si_bad_value(PATH ".query", (char *) NULL, "must be a string");
    text = pnstrdup(value->val.string.val, value->val.string.len);
    if (strlen(text) > MAX_QUERY)
        si_bad_value(PATH ".query", (char *) NULL, psprintf("must have at most %d bytes", MAX_QUERY));
    for (const unsigned char *c = (const unsigned char *) text; *c; c++)
        if ((*c < 0x20 && strchr("\t\n\r", *c) == NULL) || *c == 0x7f)
            si_bad_value(PATH ".query", (char *) NULL, "must not contain control characters");
    for (end = text + strlen(text); end > text && strchr(" \t\n\r", end[-1]) != NULL;)
        end--;
    if (end == text)
        si_bad_value(PATH ".query", (char *) NULL, "must not be empty");
    /* It becomes a subquery. */
    if (end[-1] == ';')
        si_bad_value(PATH ".query", (char *) NULL, "must not end with a semicolon");
}

/* Database names stand in a JDBC URL, where these have a meaning of their own. */
static void
check_database(Jsonb *config)
{
    char *database = si_json_required_text(config, PATH, "database", MAX_IDENTIFIER);

    if (strpbrk(database, "/?#&;%\\\"'<> ") != NULL)
        si_bad_value(PATH ".database", database, "must not contain spaces, quotes or any of / ? # & ; % \\ < >");
}

static void
check_host(Jsonb *config)
{
    char *host = si_json_required_text(config, PATH, "host", 253);

    if (!si_name_is_host(host))
        si_bad_value(PATH ".host", host, "must be a DNS name or an IP address");
    (void) si_json_int(config, PATH, "port", 1, 65535, 0);
}

static void
check_url(Jsonb *config)
{
    char *url = si_json_required_text(config, PATH, "url", MAX_URL);
    char *driver = si_json_text(config, PATH, "driver", MAX_IDENTIFIER);

    if (strncmp(url, "jdbc:", 5) != 0 || strcspn(url + 5, ":") == 0 || url[5 + strcspn(url + 5, ":")] == '\0')
        si_bad_value(PATH ".url", url, "must be a JDBC URL such as jdbc:postgresql://host/database");
    if (strchr(url, ' ') != NULL)
        si_bad_value(PATH ".url", url, "must not contain spaces");
    if (driver != NULL &&
        strspn(driver, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$.") != strlen(driver))
        si_bad_value(PATH ".driver", driver, "must be the name of a Java class");
}

/* What is common to everything that is read through JDBC. */
static void
check_reading(Jsonb *config)
{
    Jsonb *partition = si_json_object(config, PATH, "partition");
    Jsonb *incremental = si_json_object(config, PATH, "incremental");

    if (si_json_has(config, "table") == si_json_has(config, "query"))
        si_bad_value(PATH, (char *) NULL, "exactly one of table and query must be given");
    (void) si_json_text(config, PATH, "table", MAX_IDENTIFIER);
    check_query(config);
    if (partition != NULL)
    {
        si_json_check_keys(partition, PATH ".partition", partition_keys);
        (void) si_json_required_text(partition, PATH ".partition", "column", MAX_IDENTIFIER);
        if (si_json_int(partition, PATH ".partition", "num", 1, 1000, 0) == 0)
            si_bad_value(PATH ".partition.num", (char *) NULL, "is required");
    }
    (void) si_json_int(config, PATH, "fetchsize", 1, 1000000, 0);
    if (incremental != NULL)
    {
        si_json_check_keys(incremental, PATH ".incremental", incremental_keys);
        (void) si_json_required_text(incremental, PATH ".incremental", "column", MAX_IDENTIFIER);
        (void) si_json_quantity(incremental, PATH ".incremental", "overlap", 1000000, false, true, MAX_OVERLAP_MICROS);
    }
    (void) si_secret_name(config, PATH);
}

static Jsonb *
with_format(Jsonb *config)
{
    (void) si_json_word(config, PATH, "format", si_file_formats, "parquet");
    return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(si_json_parse("{\"format\": \"parquet\"}")),
                                              JsonbPGetDatum(config)));
}

static const char *const *
keys_of(const char *source_type)
{
    if (strcmp(source_type, "postgres") == 0)
        return postgres_keys;
    if (strcmp(source_type, "mysql") == 0)
        return mysql_keys;
    if (strcmp(source_type, "jdbc") == 0)
        return jdbc_keys;
    return strcmp(source_type, "s3") == 0 ? s3_keys : file_keys;
}

Jsonb *
si_source_check(const char *source_type, Jsonb *config)
{
    const char *const *keys = keys_of(source_type);

    if (!JB_ROOT_IS_OBJECT(config))
        si_bad_value(PATH, (char *) NULL, "must be a JSON object");
    /* First of all: the reason why a password is refused must not be that its key is unknown. */
    si_secrets_refuse(PATH, config);
    si_json_check_keys(config, PATH, keys);
    config = DatumGetJsonbP(DirectFunctionCall1(jsonb_strip_nulls, JsonbPGetDatum(config)));
    if (keys == s3_keys || keys == file_keys)
    {
        si_location_check(config, PATH, keys == s3_keys, false);
        if (keys == s3_keys)
            (void) si_secret_name(config, PATH);
        return with_format(config);
    }
    if (keys == jdbc_keys)
        check_url(config);
    else
    {
        check_host(config);
        check_database(config);
        if (keys == postgres_keys)
            (void) si_json_text(config, PATH, "schema", MAX_IDENTIFIER);
    }
    check_reading(config);
    return config;
}

static bool
same_value(Jsonb *a, Jsonb *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return compareJsonbContainers(&a->root, &b->root) == 0;
}

bool
si_source_keeps_watermark(const char *old_type, Jsonb *old_config, const char *new_type, Jsonb *new_config)
{
    static const char *const identity[] = {"database", "schema", "table", "query", NULL};
    Jsonb *old_incremental = si_json_get(old_config, "incremental");
    Jsonb *new_incremental = si_json_get(new_config, "incremental");

    if (strcmp(old_type, new_type) != 0 || old_incremental == NULL || new_incremental == NULL ||
        !same_value(si_json_get(old_incremental, "column"), si_json_get(new_incremental, "column")))
        return false;
    for (int i = 0; identity[i]; i++)
        if (!same_value(si_json_get(old_config, identity[i]), si_json_get(new_config, identity[i])))
            return false;
    /* A JDBC URL names host and database in one. */
    return same_value(si_json_get(old_config, "url"), si_json_get(new_config, "url"));
}
