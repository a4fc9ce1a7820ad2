/*
 * manifest.c: the SparkApplication of an execution.
 *
 * The text is built, read as jsonb and printed again, so that the one that is hashed, stored and posted is the same,
 * also after a restart, when it is posted from the table.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "common/base64.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "domain/sizing.h"
#include "domain/sparkconf.h"
#include "kube/document.h"
#include "kube/manifest.h"
#include "pg/json.h"

#define TIME_TO_LIVE_SECONDS 86400 /* the operator removes ended objects after a day */

char *
si_manifest_instance(void)
{
    return psprintf(UINT64_FORMAT "-%u", GetSystemIdentifier(), MyDatabaseId);
}

const char *
si_manifest_conf_problem(const char *key)
{
    return si_sparkconf_problem(key);
}

static bool
listed(const char *const *list, const char *key, int length)
{
    for (int i = 0; list[i]; i++)
        if (strlen(list[i]) == length && memcmp(list[i], key, length) == 0)
            return true;
    return false;
}

/* Appends the members of an object but those in `except`. as_text: scalars become strings. */
static void
put_members(StringInfo buf, Jsonb *object, const char *const *except, bool as_text)
{
    JsonbIterator *iterator = JsonbIteratorInit(&object->root);
    JsonbIteratorToken token;
    JsonbValue key;
    JsonbValue value;

    while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
    {
        Jsonb *inner;
        char *name;
        char *text;

        if (token != WJB_KEY)
            continue;
        name = pnstrdup(key.val.string.val, key.val.string.len);
        token = JsonbIteratorNext(&iterator, &value, true);
        Assert(token == WJB_VALUE);
        if (listed(except, name, (int) strlen(name)))
            continue;
        inner = JsonbValueToJsonb(&value);
        text = JsonbToCString(NULL, &inner->root, VARSIZE(inner));
        if (as_text && value.type == jbvString)
            si_json_put_text(buf, name, pnstrdup(value.val.string.val, value.val.string.len));
        else if (as_text)
            si_json_put_text(buf, name, text);
        else
            si_json_put_raw(buf, name, text);
    }
}

/*
 * A draft run writes beside the destination, not into it: its rows must not count twice for who reads the lake. Each has a
 * place of its own, so that mode error works. jsonb keeps the last of equal keys.
 */
static void
put_draft_place(StringInfo buf, Jsonb *destination, const char *run_id)
{
    char *uri = si_document_text(destination, "uri");
    const char *key = uri ? "uri" : "path";
    char *place = uri ? uri : si_document_text(destination, "path");
    int length = place ? (int) strlen(place) : 0;

    while (length > 0 && place[length - 1] == '/')
        length--;
    si_json_put_text(buf, key, psprintf("%.*s_draft/%s", length, place ? place : "", run_id));
}

/* What ingest.py reads; secrets only by environment, since arguments are logged. */
static char *
make_spec(const SiManifestInput *input, Jsonb *source, Jsonb *destination)
{
    static const char *const source_except[] = {"credentials_secret", "incremental", "type", NULL};
    static const char *const destination_except[] = {"credentials_secret", NULL};
    static const char *const incremental_except[] = {"after", NULL};
    Jsonb *incremental = si_json_object(source, "source_config", "incremental");
    StringInfoData spec;
    StringInfoData part;

    initStringInfo(&spec);
    appendStringInfoChar(&spec, '{');
    /* Output is told apart by the first attempt, so that a retry replaces what an earlier attempt left. */
    si_json_put_text(&spec, "execution_id", input->run_id);
    si_json_put_raw(&spec, "attempt", psprintf("%d", input->attempt));

    initStringInfo(&part);
    appendStringInfoChar(&part, '{');
    si_json_put_text(&part, "type", input->source_type);
    put_members(&part, source, source_except, false);
    if (incremental)
    {
        StringInfoData inner;

        initStringInfo(&inner);
        appendStringInfoChar(&inner, '{');
        put_members(&inner, incremental, incremental_except, false);
        si_json_put_text(&inner, "after", input->watermark);
        appendStringInfoChar(&inner, '}');
        si_json_put_raw(&part, "incremental", inner.data);
    }
    appendStringInfoChar(&part, '}');
    si_json_put_raw(&spec, "source", part.data);

    resetStringInfo(&part);
    appendStringInfoChar(&part, '{');
    put_members(&part, destination, destination_except, false);
    if (input->is_draft)
        put_draft_place(&part, destination, input->run_id);
    appendStringInfoChar(&part, '}');
    si_json_put_raw(&spec, "destination", part.data);
    appendStringInfoChar(&spec, '}');
    return spec.data;
}

