/*
 * explanation.h: what keeps a run from starting as it is wanted, constraint by constraint (Q1). Each constraint is a function
 * that looks at a subject and tells what binds it: flow/hindrance.c for the job and its run, flow/bottleneck.c for a
 * namespace. A new one is one function more in the list of its file, and a line in the COMMENT of explain_job().
 */
#ifndef SI_FLOW_EXPLANATION_H
#define SI_FLOW_EXPLANATION_H

#include "nodes/pg_list.h"

#include "flow/admit.h"

/* What is explained. */
typedef struct SiSubject
{
    const SiJob *job;
    const SiExecution *e; /* as it is, or as it would be admitted */
    bool exists;          /* its row is there */
    bool by_schedule;     /* a fire of the schedule that is yet to come */
    SiWish wish;
    SiNeed need;
    TimestampTz now;
} SiSubject;

/* Numbers of a constraint: both are divided by `scale`; 0 = there are none. */
typedef struct SiNumbers
{
    int64 needed;
    int64 free;
    int64 scale;
} SiNumbers;

typedef struct SiBinding
{
    const char *namespace_name; /* NULL = wherever it runs */
    const char *constraint_name;
    SiNumbers numbers;
    TimestampTz from;  /* it binds in [from, until); SI_NO_TIME = from ever, */
    TimestampTz until; /* and until something is done about it */
    const char *remedy;
} SiBinding;

/* Adds a copy of a row to a list; the remedy must last as long as the list. */
extern void si_explanation_add(List **rows, const SiBinding *row);

/* Divisors of numbers in units that users know, and instants as text, palloc'd. */
#define SI_SCALE_COUNT 1
#define SI_SCALE_CORES 1000
#define SI_SCALE_GIB 1024
#define SI_SCALE_HOURS 1000000 /* millionths of a vCPU-hour */
#define SI_SCALE_MINUTES 1000  /* thousandths of a minute */
extern char *si_explanation_time(TimestampTz at);

#endif
