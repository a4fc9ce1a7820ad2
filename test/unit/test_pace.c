/*
 * How fast Kubernetes is called: J11.
 */
#include "unit.h"

#include "domain/pace.h"

TEST(J11_a_full_bucket_is_a_burst)
{
    SiBucket bucket;

    si_bucket_init(&bucket, 3, 5000);
    assert_int_equal(si_bucket_take(&bucket, 2.0, 3, 5000), 0);
    assert_int_equal(si_bucket_take(&bucket, 2.0, 3, 5000), 0);
    assert_int_equal(si_bucket_take(&bucket, 2.0, 3, 5000), 0);
    assert_true(si_bucket_take(&bucket, 2.0, 3, 5000) > 0);
}

/* At 2 a second a token takes 500 ms; the answer is never too early and at most a millisecond late. */
TEST(J11_the_wait_is_enough)
{
    SiBucket bucket;
    int64_t wait;

    si_bucket_init(&bucket, 1, 1000);
    assert_int_equal(si_bucket_take(&bucket, 2.0, 1, 1000), 0);
    wait = si_bucket_take(&bucket, 2.0, 1, 1000);
    assert_in_range(wait, 500, 501);
    assert_in_range(si_bucket_take(&bucket, 2.0, 1, 1100), 400, 401);
    assert_true(si_bucket_take(&bucket, 2.0, 1, 1499) > 0);
    assert_int_equal(si_bucket_take(&bucket, 2.0, 1, 1000 + wait), 0);
}

TEST(J11_a_long_rest_fills_no_more_than_the_bucket)
{
    SiBucket bucket;
    int taken = 0;

    si_bucket_init(&bucket, 4, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(si_bucket_take(&bucket, 10.0, 4, 0), 0);
    while (si_bucket_take(&bucket, 10.0, 4, 3600000) == 0)
        taken++;
    assert_int_equal(taken, 4);
}

/* The limit in flight may be lowered while the bucket is full. */
TEST(J11_a_smaller_burst_applies_at_once)
{
    SiBucket bucket;

    si_bucket_init(&bucket, 100, 0);
    assert_int_equal(si_bucket_take(&bucket, 1.0, 2, 0), 0);
    assert_int_equal(si_bucket_take(&bucket, 1.0, 2, 0), 0);
    assert_true(si_bucket_take(&bucket, 1.0, 2, 0) > 0);
}

TEST(J11_a_clock_that_stands_still_or_steps_back_gives_nothing)
{
    SiBucket bucket;

    si_bucket_init(&bucket, 1, 100000);
    assert_int_equal(si_bucket_take(&bucket, 1.0, 1, 100000), 0);
    for (int i = 0; i < 1000; i++)
        assert_true(si_bucket_take(&bucket, 1.0, 1, 100000 - i) > 0);
    assert_int_equal(si_bucket_take(&bucket, 1.0, 1, 101000), 0);
}

/* Asked every few milliseconds, odd rates got up to a half less than they were due: the fraction of each step was lost. */
TEST(J11_odd_rates_asked_for_often_lose_nothing)
{
    static const double rates[] = {0.01, 0.3, 0.7, 1.5, 1.9, 2.0, 2.5, 17.3, 999.9};

    for (int i = 0; i < COUNT(rates); i++)
        for (int step = 1; step <= 7; step += 2)
        {
            const int64_t millis = 1000000;
            SiBucket bucket;
            int64_t taken = 0;

            si_bucket_init(&bucket, 50, 0);
            while (si_bucket_take(&bucket, rates[i], 50, 0) == 0)
                ;
            for (int64_t now = step; now <= millis; now += step)
                while (si_bucket_take(&bucket, rates[i], 50, now) == 0)
                    taken++;
            assert_in_range(taken, (int64_t) (rates[i] * (double) millis / 1000.0) - 1, (int64_t) (rates[i] * (double) millis / 1000.0));
        }
}

/* Over any stretch of time: never more than the burst and the rate. */
TEST(J11_never_faster_than_the_rate)
{
    for (int round = 0; round < 200; round++)
    {
        double rate = (double) random_in(10, 1000000) / 1000.0;
        int burst = (int) random_in(1, 20);
        int64_t now = random_below(INT64_C(4000000000000));
        int64_t start = now;
        int64_t taken = 0;
        SiBucket bucket;

        si_bucket_init(&bucket, burst, now);
        for (int i = 0; i < 500; i++)
        {
            int64_t wait = si_bucket_take(&bucket, rate, burst, now);

            taken += wait == 0;
            assert_true((double) taken <= burst + rate * (double) (now - start) / 1000.0 + 1e-6);
            /* Whoever waits as told gets a token. */
            if (wait > 0 && random_bool())
            {
                now += wait;
                assert_int_equal(si_bucket_take(&bucket, rate, burst, now), 0);
                taken++;
            }
            else
                now += random_below(50);
        }
    }
}

TEST(backoff_doubles_to_half_a_minute)
{
    static const int64_t most[] = {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000};

    for (int tries = 0; tries < COUNT(most); tries++)
    {
        assert_int_equal(si_backoff_millis(tries, 1.0), most[tries]);
        assert_int_equal(si_backoff_millis(tries, 0.75), most[tries] * 3 / 4 < 500 ? 500 : most[tries] * 3 / 4);
    }
    assert_int_equal(si_backoff_millis(1000000, 1.0), 30000);
}

TEST(backoff_is_never_nothing)
{
    for (int tries = 0; tries < 10; tries++)
        assert_int_equal(si_backoff_millis(tries, 0.0), 500);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(J11_a_full_bucket_is_a_burst),
    cmocka_unit_test(J11_the_wait_is_enough),
    cmocka_unit_test(J11_a_long_rest_fills_no_more_than_the_bucket),
    cmocka_unit_test(J11_a_smaller_burst_applies_at_once),
    cmocka_unit_test(J11_a_clock_that_stands_still_or_steps_back_gives_nothing),
    cmocka_unit_test(J11_odd_rates_asked_for_often_lose_nothing),
    cmocka_unit_test(J11_never_faster_than_the_rate),
    cmocka_unit_test(backoff_doubles_to_half_a_minute),
    cmocka_unit_test(backoff_is_never_nothing),
};

UNIT_MAIN(tests)
