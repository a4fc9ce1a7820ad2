/*
 * rates.h: one count for each of another.
 */
#ifndef SI_DOMAIN_RATES_H
#define SI_DOMAIN_RATES_H

#include "domain/types.h"

/* Nothing to divide by. */
#define SI_NO_RATE INT64_C(-1)

/*
 * part * scale / whole, rounded half up; SI_NO_RATE when whole is not above 0. part and scale from 0. What does not fit is
 * INT64_MAX.
 */
int64_t si_rate(int64_t part, int64_t scale, int64_t whole);

#endif
