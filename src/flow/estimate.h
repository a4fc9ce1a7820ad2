/*
 * estimate.h: the answer of calculate_estimate().
 */
#ifndef SI_FLOW_ESTIMATE_H
#define SI_FLOW_ESTIMATE_H

#include "utils/jsonb.h"

/*
 * JSON as the COMMENT of sparkingest.calculate_estimate gives it, by the rules of domain/estimate.h. Raises 22023 naming
 * the field.
 */
extern char *si_estimate_json(Jsonb *request);

#endif
