/*
 * Dependencies: when a run starts after runs of other jobs, and which run waits for which.
 */
#include "unit.h"

#include "domain/after.h"

#define NOW 1000

static SiTime at;
static int which;

static SiPredecessor
planned(SiState state, SiTime end)
{
    return (SiPredecessor){true, state, true, end, 0};
}

static SiPredecessor
succeeded(SiTime finished_at)
{
    return (SiPredecessor){true, SI_SUCCEEDED, true, 5 * NOW, finished_at};
}

static SiPredecessor
missing(void)
{
    return (SiPredecessor){false, SI_FAILED, false, 0, 0};
}

static SiAfterVerdict
two(SiPredecessor a, SiPredecessor b)
{
    const SiPredecessor both[] = {a, b};

    at = which = -2;
    return si_after_decide(both, 2, NOW, &at, &which);
}

TEST(J7_follows_the_latest_planned_end)
{
    static const SiState states[] = {SI_SCHEDULED, SI_DISPATCHING, SI_SUBMITTED, SI_RUNNING};

    for (int i = 0; i < 4; i++)
    {
        assert_int_equal(two(planned(states[i], NOW + 5), planned(states[i], NOW + 9)), SI_AFTER_FOLLOW);
        assert_int_equal(at, NOW + 9);
        assert_int_equal(two(planned(states[i], NOW + 9), planned(states[i], NOW + 5)), SI_AFTER_FOLLOW);
        assert_int_equal(at, NOW + 9);
    }
    /* One that succeeded counts by its end, also where the other one ends before. */
    assert_int_equal(two(succeeded(NOW - 1), planned(SI_RUNNING, NOW + 3)), SI_AFTER_FOLLOW);
    assert_int_equal(at, NOW + 3);
    assert_int_equal(two(planned(SI_RUNNING, NOW + 3), succeeded(NOW + 4)), SI_AFTER_FOLLOW);
    assert_int_equal(at, NOW + 4);
}

TEST(C13_is_released_when_the_last_one_succeeded)
{
    assert_int_equal(two(succeeded(NOW - 5), succeeded(NOW - 2)), SI_AFTER_RELEASE);
    assert_int_equal(at, NOW - 2);
    assert_int_equal(two(succeeded(NOW - 2), succeeded(NOW - 5)), SI_AFTER_RELEASE);
    assert_int_equal(at, NOW - 2);
}

TEST(J7_has_no_time_while_a_predecessor_has_none)
{
    SiPredecessor waiting = planned(SI_WAITING, NOW + 5);
    SiPredecessor unplanned = planned(SI_SCHEDULED, NOW + 5);

    unplanned.planned = false;
    assert_int_equal(two(succeeded(NOW), waiting), SI_AFTER_UNPLANNED);
    assert_int_equal(which, 1);
    assert_int_equal(two(unplanned, planned(SI_RUNNING, NOW + 1)), SI_AFTER_UNPLANNED);
    assert_int_equal(which, 0);
    /* C14: one that runs beyond its plan. */
    assert_int_equal(two(planned(SI_RUNNING, NOW), succeeded(NOW)), SI_AFTER_UNPLANNED);
    assert_int_equal(which, 0);
    assert_int_equal(two(planned(SI_RUNNING, NOW + 1), succeeded(NOW)), SI_AFTER_FOLLOW);
}

TEST(J7_waits_for_a_run_of_each)
{
    assert_int_equal(two(succeeded(NOW), missing()), SI_AFTER_MISSING);
    assert_int_equal(which, 1);
    assert_int_equal(two(missing(), planned(SI_WAITING, 0)), SI_AFTER_MISSING);
    assert_int_equal(which, 0);
}

TEST(J7_is_cancelled_when_one_fails_for_good)
{
    static const SiState ends[] = {SI_FAILED, SI_CANCELLED, SI_TIMED_OUT, SI_PREEMPTED, SI_LOST};

    for (int i = 0; i < 5; i++)
    {
        assert_int_equal(two(succeeded(NOW), planned(ends[i], NOW + 5)), SI_AFTER_CANCEL);
        assert_int_equal(which, 1);
        assert_int_equal(two(missing(), planned(ends[i], 0)), SI_AFTER_CANCEL);
    }
}

TEST(J7_a_further_run_counts_for_the_oldest_that_lacks_one)
{
    const SiAfterRun runs[] = {{true, true}, {true, false}, {false, false}, {false, false}};
    bool spare;

    assert_int_equal(si_after_run_for(runs, 4, &spare), 2);
    assert_false(spare);
    /* None lacks one, but one is not complete: it stands by there. */
    assert_int_equal(si_after_run_for(runs, 2, &spare), 1);
    assert_true(spare);
    assert_int_equal(si_after_run_for(runs, 1, &spare), 1);
    assert_false(spare);
    assert_int_equal(si_after_run_for(NULL, 0, &spare), 0);
    assert_false(spare);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(J7_follows_the_latest_planned_end),
    cmocka_unit_test(C13_is_released_when_the_last_one_succeeded),
    cmocka_unit_test(J7_has_no_time_while_a_predecessor_has_none),
    cmocka_unit_test(J7_waits_for_a_run_of_each),
    cmocka_unit_test(J7_is_cancelled_when_one_fails_for_good),
    cmocka_unit_test(J7_a_further_run_counts_for_the_oldest_that_lacks_one),
};

UNIT_MAIN(tests)
