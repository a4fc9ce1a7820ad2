/*
 * shortage.h: where an account has too little of one resource for a need, and when it has enough again (Q1).
 */
#ifndef SI_DOMAIN_SHORTAGE_H
#define SI_DOMAIN_SHORTAGE_H

#include <stdbool.h>
#include <stdint.h>

/* Slots are counted from the first one given. */
typedef struct SiShortage
{
    int32_t from;  /* first slot that has too little */
    int32_t until; /* first start from which the whole length has enough */
    int64_t least; /* least that is free in the first `length` slots */
    bool lifts;    /* false: there is no such start among those given, until = n */
} SiShortage;

/* Whether some of the first `length` (1 to n) slots have less than the need; then fills *out. Linear. */
bool si_shortage_find(const int64_t *free, int32_t n, int32_t length, int64_t need, SiShortage *out);

#endif
