/*
 * options.h: options of a job.
 */
#ifndef SI_FLOW_OPTIONS_H
#define SI_FLOW_OPTIONS_H

#include "domain/retry.h"
#include "store/jobs.h"

/* Options that have no column of their own. */
typedef struct SiOptions
{
    bool auto_draft;
    bool auto_promote;
    int overlap_limit;   /* of overlap_policy allow: runs at the same time */
    SiRetryPolicy retry; /* J7 */
} SiOptions;

/*
 * Checks job->options, sets the columns that follow from it and makes the values of spark_conf text, as Kubernetes wants
 * them. Raises 22023 naming the field.
 */
extern void si_options_check(SiJob *job);

/* Of a checked job. */
extern void si_options_read(const SiJob *job, SiOptions *out);

#endif
