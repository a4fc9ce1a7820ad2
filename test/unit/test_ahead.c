/*
 * How far a schedule is planned ahead, and when it has to be looked at again: J2.
 */
#include "unit.h"

#include "domain/ahead.h"

#define MINUTE SI_USECS_PER_MIN
#define DAY (24 * 60 * SI_USECS_PER_MIN)
#define NOW (INT64_C(9000) * DAY)

static SiTime times[2 * SI_AHEAD_LIMIT];

/* n fires, one each `every` minutes, the first so many minutes from now. */
static void
plan(int n, int first, int every)
{
    for (int i = 0; i < n; i++)
        times[i] = NOW + (first + (int64_t) i * every) * MINUTE;
}

TEST(J2_below_the_limit_when_the_next_fire_comes_into_reach)
{
    plan(7, 60, 24 * 60);
    assert_int_equal(si_ahead_look_again(NOW + 7 * DAY + 60 * MINUTE, 7 * DAY, times, 7, NOW), NOW + 60 * MINUTE);
    assert_int_equal(si_ahead_look_again(NOW + 300 * DAY, 7 * DAY, times, 0, NOW), NOW + 293 * DAY);
    assert_int_equal(si_ahead_look_again(NOW + 2 * DAY, DAY, times, SI_AHEAD_LIMIT - 1, NOW), NOW + DAY);
}

TEST(J2_at_the_limit_when_half_of_them_are_gone)
{
    plan(SI_AHEAD_LIMIT, 1, 1);
    assert_int_equal(si_ahead_look_again(NOW + (SI_AHEAD_LIMIT + 1) * MINUTE, 7 * DAY, times, SI_AHEAD_LIMIT, NOW),
                     NOW + (SI_AHEAD_LIMIT / 2 + 1) * MINUTE);
}

TEST(J2_when_they_wait_not_before_the_next_fire)
{
    /* All are late. */
    plan(2 * SI_AHEAD_LIMIT, -200, 1);
    assert_int_equal(si_ahead_look_again(NOW + MINUTE, 7 * DAY, times, 2 * SI_AHEAD_LIMIT, NOW), NOW + MINUTE);
    /* Half of them are, to the minute. */
    plan(SI_AHEAD_LIMIT, -SI_AHEAD_LIMIT / 2, 1);
    assert_int_equal(si_ahead_look_again(NOW + 30 * MINUTE, 7 * DAY, times, SI_AHEAD_LIMIT, NOW), NOW + 30 * MINUTE);
}

TEST(J2_never_after_the_next_fire)
{
    plan(SI_AHEAD_LIMIT, 10, 10);
    assert_int_equal(si_ahead_look_again(NOW + MINUTE, 7 * DAY, times, SI_AHEAD_LIMIT, NOW), NOW + MINUTE);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(J2_below_the_limit_when_the_next_fire_comes_into_reach),
    cmocka_unit_test(J2_at_the_limit_when_half_of_them_are_gone),
    cmocka_unit_test(J2_when_they_wait_not_before_the_next_fire),
    cmocka_unit_test(J2_never_after_the_next_fire),
};

UNIT_MAIN(tests)
