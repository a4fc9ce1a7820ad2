/*
 * fit.h: earliest fit in slots that come piece by piece (C1, C8).
 */
#ifndef SI_DOMAIN_FIT_H
#define SI_DOMAIN_FIT_H

#include "domain/slots.h"

/* A search for `length` (at least 1) neighbouring slots with cpu and mem each, starting not after `latest`. */
typedef struct SiFit
{
    int64_t cpu;
    int64_t mem;
    int32_t length;
    int64_t latest;
    int64_t run; /* first slot of the present run of slots that fit; SI_NO_SLOT = the last one did not */
} SiFit;

typedef enum SiFitState
{
    SI_FIT_GOES_ON, /* give the next piece */
    SI_FIT_FOUND,   /* fit->run is the start */
    SI_FIT_NONE
} SiFitState;

void si_fit_begin(SiFit *fit, int64_t cpu, int64_t mem, int32_t length, int64_t latest);

/* What is free in an account, slot by slot. */
typedef struct SiFree
{
    const int64_t *cpu;
    const int64_t *mem;
} SiFree;

/*
 * The next n slots, from `first` on, right after the piece before: what is free in them in one account, or in each of up
 * to three (n_free). Linear.
 */
SiFitState si_fit_feed(SiFit *fit, int64_t first, int32_t n, const SiFree *free, int n_free);

/* The same for n slots in all of which the same is free. */
SiFitState si_fit_feed_same(SiFit *fit, int64_t first, int32_t n, int64_t free_cpu, int64_t free_mem);

#endif
