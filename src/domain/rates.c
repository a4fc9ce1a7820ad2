/*
 * rates.c: one count for each of another.
 */
#include "domain/rates.h"

int64_t
si_rate(int64_t part, int64_t scale, int64_t whole)
{
    __int128 rate;

    if (whole <= 0)
        return SI_NO_RATE;
    rate = ((__int128) part * scale + whole / 2) / whole;
    return rate > INT64_MAX ? INT64_MAX : (int64_t) rate;
}
