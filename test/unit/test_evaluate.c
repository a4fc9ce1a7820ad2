/*
 * The verdict on a draft run: S3.
 */
#include "unit.h"

#include "domain/evaluate.h"

#define MINUTE 60000

/* A run of the default tier on 4 cores and 8 GiB. */
static SiVerdict
judge(int64_t actual_millis, int64_t estimated_millis)
{
    const SiTrial trial = {.succeeded = true,
                           .actual_millis = actual_millis,
                           .estimated_millis = estimated_millis,
                           .high_permille = 1200,
                           .medium_permille = 1500,
                           .adjustment_permille = 1200,
                           .cpu_millicores = 4000,
                           .memory_mib = 8192};
    SiVerdict verdict;

    si_evaluate(&trial, &verdict);
    return verdict;
}

TEST(S3_up_to_a_fifth_over_is_high)
{
    SiVerdict verdict = judge(12 * MINUTE, 10 * MINUTE);

    assert_true(verdict.eligible);
    assert_int_equal(verdict.confidence, SI_CONFIDENCE_HIGH);
    assert_int_equal(verdict.ratio_permille, 1200);
    assert_false(verdict.adjusted);
    assert_null(verdict.reason);
    assert_null(verdict.action);

    verdict = judge(1, 10 * MINUTE);
    assert_int_equal(verdict.confidence, SI_CONFIDENCE_HIGH);
    assert_int_equal(verdict.ratio_permille, 1);
}

TEST(S3_up_to_half_over_is_medium_with_more_resources)
{
    SiVerdict verdict = judge(12 * MINUTE + 1, 10 * MINUTE);

    assert_true(verdict.eligible);
    assert_int_equal(verdict.confidence, SI_CONFIDENCE_MEDIUM);
    assert_int_equal(verdict.ratio_permille, 1201);
    assert_null(verdict.reason);
    assert_null(verdict.action);
    assert_true(verdict.adjusted);
    /* 4.8 cores are 5, 9.6 GiB are 10. */
    assert_int_equal(verdict.cpu_millicores, 5000);
    assert_int_equal(verdict.memory_mib, 10240);

    verdict = judge(15 * MINUTE, 10 * MINUTE);
    assert_true(verdict.eligible);
    assert_int_equal(verdict.confidence, SI_CONFIDENCE_MEDIUM);
    assert_int_equal(verdict.ratio_permille, 1500);
}

TEST(S3_above_that_is_not_eligible)
{
    SiVerdict verdict = judge(15 * MINUTE + 1, 10 * MINUTE);

    assert_false(verdict.eligible);
    assert_int_equal(verdict.confidence, SI_CONFIDENCE_NONE);
    assert_int_equal(verdict.ratio_permille, 1501);
    assert_false(verdict.adjusted);
    assert_string_equal(verdict.reason, "performance_below_threshold");
    assert_string_equal(verdict.action, "increase_resources_or_purchase_more_units");
}

TEST(S3_a_run_that_failed_is_never_eligible)
{
    const SiTrial trial = {.succeeded = false,
                           .actual_millis = 1,
                           .estimated_millis = 10 * MINUTE,
                           .high_permille = 1200,
                           .medium_permille = 1500,
                           .adjustment_permille = 1200,
                           .cpu_millicores = 4000,
                           .memory_mib = 8192};
    SiVerdict verdict;

    si_evaluate(&trial, &verdict);
    assert_false(verdict.eligible);
    assert_int_equal(verdict.confidence, SI_CONFIDENCE_NONE);
    assert_false(verdict.adjusted);
    assert_string_equal(verdict.reason, "run_did_not_succeed");
    assert_string_equal(verdict.action, "fix_the_failure_and_run_again");
}

