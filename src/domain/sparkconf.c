/*
 * sparkconf.c: which Spark properties a job may set for itself.
 */
#include "domain/sparkconf.h"

#include <string.h>

/* A prefix ends in '.' and opens what is below; a name without opens itself only. */
static const char *const allowed[] = {
    "spark.sql.",
    "spark.hadoop.fs.s3a.",
    "spark.hadoop.mapreduce.fileoutputcommitter.",
    "spark.hadoop.parquet.",
    "spark.shuffle.",
    "spark.reducer.",
    "spark.speculation.",
    "spark.speculation",
    "spark.locality.",
    "spark.io.compression.",
    "spark.broadcast.",
    "spark.cleaner.",
    "spark.rpc.",
    "spark.network.",
    "spark.kryoserializer.",
    "spark.serializer",
    "spark.default.parallelism",
    "spark.files.maxPartitionBytes",
    "spark.files.openCostInBytes",
    "spark.rdd.compress",
    "spark.scheduler.mode",
    "spark.task.maxFailures",
    NULL,
};

typedef struct Refusal
{
    const char *part; /* in lower case */
    const char *problem;
} Refusal;

static const Refusal refusals[] = {
    {"memory", "sizes pods: say it in resource_requirements"},
    {".cores", "sizes pods: say it in resource_requirements"},
    {".instances", "sizes pods: say it in resource_requirements"},
    {"dynamicallocation", "sizes pods: say it in resource_requirements"},
    {"javaoptions", "must not set Java options"},
    {"password", "must not carry a secret: name a Kubernetes Secret in credentials_secret"},
    {"secret", "must not carry a secret: name a Kubernetes Secret in credentials_secret"},
    {"token", "must not carry a secret: name a Kubernetes Secret in credentials_secret"},
    {"access.key", "must not carry a secret: name a Kubernetes Secret in credentials_secret"},
    {"credential", "must not carry a secret: name a Kubernetes Secret in credentials_secret"},
    {"encryption.key", "must not carry a secret: name a Kubernetes Secret in credentials_secret"},
    {NULL, NULL},
};

static char
lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char) (c - 'A' + 'a') : c;
}

static bool
is_allowed(const char *key)
{
    for (int i = 0; allowed[i]; i++)
    {
        size_t length = strlen(allowed[i]);

        if (allowed[i][length - 1] == '.' ? strncmp(key, allowed[i], length) == 0 && key[length] != '\0'
                                          : strcmp(key, allowed[i]) == 0)
            return true;
    }
    return false;
}

const char *
si_sparkconf_problem(const char *key)
{
    char folded[SI_MAX_SPARKCONF_KEY + 1];
    size_t length = strlen(key);

    if (length == 0 || length > SI_MAX_SPARKCONF_KEY)
        return "must be the name of a Spark property";
    for (size_t i = 0; i <= length; i++)
    {
        char c = folded[i] = lower(key[i]);

        if (i < length && !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'))
            return "must be the name of a Spark property";
    }
    for (int i = 0; refusals[i].part; i++)
        if (strstr(folded, refusals[i].part) != NULL)
            return refusals[i].problem;
    return is_allowed(key) ? NULL : "is not one that a job may set";
}
