/*
 * reconcile.h: holding what is written down in one place against another: metering, and what the cluster has.
 */
#ifndef SI_STORE_RECONCILE_H
#define SI_STORE_RECONCILE_H

#include "datatype/timestamp.h"
#include "funcapi.h"
#include "utils/uuid.h"

/* The rows of verify_usage(). */
extern void si_reconcile_usage(ReturnSetInfo *result);

/* The rows of runaway_executions(). namespace_prefix: of Kubernetes names, for what to do. */
extern void si_reconcile_cluster(const char *namespace_prefix, ReturnSetInfo *result);

/* An application that a list showed. */
typedef struct SiSighting
{
    char object_name[254];
    char object_uid[64]; /* empty = none */
    bool has_execution;
    pg_uuid_t execution_id;
    const char *object_state; /* new, starting, running, completed, failed */
} SiSighting;

/* What a list of a namespace that began at an instant showed, to its end; writes what differs from the last one. */
extern void si_sightings_replace(const char *namespace_name, TimestampTz began_at, const SiSighting *seen, int n);

#endif
