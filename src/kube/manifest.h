/*
 * manifest.h: the SparkApplication of an execution: exactly what is posted, and what it asks for (C7).
 */
#ifndef SI_KUBE_MANIFEST_H
#define SI_KUBE_MANIFEST_H

#include "domain/manifest.h"
#include "utils/jsonb.h"

typedef struct SiManifest
{
    char *object_name;    /* si-<execution, 32 hex>-<attempt> (J9) */
    char *text;           /* JSON, as posted and as jsonb prints it */
    char *sha256;         /* hex; of the same without its annotation */
    int64 cpu_millicores; /* what the text asks for over all pods, read back from it */
    int64 memory_mib;
} SiManifest;

/*
 * Value of the label sparkingest.io/instance: <system identifier>-<database oid>; palloc'd. It tells our objects from
 * those of another database or server.
 */
extern char *si_manifest_instance(void);

/*
 * Builds the manifest, palloc'd. prefix = sparkingest.namespace_prefix. Raises 22023 when the resources do not divide
 * over the pods, XX000 when the text asks for anything else than what was reserved.
 */
extern void si_manifest_build(const SiManifestInput *input, const char *instance, const char *prefix, SiManifest *out);

/* Sum over all pods of a manifest's requests; false when a field is missing or malformed. */
extern bool si_manifest_sum(Jsonb *manifest, int64 *cpu_millicores, int64 *memory_mib);

/* Whether an object that Kubernetes has is the one that the manifest of that hash made: labels and annotation agree. */
extern bool si_manifest_is_ours(Jsonb *object, const char *instance, const char *execution_id, const char *sha256);

/* Why users may not set a Spark property: a phrase such as "is set by sparkingest"; NULL = they may. */
extern const char *si_manifest_conf_problem(const char *key);

#endif
