/*
 * Whose turn it is among waiting work: priority with aging (C15), fair shares between tenants (C16).
 */
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "domain/order.h"

#define HOUR (60 * SI_USECS_PER_MIN)
#define DAY (24 * HOUR)
#define NOW (1000 * DAY)

static const SiUse capacity = {1e9, 1e9};

TEST(C15_aging_counts_whole_days)
{
    assert_int_equal(si_priority_effective(7, NOW, NOW, 5), 7);
    assert_int_equal(si_priority_effective(7, NOW - DAY + 1, NOW, 5), 7);
    assert_int_equal(si_priority_effective(7, NOW - DAY, NOW, 5), 127);
    assert_int_equal(si_priority_effective(-1000, NOW - 2 * DAY + 1, NOW, 5), -880);
}

TEST(C15_aging_ends_after_two_days)
{
    assert_int_equal(si_priority_effective(0, NOW - 2 * DAY, NOW, 5), 240);
    assert_int_equal(si_priority_effective(0, NOW - 900 * DAY, NOW, 5), 240);
    assert_int_equal(si_priority_effective(1000, 0, INT64_MAX, 1000), 49000);
}

TEST(C15_what_does_not_wait_yet_does_not_age)
{
    assert_int_equal(si_priority_effective(7, NOW + 3 * DAY, NOW, 5), 7);
    assert_int_equal(si_priority_effective(7, INT64_MAX, NOW, 5), 7);
    assert_int_equal(si_priority_effective(7, 0, NOW, 0), 7);
}

/* The names that come with the extension: low overtakes normal after a day, high after two, critical never. */
TEST(C15_low_overtakes_high_but_not_critical)
{
    assert_true(si_priority_effective(-100, NOW - DAY, NOW, 5) > 0);
    assert_true(si_priority_effective(-100, NOW - DAY, NOW, 5) < 100);
    assert_true(si_priority_effective(-100, NOW - 2 * DAY, NOW, 5) > 100);
    assert_true(si_priority_effective(-100, NOW - 100 * DAY, NOW, 5) < 1000);
}

TEST(C16_dominant_share_is_the_greater_one)
{
    assert_int_equal(si_share(&(SiUse){0, 0}, &capacity), 0);
    assert_int_equal(si_share(&(SiUse){1e8, 2e8}, &capacity), 200000);
    assert_int_equal(si_share(&(SiUse){3e8, 2e8}, &capacity), 300000);
    assert_int_equal(si_share(&(SiUse){3e9, 0}, &capacity), 3000000);
}

TEST(C16_share_of_nothing)
{
    assert_int_equal(si_share(&(SiUse){0, 0}, &(SiUse){0, 0}), 0);
    assert_true(si_share(&(SiUse){1, 0}, &(SiUse){0, 1e9}) > 1000000);
    assert_true(si_share(&(SiUse){1e300, 0}, &(SiUse){1, 1}) > 1000000);
    assert_int_equal(si_share(&(SiUse){-1, -1}, &capacity), 0);
}

TEST(C16_each_doubling_is_a_step)
{
    assert_int_equal(si_share_step(0), 0);
    assert_int_equal(si_share_step(999), 0);
    assert_int_equal(si_share_step(1000), 1);
    assert_int_equal(si_share_step(1999), 1);
    assert_int_equal(si_share_step(2000), 2);
    assert_int_equal(si_share_step(INT64_MAX), 15);
}

/* Work of a tenant: n pieces of `share` millionths each, items from `item` on. */
static void
add(SiTurn *turns, int *n, int count, int tenant, int priority, SiTime wanted, int64_t share)
{
    for (int i = 0; i < count; i++)
    {
        SiTurn turn = {.item = *n, .tenant = tenant, .priority = priority, .since = NOW, .wanted = wanted, .cpu = share * 10, .seconds = 100};

        turn.id[15] = (uint8_t) *n;
        turn.id[14] = (uint8_t) (*n >> 8);
        turns[(*n)++] = turn;
    }
}

static void
check(const SiTurn *turns, int n, const int *items)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(turns[i].item, items[i]);
}

TEST(C15_priority_then_share_then_time_then_id)
{
    SiUse uses[] = {{5e8, 0}, {0, 0}};
    SiTurn turns[16];
    int n = 0;

    add(turns, &n, 1, 0, 0, NOW, 0);       /* 0: the tenant that used much */
    add(turns, &n, 2, 1, 0, NOW, 0);       /* 1, 2: as each other but for their ids */
    add(turns, &n, 1, 1, 0, NOW - 1, 0);   /* 3: earlier */
    add(turns, &n, 1, 0, 5, NOW, 0);       /* 4: more important, whosoever */
    add(turns, &n, 1, 1, -5, NOW - 9, 0);  /* 5: less */
    add(turns, &n, 1, 0, 0, NOW - DAY, 0); /* 6: earlier, but its tenant used much */
    turns[6].since = NOW;
    si_order(turns, n, uses, &capacity, NOW, 5);
    check(turns, n, (int[]){4, 3, 1, 2, 6, 0, 5});
    assert_true(turns[0].rank > turns[1].rank);
    assert_int_equal(turns[1].rank, turns[3].rank);
    assert_true(turns[3].rank > turns[4].rank);
    assert_true(turns[5].rank > turns[6].rank);
}

