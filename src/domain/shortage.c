/*
 * shortage.c: where an account has too little of one resource for a need.
 */
#include "domain/shortage.h"

bool
si_shortage_find(const int64_t *free, int32_t n, int32_t length, int64_t need, SiShortage *out)
{
    int32_t start; /* of the slots in a row, up to here, that have enough */

    out->from = 0;
    while (out->from < length && free[out->from] >= need)
        out->from++;
    if (out->from == length)
        return false;

    out->until = n;
    out->lifts = false;
    start = out->from + 1;
    for (int32_t i = start; i < n && !out->lifts; i++)
    {
        if (free[i] < need)
            start = i + 1;
        else if (i - start + 1 == length)
        {
            out->until = start;
            out->lifts = true;
        }
    }
    out->least = free[out->from];
    for (int32_t i = out->from; i < length; i++)
        out->least = free[i] < out->least ? free[i] : out->least;
    return true;
}
