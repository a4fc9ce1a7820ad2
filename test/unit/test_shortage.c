/*
 * Where an account has too little, and when that lifts: Q1.
 */
#include "unit.h"

#include "domain/shortage.h"

#define FIND(need, length, ...) \
    const int64_t free[] = {__VA_ARGS__}; \
    SiShortage s = {-1, -1, -1, false}; \
    const bool found = si_shortage_find(free, (int32_t) (sizeof(free) / sizeof(free[0])), length, need, &s)

TEST(Q1_enough_is_no_shortage)
{
    FIND(4, 2, 4, 5, 0);

    assert_false(found);
}

TEST(Q1_it_lifts_at_the_first_start_that_fits)
{
    FIND(4, 2, 4, 1, 2, 4, 9);

    assert_true(found);
    assert_int_equal(s.from, 1);
    assert_int_equal(s.until, 3);
    assert_int_equal(s.least, 1);
    assert_true(s.lifts);
}

/* One slot with enough is no room for two. */
TEST(Q1_a_gap_that_is_too_short_does_not_lift_it)
{
    FIND(4, 2, 3, 8, 2, 8, 8, 1);

    assert_true(found);
    assert_int_equal(s.from, 0);
    assert_int_equal(s.until, 3);
    assert_int_equal(s.least, 3);
    assert_true(s.lifts);
}

TEST(Q1_it_may_last_as_long_as_is_known)
{
    FIND(4, 2, 3, 8, -2, 8);

    assert_true(found);
    assert_int_equal(s.from, 0);
    assert_int_equal(s.until, 4);
    assert_int_equal(s.least, 3);
    assert_false(s.lifts);
}

TEST(Q1_only_the_last_slot_asked_for_is_short)
{
    FIND(4, 3, 4, 4, 0);

    assert_true(found);
    assert_int_equal(s.from, 2);
    assert_int_equal(s.until, 3);
    assert_int_equal(s.least, 0);
    assert_false(s.lifts);
}

TEST(Q1_one_slot)
{
    FIND(4, 1, 3, 4);

    assert_true(found);
    assert_int_equal(s.from, 0);
    assert_int_equal(s.until, 1);
    assert_true(s.lifts);
}

/* Held against the definition, slot by slot. */
TEST(Q1_random)
{
    for (int round = 0; round < 2000; round++)
    {
        int64_t free[20];
        const int32_t n = (int32_t) random_in(1, 20);
        const int32_t length = (int32_t) random_in(1, n);
        int32_t from = -1;
        int32_t start;
        SiShortage s;
        bool found;

        for (int32_t i = 0; i < n; i++)
            free[i] = random_in(0, 6);
        for (int32_t i = length - 1; i >= 0; i--)
            if (free[i] < 3)
                from = i;
        found = si_shortage_find(free, n, length, 3, &s);
        assert_int_equal(found, from >= 0);
        if (!found)
            continue;
        assert_int_equal(s.from, from);
        for (start = from + 1; start + length <= n; start++)
        {
            bool fits = true;

            for (int32_t i = start; i < start + length; i++)
                fits = fits && free[i] >= 3;
            if (fits)
                break;
        }
        assert_int_equal(s.lifts, start + length <= n);
        assert_int_equal(s.until, s.lifts ? start : n);
        for (int32_t i = 0; i < length; i++)
            assert_true(free[i] >= s.least);
        assert_true(s.least < 3);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(Q1_enough_is_no_shortage),
    cmocka_unit_test(Q1_it_lifts_at_the_first_start_that_fits),
    cmocka_unit_test(Q1_a_gap_that_is_too_short_does_not_lift_it),
    cmocka_unit_test(Q1_it_may_last_as_long_as_is_known),
    cmocka_unit_test(Q1_only_the_last_slot_asked_for_is_short),
    cmocka_unit_test(Q1_one_slot),
    cmocka_unit_test(Q1_random),
};

UNIT_MAIN(tests)
