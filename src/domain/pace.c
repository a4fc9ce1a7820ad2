/*
 * pace.c: token bucket and backoff.
 */
#include "domain/pace.h"

#define BACKOFF_LEAST 500
#define BACKOFF_MOST 30000

void
si_bucket_init(SiBucket *bucket, int burst, int64_t now_millis)
{
    bucket->millitokens = (int64_t) burst * 1000;
    bucket->filled_at = now_millis;
}

int64_t
si_bucket_take(SiBucket *bucket, double rate, int burst, int64_t now_millis)
{
    double gained = (double) (now_millis - bucket->filled_at) * rate;

    /* Leave fractions of a token in the time, so that slow rates lose nothing. */
    if (gained >= 1.0)
    {
        int64_t full = (int64_t) burst * 1000;

        bucket->millitokens = gained >= (double) full ? full : bucket->millitokens + (int64_t) gained;
        if (bucket->millitokens > full)
            bucket->millitokens = full;
        bucket->filled_at = now_millis;
    }
    if (bucket->millitokens >= 1000)
    {
        bucket->millitokens -= 1000;
        return 0;
    }
    return (int64_t) ((double) (1000 - bucket->millitokens) / rate) + 1;
}

int64_t
si_backoff_millis(int tries, double unit_random)
{
    int64_t most = tries >= 6 ? BACKOFF_MOST : BACKOFF_LEAST << tries;
    int64_t wait = (int64_t) (unit_random * (double) most);

    return wait < BACKOFF_LEAST ? BACKOFF_LEAST : wait;
}