/* base64 of RFC 4648 section 5, without padding: no character that kubelet or a shell would expand. */
static char *
base64url(const char *text)
{
    char *utf8 = pg_server_to_any(text, (int) strlen(text), PG_UTF8);
    int length = (int) strlen(utf8);
    int most = pg_b64_enc_len(length);
    char *out = palloc(most + 1);
    int n = pg_b64_encode(utf8, length, out, most);

    if (n < 0)
        elog(ERROR, "could not encode a spec");
    while (n > 0 && out[n - 1] == '=')
        n--;
    out[n] = '\0';
    for (char *c = out; *c; c++)
        if (*c == '+')
            *c = '-';
        else if (*c == '/')
            *c = '_';
    return out;
}

static char *
labels(const SiManifestInput *input, const char *instance)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_text(&buf, "app.kubernetes.io/managed-by", "sparkingest");
    si_json_put_text(&buf, "sparkingest.io/instance", instance);
    si_json_put_text(&buf, "sparkingest.io/execution", input->execution_id);
    si_json_put_text(&buf, "sparkingest.io/job", input->job_id);
    si_json_put_text(&buf, "sparkingest.io/tenant", input->tenant_id);
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

static void
put_secret(StringInfo buf, const char *variable, const char *secret, const char *key)
{
    StringInfoData ref;

    initStringInfo(&ref);
    appendStringInfoChar(&ref, '{');
    si_json_put_text(&ref, "name", secret);
    si_json_put_text(&ref, "key", key);
    appendStringInfoChar(&ref, '}');
    si_json_put_raw(buf, variable, ref.data);
}

/* References to Kubernetes Secrets; NULL when the job names none. */
static char *
secrets(const SiManifestInput *input, Jsonb *source, Jsonb *destination)
{
    char *source_secret = si_document_text(source, "credentials_secret");
    char *storage_secret = si_document_text(destination, "credentials_secret");
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    if (source_secret && strcmp(input->source_type, "s3") == 0)
    {
        /* One process has one pair of S3 keys: the destination's win. */
        if (storage_secret == NULL)
            storage_secret = source_secret;
    }
    else if (source_secret)
    {
        put_secret(&buf, "SPARKINGEST_SOURCE_USERNAME", source_secret, "username");
        put_secret(&buf, "SPARKINGEST_SOURCE_PASSWORD", source_secret, "password");
    }
    if (storage_secret)
    {
        put_secret(&buf, "AWS_ACCESS_KEY_ID", storage_secret, "access_key_id");
        put_secret(&buf, "AWS_SECRET_ACCESS_KEY", storage_secret, "secret_access_key");
    }
    appendStringInfoChar(&buf, '}');
    return buf.len > 2 ? buf.data : NULL;
}

/* Always all four of them, on both roles: without a limit a quota on limits rejects the pod. */
static void
put_pod(StringInfo buf, const SiPod *pod, const char *labels_json, const char *secrets_json)
{
    si_json_put_raw(buf, "cores", psprintf("%d", pod->cores));
    si_json_put_text(buf, "coreRequest", psprintf(INT64_FORMAT "m", pod->cpu_millicores));
    si_json_put_text(buf, "coreLimit", psprintf(INT64_FORMAT "m", pod->cpu_millicores));
    si_json_put_text(buf, "memory", psprintf(INT64_FORMAT "m", pod->heap_mib));
    si_json_put_text(buf, "memoryOverhead", psprintf(INT64_FORMAT "m", pod->overhead_mib));
    si_json_put_raw(buf, "labels", labels_json);
    if (secrets_json)
        si_json_put_raw(buf, "envSecretKeyRefs", secrets_json);
}

