/*
 * Rates: how many of one for each of another.
 */
#include "unit.h"

#include "domain/rates.h"

TEST(nothing_to_divide_by)
{
    assert_int_equal(si_rate(5, 100, 0), SI_NO_RATE);
    assert_int_equal(si_rate(0, 100, 0), SI_NO_RATE);
    assert_int_equal(si_rate(5, 100, -1), SI_NO_RATE);
}

TEST(rounded_half_up)
{
    assert_int_equal(si_rate(0, 100, 7), 0);
    assert_int_equal(si_rate(1, 100, 3), 33);
    assert_int_equal(si_rate(2, 100, 3), 67);
    assert_int_equal(si_rate(1, 1, 2), 1);
    assert_int_equal(si_rate(1, 1, 3), 0);
    assert_int_equal(si_rate(1, 100, 200), 1);
    assert_int_equal(si_rate(1, 100, 201), 0);
    assert_int_equal(si_rate(7, 100, 7), 100);
}

/* A century of the full pool in percent with four decimals: the product has more than 64 bits. */
TEST(no_overflow)
{
    const int64_t century = INT64_C(3155760000) * 2000000;

    assert_int_equal(si_rate(century, 1000000, century), 1000000);
    assert_int_equal(si_rate(INT64_MAX, 1000000, INT64_MAX), 1000000);
    assert_int_equal(si_rate(INT64_MAX, INT64_MAX, INT64_MAX), INT64_MAX);
    assert_int_equal(si_rate(INT64_MAX, 2, 1), INT64_MAX);
    assert_int_equal(si_rate(INT64_MAX, INT64_MAX, 1), INT64_MAX);
    assert_int_equal(si_rate(1, 1, INT64_MAX), 0);
}

TEST(agrees_with_long_division)
{
    for (int round = 0; round < 5000; round++)
    {
        int64_t part = random_below(INT64_C(1000000));
        int64_t scale = random_in(1, 10000);
        int64_t whole = random_in(1, 100000);
        int64_t rate = si_rate(part, scale, whole);

        /* The nearest: twice the distance is at most one divisor. */
        assert_true(2 * (part * scale - rate * whole) < whole && 2 * (rate * whole - part * scale) <= whole);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(nothing_to_divide_by),
    cmocka_unit_test(rounded_half_up),
    cmocka_unit_test(no_overflow),
    cmocka_unit_test(agrees_with_long_division),
};

UNIT_MAIN(tests)
