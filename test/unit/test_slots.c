/*
 * Arithmetic on a pool's time grid: C1, C2, C8.
 */
#include "unit.h"

#include "domain/slots.h"

#define STEP (5 * SI_USECS_PER_MIN)
#define MOST_SLOTS 40

/* A few slots over arrays of their own. */
typedef struct Grid
{
    SiSlots slots;
    int64_t cpu[MOST_SLOTS];
    int64_t mem[MOST_SLOTS];
} Grid;

static void
make_grid(Grid *grid, int64_t first, int32_t n, int64_t cpu, int64_t mem)
{
    grid->slots = (SiSlots){.first = first, .n = n, .cpu = grid->cpu, .mem = grid->mem};
    si_slots_fill(&grid->slots, cpu, mem);
}

TEST(C2_floor_and_ceil)
{
    assert_int_equal(si_slot_floor(0, STEP), 0);
    assert_int_equal(si_slot_ceil(0, STEP), 0);
    assert_int_equal(si_slot_floor(1, STEP), 0);
    assert_int_equal(si_slot_ceil(1, STEP), 1);
    assert_int_equal(si_slot_floor(STEP - 1, STEP), 0);
    assert_int_equal(si_slot_floor(STEP, STEP), 1);
    assert_int_equal(si_slot_ceil(STEP, STEP), 1);
    assert_int_equal(si_slot_ceil(STEP + 1, STEP), 2);
}

/* Before 2000-01-01 too: rounding is downwards and upwards, not towards zero. */
TEST(C2_floor_and_ceil_before_the_epoch)
{
    assert_int_equal(si_slot_floor(-1, STEP), -1);
    assert_int_equal(si_slot_ceil(-1, STEP), 0);
    assert_int_equal(si_slot_floor(-STEP, STEP), -1);
    assert_int_equal(si_slot_ceil(-STEP, STEP), -1);
    assert_int_equal(si_slot_floor(-STEP - 1, STEP), -2);
    assert_int_equal(si_slot_ceil(-STEP - 1, STEP), -1);
    assert_int_equal(si_slot_floor(INT64_MIN, 1), INT64_MIN);
    assert_int_equal(si_slot_ceil(INT64_MAX, 1), INT64_MAX);
}

TEST(C2_time_of_a_slot)
{
    assert_int_equal(si_slot_time(0, STEP), 0);
    assert_int_equal(si_slot_time(12, STEP), 60 * SI_USECS_PER_MIN);
    assert_int_equal(si_slot_time(-1, STEP), -STEP);
    for (int round = 0; round < 1000; round++)
    {
        SiTime at = (SiTime) random_bits() / 4;
        int64_t step = random_in(1, 1440) * SI_USECS_PER_MIN;

        assert_true(si_slot_time(si_slot_floor(at, step), step) <= at);
        assert_true(si_slot_time(si_slot_floor(at, step) + 1, step) > at);
        assert_true(si_slot_time(si_slot_ceil(at, step), step) >= at);
        assert_true(si_slot_time(si_slot_ceil(at, step) - 1, step) < at);
    }
}

TEST(fill)
{
    Grid grid;

    make_grid(&grid, 100, 3, 5, 7);
    for (int i = 0; i < 3; i++)
    {
        assert_int_equal(grid.cpu[i], 5);
        assert_int_equal(grid.mem[i], 7);
    }
}

static void
check_slots(const Grid *grid, const int64_t *cpu, const int64_t *mem)
{
    for (int i = 0; i < grid->slots.n; i++)
    {
        assert_int_equal(grid->cpu[i], cpu[i]);
        assert_int_equal(grid->mem[i], mem[i]);
    }
}

TEST(C1_add_touches_every_slot_of_the_span)
{
    Grid grid;

    make_grid(&grid, 100, 4, 10, 20);
    si_slots_add(&grid.slots, 101, 103, -3, 4);
    check_slots(&grid, (const int64_t[]){10, 7, 7, 10}, (const int64_t[]){20, 24, 24, 20});
}

