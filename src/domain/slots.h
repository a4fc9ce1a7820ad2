/*
 * slots.h: arithmetic on a pool's time grid (C1, C2, C8). A slot is numbered from 2000-01-01: slot k of a grid with step
 * s covers [k * s, (k + 1) * s).
 */
#ifndef SI_DOMAIN_SLOTS_H
#define SI_DOMAIN_SLOTS_H

#include "domain/types.h"

#define SI_NO_SLOT INT64_MIN

/* Amounts of n slots from `first`; negative where a pool is over-committed. The caller owns the arrays. */
typedef struct SiSlots
{
    int64_t first;
    int32_t n;
    int64_t *cpu; /* millicores */
    int64_t *mem; /* MiB */
} SiSlots;

/* The slot that holds an instant; the first slot that begins at or after it. step > 0. */
int64_t si_slot_floor(SiTime at, int64_t step);
int64_t si_slot_ceil(SiTime at, int64_t step);

/* Beginning of a slot. The caller keeps slot * step within range. */
SiTime si_slot_time(int64_t slot, int64_t step);

void si_slots_fill(SiSlots *slots, int64_t cpu, int64_t mem);

/* Adds to, or sets, the slots [from, until) that are inside; sums saturate. */
void si_slots_add(SiSlots *slots, int64_t from, int64_t until, int64_t cpu, int64_t mem);
void si_slots_set(SiSlots *slots, int64_t from, int64_t until, int64_t cpu, int64_t mem);

/* a = element-wise least of a and b, which cover the same slots. */
void si_slots_min(SiSlots *a, const SiSlots *b);

/*
 * First start in [earliest, latest] from which `length` (at least 1) neighbouring slots all have cpu and mem, every one
 * of them inside; SI_NO_SLOT when there is none. Linear in the number of slots.
 */
int64_t si_slots_find(const SiSlots *slots, int64_t cpu, int64_t mem, int32_t length, int64_t earliest, int64_t latest);

#endif
