/*
 * Costs and payment: M4 to M9.
 */
#include "unit.h"

#include "domain/billing.h"

#define SECOND SI_USECS_PER_SEC

TEST(M7_at_least_60_seconds_and_rounded_up)
{
    SiTime start = 700 * SECOND;

    assert_int_equal(si_billed_seconds(start, start), 60);
    assert_int_equal(si_billed_seconds(start, start + 1), 60);
    assert_int_equal(si_billed_seconds(start, start + 60 * SECOND), 60);
    assert_int_equal(si_billed_seconds(start, start + 60 * SECOND + 1), 61);
    assert_int_equal(si_billed_seconds(start, start + 61 * SECOND), 61);
    assert_int_equal(si_billed_seconds(start, start + 3600 * SECOND), 3600);
    assert_int_equal(si_billed_seconds(-5 * SECOND, 3600 * SECOND - 1), 3605);
}

/* A node's clock may be behind: what ended before it began counts as nothing. */
TEST(M7_end_before_start_is_the_minimum)
{
    assert_int_equal(si_billed_seconds(5, 4), 60);
    assert_int_equal(si_billed_seconds(INT64_MAX, INT64_MIN), 60);
}

TEST(M7_no_overflow_over_all_of_time)
{
    /* INT64_MAX / 1,000,000 = 9,223,372,036,854.775807, rounded up. */
    assert_int_equal(si_billed_seconds(INT64_MIN, INT64_MAX), INT64_C(9223372036855));
    assert_int_equal(si_billed_seconds(0, INT64_MAX), INT64_C(9223372036855));
}

TEST(M6_memory_is_not_free)
{
    /* Pool of 2 GiB a core, as units are: 4 vCPU and 8 GiB. */
    assert_int_equal(si_billable_millicores(4000, 8192, 2048), 4000);
    assert_int_equal(si_billable_millicores(4000, 4096, 2048), 4000);
    assert_int_equal(si_billable_millicores(1000, 8192, 2048), 4000);
    /* 8193 MiB are 4.00048828125 cores. */
    assert_int_equal(si_billable_millicores(4000, 8193, 2048), 4001);
    assert_int_equal(si_billable_millicores(1, 1, 2048), 1);
    assert_int_equal(si_billable_millicores(0, 0, 2048), 0);
    assert_int_equal(si_billable_millicores(999, 1000, 1000), 1000);
}

TEST(M6_no_overflow)
{
    assert_int_equal(si_billable_millicores(1, INT64_MAX, 1), INT64_MAX);
    assert_int_equal(si_billable_millicores(SI_MAX_CPU_MILLICORES, SI_MAX_MEMORY_MIB, 1), SI_MAX_MEMORY_MIB * 1000);
}

TEST(M8_cost_is_exact_or_refused)
{
    int64_t cost = -1;

    /* One vCPU for an hour is one vCPU-hour. */
    assert_true(si_cost(1000, 3600, &cost));
    assert_int_equal(cost, SI_MILLICORE_SECONDS_PER_HOUR);
    /* A million cores for a century: 10^9 * 3,155,760,000. */
    assert_true(si_cost(SI_MAX_CPU_MILLICORES, INT64_C(3155760000), &cost));
    assert_int_equal(cost, INT64_C(3155760000000000000));
    assert_true(si_cost(INT64_MAX, 1, &cost));
    assert_int_equal(cost, INT64_MAX);
    assert_false(si_cost(INT64_MAX, 2, &cost));
}

/* Every account of seconds, cores and memory of a full pool over a century, and a sum over all of its namespaces, fits. */
TEST(M8_a_century_of_the_full_pool_fits)
{
    const int64_t century = INT64_C(36525) * 86400;
    int64_t amount;

    assert_true(si_cost(2000 * 1000, century, &amount)); /* shared pool, millicores */
    assert_in_range(amount, 1, INT64_MAX / 1000);
    assert_true(si_cost(4000 * 1024, century, &amount)); /* MiB */
    assert_in_range(amount, 1, INT64_MAX / 500);
    assert_true(si_cost(SI_MAX_CPU_MILLICORES, century, &amount)); /* the largest request there is, run for ever */
    assert_true(si_cost(SI_MAX_MEMORY_MIB, century, &amount));
    assert_true(si_cost(si_billable_millicores(SI_MAX_CPU_MILLICORES, SI_MAX_MEMORY_MIB, 2048), century, &amount));
    assert_int_equal(si_billed_seconds(0, century * SECOND), century);
}

