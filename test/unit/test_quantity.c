/*
 * Decimal text to exact whole numbers and back; dedicated units (M1).
 */
#include "unit.h"

#include "domain/quantity.h"

#include <string.h>

#define ZEROS_50 "00000000000000000000000000000000000000000000000000"
#define NINES_50 "99999999999999999999999999999999999999999999999999"

typedef struct Number
{
    const char *text;
    int64_t multiplier;
    int64_t value; /* of text * multiplier */
} Number;

/* Many to a line. */
/* clang-format off */
static const Number exact[] = {
    {"0", 1, 0}, {"1", 1, 1}, {"7", 1, 7}, {"42", 1, 42}, {"1000000", 1, 1000000}, {"007", 1, 7},
    {"0000000000000000000000000000000000000001", 1, 1}, {"1.0", 1, 1}, {"1.", 1, 1},
    {"1.000000000000000000000000000000", 1, 1}, {"+1", 1, 1}, {"+0", 1, 0}, {"-0", 1, 0}, {"-0.000", 1, 0},
    {"-0e99", 1, 0}, {"0e0", 1, 0}, {"0e99999999999999999999", 1, 0}, {"0.0e-5", 1, 0}, {".0", 1, 0}, {"0.", 1, 0},
    {"9223372036854775807", 1, INT64_MAX}, {"9223372036854775806.0", 1, INT64_C(9223372036854775806)},
    {"922337203685477580.7", 10, INT64_MAX}, {"92233720368547758.07", 100, INT64_MAX},
    {"9223372036.854775807", 1000000000, INT64_MAX}, {"9.223372036854775807e18", 1, INT64_MAX},
    {"9223372036854775807000e-3", 1, INT64_MAX}, {"0.5", 2, 1}, {"0.5", 1000, 500}, {"1.5", 1000, 1500},
    {"0.001", 1000, 1}, {"0.25", 4, 1}, {".5", 1000, 500}, {"5e-1", 1000, 500}, {"5E-1", 1000, 500}, {"0.05e1", 1000, 500},
    {"50e-2", 1000, 500}, {"1e0", 1, 1}, {"1e1", 1, 10}, {"1E3", 1, 1000}, {"1e+3", 1, 1000}, {"1e03", 1, 1000},
    {"1e00000000000000000003", 1, 1000}, {"12e2", 1, 1200}, {"1.2e1", 1, 12}, {"1.25e2", 1, 125}, {"100e-2", 1, 1},
    {"1e18", 1, INT64_C(1000000000000000000)}, {"9e18", 1, INT64_C(9000000000000000000)},
    {"0.000000000000000001e18", 1, 1}, {"1000000000000000000000000e-24", 1, 1}, {"0.1", 1000, 100}, {"0.2", 1000, 200},
    {"0.3", 1000, 300}, {"0.7", 1000, 700}, {"1.1", 1000, 1100}, {"2.675", 1000, 2675}, {"1.005", 1000, 1005},
    {"0.29", 1000, 290}, {"4.35", 1000, 4350}, {"8.115", 1000, 8115}, {"1024.125", 1024, 1048704},
    {"0.0009765625", 1024, 1}, {"3.1416015625", 1024, 3217}, {"0.6", 1000, 600}, {"1e-3", 1000, 1},
    {"1e-9", 1000000000, 1}, {"123456789.123456789", 1000000000, INT64_C(123456789123456789)}, {"4.5", 3600000, 16200000},
    {"0." ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 "1e201", 1, 1}, {"1" ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 "e-200", 1, 1},
    {"1" ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 "e-200", 7, 7},
    {ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 "5", 1, 5},
    {"5" ZEROS_50 ZEROS_50 ZEROS_50 "." ZEROS_50 ZEROS_50 ZEROS_50 "e-150", 1, 5},
    {"1000000000", 1000000000, INT64_C(1000000000000000000)}, {"9007199254740993", 1, INT64_C(9007199254740993)},
    {"9007199254740993.000", 1, INT64_C(9007199254740993)}, {"18014398509481985", 1, INT64_C(18014398509481985)},
    {"0.1e1", 1, 1}, {"123e-0", 1, 123}, {"123e+00", 1, 123},
};

