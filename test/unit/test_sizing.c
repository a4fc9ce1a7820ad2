/*
 * A job's total split over its pods: C7.
 */
#include "unit.h"

#include "domain/sizing.h"

TEST(C7_even_split)
{
    SiSizing sizing;

    /* 12 cores and 24 GiB over a driver and two executors. */
    assert_int_equal(si_sizing_split(12000, 24576, 2, &sizing), SI_SIZING_OK);
    assert_int_equal(sizing.executors, 2);
    assert_int_equal(sizing.executor.cpu_millicores, 4000);
    assert_int_equal(sizing.executor.cores, 4);
    /* 8192 / 1.4 = 5851.4: heap 5851, overhead 2341. */
    assert_int_equal(sizing.executor.heap_mib, 5851);
    assert_int_equal(sizing.executor.overhead_mib, 2341);
    assert_memory_equal(&sizing.driver, &sizing.executor, sizeof(SiPod));
}

TEST(C7_driver_takes_the_rest)
{
    SiSizing sizing;

    assert_int_equal(si_sizing_split(10000, 10000, 2, &sizing), SI_SIZING_OK);
    assert_int_equal(sizing.executor.cpu_millicores, 3333);
    assert_int_equal(sizing.driver.cpu_millicores, 3334);
    assert_int_equal(sizing.executor.heap_mib + sizing.executor.overhead_mib, 3333);
    assert_int_equal(sizing.driver.heap_mib + sizing.driver.overhead_mib, 3334);
    assert_int_equal(sizing.executor.cores, 3);
}

TEST(C7_small_pods)
{
    SiSizing sizing;

    /* The least there is: 512 MiB of heap and Spark's least overhead; a fraction of a core is one task slot. */
    assert_int_equal(si_sizing_split(200, 1792, 1, &sizing), SI_SIZING_OK);
    assert_int_equal(sizing.executor.cpu_millicores, 100);
    assert_int_equal(sizing.executor.cores, 1);
    assert_int_equal(sizing.executor.heap_mib, 512);
    assert_int_equal(sizing.executor.overhead_mib, 384);
    /* 1343 / 1.4 = 959.3 leaves 384; 1342 / 1.4 = 958.6 leaves 384 too; 1340 / 1.4 = 957.1 would leave 383. */
    assert_int_equal(si_sizing_split(200, 2 * 1343, 1, &sizing), SI_SIZING_OK);
    assert_int_equal(sizing.executor.heap_mib, 959);
    assert_int_equal(sizing.executor.overhead_mib, 384);
    assert_int_equal(si_sizing_split(200, 2 * 1340, 1, &sizing), SI_SIZING_OK);
    assert_int_equal(sizing.executor.heap_mib, 956);
    assert_int_equal(sizing.executor.overhead_mib, 384);
    assert_int_equal(si_sizing_split(3998, 10000, 1, &sizing), SI_SIZING_OK);
    assert_int_equal(sizing.executor.cores, 1);
}

TEST(refusals)
{
    SiSizing sizing = {.executors = -7};

    assert_int_equal(si_sizing_split(12000, 24576, 0, &sizing), SI_SIZING_BAD_EXECUTORS);
    assert_int_equal(si_sizing_split(12000, 24576, -1, &sizing), SI_SIZING_BAD_EXECUTORS);
    assert_int_equal(si_sizing_split(SI_MAX_CPU_MILLICORES, SI_MAX_MEMORY_MIB, 1001, &sizing), SI_SIZING_BAD_EXECUTORS);
    assert_int_equal(si_sizing_split(199, 24576, 1, &sizing), SI_SIZING_TOO_LITTLE_CPU);
    assert_int_equal(si_sizing_split(200, 1791, 1, &sizing), SI_SIZING_TOO_LITTLE_MEMORY);
    assert_int_equal(si_sizing_split(0, 0, 1, &sizing), SI_SIZING_TOO_LITTLE_CPU);
    assert_int_equal(sizing.executors, -7);
}

TEST(minimum)
{
    int64_t cpu;
    int64_t memory;

    si_sizing_minimum(1, &cpu, &memory);
    assert_int_equal(cpu, 200);
    assert_int_equal(memory, 1792);
    si_sizing_minimum(1000, &cpu, &memory);
    assert_int_equal(cpu, 100100);
    assert_int_equal(memory, 896896);
}

/* The least that a number of executors needs is accepted, one less of either is not. */
TEST(minimum_is_the_border)
{
    for (int executors = 1; executors <= SI_MAX_EXECUTORS; executors++)
    {
        SiSizing sizing;
        int64_t cpu;
        int64_t memory;

        si_sizing_minimum(executors, &cpu, &memory);
        assert_int_equal(si_sizing_split(cpu, memory, executors, &sizing), SI_SIZING_OK);
        assert_int_equal(si_sizing_split(cpu - 1, memory, executors, &sizing), SI_SIZING_TOO_LITTLE_CPU);
        assert_int_equal(si_sizing_split(cpu, memory - 1, executors, &sizing), SI_SIZING_TOO_LITTLE_MEMORY);
    }
}