TEST(spans_are_clipped)
{
    Grid grid;

    make_grid(&grid, 100, 4, 0, 0);
    si_slots_add(&grid.slots, 90, 101, 1, 1);
    si_slots_add(&grid.slots, 103, 200, 2, 2);
    si_slots_add(&grid.slots, INT64_MIN, INT64_MAX, 10, 10);
    si_slots_add(&grid.slots, 0, 100, 100, 100);
    si_slots_add(&grid.slots, 104, 105, 100, 100);
    si_slots_add(&grid.slots, 102, 102, 100, 100);
    si_slots_add(&grid.slots, 103, 101, 100, 100);
    check_slots(&grid, (const int64_t[]){11, 10, 10, 12}, (const int64_t[]){11, 10, 10, 12});
    si_slots_set(&grid.slots, 90, 102, 5, 6);
    si_slots_set(&grid.slots, 50, 60, 9, 9);
    check_slots(&grid, (const int64_t[]){5, 5, 10, 12}, (const int64_t[]){6, 6, 10, 12});
}

TEST(sums_saturate)
{
    Grid grid;

    make_grid(&grid, 0, 1, INT64_MAX - 1, INT64_MIN + 1);
    si_slots_add(&grid.slots, 0, 1, 1, -1);
    check_slots(&grid, (const int64_t[]){INT64_MAX}, (const int64_t[]){INT64_MIN});
    si_slots_add(&grid.slots, 0, 1, 1, -1);
    check_slots(&grid, (const int64_t[]){INT64_MAX}, (const int64_t[]){INT64_MIN});
    si_slots_add(&grid.slots, 0, 1, INT64_MIN, INT64_MAX);
    check_slots(&grid, (const int64_t[]){-1}, (const int64_t[]){-1});
}

TEST(least_of_two)
{
    Grid a;
    Grid b;

    make_grid(&a, 7, 3, 5, 5);
    make_grid(&b, 7, 3, 5, 5);
    b.cpu[0] = 2;
    a.cpu[1] = 1;
    b.cpu[2] = 6;
    b.mem[0] = 6;
    a.mem[2] = 9;
    b.mem[2] = 8;
    /* What lies behind is none of its business. */
    a.cpu[3] = a.mem[3] = 4711;
    b.cpu[3] = b.mem[3] = 0;
    si_slots_min(&a.slots, &b.slots);
    check_slots(&a, (const int64_t[]){2, 1, 5}, (const int64_t[]){5, 5, 8});
    assert_int_equal(a.cpu[3], 4711);
    assert_int_equal(a.mem[3], 4711);
}

TEST(C8_earliest_fit)
{
    Grid grid;

    /* cpu: 4 4 1 4 4 4 0 4; memory is enough everywhere but in slot 104. */
    make_grid(&grid, 100, 8, 4, 8);
    grid.cpu[2] = 1;
    grid.cpu[6] = 0;
    grid.mem[4] = 7;
    assert_int_equal(si_slots_find(&grid.slots, 4, 1, 1, 100, 200), 100);
    assert_int_equal(si_slots_find(&grid.slots, 4, 1, 2, 100, 200), 100);
    assert_int_equal(si_slots_find(&grid.slots, 4, 1, 2, 101, 200), 103);
    assert_int_equal(si_slots_find(&grid.slots, 4, 1, 3, 100, 200), 103);
    assert_int_equal(si_slots_find(&grid.slots, 4, 1, 4, 100, 200), SI_NO_SLOT);
    assert_int_equal(si_slots_find(&grid.slots, 1, 1, 6, 100, 200), 100);
    /* Every resource counts. */
    assert_int_equal(si_slots_find(&grid.slots, 4, 8, 2, 101, 200), SI_NO_SLOT);
    assert_int_equal(si_slots_find(&grid.slots, 1, 8, 2, 101, 200), 101);
    assert_int_equal(si_slots_find(&grid.slots, 5, 1, 1, 100, 200), SI_NO_SLOT);
    assert_int_equal(si_slots_find(&grid.slots, 1, 9, 1, 100, 200), SI_NO_SLOT);
}

TEST(C8_inside_the_window)
{
    Grid grid;

    make_grid(&grid, 100, 8, 4, 4);
    grid.cpu[1] = 0;
    /* The latest start is one; the run may end after it. */
    assert_int_equal(si_slots_find(&grid.slots, 4, 4, 3, 101, 102), 102);
    assert_int_equal(si_slots_find(&grid.slots, 4, 4, 3, 101, 101), SI_NO_SLOT);
    assert_int_equal(si_slots_find(&grid.slots, 4, 4, 1, 100, 99), SI_NO_SLOT);
    /* Nothing is promised beyond the slots that are known. */
    assert_int_equal(si_slots_find(&grid.slots, 4, 4, 6, 102, 200), 102);
    assert_int_equal(si_slots_find(&grid.slots, 4, 4, 7, 102, 200), SI_NO_SLOT);
    assert_int_equal(si_slots_find(&grid.slots, 4, 4, 1, 107, 200), 107);
    assert_int_equal(si_slots_find(&grid.slots, 4, 4, 1, 108, 200), SI_NO_SLOT);
    /* Nor before them. */
    assert_int_equal(si_slots_find(&grid.slots, 4, 4, 1, 5, 200), 100);
    assert_int_equal(si_slots_find(&grid.slots, 4, 4, 1, 5, 99), SI_NO_SLOT);
    assert_int_equal(si_slots_find(&grid.slots, 4, 4, 1, INT64_MIN, INT64_MAX), 100);
}

