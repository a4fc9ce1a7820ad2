/*
 * discounts.h: rows of discounts. Shares are in millionths.
 */
#ifndef SI_STORE_DISCOUNTS_H
#define SI_STORE_DISCOUNTS_H

typedef struct SiDiscount
{
    const char *resource_type;
    const char *time_period;
    int32 from_quantity;
    int64 share; /* -1 = none */
} SiDiscount;

/* The share that a quantity gets; 0 where there is no discount. */
extern int64 si_discount_for(const char *resource_type, const char *time_period, int32 quantity);

/* Writes a step, or removes it when its share is -1. Returns the share that it had, -1 = none. */
extern int64 si_discount_put(const SiDiscount *discount);

#endif
