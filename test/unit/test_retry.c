/*
 * Retries: which failures are tried again, when, and with how much memory (J7).
 */
#include "unit.h"

#include <string.h>

#include "domain/retry.h"

#define MINUTE SI_USECS_PER_MIN

static const SiRetryPolicy usual = {3, MINUTE, 60 * MINUTE, 100, SI_RETRY_DEFAULT_CLASSES, 0};

TEST(J7_names_of_classes_lead_back_to_them)
{
    SiErrorClass found;

    for (int i = 0; i < SI_ERROR_CLASSES; i++)
    {
        assert_true(si_error_class_from_name(si_error_class_name((SiErrorClass) i), &found));
        assert_int_equal(found, i);
    }
    assert_false(si_error_class_from_name("", &found));
    assert_false(si_error_class_from_name("Lost", &found));
}

TEST(J7_class_of_an_end)
{
    static const struct
    {
        SiState state;
        const char *error_class;
        int exit_code;
        const char *expected; /* NULL = it did not fail */
    } ends[] = {
        {SI_FAILED, "out_of_memory", 137, "out_of_memory"},
        {SI_FAILED, "node_lost", -1, "node_lost"},
        {SI_FAILED, "platform", 0, "platform"},
        {SI_FAILED, "rejected", -1, "rejected"},
        {SI_FAILED, "user_code", 1, "user_code"},
        {SI_FAILED, "user_code", 69, "source_unreachable"},
        {SI_FAILED, "out_of_memory", 69, "out_of_memory"},
        {SI_FAILED, NULL, -1, "user_code"},
        {SI_FAILED, NULL, 69, "source_unreachable"},
        {SI_FAILED, "something new", -1, "user_code"},
        {SI_TIMED_OUT, NULL, -1, "timed_out"},
        {SI_PREEMPTED, NULL, -1, "preempted"},
        {SI_LOST, "platform", -1, "lost"},
        {SI_SUCCEEDED, NULL, 0, NULL},
        {SI_CANCELLED, NULL, -1, NULL},
        {SI_RUNNING, NULL, -1, NULL},
    };

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
    {
        SiErrorClass found;
        bool failed = si_error_classify(ends[i].state, ends[i].error_class, ends[i].exit_code, &found);

        assert_int_equal(failed, ends[i].expected != NULL);
        if (failed)
            assert_string_equal(si_error_class_name(found), ends[i].expected);
    }
}

TEST(J7_what_may_pass_is_tried_again_and_nothing_else_by_default)
{
    for (int i = 0; i < SI_ERROR_CLASSES; i++)
    {
        bool stays = i == SI_ERROR_USER_CODE || i == SI_ERROR_REJECTED || i == SI_ERROR_TIMED_OUT;

        assert_int_equal(si_retry_decide(&usual, (SiErrorClass) i, 1, 0), stays ? SI_RETRY_NOT_OF_CLASS : SI_RETRY_YES);
    }
}

TEST(J7_a_job_may_say_which_classes)
{
    SiRetryPolicy policy = usual;

    policy.classes = SI_ERROR_BIT(SI_ERROR_TIMED_OUT);
    for (int i = 0; i < SI_ERROR_CLASSES; i++)
        assert_int_equal(si_retry_decide(&policy, (SiErrorClass) i, 1, 0),
                         i == SI_ERROR_TIMED_OUT ? SI_RETRY_YES : SI_RETRY_NOT_OF_CLASS);
}

TEST(J7_attempts_and_budget_end)
{
    assert_int_equal(si_retry_decide(&usual, SI_ERROR_LOST, 2, 99), SI_RETRY_YES);
    assert_int_equal(si_retry_decide(&usual, SI_ERROR_LOST, 3, 0), SI_RETRY_NO_ATTEMPTS);
    assert_int_equal(si_retry_decide(&usual, SI_ERROR_LOST, 4, 100), SI_RETRY_NO_ATTEMPTS);
    assert_int_equal(si_retry_decide(&usual, SI_ERROR_LOST, 2, 100), SI_RETRY_NO_BUDGET);
    assert_int_equal(si_retry_decide(&usual, SI_ERROR_LOST, 2, 101), SI_RETRY_NO_BUDGET);
}

