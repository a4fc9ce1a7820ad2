/*
 * The rule-based estimate and the planned runtime: C14.
 */
#include "unit.h"

#include "domain/estimate.h"

static void
check(const char *source_type, int64_t data_milli_gb, int64_t cpu_millicores, int64_t memory_mib, int64_t runtime_millis,
      int64_t runtime_p90_millis)
{
    SiEstimate estimate;

    (void) si_estimate_rules(source_type, data_milli_gb, &estimate);
    assert_int_equal(estimate.cpu_millicores, cpu_millicores);
    assert_int_equal(estimate.memory_mib, memory_mib);
    assert_int_equal(estimate.runtime_millis, runtime_millis);
    assert_int_equal(estimate.runtime_p90_millis, runtime_p90_millis);
}

TEST(databases_by_size)
{
    /* 10 GB: 2 + 1 cores, 4 + 2 GiB, 10 + 20 minutes, p90 36 minutes. */
    check("postgres", 10000, 3000, 6144, 1800000, 2160000);
    check("mysql", 10000, 3000, 6144, 1800000, 2160000);
    check("jdbc", 10000, 3000, 6144, 1800000, 2160000);
    check("postgres", 0, 2000, 4096, 600000, 720000);
    /* 500 GB: 52 cores, 104 GiB, 1010 minutes. */
    check("postgres", 500000, 52000, 106496, 60600000, 72720000);
}

TEST(files_by_size)
{
    /* 10 GB: 1 + 0.5 cores, 2 + 1 GiB, 5 + 20 minutes. */
    check("s3", 10000, 1500, 3072, 1500000, 1800000);
    check("file", 10000, 1500, 3072, 1500000, 1800000);
    check("file", 0, 1000, 2048, 300000, 360000);
}

/* What is reserved must not be less than the rule: every part rounds up. */
TEST(fractions_round_up)
{
    /* 0.001 GB: 0.1 millicores, 0.2048 MiB, 120 ms. */
    check("postgres", 1, 2001, 4097, 600120, 720144);
    /* 0.05 millicores, 0.1024 MiB. */
    check("s3", 1, 1001, 2049, 300120, 360144);
    /* 0.033 GB: 3.3 millicores, 6.7584 MiB, 3960 ms; 603960 * 1.2 = 724752. */
    check("mysql", 33, 2004, 4103, 603960, 724752);
}

TEST(largest_data_set_does_not_overflow)
{
    /* A million GB: 100,002 cores, 200,004 GiB, 2,000,010 minutes. */
    check("jdbc", SI_MAX_DATA_MILLI_GB, 100002000, 204804096, INT64_C(120000600000), INT64_C(144000720000));
}

TEST(unknown_source_goes_by_the_rule_of_postgres)
{
    SiEstimate estimate;

    assert_true(si_estimate_rules("postgres", 0, &estimate));
    assert_true(si_estimate_rules("mysql", 0, &estimate));
    assert_true(si_estimate_rules("jdbc", 0, &estimate));
    assert_true(si_estimate_rules("s3", 0, &estimate));
    assert_true(si_estimate_rules("file", 0, &estimate));
    assert_false(si_estimate_rules("kafka", 10000, &estimate));
    assert_int_equal(estimate.cpu_millicores, 3000);
    assert_int_equal(estimate.memory_mib, 6144);
    assert_false(si_estimate_rules("", 0, &estimate));
    assert_false(si_estimate_rules("S3", 0, &estimate));
}

/* The default size is the 10 GB of the service design. */
TEST(default_data_size)
{
    assert_int_equal(SI_DEFAULT_DATA_MILLI_GB, 10 * 1000);
}

TEST(C14_planned_minutes_are_a_fifth_more_rounded_up)
{
    assert_int_equal(si_planned_minutes(600000), 12);
    assert_int_equal(si_planned_minutes(600001), 13);
    assert_int_equal(si_planned_minutes(1800000), 36);
    assert_int_equal(si_planned_minutes(50000), 1);
    assert_int_equal(si_planned_minutes(50001), 2);
    assert_int_equal(si_planned_minutes(1), 1);
    assert_int_equal(si_planned_minutes(0), 1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(databases_by_size),
    cmocka_unit_test(files_by_size),
    cmocka_unit_test(fractions_round_up),
    cmocka_unit_test(largest_data_set_does_not_overflow),
    cmocka_unit_test(unknown_source_goes_by_the_rule_of_postgres),
    cmocka_unit_test(default_data_size),
    cmocka_unit_test(C14_planned_minutes_are_a_fifth_more_rounded_up),
};

UNIT_MAIN(tests)
