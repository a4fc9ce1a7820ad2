/*
 * purchase.h: buying capacity: a purchase and its grants (M1, M2, M10).
 */
#ifndef SI_FLOW_PURCHASE_H
#define SI_FLOW_PURCHASE_H

#include "domain/period.h"
#include "pg/caller.h"
#include "store/purchases.h"
#include "utils/jsonb.h"

#define SI_MAX_QUANTITY 1000000

typedef struct SiPurchaseRequest
{
    pg_uuid_t tenant_id;
    const char *resource_type;
    int32 quantity;
    const char *time_period;
    TimestampTz valid_from;  /* SI_NO_TIME = now */
    TimestampTz valid_until; /* SI_NO_TIME = one period counted from valid_from */
    Jsonb *options;
    const char *key; /* NULL = none (J8) */
} SiPurchaseRequest;

/*
 * Buys for an active tenant. Raises 22023 naming the argument, SI001 when units would exceed the physical capacity of
 * their namespace at any time (M10), SI004.
 */
extern pg_uuid_t si_purchase_make(const SiCaller *caller, const SiPurchaseRequest *request, TimestampTz now);

/* Raises 22023 unless both words are known. Returns the period. */
extern SiPeriod si_purchase_check_kind(const char *resource_type, const char *time_period);

#endif
