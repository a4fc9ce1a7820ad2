/*
 * The three lines of a running job: how far its reservation is extended (C14).
 */
#include "unit.h"

#include "domain/overrun.h"

#define MINUTE SI_USECS_PER_MIN

static void
expect(SiExtension found, int64_t first, int32_t n, bool gap)
{
    assert_int_equal(found.first, first);
    assert_int_equal(found.n, n);
    assert_int_equal(found.gap, gap);
}

TEST(C14_a_quarter_of_an_hour_in_whole_slots)
{
    expect(si_extension(100, 100, 1000, 5 * MINUTE), 100, 3, false);
    expect(si_extension(100, 99, 1000, 5 * MINUTE), 100, 3, false);
    expect(si_extension(100, 100, 1000, MINUTE), 100, 15, false);
    expect(si_extension(100, 100, 1000, 10 * MINUTE), 100, 2, false);
    expect(si_extension(100, 100, 1000, 60 * MINUTE), 100, 1, false);
}

TEST(C14_not_beyond_the_hard_line)
{
    expect(si_extension(100, 100, 102, 5 * MINUTE), 100, 2, false);
    expect(si_extension(100, 100, 101, 5 * MINUTE), 100, 1, false);
    expect(si_extension(100, 100, 100, 5 * MINUTE), 100, 0, false);
    expect(si_extension(100, 100, 90, 5 * MINUTE), 100, 0, false);
}

TEST(C14_after_a_gap_from_the_present_slot_on)
{
    expect(si_extension(100, 104, 1000, 5 * MINUTE), 104, 3, true);
    expect(si_extension(100, 104, 105, 5 * MINUTE), 104, 1, true);
    expect(si_extension(100, 104, 104, 5 * MINUTE), 104, 0, true);
    /* Before the year 2000 slots are negative. */
    expect(si_extension(-100, -96, 0, 5 * MINUTE), -96, 3, true);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(C14_a_quarter_of_an_hour_in_whole_slots),
    cmocka_unit_test(C14_not_beyond_the_hard_line),
    cmocka_unit_test(C14_after_a_gap_from_the_present_slot_on),
};

UNIT_MAIN(tests)
