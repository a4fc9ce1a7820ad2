/*
 * States of an execution and the moves between them: J5.
 */
#include "unit.h"

#include "domain/state.h"

#include <string.h>

/* The states in the order of the ruling. */
static const char *const names[] = {"scheduled", "waiting", "dispatching", "submitted", "running", "succeeded",
                                    "failed", "cancelled", "timed_out", "preempted", "lost"};

/*
 * Row: from, column: to, in the order above. Before a claim nothing can have run, so the ends are refused except the
 * cancellation; a claim may be given back; what Kubernetes may have heard of can have ended in any way (J10).
 */
static const char *const table[] = {
    /* swdsrSFCTPL */
    "01100001000", /* scheduled */
    "10000001000", /* waiting */
    "10011111111", /* dispatching */
    "00001111111", /* submitted */
    "00000111111", /* running */
    "00000000000", "00000000000", "00000000000", "00000000000", "00000000000", "00000000000"};

TEST(J5_names)
{
    assert_int_equal(SI_STATE_COUNT, COUNT(names));
    for (int i = 0; i < SI_STATE_COUNT; i++)
    {
        SiState state = (SiState) -1;

        assert_string_equal(si_state_name((SiState) i), names[i]);
        assert_true(si_state_from_name(names[i], &state));
        assert_int_equal(state, i);
    }
    assert_int_equal(SI_SCHEDULED, 0);
    assert_int_equal(SI_LOST, SI_STATE_COUNT - 1);
}

TEST(J5_other_names_are_none)
{
    static const char *const none[] = {"", "Running", "run", "runningx", "running ", "unknown", NULL};

    for (int i = 0; none[i]; i++)
    {
        SiState state = SI_LOST;

        assert_false(si_state_from_name(none[i], &state));
        assert_int_equal(state, SI_LOST);
    }
}

TEST(J5_one_table_of_moves)
{
    for (int from = 0; from < SI_STATE_COUNT; from++)
        for (int to = 0; to < SI_STATE_COUNT; to++)
            if (si_state_allowed((SiState) from, (SiState) to) != (table[from][to] == '1'))
                fail_msg("%s to %s should be %s", names[from], names[to], table[from][to] == '1' ? "allowed" : "refused");
}

TEST(J5_no_state_becomes_itself)
{
    for (int state = 0; state < SI_STATE_COUNT; state++)
        assert_false(si_state_allowed((SiState) state, (SiState) state));
}

TEST(J5_ends_are_final)
{
    for (int state = 0; state < SI_STATE_COUNT; state++)
        assert_int_equal(si_state_final((SiState) state), state >= SI_SUCCEEDED);
}

/* Nothing is stuck: from every state that is not final some chain of moves leads to success. */
TEST(J5_every_state_can_succeed)
{
    bool reaches[SI_STATE_COUNT] = {[SI_SUCCEEDED] = true};

    for (int round = 0; round < SI_STATE_COUNT; round++)
        for (int from = 0; from < SI_STATE_COUNT; from++)
            for (int to = 0; to < SI_STATE_COUNT; to++)
                reaches[from] |= reaches[to] && si_state_allowed((SiState) from, (SiState) to);
    for (int state = 0; state < SI_STATE_COUNT; state++)
        assert_int_equal(reaches[state], state <= SI_SUCCEEDED);
}

/* J6: what has not ended can be cancelled. */
TEST(J6_everything_open_can_be_cancelled)
{
    for (int state = SI_SCHEDULED; state <= SI_RUNNING; state++)
        assert_true(si_state_allowed((SiState) state, SI_CANCELLED));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(J5_names),
    cmocka_unit_test(J5_other_names_are_none),
    cmocka_unit_test(J5_one_table_of_moves),
    cmocka_unit_test(J5_no_state_becomes_itself),
    cmocka_unit_test(J5_ends_are_final),
    cmocka_unit_test(J5_every_state_can_succeed),
    cmocka_unit_test(J6_everything_open_can_be_cancelled),
};

UNIT_MAIN(tests)
