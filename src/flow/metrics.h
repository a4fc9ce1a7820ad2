/*
 * metrics.h: the driver's termination message. It comes from a pod that runs the tenant's code: what is not of the right
 * type is not known, and nothing raises.
 */
#ifndef SI_FLOW_METRICS_H
#define SI_FLOW_METRICS_H

#include "utils/jsonb.h"

typedef struct SiMetrics
{
    int64 rows_read; /* -1 = not known, as all numbers here */
    int64 bytes_out;
    int64 files_written;
    int64 cpu_millis;
    int64 peak_memory_mib;
    char *cursor_value; /* NULL = not known */
} SiMetrics;

/* metrics may be NULL. */
extern void si_metrics_read(Jsonb *metrics, SiMetrics *out);

#endif