TEST(default_executors)
{
    /* A unit is 4 cores and 8 GiB; the driver is one of the pods. */
    assert_int_equal(si_sizing_default_executors(3000, 6144), 1);
    assert_int_equal(si_sizing_default_executors(4000, 8192), 1);
    assert_int_equal(si_sizing_default_executors(8000, 16384), 1);
    assert_int_equal(si_sizing_default_executors(8001, 8192), 2);
    assert_int_equal(si_sizing_default_executors(4000, 16385), 2);
    assert_int_equal(si_sizing_default_executors(4000, 24576), 2);
    assert_int_equal(si_sizing_default_executors(40000, 1048576), 127);
    /* As many as have room: 5 pods of 100 millicores, 3 pods of 896 MiB. */
    assert_int_equal(si_sizing_default_executors(500, 1048576), 4);
    assert_int_equal(si_sizing_default_executors(1000000, 2688), 2);
    assert_int_equal(si_sizing_default_executors(1, 1), 1);
    assert_int_equal(si_sizing_default_executors(SI_MAX_CPU_MILLICORES, SI_MAX_MEMORY_MIB), 1000);
}

static void
check_pod(const SiPod *pod)
{
    int64_t memory = pod->heap_mib + pod->overhead_mib;

    assert_true(pod->cpu_millicores >= SI_POD_MIN_MILLICORES);
    assert_true(memory >= SI_POD_MIN_MIB);
    assert_true(pod->overhead_mib >= 384);
    assert_true(pod->heap_mib >= 512);
    /* Spark's own rule: at least 0.4 of the heap; and no MiB more than that wants, unless 384 do. */
    assert_true(pod->overhead_mib * 10 >= pod->heap_mib * 4);
    assert_true(pod->overhead_mib == 384 || (pod->overhead_mib - 1) * 10 < (pod->heap_mib + 1) * 4);
    assert_true(pod->cores >= 1);
    assert_true(pod->cores == 1 || pod->cores * INT64_C(1000) <= pod->cpu_millicores);
    assert_true((pod->cores + INT64_C(1)) * 1000 > pod->cpu_millicores);
}

/* What is reserved is what is posted, to the last millicore and MiB. */
TEST(C7_pods_add_up_to_the_total)
{
    for (int round = 0; round < 20000; round++)
    {
        int64_t cpu = random_in(200, random_bool() ? 20000 : SI_MAX_CPU_MILLICORES);
        int64_t memory = random_in(1792, random_bool() ? 40000 : SI_MAX_MEMORY_MIB);
        int32_t executors = si_sizing_default_executors(cpu, memory);
        SiSizing sizing;

        assert_in_range(executors, 1, SI_MAX_EXECUTORS);
        assert_int_equal(si_sizing_split(cpu, memory, executors, &sizing), SI_SIZING_OK);
        /* Pods are of the size of a unit unless there are as many as can be. */
        if (executors < SI_MAX_EXECUTORS && cpu >= 100 * (executors + 2) && memory >= 896 * (executors + 2))
        {
            assert_true(sizing.executor.cpu_millicores <= 4000);
            assert_true(sizing.executor.heap_mib + sizing.executor.overhead_mib <= 8192);
            assert_true(sizing.driver.cpu_millicores <= 4000 + executors);
            assert_true(sizing.driver.heap_mib + sizing.driver.overhead_mib <= 8192 + executors);
        }
        if (random_bool())
        {
            executors = (int32_t) random_in(1, SI_MAX_EXECUTORS);
            if (si_sizing_split(cpu, memory, executors, &sizing) != SI_SIZING_OK)
                continue;
        }
        check_pod(&sizing.driver);
        check_pod(&sizing.executor);
        assert_int_equal(sizing.executors, executors);
        assert_true(sizing.driver.cpu_millicores >= sizing.executor.cpu_millicores);
        assert_int_equal(sizing.driver.cpu_millicores + executors * sizing.executor.cpu_millicores, cpu);
        assert_int_equal(sizing.driver.heap_mib + sizing.driver.overhead_mib +
                             executors * (sizing.executor.heap_mib + sizing.executor.overhead_mib),
                         memory);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(C7_even_split),
    cmocka_unit_test(C7_driver_takes_the_rest),
    cmocka_unit_test(C7_small_pods),
    cmocka_unit_test(refusals),
    cmocka_unit_test(minimum),
    cmocka_unit_test(minimum_is_the_border),
    cmocka_unit_test(default_executors),
    cmocka_unit_test(C7_pods_add_up_to_the_total),
};

UNIT_MAIN(tests)