TEST(S3_bounds_are_those_of_the_tier)
{
    SiTrial trial = {.succeeded = true,
                     .actual_millis = 1000,
                     .estimated_millis = 1000,
                     .high_permille = 900,
                     .medium_permille = 1000,
                     .adjustment_permille = 2500,
                     .cpu_millicores = 1500,
                     .memory_mib = 1000};
    SiVerdict verdict;

    si_evaluate(&trial, &verdict);
    assert_int_equal(verdict.confidence, SI_CONFIDENCE_MEDIUM);
    /* 3.75 cores and 2500 MiB in whole cores and GiB. */
    assert_int_equal(verdict.cpu_millicores, 4000);
    assert_int_equal(verdict.memory_mib, 3072);

    trial.actual_millis = 900;
    si_evaluate(&trial, &verdict);
    assert_int_equal(verdict.confidence, SI_CONFIDENCE_HIGH);
    trial.actual_millis = 1001;
    si_evaluate(&trial, &verdict);
    assert_false(verdict.eligible);
}

TEST(S3_whole_amounts_are_not_rounded_further)
{
    SiTrial trial = {.succeeded = true,
                     .actual_millis = 1400,
                     .estimated_millis = 1000,
                     .high_permille = 1200,
                     .medium_permille = 1500,
                     .adjustment_permille = 1200,
                     .cpu_millicores = 10000,
                     .memory_mib = 10240};
    SiVerdict verdict;

    si_evaluate(&trial, &verdict);
    assert_int_equal(verdict.cpu_millicores, 12000);
    assert_int_equal(verdict.memory_mib, 12288);
    trial.cpu_millicores = 10001;
    trial.memory_mib = 10241;
    si_evaluate(&trial, &verdict);
    assert_int_equal(verdict.cpu_millicores, 13000);
    assert_int_equal(verdict.memory_mib, 13312);
    /* 999.001 cores * 1.001 are 1000.000001 cores. */
    trial.adjustment_permille = 1001;
    trial.cpu_millicores = 999001;
    si_evaluate(&trial, &verdict);
    assert_int_equal(verdict.cpu_millicores, 1001000);
}

/* The bound decides, not the rounded ratio: 1200.0001 permille of a long estimate is over. */
TEST(S3_compared_exactly)
{
    const int64_t estimated = INT64_C(10000000000);

    assert_int_equal(judge(12 * (estimated / 10), estimated).confidence, SI_CONFIDENCE_HIGH);
    assert_int_equal(judge(12 * (estimated / 10) + 1, estimated).confidence, SI_CONFIDENCE_MEDIUM);
    assert_int_equal(judge(15 * (estimated / 10), estimated).confidence, SI_CONFIDENCE_MEDIUM);
    assert_false(judge(15 * (estimated / 10) + 1, estimated).eligible);
}

TEST(S3_extreme_times_do_not_overflow)
{
    assert_int_equal(judge(INT64_MAX, 1).ratio_permille, INT64_MAX);
    assert_false(judge(INT64_MAX, 1).eligible);
    assert_int_equal(judge(1, INT64_MAX).ratio_permille, 1);
    assert_true(judge(1, INT64_MAX).eligible);
    assert_int_equal(judge(INT64_MAX, INT64_MAX).ratio_permille, 1000);
    assert_int_equal(judge(0, 1).ratio_permille, 0);
}

TEST(names_of_confidence)
{
    assert_string_equal(si_confidence_name(SI_CONFIDENCE_HIGH), "high");
    assert_string_equal(si_confidence_name(SI_CONFIDENCE_MEDIUM), "medium");
    assert_null(si_confidence_name(SI_CONFIDENCE_NONE));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(S3_up_to_a_fifth_over_is_high),
    cmocka_unit_test(S3_up_to_half_over_is_medium_with_more_resources),
    cmocka_unit_test(S3_above_that_is_not_eligible),
    cmocka_unit_test(S3_a_run_that_failed_is_never_eligible),
    cmocka_unit_test(S3_bounds_are_those_of_the_tier),
    cmocka_unit_test(S3_whole_amounts_are_not_rounded_further),
    cmocka_unit_test(S3_compared_exactly),
    cmocka_unit_test(S3_extreme_times_do_not_overflow),
    cmocka_unit_test(names_of_confidence),
};

UNIT_MAIN(tests)
