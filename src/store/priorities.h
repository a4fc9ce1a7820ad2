/*
 * priorities.h: rows of priorities: names for values of sla_requirements.priority.
 */
#ifndef SI_STORE_PRIORITIES_H
#define SI_STORE_PRIORITIES_H

/* Whether there is such a name. */
extern bool si_priority_load(const char *name, int32 *value);

/* Writes a name. Whether it was there before, and with what value. */
extern bool si_priority_put(const char *name, int32 value, int32 *before);

/* The names, ascending by value, with commas; palloc'd. */
extern char *si_priority_names(void);

#endif
