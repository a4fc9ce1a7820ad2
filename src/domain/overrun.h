/*
 * overrun.h: how far the reservation of a run is extended that has reached its end, the soft line (C14).
 */
#ifndef SI_DOMAIN_OVERRUN_H
#define SI_DOMAIN_OVERRUN_H

#include "domain/types.h"

/* So much is asked for at a time, in whole slots, at least one. */
#define SI_EXTENSION_USECS (15 * SI_USECS_PER_MIN)

typedef struct SiExtension
{
    int64_t first; /* first slot that is missing */
    int32_t n;     /* slots that are asked for; 0 = none: the hard line is reached */
    bool gap;      /* it ran without a reservation since that ended, before the present slot */
} SiExtension;

/*
 * end: the slot in which the reservation does not hold any more; present: the slot that holds now; hard: the first slot after
 * the hard line; step: length of a slot in microseconds.
 */
SiExtension si_extension(int64_t end, int64_t present, int64_t hard, int64_t step);

#endif
