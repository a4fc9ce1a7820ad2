/*
 * location.c: where files are.
 */
#include "postgres.h"

#include "domain/names.h"
#include "flow/location.h"
#include "pg/errors.h"
#include "pg/json.h"

#define MAX_URI_BYTES 1200

const char *const si_file_formats[] = {"parquet", "orc", "csv", "json", NULL};

static void
check_path(const char *field, const char *value, const char *path, bool absolute, bool destination)
{
    const char *problem = si_name_path_problem(path, absolute, !destination);

    if (problem != NULL)
        si_bad_value(field, value, problem);
}

static void
check_bucket(const char *field, const char *value, const char *bucket)
{
    if (!si_name_is_bucket(bucket))
        si_bad_value(field, value, "must name a bucket: 3 to 63 lower-case letters, digits, '-' and '.', not an IP address");
}

static void
check_file_uri(const char *field, const char *uri, bool destination)
{
    if (strncmp(uri, "file:///", 8) != 0)
        si_bad_value(field, uri, "must begin with file:/// and an absolute path");
    check_path(field, uri, uri + strlen("file://"), true, destination);
}

static void
check_s3_uri(const char *field, const char *uri, bool destination)
{
    const char *bucket;
    size_t length;

    if (strncmp(uri, "s3a://", 6) != 0 && strncmp(uri, "s3://", 5) != 0)
        si_bad_value(field, uri, "must begin with s3a:// or s3://");
    bucket = strstr(uri, "://") + 3;
    length = strcspn(bucket, "/");
    check_bucket(field, uri, pnstrdup(bucket, length));
    check_path(field, uri, bucket + length, true, destination);
}

void
si_location_check(Jsonb *config, const char *path, bool s3, bool destination)
{
    char *uri = si_json_text(config, path, "uri", MAX_URI_BYTES);
    char *bucket;
    char *key;

    if (!s3)
    {
        if (uri == NULL)
            si_bad_value(psprintf("%s.uri", path), (char *) NULL, "is required");
        check_file_uri(psprintf("%s.uri", path), uri, destination);
        return;
    }
    bucket = si_json_text(config, path, "bucket", MAX_URI_BYTES);
    key = si_json_text(config, path, "path", MAX_URI_BYTES);
    if ((uri != NULL) == (bucket != NULL || key != NULL))
        si_bad_value(path, (char *) NULL, "exactly one of uri, and bucket with path, must be given");
    if (uri != NULL)
    {
        check_s3_uri(psprintf("%s.uri", path), uri, destination);
        return;
    }
    if (bucket == NULL || key == NULL)
        si_bad_value(psprintf("%s.%s", path, bucket ? "path" : "bucket"), (char *) NULL, "is required");
    check_bucket(psprintf("%s.bucket", path), bucket, bucket);
    check_path(psprintf("%s.path", path), key, key, false, destination);
}