static SiPayer
payer(SiState state, bool platform_fault, bool is_draft, SiPurpose purpose, bool draft_fallback, bool borrowed)
{
    const SiRunEnd end = {state, platform_fault, is_draft, purpose, draft_fallback, borrowed};

    return si_payer(&end);
}

TEST(M7_failures_of_the_job_are_charged_those_of_the_platform_are_free)
{
    assert_int_equal(payer(SI_SUCCEEDED, false, false, SI_NS_SHARED, false, false), SI_PAYER_VCPU_HOURS);
    assert_int_equal(payer(SI_FAILED, false, false, SI_NS_SHARED, false, false), SI_PAYER_VCPU_HOURS);
    assert_int_equal(payer(SI_CANCELLED, false, false, SI_NS_SHARED, false, false), SI_PAYER_VCPU_HOURS);
    assert_int_equal(payer(SI_TIMED_OUT, false, false, SI_NS_SHARED, false, false), SI_PAYER_VCPU_HOURS);
    assert_int_equal(payer(SI_FAILED, true, false, SI_NS_SHARED, false, false), SI_PAYER_PLATFORM);
    assert_int_equal(payer(SI_PREEMPTED, false, false, SI_NS_DEDICATED, false, true), SI_PAYER_PLATFORM);
    assert_int_equal(payer(SI_LOST, false, false, SI_NS_DEDICATED, false, false), SI_PAYER_PLATFORM);
}

TEST(M9_who_pays)
{
    assert_int_equal(payer(SI_SUCCEEDED, false, true, SI_NS_DRAFT, false, false), SI_PAYER_DRAFT);
    assert_int_equal(payer(SI_FAILED, false, true, SI_NS_DRAFT, false, false), SI_PAYER_DRAFT);
    assert_int_equal(payer(SI_FAILED, true, true, SI_NS_DRAFT, false, false), SI_PAYER_PLATFORM);
    assert_int_equal(payer(SI_SUCCEEDED, false, false, SI_NS_DRAFT, true, false), SI_PAYER_VCPU_HOURS);
    assert_int_equal(payer(SI_SUCCEEDED, false, false, SI_NS_DEDICATED, false, false), SI_PAYER_DEDICATED);
    assert_int_equal(payer(SI_SUCCEEDED, false, false, SI_NS_DEDICATED, false, true), SI_PAYER_VCPU_HOURS);
    assert_int_equal(payer(SI_SUCCEEDED, false, false, SI_NS_DEDICATED, true, false), SI_PAYER_VCPU_HOURS);
    assert_string_equal(si_payer_name(SI_PAYER_VCPU_HOURS), "vcpu_hours");
    assert_string_equal(si_payer_name(SI_PAYER_DEDICATED), "dedicated");
    assert_string_equal(si_payer_name(SI_PAYER_DRAFT), "draft");
    assert_string_equal(si_payer_name(SI_PAYER_PLATFORM), "platform");
}

TEST(M9_lender_is_credited_a_share_rounded_down)
{
    assert_int_equal(si_lender_credit(0, 50), 0);
    assert_int_equal(si_lender_credit(1, 50), 0);
    assert_int_equal(si_lender_credit(3, 50), 1);
    assert_int_equal(si_lender_credit(199, 1), 1);
    assert_int_equal(si_lender_credit(250, 33), 82);
    assert_int_equal(si_lender_credit(INT64_MAX, 100), INT64_MAX);
    assert_int_equal(si_lender_credit(INT64_MAX, 0), 0);
    for (int round = 0; round < 2000; round++)
    {
        int64_t charged = random_below(random_bool() ? 1000 : INT64_C(1000000000000000));
        int percent = (int) random_in(0, 100);

        assert_int_equal(si_lender_credit(charged, percent), (int64_t) ((__int128) charged * percent / 100));
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(M7_at_least_60_seconds_and_rounded_up),
    cmocka_unit_test(M7_end_before_start_is_the_minimum),
    cmocka_unit_test(M7_no_overflow_over_all_of_time),
    cmocka_unit_test(M6_memory_is_not_free),
    cmocka_unit_test(M6_no_overflow),
    cmocka_unit_test(M8_cost_is_exact_or_refused),
    cmocka_unit_test(M8_a_century_of_the_full_pool_fits),
    cmocka_unit_test(M7_failures_of_the_job_are_charged_those_of_the_platform_are_free),
    cmocka_unit_test(M9_who_pays),
    cmocka_unit_test(M9_lender_is_credited_a_share_rounded_down),
};

UNIT_MAIN(tests)
