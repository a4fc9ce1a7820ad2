/*
 * discount.h: volume discounts, which operators set.
 */
#ifndef SI_FLOW_DISCOUNT_H
#define SI_FLOW_DISCOUNT_H

#include "pg/caller.h"
#include "store/discounts.h"

/* Sets or, with a share of -1, removes a step, and tells by an event. Raises 22023 naming the argument. */
extern void si_discount_set(const SiCaller *caller, const SiDiscount *discount);

#endif
