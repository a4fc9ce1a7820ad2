/*
 * unit.h: what every unit test includes: cmocka, and random numbers that can be repeated.
 *
 * A test is TEST(name) { ... }, named after the ruling it proves (J1_...) or after what it shows. A file ends with the list
 * of its tests (one that is not listed does not compile) and UNIT_MAIN(tests). Random tests draw from random_below() and
 * its like; the seed is printed, and UNIT_SEED sets it.
 */
#ifndef UNIT_H
#define UNIT_H

#define _GNU_SOURCE 1 /* timegm, strptime */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define TEST(name) static void name(void **state __attribute__((unused)))

#define COUNT(array) ((int) (sizeof(array) / sizeof((array)[0])))

static uint64_t unit_seed;

/* splitmix64 */
static inline uint64_t
random_bits(void)
{
    uint64_t z = (unit_seed += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 to limit - 1 */
static inline int64_t
random_below(int64_t limit)
{
    return (int64_t) (random_bits() % (uint64_t) limit);
}

/* least to most */
static inline int64_t
random_in(int64_t least, int64_t most)
{
    return least + random_below(most - least + 1);
}

static inline bool
random_bool(void)
{
    return random_bits() & 1;
}

static inline void
unit_start(void)
{
    const char *wanted = getenv("UNIT_SEED");

    unit_seed = wanted && *wanted ? strtoull(wanted, NULL, 10) : (uint64_t) time(NULL) * 1000003 + (uint64_t) getpid();
    printf("# UNIT_SEED=%llu\n", (unsigned long long) unit_seed);
    fflush(stdout);
}

#define UNIT_MAIN(tests) \
    int main(void) \
    { \
        unit_start(); \
        return cmocka_run_group_tests(tests, NULL, NULL); \
    }

#endif
