/*
 * In which order namespaces are tried: C12.
 */
#include "unit.h"

#include "domain/spill.h"

/* D, S, L, d: dedicated, shared, lent by others, draft; ! marks a fallback. */
static void
check(bool draft_job, bool owns_units, bool has_hours, SiOnNoCapacity last, const char *wanted)
{
    SiStep steps[SI_MAX_STEPS];
    char found[2 * SI_MAX_STEPS + 1];
    int n = si_spill_order(draft_job, owns_units, has_hours, last, steps);
    int length = 0;

    assert_in_range(n, 0, SI_MAX_STEPS);
    for (int i = 0; i < n; i++)
    {
        found[length++] = steps[i].borrowed ? 'L' : "DSd"[steps[i].purpose];
        if (steps[i].borrowed)
            assert_int_equal(steps[i].purpose, SI_NS_DEDICATED);
        if (steps[i].fallback)
            found[length++] = '!';
    }
    found[length] = '\0';
    assert_string_equal(found, wanted);
}

TEST(S2_draft_jobs_run_in_draft_only)
{
    for (int owns = 0; owns < 2; owns++)
        for (int hours = 0; hours < 2; hours++)
            for (int last = SI_NO_CAPACITY_DRAFT; last <= SI_NO_CAPACITY_REJECT; last++)
                check(true, owns, hours, (SiOnNoCapacity) last, "d");
}

TEST(C12_dedicated_then_shared_then_lent_then_draft)
{
    check(false, true, true, SI_NO_CAPACITY_DRAFT, "DSLd!");
    check(false, false, true, SI_NO_CAPACITY_DRAFT, "SLd!");
}

TEST(C12_the_job_chooses_the_last_step)
{
    check(false, true, true, SI_NO_CAPACITY_WAIT, "DSL");
    check(false, true, true, SI_NO_CAPACITY_REJECT, "DSL");
    check(false, false, true, SI_NO_CAPACITY_WAIT, "SL");
    check(false, false, true, SI_NO_CAPACITY_REJECT, "SL");
}

/* Shared capacity and the fallback are both paid from the vCPU-hours (M9). */
TEST(M9_without_hours_only_own_units)
{
    check(false, true, false, SI_NO_CAPACITY_DRAFT, "D");
    check(false, true, false, SI_NO_CAPACITY_WAIT, "D");
    check(false, false, false, SI_NO_CAPACITY_DRAFT, "");
    check(false, false, false, SI_NO_CAPACITY_REJECT, "");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(S2_draft_jobs_run_in_draft_only),
    cmocka_unit_test(C12_dedicated_then_shared_then_lent_then_draft),
    cmocka_unit_test(C12_the_job_chooses_the_last_step),
    cmocka_unit_test(M9_without_hours_only_own_units),
};

UNIT_MAIN(tests)
