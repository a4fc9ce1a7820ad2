/*
 * inquiry.h: what explanations read beside the rows of a job and its executions. Each statement finds a few rows by index.
 */
#ifndef SI_STORE_INQUIRY_H
#define SI_STORE_INQUIRY_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

/* The run of a job that is to start first of those that have not; whether there is one. */
extern bool si_inquiry_next_run(const pg_uuid_t *job_id, pg_uuid_t *execution_id);

/* Of the other runs of a job that were claimed and have not ended: the one whose planned end comes last, or first. */
extern bool si_inquiry_run_ahead(const pg_uuid_t *job_id, const pg_uuid_t *except, bool last, pg_uuid_t *execution_id,
                                 TimestampTz *planned_end);

/* What its ending was put down to, in words; NULL = nobody said. palloc'd. */
extern char *si_inquiry_end_cause(const pg_uuid_t *execution_id);

/* The cluster of a namespace, palloc'd. */
typedef struct SiOutlet
{
    char *cluster_name;
    char *dispatch;    /* disabled, enabled, fenced */
    bool api_fails;    /* the last exchange with its API was an error, */
    TimestampTz since; /* since then */
} SiOutlet;

/* Raises when the namespace is missing. */
extern void si_inquiry_outlet(const char *namespace_name, SiOutlet *out);

#endif