static const Number rounded_up[] = {
    {"0.1", 1, 1}, {"0.0001", 1, 1}, {"1e-400", 1, 1}, {"1e-99999999999", 1, 1},
    {"0." ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 "1", 1, 1},
    {"1.0000000000000000000000000000000000000000000001", 1, 2}, {"1.0001", 1000, 1001}, {"0.9999", 1000, 1000},
    {"2.0000000001", 1000, 2001}, {"1e-10", 1000000000, 1}, {"9223372036854775806.1", 1, INT64_MAX},
    {"9223372036854775.8061", 1000, INT64_MAX}, {"0." NINES_50 "9999999999999999999999999999999999999999999999999", 1, 1},
    {"0." NINES_50 NINES_50, 1, 1}, {"0." NINES_50 NINES_50 "9", 1, 1},
    {"1." ZEROS_50 "0000000000000000000000000000000000000000000000000" "1", 1, 2},
    {"1." ZEROS_50 ZEROS_50 ZEROS_50 "1", 1, 2}, {"3.33333333333333333333", 3, 10}, {"0.33333333333333333333", 3, 1},
    {"0.0009765626", 1024, 2}, {"1023.9990234376", 1024, 1048576}, {"4.35e-1", 10, 5}, {"7", 1, 7}, {"7.000", 1000, 7000},
    {"0.5", 1, 1}, {"1.5", 1, 2}, {"1e-1", 10, 1}, {"1e-2", 10, 1}, {"9e-1", 1, 1}, {"12345.678901", 1000, 12345679},
};

static const Number fractions[] = {
    {"0.1", 1, 0}, {"1.5", 1, 0}, {"1e-1", 1, 0}, {"1e-400", 1, 0}, {"1e-99999999999", 1, 0}, {"0.0001", 1000, 0},
    {"1.0001", 1000, 0}, {"1.00000000000000000000000000000000000000000001", 1, 0},
    {"0." ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 "1", 1000000000, 0}, {"0.1", 1024, 0},
    {"0.3", 1024, 0}, {"0.33333333333333333333", 3, 0},
    {"1." ZEROS_50 "0000000000000000000000000000000000000000000000000" "1", 1000, 0},
    {"1." ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 "1", 1000, 0}, {"123456789.1234567891", 1000000000, 0},
    {"9223372036854775806.5", 1, 0}, {"12345e-3", 10, 0}, {"0." NINES_50 NINES_50 NINES_50, 1000, 0},
};

static const Number too_large[] = {
    {"9223372036854775808", 1, 0}, {"10000000000000000000", 1, 0}, {"99999999999999999999", 1, 0},
    {"18446744073709551616", 1, 0}, {"18446744073709551617", 1, 0}, {"1e19", 1, 0}, {"1e20", 1, 0}, {"1e400", 1, 0},
    {"1e99999", 1, 0}, {"1e999999999999999999999999", 1, 0}, {NINES_50 NINES_50, 1, 0}, {NINES_50 NINES_50 "9", 1, 0},
    {NINES_50 NINES_50 NINES_50 NINES_50 NINES_50 NINES_50 NINES_50 NINES_50 NINES_50 NINES_50, 1, 0},
    {"1" ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50, 1, 0}, {"9223372036854775.808", 1000, 0},
    {"9223372036854776", 1000, 0}, {"9223372037", 1000000000, 0}, {"9223372036.854775808", 1000000000, 0},
    {"0.000001e30", 1, 0}, {"1.7976931348623157e308", 1, 0}, {"92233720368547758.08", 100, 0},
    {"9223372036854775807", 2, 0}, {"4611686018427387904", 2, 0},
};

static const char *const not_numbers[] = {
    "", ".", "+", "-", "e", "E5", "e5", ".e5", "1e", "1e+", "1e-", "1E", "--1", "++1", "+-1", "-+1", "1-", "1+", "1.2.3",
    "1..2", "..1", "1e5.5", "1e5e5", "1ee5", "1e++5", " 1", "1 ", "\t1", "1\n", "\v1", "1 2", "1_000", "1,000", "1,5",
    "1'000", "0x10", "0X1F", "0b11", "0o17", "1f", "1d", "1L", "1u", "0x", "x1", "abc", "one", "1e5x", "1/2", "1%", "$1",
    "#1", "(1)", "1 GB", "1Gi", "4GiB", "1.5k", "\xd9\xa3", "\xef\xbc\x91", "\xc2\xa0" "1", "1\xe2\x80\xaf" "000",
    "\xe2\x88\x92" "1", "\xc2\xbd", "\xe2\x88\x9e", "nanx", "na", "nan ", "NaN5", "nan(0)", "inf.", "infin", "infinit",
    "infinityx", "Infinity ", "--inf", "-", "1e\xef\xbc\x95", "0-", "- 1", "1.e", "1.5e", "-e", "-.", "+.", "null", "true",
    "\"1\"", "[1]", "{}", "-x", "-1x", "-1e", "-nanx",
};

