/*
 * Earliest fit in slots that come piece by piece: C1, C8. The oracle is si_slots_find's own definition, looked up slot by slot.
 */
#include "unit.h"

#include "domain/fit.h"

#define SLOTS 60

static SiFitState
feed(SiFit *fit, int64_t first, int n, const int64_t *cpu, const int64_t *mem)
{
    return si_fit_feed(fit, first, n, &(SiFree){cpu, mem}, 1);
}

/* Feeds all slots of one to three accounts in pieces of random length; SI_NO_SLOT when nothing fits or the slots end. */
static int64_t
search(const SiFree *accounts, int n_accounts, int64_t first, int n, SiFit *fit)
{
    SiFitState state = SI_FIT_GOES_ON;
    int at = 0;

    while (state == SI_FIT_GOES_ON && at < n)
    {
        int length = (int) random_below(n - at) + 1;
        SiFree piece[3];

        for (int a = 0; a < n_accounts; a++)
            piece[a] = (SiFree){accounts[a].cpu + at, accounts[a].mem + at};
        state = si_fit_feed(fit, first + at, length, piece, n_accounts);
        at += length;
    }
    return state == SI_FIT_FOUND ? fit->run : SI_NO_SLOT;
}

static int64_t
brute(const int64_t *cpu, const int64_t *mem, int64_t first, int n, int64_t need_cpu, int64_t need_mem, int length, int64_t latest)
{
    for (int start = 0; start + length <= n && first + start <= latest; start++)
    {
        int fits = 0;

        while (fits < length && cpu[start + fits] >= need_cpu && mem[start + fits] >= need_mem)
            fits++;
        if (fits == length)
            return first + start;
    }
    return SI_NO_SLOT;
}

TEST(C8_earliest_fit_whatever_the_pieces)
{
    for (int round = 0; round < 20000; round++)
    {
        int64_t cpu[3][SLOTS];
        int64_t mem[3][SLOTS];
        int64_t least_cpu[SLOTS];
        int64_t least_mem[SLOTS];
        int n_accounts = (int) random_below(3) + 1;
        int64_t first = random_below(1000) - 500;
        int n = (int) random_below(SLOTS) + 1;
        int length = (int) random_below(8) + 1;
        int64_t latest = first + random_below(SLOTS);
        SiFit fit;

        for (int i = 0; i < n; i++)
        {
            for (int a = 0; a < 2; a++)
            {
                cpu[a][i] = random_below(4) - 1; /* negative: over-committed */
                mem[a][i] = random_below(3);
            }
            least_cpu[i] = cpu[0][i];
            least_mem[i] = mem[0][i];
            for (int a = 1; a < n_accounts; a++)
            {
                least_cpu[i] = cpu[a][i] < least_cpu[i] ? cpu[a][i] : least_cpu[i];
                least_mem[i] = mem[a][i] < least_mem[i] ? mem[a][i] : least_mem[i];
            }
        }
        si_fit_begin(&fit, 1, 1, length, latest);
        assert_int_equal(search((SiFree[]){{cpu[0], mem[0]}, {cpu[1], mem[1]}, {cpu[2], mem[2]}}, n_accounts, first, n, &fit),
                         brute(least_cpu, least_mem, first, n, 1, 1, length, latest));
    }
}

TEST(C1_cpu_and_memory_must_fit_in_every_slot)
{
    const int64_t cpu[] = {9, 9, 1, 9, 9, 9};
    const int64_t mem[] = {9, 9, 9, 9, 1, 9};
    SiFit fit;

    si_fit_begin(&fit, 2, 2, 2, 5);
    assert_int_equal(feed(&fit, 0, 6, cpu, mem), SI_FIT_FOUND);
    assert_int_equal(fit.run, 0);
    si_fit_begin(&fit, 2, 2, 3, 5);
    assert_int_equal(feed(&fit, 0, 6, cpu, mem), SI_FIT_GOES_ON); /* slot 5 may be the first of three */
    assert_int_equal(fit.run, 5);
}

TEST(C8_a_run_that_began_in_time_may_end_after_the_window)
{
    const int64_t some[] = {1, 1, 1};
    SiFit fit;

    si_fit_begin(&fit, 1, 1, 4, 2);
    assert_int_equal(feed(&fit, 0, 3, some, some), SI_FIT_GOES_ON);
    assert_int_equal(feed(&fit, 3, 3, some, some), SI_FIT_FOUND);
    assert_int_equal(fit.run, 0);
}

TEST(C8_nothing_begins_after_the_window)
{
    const int64_t none[] = {0, 0, 0};
    const int64_t late[] = {0, 0, 1};
    SiFit fit;

    si_fit_begin(&fit, 1, 1, 1, 2);
    assert_int_equal(feed(&fit, 0, 3, none, none), SI_FIT_NONE);
    si_fit_begin(&fit, 1, 1, 1, 1);
    assert_int_equal(feed(&fit, 0, 3, late, late), SI_FIT_NONE);
}

TEST(slots_that_are_all_the_same)
{
    SiFit fit;

    si_fit_begin(&fit, 2, 2, 10, 20);
    assert_int_equal(si_fit_feed_same(&fit, 0, 6, 2, 2), SI_FIT_GOES_ON);
    assert_int_equal(si_fit_feed_same(&fit, 6, 6, 2, 1), SI_FIT_GOES_ON);
    assert_int_equal(fit.run, SI_NO_SLOT);
    assert_int_equal(si_fit_feed_same(&fit, 12, 6, 2, 2), SI_FIT_GOES_ON);
    assert_int_equal(si_fit_feed_same(&fit, 18, 6, 9, 9), SI_FIT_FOUND);
    assert_int_equal(fit.run, 12);
    si_fit_begin(&fit, 2, 2, 1, 5);
    assert_int_equal(si_fit_feed_same(&fit, 0, 6, 1, 2), SI_FIT_NONE);
    si_fit_begin(&fit, 2, 2, 1, 5);
    assert_int_equal(si_fit_feed_same(&fit, 6, 6, 2, 2), SI_FIT_NONE);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(C8_earliest_fit_whatever_the_pieces),
    cmocka_unit_test(C1_cpu_and_memory_must_fit_in_every_slot),
    cmocka_unit_test(C8_a_run_that_began_in_time_may_end_after_the_window),
    cmocka_unit_test(C8_nothing_begins_after_the_window),
    cmocka_unit_test(slots_that_are_all_the_same),
};

UNIT_MAIN(tests)
