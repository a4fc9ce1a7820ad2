/*
 * overrun.c: how far a reservation is extended.
 */
#include "domain/overrun.h"

SiExtension
si_extension(int64_t end, int64_t present, int64_t hard, int64_t step)
{
    SiExtension out = {.first = end, .gap = end < present};
    int64_t n = (SI_EXTENSION_USECS + step - 1) / step;

    if (out.gap)
        out.first = present;
    if (n > hard - out.first)
        n = hard - out.first;
    out.n = n > 0 ? (int32_t) n : 0;
    return out;
}
