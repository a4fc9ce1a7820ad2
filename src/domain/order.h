/*
 * order.h: whose turn it is among waiting work (C15, C16): priority with aging, then the tenant's share, then time.
 */
#ifndef SI_DOMAIN_ORDER_H
#define SI_DOMAIN_ORDER_H

#include "domain/types.h"

/*
 * Waiting work gains points for each whole day that it waited, for at most so many days. Whole days, so that among equals that
 * came on one day the share decides; not for ever, so that the work of one tenant's burst does not stay ahead of all others.
 */
#define SI_AGING_DAYS 2

int32_t si_priority_effective(int32_t priority, SiTime since, SiTime now, int32_t points_per_hour);

/* Half-life of use in the fair order. What is used at a constant rate weighs as much as its last 24 h / ln 2 whole. */
#define SI_USE_HALF_LIFE_HOURS 24
#define SI_USE_SPAN_SECONDS 124650

/* Resources times time: millicore-seconds and MiB-seconds, of a tenant or of all there is in SI_USE_SPAN_SECONDS. */
typedef struct SiUse
{
    double cpu;
    double mem;
} SiUse;

/* The dominant share: the greater one of both resources' shares, in millionths. Of nothing: 0 when nothing is used. */
int64_t si_share(const SiUse *use, const SiUse *capacity);

/*
 * Steps of shares that count as different when one tenant's work is to give way to another's: below 0.1 % is step 0, and each
 * doubling is one more, so that a little more or less use moves nothing.
 */
int32_t si_share_step(int64_t share);

/* One piece of work that waits for its turn. */
typedef struct SiTurn
{
    int32_t item;   /* the caller's */
    int32_t tenant; /* index into uses */
    int32_t priority;
    SiTime since;   /* from when on it waited; in the future = it does not yet */
    SiTime wanted;  /* start */
    SiTime planned; /* start; INT64_MAX = none */
    int64_t cpu;    /* millicores */
    int64_t mem;    /* MiB */
    int64_t seconds;
    uint8_t id[16];
    int64_t share;     /* out: of its tenant, with what comes before it, millionths */
    int32_t effective; /* out: priority with what it gained */
    int64_t rank;      /* out: work of a lower rank gives way to it, and of no other */
} SiTurn;

/*
 * Sorts: effective priority, highest first; smaller share, in which all of the tenant's work counts that is ordered before; wanted
 * start; id. A tenant's own work is ordered by priority and planned start, so that equals of it keep their places among themselves.
 * Ranks follow priority, and then the step of the share. uses is what the tenants used and hold, and grows by what
 * they wait for. The same input in any order gives the same.
 */
void si_order(SiTurn *turns, int n, SiUse *uses, const SiUse *capacity, SiTime now, int32_t points_per_hour);

#endif