/* A pool whose supply was cut is negative: nothing fits, not even nothing. */
TEST(C9_overcommitted_slots_have_no_room)
{
    Grid grid;

    make_grid(&grid, 0, 3, -1, 4);
    assert_int_equal(si_slots_find(&grid.slots, 0, 0, 1, 0, 9), SI_NO_SLOT);
    grid.cpu[2] = 0;
    assert_int_equal(si_slots_find(&grid.slots, 0, 0, 1, 0, 9), 2);
}

/* Every start is tried, every slot of it looked at. */
static int64_t
find_by_trying(const SiSlots *slots, int64_t cpu, int64_t mem, int32_t length, int64_t earliest, int64_t latest)
{
    for (int64_t start = earliest; start <= latest; start++)
    {
        bool fits = start >= slots->first && start + length <= slots->first + slots->n;

        for (int64_t slot = start; fits && slot < start + length; slot++)
            fits = slots->cpu[slot - slots->first] >= cpu && slots->mem[slot - slots->first] >= mem;
        if (fits)
            return start;
    }
    return SI_NO_SLOT;
}

TEST(C8_finds_what_trying_finds)
{
    for (int round = 0; round < 50000; round++)
    {
        Grid grid;
        int64_t first = random_in(-20, 20);
        int32_t n = (int32_t) random_in(0, MOST_SLOTS);
        int64_t earliest = first + random_in(-10, MOST_SLOTS + 5);
        int64_t latest = earliest + random_in(-2, MOST_SLOTS);
        int32_t length = (int32_t) random_in(1, random_bool() ? 4 : MOST_SLOTS + 2);
        int64_t most = random_in(1, 6);
        int64_t cpu = random_below(4);
        int64_t mem = random_below(3);

        make_grid(&grid, first, n, 0, 0);
        for (int i = 0; i < n; i++)
        {
            grid.cpu[i] = random_below(most + 1) + random_bool();
            grid.mem[i] = random_bool() ? most : random_below(most + 1);
        }
        assert_int_equal(si_slots_find(&grid.slots, cpu, mem, length, earliest, latest),
                         find_by_trying(&grid.slots, cpu, mem, length, earliest, latest));
    }
}

/* C3 in small: placing where the search says and taking it never over-commits. */
TEST(C1_what_is_found_can_be_taken)
{
    for (int round = 0; round < 500; round++)
    {
        Grid grid;
        int64_t total = random_in(1, 20);

        make_grid(&grid, 0, MOST_SLOTS, total, total);
        for (int job = 0; job < 60; job++)
        {
            int32_t length = (int32_t) random_in(1, 10);
            int64_t cpu = random_in(1, total);
            int64_t mem = random_in(1, total);
            int64_t start = si_slots_find(&grid.slots, cpu, mem, length, random_below(MOST_SLOTS), MOST_SLOTS);

            if (start == SI_NO_SLOT)
                continue;
            si_slots_add(&grid.slots, start, start + length, -cpu, -mem);
            for (int i = 0; i < MOST_SLOTS; i++)
                assert_true(grid.cpu[i] >= 0 && grid.mem[i] >= 0);
        }
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(C2_floor_and_ceil),
    cmocka_unit_test(C2_floor_and_ceil_before_the_epoch),
    cmocka_unit_test(C2_time_of_a_slot),
    cmocka_unit_test(fill),
    cmocka_unit_test(C1_add_touches_every_slot_of_the_span),
    cmocka_unit_test(spans_are_clipped),
    cmocka_unit_test(sums_saturate),
    cmocka_unit_test(least_of_two),
    cmocka_unit_test(C8_earliest_fit),
    cmocka_unit_test(C8_inside_the_window),
    cmocka_unit_test(C9_overcommitted_slots_have_no_room),
    cmocka_unit_test(C8_finds_what_trying_finds),
    cmocka_unit_test(C1_what_is_found_can_be_taken),
};

UNIT_MAIN(tests)
