/*
 * after.h: options.after of a job: the jobs whose success starts it.
 */
#ifndef SI_FLOW_AFTER_H
#define SI_FLOW_AFTER_H

#include "store/jobs.h"

/* Checks the form of options.after: a name or id, or an array of them; not with a schedule. Raises 22023 naming the field. */
extern void si_after_check(const SiJob *job);

/*
 * Makes the jobs that options.after names those that a locked job starts after; those that it names are looked up now and stay
 * the same whatever they are called later. Raises 22023 for a job that the tenant does not have, for the job itself and for a
 * cycle. Whether that changed something. Locks the tenant's dependencies until the end of the transaction: last of all.
 */
extern bool si_after_set(const SiJob *job);

#endif