TEST(J7_a_preempted_run_uses_up_no_attempt_but_budget)
{
    SiRetryPolicy policy = usual;

    policy.max_attempts = 1;
    assert_int_equal(si_retry_decide(&policy, SI_ERROR_PREEMPTED, 1, 0), SI_RETRY_YES);
    assert_int_equal(si_retry_decide(&policy, SI_ERROR_PREEMPTED, 5, 99), SI_RETRY_YES);
    assert_int_equal(si_retry_decide(&policy, SI_ERROR_PREEMPTED, 1, 100), SI_RETRY_NO_BUDGET);
    assert_int_equal(si_retry_decide(&policy, SI_ERROR_LOST, 1, 0), SI_RETRY_NO_ATTEMPTS);
}

TEST(J7_backoff_doubles_up_to_its_most)
{
    static const int64_t minutes[] = {1, 2, 4, 8, 16, 32, 60, 60};
    SiRetryPolicy policy = usual;

    for (int failed = 1; failed <= 8; failed++)
        assert_int_equal(si_retry_backoff(&policy, failed, 0), minutes[failed - 1] * MINUTE);
    assert_int_equal(si_retry_backoff(&policy, 1000000, 0), 60 * MINUTE);
    policy.backoff_usecs = 0;
    assert_int_equal(si_retry_backoff(&policy, 5, 1), 0);
    policy.backoff_usecs = policy.max_backoff_usecs = 7 * MINUTE;
    assert_int_equal(si_retry_backoff(&policy, 5, 0), 7 * MINUTE);
    policy.max_backoff_usecs = MINUTE;
    assert_int_equal(si_retry_backoff(&policy, 1, 0), MINUTE);
}

TEST(J7_jitter_adds_up_to_a_quarter)
{
    assert_int_equal(si_retry_backoff(&usual, 1, 0.5), MINUTE + MINUTE / 8);
    assert_int_equal(si_retry_backoff(&usual, 3, 1), 5 * MINUTE);
    assert_int_equal(si_retry_backoff(&usual, 100, 1), 75 * MINUTE);
}

TEST(J7_out_of_memory_raises_memory_in_whole_gib_up_to_the_ceiling)
{
    assert_int_equal(si_retry_memory(2048, 1 << 20), 3072);
    assert_int_equal(si_retry_memory(3072, 1 << 20), 5 * 1024); /* 4.5 */
    assert_int_equal(si_retry_memory(1, 1 << 20), 1024);
    assert_int_equal(si_retry_memory(2000, 1 << 20), 3 * 1024);
    assert_int_equal(si_retry_memory(8192, 10000), 10000);
    assert_int_equal(si_retry_memory(8192, 8192), 8192);
    assert_int_equal(si_retry_memory(8192, 4096), 8192); /* never less than it was */
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(J7_names_of_classes_lead_back_to_them),
    cmocka_unit_test(J7_class_of_an_end),
    cmocka_unit_test(J7_what_may_pass_is_tried_again_and_nothing_else_by_default),
    cmocka_unit_test(J7_a_job_may_say_which_classes),
    cmocka_unit_test(J7_attempts_and_budget_end),
    cmocka_unit_test(J7_a_preempted_run_uses_up_no_attempt_but_budget),
    cmocka_unit_test(J7_backoff_doubles_up_to_its_most),
    cmocka_unit_test(J7_jitter_adds_up_to_a_quarter),
    cmocka_unit_test(J7_out_of_memory_raises_memory_in_whole_gib_up_to_the_ceiling),
};

UNIT_MAIN(tests)