/* The namespace's properties, overlaid by the job's, every value as text. Refused keys are left out a last time. */
static char *
spark_conf(Jsonb *profile, Jsonb *options)
{
    Jsonb *of_profile = si_json_object(profile, "spark_profile", "spark_conf");
    Jsonb *of_job = si_json_object(options, "options", "spark_conf");
    const char *none[] = {NULL};
    StringInfoData buf;
    Jsonb *merged;
    JsonbIterator *iterator;
    JsonbIteratorToken token;
    JsonbValue value;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    if (of_profile)
        put_members(&buf, of_profile, none, true);
    if (of_job)
        put_members(&buf, of_job, none, true); /* jsonb keeps the last of equal keys */
    appendStringInfoChar(&buf, '}');
    merged = si_json_parse(buf.data);

    iterator = JsonbIteratorInit(&merged->root);
    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
        if (token == WJB_KEY)
        {
            char *key = pnstrdup(value.val.string.val, value.val.string.len);
            const char *problem = si_manifest_conf_problem(key);

            if (problem)
                ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid spark_conf: \"%s\" %s", key, problem)));
        }
    return JsonbToCString(NULL, &merged->root, VARSIZE(merged));
}

static char *
metadata(const SiManifestInput *input, const char *prefix, const char *object_name, const char *labels_json, const char *sha256)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_text(&buf, "name", object_name);
    si_json_put_text(&buf, "namespace", psprintf("%s%s", prefix, input->namespace_name));
    si_json_put_raw(&buf, "labels", labels_json);
    if (sha256)
        si_json_put_raw(&buf, "annotations", psprintf("{\"sparkingest.io/manifest-sha256\": \"%s\"}", sha256));
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

static char *
spec(const SiManifestInput *input, const SiSizing *sizing, const char *labels_json)
{
    Jsonb *source = si_json_parse(input->source_config);
    Jsonb *destination = si_json_parse(input->destination_config);
    Jsonb *options = si_json_parse(input->options);
    Jsonb *profile = si_json_parse(input->spark_profile);
    char *image = si_json_text(options, "options", "image", 1000);
    char *secrets_json = secrets(input, source, destination);
    char *account = si_json_required_text(profile, "spark_profile", "service_account", 253);
    StringInfoData buf;
    StringInfoData part;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_text(&buf, "type", "Python");
    si_json_put_text(&buf, "pythonVersion", "3");
    si_json_put_text(&buf, "mode", "cluster");
    si_json_put_text(&buf, "image", image ? image : si_json_required_text(profile, "spark_profile", "image", 1000));
    si_json_put_text(&buf, "imagePullPolicy", "IfNotPresent");
    si_json_put_text(&buf, "mainApplicationFile",
                     si_json_required_text(profile, "spark_profile", "main_application_file", 1000));
    si_json_put_text(&buf, "sparkVersion", si_json_required_text(profile, "spark_profile", "spark_version", 100));
    si_json_put_raw(&buf, "arguments",
                    psprintf("[\"--spec-b64\", \"%s\"]", base64url(make_spec(input, source, destination))));
    si_json_put_raw(&buf, "restartPolicy", "{\"type\": \"Never\"}"); /* retries are ours (J7) */
    si_json_put_raw(&buf, "timeToLiveSeconds", CppAsString2(TIME_TO_LIVE_SECONDS));
    si_json_put_raw(&buf, "sparkConf", spark_conf(profile, options));

    initStringInfo(&part);
    appendStringInfoChar(&part, '{');
    put_pod(&part, &sizing->driver, labels_json, secrets_json);
    si_json_put_text(&part, "serviceAccount", account);
    appendStringInfoChar(&part, '}');
    si_json_put_raw(&buf, "driver", part.data);

    resetStringInfo(&part);
    appendStringInfoChar(&part, '{');
    si_json_put_raw(&part, "instances", psprintf("%d", sizing->executors));
    put_pod(&part, &sizing->executor, labels_json, secrets_json);
    appendStringInfoChar(&part, '}');
    si_json_put_raw(&buf, "executor", part.data);
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

static char *
assemble(const char *metadata_json, const char *spec_json)
{
    Jsonb *whole;
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_text(&buf, "apiVersion", "sparkoperator.k8s.io/v1beta2");
    si_json_put_text(&buf, "kind", "SparkApplication");
    si_json_put_raw(&buf, "metadata", metadata_json);
    si_json_put_raw(&buf, "spec", spec_json);
    appendStringInfoChar(&buf, '}');
    whole = si_json_parse(buf.data);
    return JsonbToCString(NULL, &whole->root, VARSIZE(whole));
}

static char *
sha256_hex(const char *text)
{
    uint8 digest[PG_SHA256_DIGEST_LENGTH];
    char *hex = palloc(2 * PG_SHA256_DIGEST_LENGTH + 1);
    pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);

    if (hash == NULL || pg_cryptohash_init(hash) < 0 || pg_cryptohash_update(hash, (const uint8 *) text, strlen(text)) < 0 ||
        pg_cryptohash_final(hash, digest, sizeof(digest)) < 0)
        elog(ERROR, "could not compute the hash of a manifest: %s", pg_cryptohash_error(hash));
    pg_cryptohash_free(hash);
    hex_encode((const char *) digest, sizeof(digest), hex);
    hex[2 * PG_SHA256_DIGEST_LENGTH] = '\0';
    return hex;
}

