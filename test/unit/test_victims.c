/*
 * Who gives way: C9, C11, C15.
 */
#include "unit.h"

#include <string.h>

#include "domain/victims.h"

#define SLOTS 8
#define MOST 10

/* A deficit of some slots from `first`, in memory of the test. */
typedef struct Lacking
{
    int64_t cpu[SLOTS];
    int64_t mem[SLOTS];
    SiSlots slots;
} Lacking;

static void
lack(Lacking *lacking, int64_t first, int n, int64_t cpu, int64_t mem)
{
    lacking->slots = (SiSlots){first, n, lacking->cpu, lacking->mem};
    for (int i = 0; i < n; i++)
    {
        lacking->cpu[i] = cpu;
        lacking->mem[i] = mem;
    }
}

/* Letters of the chosen: A is the first. */
static void
check(SiOffer *offers, int n, Lacking *lacking, bool covered, const char *wanted)
{
    char found[MOST + 1];
    int length = 0;

    assert_int_equal(si_victims_choose(&lacking->slots, offers, n), covered);
    for (int i = 0; i < n; i++)
        if (offers[i].chosen)
            found[length++] = (char) ('A' + i);
    found[length] = '\0';
    assert_string_equal(found, wanted);
}

TEST(C11_what_has_not_begun_goes_before_what_runs)
{
    SiOffer offers[] = {
        {.from = 0, .until = 4, .cpu = 8, .mem = 8, .harm = 1, .since = 9},
        {.from = 0, .until = 4, .cpu = 4, .mem = 4, .harm = 0, .priority = 9, .since = 1},
        {.from = 0, .until = 4, .cpu = 4, .mem = 4, .harm = 0, .priority = 9, .since = 2},
    };
    Lacking lacking;

    lack(&lacking, 0, 4, 8, 8);
    check(offers, 3, &lacking, true, "BC");
    lack(&lacking, 0, 4, 9, 8);
    check(offers, 3, &lacking, true, "AC");
}

TEST(C11_low_priority_goes_first_and_then_the_newest)
{
    SiOffer offers[] = {
        {.from = 0, .until = 2, .cpu = 4, .mem = 4, .priority = 5, .since = 3},
        {.from = 0, .until = 2, .cpu = 4, .mem = 4, .priority = 1, .since = 1},
        {.from = 0, .until = 2, .cpu = 4, .mem = 4, .priority = 1, .since = 2},
    };
    Lacking lacking;

    lack(&lacking, 0, 2, 1, 0);
    check(offers, 3, &lacking, true, "C");
    lack(&lacking, 0, 2, 5, 0);
    check(offers, 3, &lacking, true, "BC");
    lack(&lacking, 0, 2, 0, 9);
    check(offers, 3, &lacking, true, "ABC");
}

TEST(C11_among_equals_few_are_asked)
{
    SiOffer offers[] = {
        {.from = 0, .until = 2, .cpu = 1, .mem = 1, .since = 9},
        {.from = 0, .until = 2, .cpu = 1, .mem = 1, .since = 8},
        {.from = 0, .until = 2, .cpu = 2, .mem = 2, .since = 1},
    };
    Lacking lacking;

    lack(&lacking, 0, 2, 2, 2);
    check(offers, 3, &lacking, true, "C");
    lack(&lacking, 0, 2, 1, 1);
    check(offers, 3, &lacking, true, "A");
}

/* The low ones do not suffice, and with the high one some of them are not needed. */
TEST(nobody_is_asked_in_vain)
{
    SiOffer offers[] = {
        {.from = 0, .until = 2, .cpu = 1, .mem = 1, .harm = 0, .since = 1},
        {.from = 0, .until = 2, .cpu = 2, .mem = 2, .harm = 0, .since = 2},
        {.from = 0, .until = 2, .cpu = 5, .mem = 5, .harm = 1, .since = 3},
    };
    Lacking lacking;

    lack(&lacking, 0, 2, 6, 6);
    check(offers, 3, &lacking, true, "BC");
    lack(&lacking, 0, 2, 5, 5);
    check(offers, 3, &lacking, true, "C");
}

TEST(C1_every_slot_and_both_resources_count)
{
    SiOffer offers[] = {
        {.from = 10, .until = 12, .cpu = 4, .mem = 0, .since = 1},
        {.from = 12, .until = 99, .cpu = 4, .mem = 0, .since = 2},
        {.from = -9, .until = 99, .cpu = 0, .mem = 4, .since = 3},
        {.from = 14, .until = 20, .cpu = 9, .mem = 9, .since = 4}, /* elsewhere */
        {.from = 2, .until = 10, .cpu = 9, .mem = 9, .since = 5},  /* elsewhere */
    };
    Lacking lacking;

    lack(&lacking, 10, 4, 4, 4);
    check(offers, 5, &lacking, true, "ABC");
    lack(&lacking, 10, 4, -1, 0);
    check(offers, 5, &lacking, true, "");
    lack(&lacking, 10, 4, -1, -1);
    lacking.cpu[3] = 1;
    check(offers, 5, &lacking, true, "B");
}

TEST(C9_where_not_all_can_be_freed_what_can_be_is)
{
    SiOffer offers[] = {
        {.from = 0, .until = 1, .cpu = 4, .mem = 4, .since = 1},
        {.from = 1, .until = 2, .cpu = 4, .mem = 4, .since = 2},
        {.from = 1, .until = 2, .cpu = 3, .mem = 3, .since = 3},
    };
    Lacking lacking;

    lack(&lacking, 0, 2, 6, 0);
    check(offers, 3, &lacking, false, "ABC");
    assert_int_equal(lacking.cpu[0], 2);
    assert_int_equal(lacking.cpu[1], -1);
    lack(&lacking, 0, 2, 0, 0);
    check(offers, 0, &lacking, true, "");
}

