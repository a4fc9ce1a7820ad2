/*
 * slots.c: arithmetic on a pool's time grid.
 */
#include "domain/slots.h"

int64_t
si_slot_floor(SiTime at, int64_t step)
{
    int64_t slot = at / step;

    return slot - (at % step < 0);
}

int64_t
si_slot_ceil(SiTime at, int64_t step)
{
    int64_t slot = at / step;

    return slot + (at % step > 0);
}

SiTime
si_slot_time(int64_t slot, int64_t step)
{
    return slot * step;
}

void
si_slots_fill(SiSlots *slots, int64_t cpu, int64_t mem)
{
    for (int32_t i = 0; i < slots->n; i++)
    {
        slots->cpu[i] = cpu;
        slots->mem[i] = mem;
    }
}

static int64_t
add_saturating(int64_t a, int64_t b)
{
    int64_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return b > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

/* Clips [from, until) to the slots and makes it relative; whether anything is left. */
static bool
clip(const SiSlots *slots, int64_t *from, int64_t *until)
{
    if (*from < slots->first)
        *from = slots->first;
    if (*until > slots->first + slots->n)
        *until = slots->first + slots->n;
    if (*from >= *until)
        return false;
    *from -= slots->first;
    *until -= slots->first;
    return true;
}

void
si_slots_add(SiSlots *slots, int64_t from, int64_t until, int64_t cpu, int64_t mem)
{
    if (!clip(slots, &from, &until))
        return;
    for (int64_t i = from; i < until; i++)
    {
        slots->cpu[i] = add_saturating(slots->cpu[i], cpu);
        slots->mem[i] = add_saturating(slots->mem[i], mem);
    }
}

void
si_slots_set(SiSlots *slots, int64_t from, int64_t until, int64_t cpu, int64_t mem)
{
    if (!clip(slots, &from, &until))
        return;
    for (int64_t i = from; i < until; i++)
    {
        slots->cpu[i] = cpu;
        slots->mem[i] = mem;
    }
}

void
si_slots_min(SiSlots *a, const SiSlots *b)
{
    for (int32_t i = 0; i < a->n; i++)
    {
        if (b->cpu[i] < a->cpu[i])
            a->cpu[i] = b->cpu[i];
        if (b->mem[i] < a->mem[i])
            a->mem[i] = b->mem[i];
    }
}

int64_t
si_slots_find(const SiSlots *slots, int64_t cpu, int64_t mem, int32_t length, int64_t earliest, int64_t latest)
{
    int64_t run = 0; /* slots in a row, up to here, that have room */

    if (earliest < slots->first)
        earliest = slots->first;
    for (int64_t i = earliest - slots->first; i < slots->n; i++)
    {
        int64_t start;

        run = slots->cpu[i] >= cpu && slots->mem[i] >= mem ? run + 1 : 0;
        start = slots->first + i - length + 1;
        if (run >= length)
            return start > latest ? SI_NO_SLOT : start;
        if (start > latest)
            return SI_NO_SLOT;
    }
    return SI_NO_SLOT;
}
