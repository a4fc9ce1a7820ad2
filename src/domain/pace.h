/*
 * pace.h: how fast Kubernetes is called: a token bucket (J11) and backoff after transient errors.
 */
#ifndef SI_DOMAIN_PACE_H
#define SI_DOMAIN_PACE_H

#include "domain/types.h"

/* Times in milliseconds of any clock that does not step back. */
typedef struct SiBucket
{
    double tokens;
    int64_t filled_at;
} SiBucket;

/* Full bucket of `burst` tokens. */
void si_bucket_init(SiBucket *bucket, int burst, int64_t now_millis);

/* Takes a token: 0, or the milliseconds after which one will be there. rate: tokens per second, 0.01 to 1000. */
int64_t si_bucket_take(SiBucket *bucket, double rate, int burst, int64_t now_millis);

/* Full-jitter backoff: unit_random (0 to 1) of min(30 s, 0.5 s * 2^tries), at least 500 ms. tries from 0. */
int64_t si_backoff_millis(int tries, double unit_random);

#endif