TEST(the_first_of_twins_is_asked)
{
    SiOffer offers[] = {
        {.from = 0, .until = 1, .cpu = 4, .mem = 4},
        {.from = 0, .until = 1, .cpu = 4, .mem = 4},
    };
    Lacking lacking;

    lack(&lacking, 0, 1, 4, 4);
    check(offers, 2, &lacking, true, "A");
}

/* What is lacking after those of a bit set gave way; whether that is nothing. */
static bool
apply(Lacking *lacking, const SiOffer *offers, int n, unsigned set)
{
    for (int i = 0; i < n; i++)
        for (int64_t slot = 0; slot < SLOTS; slot++)
            if ((set >> i & 1) && slot >= offers[i].from && slot < offers[i].until)
            {
                lacking->cpu[slot] -= offers[i].cpu;
                lacking->mem[slot] -= offers[i].mem;
            }
    for (int slot = 0; slot < SLOTS; slot++)
        if (lacking->cpu[slot] > 0 || lacking->mem[slot] > 0)
            return false;
    return true;
}

static unsigned
chosen(const SiOffer *offers, int n)
{
    unsigned set = 0;

    for (int i = 0; i < n; i++)
        set |= (unsigned) offers[i].chosen << i;
    return set;
}

static void
random_offers(SiOffer *offers, int n, Lacking *lacking)
{
    lack(lacking, 0, SLOTS, 0, 0);
    for (int slot = 0; slot < SLOTS; slot++)
    {
        lacking->cpu[slot] = random_in(-3, 6);
        lacking->mem[slot] = random_in(-3, 6);
    }
    for (int i = 0; i < n; i++)
    {
        int64_t from = random_in(-2, SLOTS);

        offers[i] = (SiOffer){.from = from,
                              .until = from + random_in(1, SLOTS),
                              .cpu = random_below(5),
                              .mem = random_below(5),
                              .harm = (int32_t) random_below(3),
                              .priority = (int32_t) random_below(3),
                              .since = random_below(5)};
    }
}

/* Against all subsets: covered when possible, nobody in vain, no higher class where lower ones do. */
TEST(C11_random_offers_against_all_subsets)
{
    for (int round = 0; round < 3000; round++)
    {
        SiOffer offers[MOST];
        int n = (int) random_below(MOST + 1);
        Lacking before;
        Lacking after;
        unsigned set;
        bool covered;
        int worst = -1;

        random_offers(offers, n, &before);
        after = before;
        after.slots = (SiSlots){0, SLOTS, after.cpu, after.mem};
        covered = si_victims_choose(&after.slots, offers, n);
        set = chosen(offers, n);

        {
            Lacking same = before;
            Lacking all = before;

            assert_int_equal(apply(&same, offers, n, set), covered);
            assert_memory_equal(same.cpu, after.cpu, sizeof(after.cpu));
            assert_memory_equal(same.mem, after.mem, sizeof(after.mem));
            assert_int_equal(apply(&all, offers, n, (1u << n) - 1), covered);
            for (int slot = 0; slot < SLOTS; slot++)
            {
                assert_true(after.cpu[slot] <= 0 || after.cpu[slot] == all.cpu[slot]);
                assert_true(after.mem[slot] <= 0 || after.mem[slot] == all.mem[slot]);
            }
        }
        for (int i = 0; i < n; i++)
            if (offers[i].chosen && offers[i].harm > worst)
                worst = offers[i].harm;
        for (unsigned other = 0; covered && other < 1u << n; other++)
        {
            Lacking with = before;
            bool lower = true;

            for (int i = 0; i < n; i++)
                lower &= !(other >> i & 1) || offers[i].harm < worst;
            if ((other & set) == other ? other != set : lower)
                assert_false(apply(&with, offers, n, other));
        }
    }
}

TEST(the_same_offers_in_any_order_give_the_same_answer)
{
    for (int round = 0; round < 3000; round++)
    {
        SiOffer offers[MOST];
        SiOffer turned[MOST];
        int n = (int) random_below(MOST + 1);
        Lacking first;
        Lacking second;

        random_offers(offers, n, &first);
        for (int i = 0; i < n; i++)
            offers[i].since = i; /* no twins */
        second = first;
        second.slots = (SiSlots){0, SLOTS, second.cpu, second.mem};
        for (int i = 0; i < n; i++)
            turned[n - 1 - i] = offers[i];
        (void) si_victims_choose(&first.slots, offers, n);
        (void) si_victims_choose(&second.slots, turned, n);
        for (int i = 0; i < n; i++)
            assert_int_equal(offers[i].chosen, turned[n - 1 - i].chosen);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(C11_what_has_not_begun_goes_before_what_runs),
    cmocka_unit_test(C11_low_priority_goes_first_and_then_the_newest),
    cmocka_unit_test(C11_among_equals_few_are_asked),
    cmocka_unit_test(nobody_is_asked_in_vain),
    cmocka_unit_test(C1_every_slot_and_both_resources_count),
    cmocka_unit_test(C9_where_not_all_can_be_freed_what_can_be_is),
    cmocka_unit_test(the_first_of_twins_is_asked),
    cmocka_unit_test(C11_random_offers_against_all_subsets),
    cmocka_unit_test(the_same_offers_in_any_order_give_the_same_answer),
};

UNIT_MAIN(tests)
