/*
 * retrypolicy.h: options.retry of a job (J7).
 */
#ifndef SI_FLOW_RETRYPOLICY_H
#define SI_FLOW_RETRYPOLICY_H

#include "utils/jsonb.h"

#include "domain/retry.h"

/*
 * Reads options.retry; without it there is one attempt. Defaults: backoff_minutes 1, max_backoff_minutes 60, budget_per_day
 * 100, `on` what may pass by itself or with more memory, max_memory_gb four times what the job states. Raises 22023 naming
 * the field.
 */
extern void si_retry_policy_read(Jsonb *options, SiRetryPolicy *out);

#endif
