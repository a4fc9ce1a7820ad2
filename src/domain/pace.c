/*
 * pace.c: token bucket and backoff.
 */
#include "domain/pace.h"

#define BACKOFF_LEAST 500
#define BACKOFF_MOST 30000

void
si_bucket_init(SiBucket *bucket, int burst, int64_t now_millis)
{
    bucket->tokens = burst;
    bucket->filled_at = now_millis;
}

int64_t
si_bucket_take(SiBucket *bucket, double rate, int burst, int64_t now_millis)
{
    double per_milli = rate / 1000.0;

    /* Fractions are kept: a slow rate, or one asked for often, loses nothing. */
    if (now_millis > bucket->filled_at)
    {
        bucket->tokens += (double) (now_millis - bucket->filled_at) * per_milli;
        bucket->filled_at = now_millis;
    }
    if (bucket->tokens > burst)
        bucket->tokens = burst;
    if (bucket->tokens >= 1.0)
    {
        bucket->tokens -= 1.0;
        return 0;
    }
    return (int64_t) ((1.0 - bucket->tokens) / per_milli) + 1;
}

int64_t
si_backoff_millis(int tries, double unit_random)
{
    int64_t most = tries >= 6 ? BACKOFF_MOST : BACKOFF_LEAST << tries;
    int64_t wait = (int64_t) (unit_random * (double) most);

    return wait < BACKOFF_LEAST ? BACKOFF_LEAST : wait;
}
