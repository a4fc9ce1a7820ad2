/*
 * Late fires and overlapping runs: J3, J4.
 */
#include "unit.h"

#include "domain/misfire.h"

#define MINUTE SI_USECS_PER_MIN
#define HOUR (60 * SI_USECS_PER_MIN)

/* Fires every 30 minutes; the server was down and it is noon. Minutes before noon, ascending in time. */
static const int before[] = {150, 120, 90, 60, 30, 3};
#define NOON (INT64_C(1000000) * HOUR)

static void
check(const int *minutes, int n, int64_t window, SiMisfire policy, const char *wanted)
{
    SiTime due[16];
    bool keep[16];
    int kept = 0;

    for (int i = 0; i < n; i++)
    {
        due[i] = NOON - minutes[i] * MINUTE;
        keep[i] = wanted[i] != '1';
        kept += wanted[i] == '1';
    }
    assert_int_equal(si_misfire_keep(due, n, NOON, window, policy, keep), kept);
    for (int i = 0; i < n; i++)
        assert_int_equal(keep[i], wanted[i] == '1');
}

TEST(J3_all_inside_the_window)
{
    check(before, 6, HOUR, SI_MISFIRE_ALL, "000111");
    check(before, 6, HOUR - 1, SI_MISFIRE_ALL, "000011");
    check(before, 6, 3 * HOUR, SI_MISFIRE_ALL, "111111");
    check(before, 6, 0, SI_MISFIRE_ALL, "000000");
}

TEST(J3_latest_inside_the_window)
{
    check(before, 6, HOUR, SI_MISFIRE_LATEST, "000001");
    check(before, 4, HOUR, SI_MISFIRE_LATEST, "0001");
    check(before, 3, HOUR, SI_MISFIRE_LATEST, "000");
    check(before, 1, 3 * HOUR, SI_MISFIRE_LATEST, "1");
}

TEST(J3_none)
{
    check(before, 6, HOUR, SI_MISFIRE_NONE, "000000");
}

/* The latest fire is the one that runs now: no late one is made up for. */
TEST(J3_latest_is_dropped_for_a_fire_on_time)
{
    const int minutes[] = {30, 20, 1};

    check(minutes, 3, HOUR, SI_MISFIRE_LATEST, "001");
    check(minutes, 3, HOUR, SI_MISFIRE_ALL, "111");
    check(minutes, 3, HOUR, SI_MISFIRE_NONE, "001");
}

/* Two ticks is on time, whatever the policy and the window. */
TEST(J3_two_minutes_are_on_time)
{
    const int on_time[] = {2, 1, 0};
    SiTime due = NOON - 2 * MINUTE - 1;
    bool keep = true;

    check(on_time, 3, 0, SI_MISFIRE_NONE, "111");
    assert_int_equal(si_misfire_keep(&due, 1, NOON, HOUR, SI_MISFIRE_NONE, &keep), 0);
    assert_false(keep);
}

TEST(J3_nothing_due)
{
    assert_int_equal(si_misfire_keep(NULL, 0, NOON, HOUR, SI_MISFIRE_ALL, NULL), 0);
}

TEST(J4_alone_it_runs)
{
    assert_int_equal(si_overlap_decide(SI_OVERLAP_FORBID, 0, 0, 0), SI_OVERLAP_RUN);
    assert_int_equal(si_overlap_decide(SI_OVERLAP_QUEUE_ONE, 0, 0, 0), SI_OVERLAP_RUN);
    assert_int_equal(si_overlap_decide(SI_OVERLAP_ALLOW, 1, 0, 0), SI_OVERLAP_RUN);
    assert_int_equal(si_overlap_decide(SI_OVERLAP_REPLACE, 0, 0, 0), SI_OVERLAP_RUN);
}

TEST(J4_forbid_skips)
{
    assert_int_equal(si_overlap_decide(SI_OVERLAP_FORBID, 0, 1, 0), SI_OVERLAP_SKIP);
    assert_int_equal(si_overlap_decide(SI_OVERLAP_FORBID, 9, 1, 0), SI_OVERLAP_SKIP);
}

TEST(J4_queue_one_queues_one)
{
    assert_int_equal(si_overlap_decide(SI_OVERLAP_QUEUE_ONE, 0, 1, 0), SI_OVERLAP_QUEUE);
    assert_int_equal(si_overlap_decide(SI_OVERLAP_QUEUE_ONE, 0, 1, 1), SI_OVERLAP_SKIP);
    assert_int_equal(si_overlap_decide(SI_OVERLAP_QUEUE_ONE, 0, 2, 3), SI_OVERLAP_SKIP);
}

TEST(J4_allow_n)
{
    assert_int_equal(si_overlap_decide(SI_OVERLAP_ALLOW, 3, 2, 0), SI_OVERLAP_RUN);
    assert_int_equal(si_overlap_decide(SI_OVERLAP_ALLOW, 3, 3, 0), SI_OVERLAP_SKIP);
    assert_int_equal(si_overlap_decide(SI_OVERLAP_ALLOW, 3, 4, 0), SI_OVERLAP_SKIP);
    assert_int_equal(si_overlap_decide(SI_OVERLAP_ALLOW, 1, 1, 0), SI_OVERLAP_SKIP);
}

TEST(J4_replace)
{
    assert_int_equal(si_overlap_decide(SI_OVERLAP_REPLACE, 0, 1, 0), SI_OVERLAP_SUPERSEDE);
    assert_int_equal(si_overlap_decide(SI_OVERLAP_REPLACE, 0, 7, 2), SI_OVERLAP_SUPERSEDE);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(J3_all_inside_the_window),
    cmocka_unit_test(J3_latest_inside_the_window),
    cmocka_unit_test(J3_none),
    cmocka_unit_test(J3_latest_is_dropped_for_a_fire_on_time),
    cmocka_unit_test(J3_two_minutes_are_on_time),
    cmocka_unit_test(J3_nothing_due),
    cmocka_unit_test(J4_alone_it_runs),
    cmocka_unit_test(J4_forbid_skips),
    cmocka_unit_test(J4_queue_one_queues_one),
    cmocka_unit_test(J4_allow_n),
    cmocka_unit_test(J4_replace),
};

UNIT_MAIN(tests)