static const char *const nans[] = {
    "NaN", "nan", "NAN", "nAn", "-nan", "+NaN",
};

static const char *const infinities[] = {
    "Infinity", "infinity", "-Infinity", "+infinity", "inf", "-inf", "INF", "+Inf", "INFINITY",
};

static const char *const negatives[] = {
    "-1", "-0.1", "-1e-400", "-1e400", "-9223372036854775808", "-99999999999999999999999999",
    "-0." ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 ZEROS_50 "1", "-1.0", "-.5", "-1e-1",
};
/* clang-format on */

static const char *
result_name(SiQtyResult result)
{
    static const char *const names[] = {"OK", "SYNTAX", "NAN", "INFINITE", "NEGATIVE", "ZERO", "FRACTION", "TOO_LARGE"};

    return names[result];
}

static void
check_refused(const char *text, int64_t multiplier, bool round_up, bool allow_zero, int64_t max, SiQtyResult wanted)
{
    int64_t value = 4711;
    SiQtyResult result = si_quantity_parse(text, multiplier, round_up, allow_zero, max, &value);

    if (result != wanted)
        fail_msg("\"%s\" * %lld: %s, wanted %s", text, (long long) multiplier, result_name(result), result_name(wanted));
    assert_int_equal(value, 4711);
}

static void
check_value(const char *text, int64_t multiplier, bool round_up, int64_t wanted)
{
    int64_t value = -1;
    SiQtyResult result = si_quantity_parse(text, multiplier, round_up, true, INT64_MAX, &value);

    if (result != SI_QTY_OK || value != wanted)
        fail_msg("\"%s\" * %lld: %s %lld, wanted %lld", text, (long long) multiplier, result_name(result), (long long) value,
                 (long long) wanted);
}

TEST(exact_numbers)
{
    for (int i = 0; i < COUNT(exact); i++)
    {
        check_value(exact[i].text, exact[i].multiplier, false, exact[i].value);
        check_value(exact[i].text, exact[i].multiplier, true, exact[i].value);
    }
}

TEST(zero_only_where_it_is_allowed)
{
    for (int i = 0; i < COUNT(exact); i++)
        if (exact[i].value == 0)
            check_refused(exact[i].text, exact[i].multiplier, true, false, INT64_MAX, SI_QTY_ZERO);
}

TEST(up_to_the_maximum)
{
    for (int i = 0; i < COUNT(exact); i++)
        if (exact[i].value > 0)
        {
            int64_t value = -1;

            check_refused(exact[i].text, exact[i].multiplier, false, true, exact[i].value - 1, SI_QTY_TOO_LARGE);
            assert_int_equal(si_quantity_parse(exact[i].text, exact[i].multiplier, false, false, exact[i].value, &value), SI_QTY_OK);
        }
    /* The maximum bounds what is stored, after rounding. */
    check_refused("7.1", 1, true, true, 7, SI_QTY_TOO_LARGE);
}

TEST(rest_rounds_up_or_is_refused)
{
    for (int i = 0; i < COUNT(rounded_up); i++)
        check_value(rounded_up[i].text, rounded_up[i].multiplier, true, rounded_up[i].value);
    for (int i = 0; i < COUNT(fractions); i++)
        check_refused(fractions[i].text, fractions[i].multiplier, false, true, INT64_MAX, SI_QTY_FRACTION);
    /* 0.4 is neither zero nor one. */
    check_refused("0.4", 1, false, false, INT64_MAX, SI_QTY_FRACTION);
}

TEST(what_int64_cannot_hold)
{
    for (int i = 0; i < COUNT(too_large); i++)
    {
        check_refused(too_large[i].text, too_large[i].multiplier, false, true, INT64_MAX, SI_QTY_TOO_LARGE);
        check_refused(too_large[i].text, too_large[i].multiplier, true, true, INT64_MAX, SI_QTY_TOO_LARGE);
    }
    check_refused("9223372036854775807.5", 1, true, true, INT64_MAX, SI_QTY_TOO_LARGE);
    check_refused("9223372036854775807.0000000001", 1, true, true, INT64_MAX, SI_QTY_TOO_LARGE);
}

