/*
 * manifest.h: what a manifest is made from: one execution, its job and its namespace, as plain values. store fills it,
 * kube writes the SparkApplication from it.
 */
#ifndef SI_DOMAIN_MANIFEST_H
#define SI_DOMAIN_MANIFEST_H

#include "domain/types.h"

typedef struct SiManifestInput
{
    const char *execution_id; /* uuids as text */
    const char *job_id;
    const char *tenant_id;
    int32_t attempt;
    const char *run_id; /* execution of the first attempt */
    bool is_draft;
    const char *namespace_name; /* without the prefix */
    int64_t cpu_millicores;     /* over all pods (C7) */
    int64_t memory_mib;
    int32_t executors;
    const char *source_type;
    const char *source_config; /* JSON objects as text */
    const char *destination_config;
    const char *options;
    const char *spark_profile;
    const char *watermark; /* NULL = none yet */
} SiManifestInput;

#endif