TEST(C15_who_waited_long_goes_before_who_is_more_important)
{
    SiUse uses[] = {{0, 0}};
    SiTurn turns[2];
    int n = 0;

    add(turns, &n, 1, 0, 100, NOW, 0);
    add(turns, &n, 1, 0, -100, NOW, 0);
    turns[1].since = NOW - 2 * DAY;
    si_order(turns, n, uses, &capacity, NOW, 5);
    check(turns, n, (int[]){1, 0});
    assert_int_equal(turns[0].effective, 140);
    si_order(turns, n, uses, &capacity, NOW, 0);
    check(turns, n, (int[]){0, 1});
}

/* A burst of 100 and later one of 3: the 3 are not behind the 100 (C16). */
TEST(C16_a_burst_does_not_starve_others)
{
    SiUse uses[] = {{0, 0}, {0, 0}};
    SiTurn turns[103];
    int n = 0;
    int places[3] = {0};

    add(turns, &n, 100, 0, 0, NOW - HOUR, 1000);
    add(turns, &n, 3, 1, 0, NOW, 1000);
    si_order(turns, n, uses, &capacity, NOW, 5);
    for (int i = 0; i < n; i++)
        if (turns[i].tenant == 1)
            places[turns[i].item - 100] = i;
    assert_int_equal(places[0], 1);
    assert_int_equal(places[1], 3);
    assert_int_equal(places[2], 5);
    assert_true(uses[0].cpu > uses[1].cpu);
    /* Its first gives the first of the burst no reason to move, but most of the others. */
    assert_int_equal(turns[1].rank, turns[0].rank);
    assert_true(turns[102].rank < turns[5].rank);
}

/* Equals of one tenant stay as they are planned, whatever their ids and whoever was wanted first. */
TEST(C15_own_equals_keep_their_places)
{
    SiUse uses[] = {{0, 0}};
    SiTurn turns[3];
    int n = 0;

    add(turns, &n, 1, 0, 0, NOW - 1, 5000);
    add(turns, &n, 1, 0, 0, NOW, 5000);
    add(turns, &n, 1, 0, 0, NOW, 5000);
    turns[0].planned = INT64_MAX;
    turns[1].planned = NOW + 2;
    turns[2].planned = NOW + 1;
    si_order(turns, n, uses, &capacity, NOW, 5);
    check(turns, n, (int[]){2, 1, 0});
    assert_true(turns[0].rank > turns[1].rank);
}

/* Not for ever: equal shares of both, however long the first burst waited more. */
TEST(C16_aging_of_a_burst_ends)
{
    SiUse uses[] = {{0, 0}, {0, 0}};
    SiTurn turns[2];
    int n = 0;

    add(turns, &n, 1, 0, 0, NOW - 9 * DAY, 0);
    add(turns, &n, 1, 1, 0, NOW - 2 * DAY, 0);
    uses[0].cpu = 5e8;
    turns[0].since = NOW - 9 * DAY;
    turns[1].since = NOW - 2 * DAY;
    si_order(turns, n, uses, &capacity, NOW, 5);
    check(turns, n, (int[]){1, 0});
}

TEST(the_same_in_any_order)
{
    SiUse uses[3];
    SiTurn first[200];
    SiTurn again[200];
    int n = 0;

    for (int i = 0; i < 200; i++)
        add(first, &n, 1, (int) random_below(3), (int) random_below(3), NOW - random_below(3), random_below(50000));
    memcpy(again, first, sizeof(first));
    for (int i = n - 1; i > 0; i--)
    {
        int k = (int) random_below(i + 1);
        SiTurn turn = again[i];

        again[i] = again[k];
        again[k] = turn;
    }
    memset(uses, 0, sizeof(uses));
    si_order(first, n, uses, &capacity, NOW, 5);
    memset(uses, 0, sizeof(uses));
    si_order(again, n, uses, &capacity, NOW, 5);
    for (int i = 0; i < n; i++)
        assert_int_equal(first[i].item, again[i].item);
    /* Ranks never rise along the order: groups of one rank stand together. */
    for (int i = 1; i < n; i++)
        assert_true(first[i].rank <= first[i - 1].rank);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(C15_aging_counts_whole_days),
    cmocka_unit_test(C15_aging_ends_after_two_days),
    cmocka_unit_test(C15_what_does_not_wait_yet_does_not_age),
    cmocka_unit_test(C15_low_overtakes_high_but_not_critical),
    cmocka_unit_test(C16_dominant_share_is_the_greater_one),
    cmocka_unit_test(C16_share_of_nothing),
    cmocka_unit_test(C16_each_doubling_is_a_step),
    cmocka_unit_test(C15_priority_then_share_then_time_then_id),
    cmocka_unit_test(C15_who_waited_long_goes_before_who_is_more_important),
    cmocka_unit_test(C16_a_burst_does_not_starve_others),
    cmocka_unit_test(C15_own_equals_keep_their_places),
    cmocka_unit_test(C16_aging_of_a_burst_ends),
    cmocka_unit_test(the_same_in_any_order),
};

UNIT_MAIN(tests)
