/*
 * destination.h: destination_config of a job.
 */
#ifndef SI_FLOW_DESTINATION_H
#define SI_FLOW_DESTINATION_H

#include "utils/jsonb.h"

/* Checks it strictly and returns what is kept: nulls removed, format and mode filled in. Raises 22023 naming the field. */
extern Jsonb *si_destination_check(Jsonb *config);

/* Whether two configurations write to the same place. */
extern bool si_destination_same_place(Jsonb *a, Jsonb *b);

#endif
