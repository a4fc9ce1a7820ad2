/*
 * Which Spark properties a job may set for itself: C7.
 */
#include "unit.h"

#include "domain/sparkconf.h"

#include <string.h>

#define SIZES "sizes pods: say it in resource_requirements"
#define SECRET "must not carry a secret: name a Kubernetes Secret in credentials_secret"
#define NO_NAME "must be the name of a Spark property"
#define NOT_OPEN "is not one that a job may set"

static void
check(const char *key, const char *problem)
{
    const char *found = si_sparkconf_problem(key);

    if (problem == NULL ? found != NULL : found == NULL || strcmp(found, problem) != 0)
        fail_msg("%s: \"%s\", wanted \"%s\"", key, found ? found : "may be set", problem ? problem : "may be set");
}

TEST(what_tunes_the_job_may_be_set)
{
    static const char *const keys[] = {
        "spark.sql.shuffle.partitions",
        "spark.sql.files.maxPartitionBytes",
        "spark.sql.session.timeZone",
        "spark.sql.adaptive.enabled",
        "spark.hadoop.fs.s3a.endpoint",
        "spark.hadoop.fs.s3a.path.style.access",
        "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version",
        "spark.hadoop.parquet.block.size",
        "spark.shuffle.compress",
        "spark.reducer.maxSizeInFlight",
        "spark.speculation",
        "spark.speculation.multiplier",
        "spark.locality.wait",
        "spark.io.compression.codec",
        "spark.broadcast.blockSize",
        "spark.cleaner.periodicGC.interval",
        "spark.rpc.askTimeout",
        "spark.network.timeout",
        "spark.kryoserializer.buffer.max",
        "spark.serializer",
        "spark.default.parallelism",
        "spark.files.maxPartitionBytes",
        "spark.files.openCostInBytes",
        "spark.rdd.compress",
        "spark.scheduler.mode",
        "spark.task.maxFailures",
        NULL,
    };

    for (int i = 0; keys[i]; i++)
        check(keys[i], NULL);
}

TEST(C7_what_sizes_pods_may_not)
{
    check("spark.executor.memory", SIZES);
    check("spark.executor.memoryOverhead", SIZES);
    check("spark.driver.memory", SIZES);
    check("spark.memory.fraction", SIZES);
    check("spark.executor.pyspark.memory", SIZES);
    check("spark.executor.cores", SIZES);
    check("spark.driver.cores", SIZES);
    check("spark.kubernetes.executor.request.cores", SIZES);
    check("spark.executor.instances", SIZES);
    check("spark.dynamicAllocation.enabled", SIZES);
    check("spark.dynamicAllocation.maxExecutors", SIZES);
}

TEST(java_options_may_not)
{
    check("spark.driver.extraJavaOptions", "must not set Java options");
    check("spark.executor.defaultJavaOptions", "must not set Java options");
    check("spark.sql.JAVAOPTIONS", "must not set Java options");
}

/* Secrets belong into Kubernetes, also where the prefix is open. */
TEST(secrets_may_not)
{
    check("spark.hadoop.fs.s3a.secret.key", SECRET);
    check("spark.hadoop.fs.s3a.access.key", SECRET);
    check("spark.hadoop.fs.s3a.session.token", SECRET);
    check("spark.hadoop.fs.s3a.aws.credentials.provider", SECRET);
    check("spark.hadoop.fs.s3a.server-side-encryption.key", SECRET);
    check("spark.sql.catalog.x.password", SECRET);
    check("spark.hadoop.fs.s3a.bucket.b.Secret.Key", SECRET);
}

TEST(everything_else_may_not)
{
    check("spark.master", NOT_OPEN);
    check("spark.app.name", NOT_OPEN);
    check("spark.jars", NOT_OPEN);
    check("spark.jars.packages", NOT_OPEN);
    check("spark.submit.pyFiles", NOT_OPEN);
    check("spark.kubernetes.namespace", NOT_OPEN);
    check("spark.kubernetes.driver.podTemplateFile", NOT_OPEN);
    check("spark.kubernetes.authenticate.driver.serviceAccountName", NOT_OPEN);
    check("spark.plugins", NOT_OPEN);
    check("spark.hadoop.fs.defaultFS", NOT_OPEN);
    check("hadoop.fs.s3a.endpoint", NOT_OPEN);
    check("spark", NOT_OPEN);
}

/* A prefix alone opens nothing, and a name without a dot at its end opens itself only. */
TEST(prefixes_and_names)
{
    check("spark.sql.", NOT_OPEN);
    check("spark.sql", NOT_OPEN);
    check("spark.sqlx.y", NOT_OPEN);
    check("spark.serializer.objectStreamReset", NOT_OPEN);
    check("spark.serializers", NOT_OPEN);
    check("spark.speculationx", NOT_OPEN);
    check("xspark.sql.a", NOT_OPEN);
    /* Spark's names are case-sensitive. */
    check("Spark.sql.a", NOT_OPEN);
    check("spark.SQL.a", NOT_OPEN);
}

TEST(what_is_no_name)
{
    char key[300] = "spark.sql.";

    check("", NO_NAME);
    check("spark.sql.a b", NO_NAME);
    check("spark.sql.a=b", NO_NAME);
    check("spark.sql.a\n", NO_NAME);
    check("spark.sql.\xc3\xa4", NO_NAME);
    check("spark.sql.a/b", NO_NAME);
    check("spark.sql.a\"", NO_NAME);
    check("spark.sql.a[", NO_NAME);
    check("spark.sql.a`", NO_NAME);
    check("spark.sql.a{", NO_NAME);
    check("spark.sql.a@", NO_NAME);
    memset(key + 10, 'z', 190);
    check(key, NULL);
    key[200] = 'z';
    check(key, NO_NAME);
}

TEST(letters_digits_and_marks_are_names)
{
    check("spark.sql.azAZ09-_.z", NULL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_tunes_the_job_may_be_set),
    cmocka_unit_test(C7_what_sizes_pods_may_not),
    cmocka_unit_test(java_options_may_not),
    cmocka_unit_test(secrets_may_not),
    cmocka_unit_test(everything_else_may_not),
    cmocka_unit_test(prefixes_and_names),
    cmocka_unit_test(what_is_no_name),
    cmocka_unit_test(letters_digits_and_marks_are_names),
};

UNIT_MAIN(tests)
