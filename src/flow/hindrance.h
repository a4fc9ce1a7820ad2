/*
 * hindrance.h: what keeps a run from starting wherever it would run: its tenant, its job, an earlier run, its turn.
 */
#ifndef SI_FLOW_HINDRANCE_H
#define SI_FLOW_HINDRANCE_H

#include "flow/explanation.h"

/* Adds what binds. */
extern void si_hindrances_add(List **rows, const SiSubject *subject);

/* Of a run that was claimed: a post that is to be tried again. */
extern void si_hindrances_of_post(List **rows, const SiSubject *subject);

/* Whether runs are posted to the cluster of a namespace; adds why not. */
extern bool si_dispatch_open(List **rows, const SiSubject *subject, const char *namespace_name);

#endif
