/*
 * ahead.c: how far a schedule is planned ahead.
 */
#include "domain/ahead.h"

SiTime
si_ahead_look_again(SiTime next, int64_t reach, const SiTime *times, int n, SiTime now)
{
    SiTime middle;

    if (n < SI_AHEAD_LIMIT)
        return next - reach;
    middle = times[n / 2];
    /* Planned fires whose time has come wait for capacity: no room comes by looking. */
    return middle > now && middle < next ? middle : next;
}
