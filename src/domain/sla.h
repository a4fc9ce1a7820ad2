/*
 * sla.h: whether a run met its SLA (S1).
 */
#ifndef SI_DOMAIN_SLA_H
#define SI_DOMAIN_SLA_H

#include "domain/types.h"

/* Bounds in microseconds after the scheduled time; SI_NO_BOUND = not stated. */
#define SI_NO_BOUND INT64_MIN

typedef struct SiSla
{
    int64_t earliest_start;
    int64_t start_by;
    int64_t finish_by;
    int64_t window;      /* latest start */
    int64_t max_runtime; /* from start to finish */
} SiSla;

/* Whether all stated bounds held for a run that has ended. A run that did not succeed missed its SLA. */
bool si_sla_met(const SiSla *sla, SiTime scheduled, SiTime started, SiTime finished, bool succeeded);

#endif