static char *
object_name(const SiManifestInput *input)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoString(&buf, "si-");
    for (const char *c = input->execution_id; *c; c++)
        if (*c != '-')
            appendStringInfoChar(&buf, *c);
    appendStringInfo(&buf, "-%d", input->attempt);
    return buf.data;
}

void
si_manifest_build(const SiManifestInput *input, const char *instance, const char *prefix, SiManifest *out)
{
    char *labels_json = labels(input, instance);
    SiSizing sizing;
    char *spec_json;

    if (si_sizing_split(input->cpu_millicores, input->memory_mib, input->executors, &sizing) != SI_SIZING_OK)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg(INT64_FORMAT " millicores and " INT64_FORMAT " MiB do not divide over a driver and %d executors",
                               (int64) input->cpu_millicores, (int64) input->memory_mib, input->executors)));
    spec_json = spec(input, &sizing, labels_json);
    out->object_name = object_name(input);
    out->sha256 = sha256_hex(assemble(metadata(input, prefix, out->object_name, labels_json, NULL), spec_json));
    out->text = assemble(metadata(input, prefix, out->object_name, labels_json, out->sha256), spec_json);

    /* What is reserved is what is asked for (C7): read back from the very text, never assumed. */
    if (!si_manifest_sum(si_json_parse(out->text), &out->cpu_millicores, &out->memory_mib) ||
        out->cpu_millicores != input->cpu_millicores || out->memory_mib != input->memory_mib)
        elog(ERROR, "the manifest of execution %s asks for something else than what was reserved", input->execution_id);
}

/* "<number>m" as written by put_pod. */
static bool
quantity(Jsonb *manifest, const char *path, int64 *out)
{
    char *text = si_document_text(manifest, path);
    char *end;

    if (text == NULL || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && strcmp(end, "m") == 0;
}

bool
si_manifest_sum(Jsonb *manifest, int64 *cpu_millicores, int64 *memory_mib)
{
    int64 driver_cpu, driver_heap, driver_overhead, cpu, heap, overhead, instances;

    if (!quantity(manifest, "spec.driver.coreRequest", &driver_cpu) || !quantity(manifest, "spec.driver.memory", &driver_heap) ||
        !quantity(manifest, "spec.driver.memoryOverhead", &driver_overhead) ||
        !quantity(manifest, "spec.executor.coreRequest", &cpu) || !quantity(manifest, "spec.executor.memory", &heap) ||
        !quantity(manifest, "spec.executor.memoryOverhead", &overhead) ||
        !si_document_int(manifest, "spec.executor.instances", &instances) || instances < 1 || instances > SI_MAX_EXECUTORS)
        return false;
    *cpu_millicores = driver_cpu + instances * cpu;
    *memory_mib = driver_heap + driver_overhead + instances * (heap + overhead);
    return true;
}

bool
si_manifest_is_ours(Jsonb *object, const char *instance, const char *execution_id, const char *sha256)
{
    Jsonb *its_labels = si_document_object(object, "metadata.labels");
    char *its_instance = si_document_label(its_labels, "sparkingest.io/instance");
    char *its_execution = si_document_label(its_labels, "sparkingest.io/execution");
    char *its_hash = si_document_label(si_document_object(object, "metadata.annotations"), "sparkingest.io/manifest-sha256");

    return its_instance && its_execution && its_hash && strcmp(its_instance, instance) == 0 &&
           strcmp(its_execution, execution_id) == 0 && strcmp(its_hash, sha256) == 0;
}