TEST(what_is_no_number)
{
    for (int i = 0; i < COUNT(not_numbers); i++)
        check_refused(not_numbers[i], 1, true, true, INT64_MAX, SI_QTY_SYNTAX);
    for (int i = 0; i < COUNT(nans); i++)
        check_refused(nans[i], 1, true, true, INT64_MAX, SI_QTY_NAN);
    for (int i = 0; i < COUNT(infinities); i++)
        check_refused(infinities[i], 1, true, true, INT64_MAX, SI_QTY_INFINITE);
}

TEST(negative_numbers)
{
    for (int i = 0; i < COUNT(negatives); i++)
        check_refused(negatives[i], 1, true, true, INT64_MAX, SI_QTY_NEGATIVE);
}

/* The battery keeps its size. */
TEST(two_hundred_nasty_numbers)
{
    assert_true(COUNT(exact) + COUNT(rounded_up) + COUNT(fractions) + COUNT(too_large) + COUNT(not_numbers) + COUNT(nans) +
                    COUNT(infinities) + COUNT(negatives) >=
                200);
}

/* digits * 10^-places written in one of the many ways to write a number. */
static void
write_decimal(uint64_t digits, int places, char *buf)
{
    char text[64];
    int length = snprintf(text, sizeof(text), "%0*llu", places + 1, (unsigned long long) digits);

    buf += sprintf(buf, "%s%.*s", random_bool() ? "" : "000", length - places, text);
    if (places > 0 || random_bool())
        buf += sprintf(buf, ".%s%s", text + length - places, random_bool() ? "" : "0000");
    if (random_bool())
        sprintf(buf, "%c%s0", random_bool() ? 'e' : 'E', random_bool() ? "-" : "+");
}

/* Against the quotient of two 128-bit integers. */
TEST(exact_like_integer_division)
{
    for (int round = 0; round < 50000; round++)
    {
        static const int64_t multipliers[] = {1, 10, 1000, 1024, 3600, 3600000, 1000000000, 999999937};
        int places = (int) random_below(19);
        uint64_t digits = random_bits() % (random_bool() ? UINT64_C(1000000000000000000) : 100000);
        int64_t multiplier = multipliers[random_below(COUNT(multipliers))];
        unsigned __int128 product = (unsigned __int128) digits * (uint64_t) multiplier;
        unsigned __int128 divisor = 1;
        unsigned __int128 whole;
        bool rest;
        char text[128];

        for (int i = 0; i < places; i++)
            divisor *= 10;
        whole = product / divisor;
        rest = product % divisor != 0;
        write_decimal(digits, places, text);
        if (whole + rest > INT64_MAX)
        {
            check_refused(text, multiplier, true, true, INT64_MAX, SI_QTY_TOO_LARGE);
            continue;
        }
        check_value(text, multiplier, true, (int64_t) whole + rest);
        if (rest)
            check_refused(text, multiplier, false, true, INT64_MAX, SI_QTY_FRACTION);
        else
            check_value(text, multiplier, false, (int64_t) whole);
    }
}

/* An exponent moves the point: d * 10^(e - e) is d. */
TEST(exponents_move_the_point)
{
    for (int round = 0; round < 5000; round++)
    {
        uint64_t digits = random_bits() >> 1;
        int exponent = (int) random_in(1, 199);
        char zeros[200] = "";
        char text[300];

        memset(zeros, '0', (size_t) exponent);
        snprintf(text, sizeof(text), "%llu%se-%d", (unsigned long long) digits, zeros, exponent);
        check_value(text, 1, false, (int64_t) digits);
        /* 19 digits after the zeros, padded with more of them. */
        snprintf(text, sizeof(text), "0.%s%019llue%d", zeros, (unsigned long long) digits, exponent + 19);
        check_value(text, 1, false, (int64_t) digits);
    }
}

/* No text of any kind crashes the parser or makes it answer nonsense. */
TEST(noise)
{
    static const char alphabet[] = "0123456789..eE+--naifty _x";

    for (int round = 0; round < 50000; round++)
    {
        char text[24];
        int length = (int) random_below(sizeof(text));
        int64_t value = -1;
        SiQtyResult result;

        for (int i = 0; i < length; i++)
            text[i] = alphabet[random_below(sizeof(alphabet) - 1)];
        text[length] = '\0';
        result = si_quantity_parse(text, 1000, random_bool(), true, INT64_MAX, &value);
        assert_true((result == SI_QTY_OK) == (value >= 0));
        if (strpbrk(text, "x_ ") != NULL)
            assert_int_equal(result, SI_QTY_SYNTAX);
    }
}

