/*
 * relieved.h: rows of set_capacity and cancel_purchase: who was affected.
 */
#ifndef SI_API_RELIEVED_H
#define SI_API_RELIEVED_H

#include "flow/relief.h"
#include "nodes/execnodes.h"

/* Puts (execution_id, job_id, tenant_id, planned_start, effect) into a materialised result. */
extern void si_put_relieved(ReturnSetInfo *result, const SiRelieved *relieved, int n);

#endif
