/*
 * Whether a run met its SLA: S1.
 */
#include "unit.h"

#include "domain/sla.h"

#define MINUTE SI_USECS_PER_MIN

static const SiSla no_bounds = {SI_NO_BOUND, SI_NO_BOUND, SI_NO_BOUND, SI_NO_BOUND, SI_NO_BOUND};

/* Scheduled at 1000, started at 1010, finished at 1030 (minutes). */
static bool
met(const SiSla *sla)
{
    return si_sla_met(sla, 1000 * MINUTE, 1010 * MINUTE, 1030 * MINUTE, true);
}

TEST(S1_no_bounds_are_met_by_success_only)
{
    assert_true(met(&no_bounds));
    assert_false(si_sla_met(&no_bounds, 0, 0, MINUTE, false));
}

TEST(S1_earliest_start)
{
    SiSla sla = no_bounds;

    sla.earliest_start = 10 * MINUTE;
    assert_true(met(&sla));
    sla.earliest_start = 10 * MINUTE + 1;
    assert_false(met(&sla));
    /* May be before the scheduled time. */
    sla.earliest_start = -5 * MINUTE;
    assert_true(si_sla_met(&sla, 0, -5 * MINUTE, 0, true));
    assert_false(si_sla_met(&sla, 0, -5 * MINUTE - 1, 0, true));
}

TEST(S1_start_by)
{
    SiSla sla = no_bounds;

    sla.start_by = 10 * MINUTE;
    assert_true(met(&sla));
    sla.start_by = 10 * MINUTE - 1;
    assert_false(met(&sla));
}

TEST(S1_window_bounds_the_start)
{
    SiSla sla = no_bounds;

    sla.window = 10 * MINUTE;
    assert_true(met(&sla));
    sla.window = 10 * MINUTE - 1;
    assert_false(met(&sla));
}

TEST(S1_finish_by_is_measured_from_the_scheduled_time)
{
    SiSla sla = no_bounds;

    sla.finish_by = 30 * MINUTE;
    assert_true(met(&sla));
    sla.finish_by = 30 * MINUTE - 1;
    assert_false(met(&sla));
}

TEST(S1_runtime_is_measured_from_the_start)
{
    SiSla sla = no_bounds;

    sla.max_runtime = 20 * MINUTE;
    assert_true(met(&sla));
    sla.max_runtime = 20 * MINUTE - 1;
    assert_false(met(&sla));
}

TEST(S1_all_bounds_must_hold)
{
    const SiSla exact = {10 * MINUTE, 10 * MINUTE, 30 * MINUTE, 10 * MINUTE, 20 * MINUTE};

    assert_true(met(&exact));
    assert_false(si_sla_met(&exact, 1000 * MINUTE, 1010 * MINUTE, 1030 * MINUTE, false));
    for (int broken = 0; broken < 5; broken++)
    {
        SiSla sla = exact;
        int64_t *bounds[] = {&sla.earliest_start, &sla.start_by, &sla.finish_by, &sla.window, &sla.max_runtime};

        *bounds[broken] += broken == 0 ? 1 : -1;
        assert_false(met(&sla));
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(S1_no_bounds_are_met_by_success_only),
    cmocka_unit_test(S1_earliest_start),
    cmocka_unit_test(S1_start_by),
    cmocka_unit_test(S1_window_bounds_the_start),
    cmocka_unit_test(S1_finish_by_is_measured_from_the_scheduled_time),
    cmocka_unit_test(S1_runtime_is_measured_from_the_start),
    cmocka_unit_test(S1_all_bounds_must_hold),
};

UNIT_MAIN(tests)