TEST(problems_end_a_sentence)
{
    assert_string_equal(si_quantity_problem(SI_QTY_OK), "is good");
    assert_string_equal(si_quantity_problem(SI_QTY_SYNTAX), "must be a decimal number");
    assert_string_equal(si_quantity_problem(SI_QTY_NAN), "must not be NaN");
    assert_string_equal(si_quantity_problem(SI_QTY_INFINITE), "must not be infinite");
    assert_string_equal(si_quantity_problem(SI_QTY_NEGATIVE), "must not be negative");
    assert_string_equal(si_quantity_problem(SI_QTY_ZERO), "must be greater than zero");
    assert_string_equal(si_quantity_problem(SI_QTY_FRACTION), "has too many decimal places");
    assert_string_equal(si_quantity_problem(SI_QTY_TOO_LARGE), "is too large");
}

static void
check_print(int64_t value, int64_t divisor, const char *wanted)
{
    char text[40];

    si_quantity_print(value, divisor, text, sizeof(text));
    assert_string_equal(text, wanted);
}

TEST(prints)
{
    check_print(0, 1, "0");
    check_print(0, 1000, "0");
    check_print(1500, 1000, "1.5");
    check_print(2000, 1000, "2");
    check_print(1, 1000, "0.001");
    check_print(1010, 1000, "1.01");
    check_print(-1500, 1000, "-1.5");
    check_print(-1, 1000, "-0.001");
    check_print(1, 1024, "0.0009765625");
    check_print(1536, 1024, "1.5");
    check_print(INT64_MAX, 1, "9223372036854775807");
    check_print(INT64_MIN, 1, "-9223372036854775808");
    check_print(INT64_MIN, 1000000000, "-9223372036.854775808");
    check_print(INT64_MAX, 1024, "9007199254740991.9990234375");
}

/* Ten places, cut off; and no zeros at the end then either. */
TEST(prints_ten_places_at_most)
{
    check_print(1, 3, "0.3333333333");
    check_print(2, 3, "0.6666666666");
    check_print(1, 3600000, "0.0000002777");
    check_print(1, 999999937, "0.000000001");
    check_print(1000000000, 999999999, "1.000000001");
    check_print(700000000, 699999999, "1.0000000014");
}

/* What is printed in millicores, MiB and nano-units is read back. */
TEST(printed_numbers_are_read_back)
{
    static const int64_t divisors[] = {1, 10, 1000, 1024, 1000000, 1000000000};

    for (int round = 0; round < 20000; round++)
    {
        int64_t divisor = divisors[random_below(COUNT(divisors))];
        int64_t value = (int64_t) (random_bits() >> random_in(1, 63));
        char text[40];

        si_quantity_print(value, divisor, text, sizeof(text));
        check_value(text, divisor, false, value);
        assert_true(strchr(text, '.') == NULL || text[strlen(text) - 1] != '0');
    }
}

/* M1: 1 unit = 4 vCPU and 8 GiB; ceil(max(vcpu / 4, gb / 8)). */
TEST(M1_units_for_a_need)
{
    assert_int_equal(si_units_for(0, 0), 0);
    assert_int_equal(si_units_for(1, 0), 1);
    assert_int_equal(si_units_for(0, 1), 1);
    assert_int_equal(si_units_for(4000, 8192), 1);
    assert_int_equal(si_units_for(4001, 8192), 2);
    assert_int_equal(si_units_for(4000, 8193), 2);
    assert_int_equal(si_units_for(16000, 8192), 4);
    assert_int_equal(si_units_for(4000, 40960), 5);
    assert_int_equal(si_units_for(INT64_MAX, 0), INT64_C(2305843009213694));
    assert_int_equal(si_units_for(0, INT64_MAX), INT64_C(1125899906842624));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(exact_numbers),
    cmocka_unit_test(zero_only_where_it_is_allowed),
    cmocka_unit_test(up_to_the_maximum),
    cmocka_unit_test(rest_rounds_up_or_is_refused),
    cmocka_unit_test(what_int64_cannot_hold),
    cmocka_unit_test(what_is_no_number),
    cmocka_unit_test(negative_numbers),
    cmocka_unit_test(two_hundred_nasty_numbers),
    cmocka_unit_test(exact_like_integer_division),
    cmocka_unit_test(exponents_move_the_point),
    cmocka_unit_test(noise),
    cmocka_unit_test(problems_end_a_sentence),
    cmocka_unit_test(prints),
    cmocka_unit_test(prints_ten_places_at_most),
    cmocka_unit_test(printed_numbers_are_read_back),
    cmocka_unit_test(M1_units_for_a_need),
};

UNIT_MAIN(tests)
