/*
 * Periods of a purchase in the calendar of a zone, and parts of them: M2. The zones are those of the machine's tz database,
 * asked through the C library; instants are written in UTC.
 */
#include "unit.h"

#include "domain/period.h"

#include "zones.h"

#include <string.h>

#define HOUR_SECONDS INT64_C(3600)
#define DAY_SECONDS INT64_C(86400)
#define HOUR (60 * SI_USECS_PER_MIN)
#define DAY (24 * HOUR)

static SiTime
time_of(int64_t seconds)
{
    return (seconds - SI_EPOCH_UNIX_SECONDS) * SI_USECS_PER_SEC;
}

/* From boundary to boundary; a NULL ends them. Each instant in between belongs to the period that it lies in. */
static void
check(SiPeriod period, const char *zone_name, const char *const *boundaries)
{
    SiZone zone = open_zone(zone_name);

    for (int i = 0; boundaries[i + 1]; i++)
    {
        SiTime begin = at(boundaries[i]);
        SiTime end = at(boundaries[i + 1]);
        SiTime inside[] = {begin, begin + 1, begin + (end - begin) / 2, end - 1};

        for (int k = 0; k < COUNT(inside); k++)
        {
            if (si_period_begin(period, &zone, inside[k]) != begin)
                fail_msg("%s: period %d begins at %s, wanted %s", zone_name, i, show(si_period_begin(period, &zone, inside[k])),
                         boundaries[i]);
            if (si_period_end(period, &zone, inside[k]) != end)
                fail_msg("%s: period %d ends at %s, wanted %s", zone_name, i, show(si_period_end(period, &zone, inside[k])),
                         boundaries[i + 1]);
        }
    }
}

#define CHECK(period, zone, ...) check(period, zone, (const char *const[]){__VA_ARGS__, NULL})

TEST(M2_months_and_years)
{
    CHECK(SI_MONTHLY, "UTC", "2027-12-01 00:00:00", "2028-01-01 00:00:00", "2028-02-01 00:00:00", "2028-03-01 00:00:00",
          "2028-04-01 00:00:00");
    CHECK(SI_MONTHLY, "UTC", "2100-02-01 00:00:00", "2100-03-01 00:00:00");
    CHECK(SI_MONTHLY, "UTC", "2000-02-01 00:00:00", "2000-03-01 00:00:00");
    CHECK(SI_MONTHLY, "UTC", "1969-11-01 00:00:00", "1969-12-01 00:00:00", "1970-01-01 00:00:00", "1970-02-01 00:00:00");
    CHECK(SI_MONTHLY, "Europe/Berlin", "2026-02-28 23:00:00", "2026-03-31 22:00:00", "2026-04-30 22:00:00");
    CHECK(SI_MONTHLY, "Asia/Kolkata", "2026-02-28 18:30:00", "2026-03-31 18:30:00");
    CHECK(SI_YEARLY, "UTC", "2027-01-01 00:00:00", "2028-01-01 00:00:00", "2029-01-01 00:00:00");
    CHECK(SI_YEARLY, "Pacific/Kiritimati", "2025-12-31 10:00:00", "2026-12-31 10:00:00");
    CHECK(SI_YEARLY, "UTC", "1926-01-01 00:00:00", "1927-01-01 00:00:00");
}

/* The day of spring has 23 hours, that of autumn 25; Lord Howe sets its clock by half an hour. */
TEST(M2_days_on_which_the_clock_is_set)
{
    CHECK(SI_DAILY, "Europe/Berlin", "2026-03-27 23:00:00", "2026-03-28 23:00:00", "2026-03-29 22:00:00");
    CHECK(SI_DAILY, "Europe/Berlin", "2026-10-23 22:00:00", "2026-10-24 22:00:00", "2026-10-25 23:00:00");
    CHECK(SI_DAILY, "Australia/Lord_Howe", "2026-04-03 13:00:00", "2026-04-04 13:00:00", "2026-04-05 13:30:00");
}

/* Where midnight is leapt over, the day begins as much later; where it comes twice, the second time. */
TEST(M2_midnight_in_a_gap_or_twice)
{
    CHECK(SI_DAILY, "America/Santiago", "2026-09-05 04:00:00", "2026-09-06 04:00:00", "2026-09-07 03:00:00");
    CHECK(SI_DAILY, "America/Havana", "2026-10-31 04:00:00", "2026-11-01 05:00:00", "2026-11-02 05:00:00");
    CHECK(SI_MONTHLY, "America/Havana", "2026-10-01 04:00:00", "2026-11-01 05:00:00", "2026-12-01 05:00:00");
    /* From 23:30 to 0:30: the half hour after the leap still belongs to the day before. */
    CHECK(SI_DAILY, "America/Toronto", "1919-03-30 05:00:00", "1919-03-31 05:00:00", "1919-04-01 04:00:00");
}

/* Samoa had no 30 December 2011, Kwajalein no 21 August 1993. */
TEST(M2_a_day_that_was_left_out)
{
    CHECK(SI_DAILY, "Pacific/Apia", "2011-12-29 10:00:00", "2011-12-30 10:00:00", "2011-12-31 10:00:00");
    CHECK(SI_DAILY, "Pacific/Kwajalein", "1993-08-20 12:00:00", "1993-08-21 12:00:00", "1993-08-22 12:00:00");
}

TEST(M2_hours)
{
    CHECK(SI_HOURLY, "UTC", "2026-03-02 09:00:00", "2026-03-02 10:00:00");
    CHECK(SI_HOURLY, "Asia/Kolkata", "2026-03-02 08:30:00", "2026-03-02 09:30:00");
    CHECK(SI_HOURLY, "Asia/Kathmandu", "2026-03-02 08:15:00", "2026-03-02 09:15:00");
    CHECK(SI_HOURLY, "Europe/Berlin", "2026-03-29 00:00:00", "2026-03-29 01:00:00", "2026-03-29 02:00:00");
    /* The hour that comes twice is two. */
    CHECK(SI_HOURLY, "Europe/Berlin", "2026-10-24 23:00:00", "2026-10-25 00:00:00", "2026-10-25 01:00:00", "2026-10-25 02:00:00");
    /* Two o'clock is leapt over, and in autumn comes half an hour later. */
    CHECK(SI_HOURLY, "Australia/Lord_Howe", "2026-10-03 14:30:00", "2026-10-03 16:00:00", "2026-10-03 17:00:00");
    CHECK(SI_HOURLY, "Australia/Lord_Howe", "2026-04-04 13:00:00", "2026-04-04 14:00:00", "2026-04-04 15:30:00",
          "2026-04-04 16:30:00");
    /* On both sides of the epoch. */
    CHECK(SI_HOURLY, "UTC", "1999-12-31 23:00:00", "2000-01-01 00:00:00", "2000-01-01 01:00:00");
}

/* What a clock shows at each second around the changes of many zones is the only judge. */
TEST(M2_hours_are_where_the_clock_shows_them)
{
    static const char *const zones[] = {"Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Asia/Tehran",
                                        "Africa/Monrovia", "Pacific/Apia", "Asia/Pyongyang", "America/Caracas"};
    static const char *const days[] = {"2026-03-29 00:00:00", "2026-04-04 12:00:00", "2006-04-01 12:00:00", "2022-09-21 12:00:00",
                                       "1972-01-06 12:00:00", "2011-12-29 12:00:00", "2015-08-14 06:00:00", "2016-05-01 00:00:00"};

    for (int z = 0; z < COUNT(zones); z++)
    {
        SiZone zone = open_zone(zones[z]);
        int64_t from = seconds_at(days[z]);
        int64_t last = INT64_MIN;

        for (int64_t seconds = from; seconds < from + DAY_SECONDS; seconds++)
        {
            if ((seconds + utc_offset(zone.state, seconds)) % HOUR_SECONDS != 0)
                continue;
            if (last != INT64_MIN)
            {
                int64_t inside = random_in(last, seconds - 1);

                if (si_period_begin(SI_HOURLY, &zone, time_of(inside)) != time_of(last) ||
                    si_period_end(SI_HOURLY, &zone, time_of(inside)) != time_of(seconds))
                    fail_msg("%s: %s is not from %s to %s", zones[z], show(time_of(inside)), show(time_of(last)),
                             show(time_of(seconds)));
            }
            last = seconds;
        }
        assert_true(last > from);
    }
}

/* A day, month or year begins at the instants at which the clock shows its midnight: the last of them, if any. */
static bool
shows_midnight(const SiZone *zone, SiPeriod period, int64_t seconds)
{
    time_t local = seconds + utc_offset(zone->state, seconds);
    struct tm tm;

    assert_non_null(gmtime_r(&local, &tm));
    return tm.tm_hour == 0 && tm.tm_min == 0 && tm.tm_sec == 0 && (period == SI_DAILY || tm.tm_mday == 1) &&
           (period != SI_YEARLY || tm.tm_mon == 0);
}

TEST(M2_periods_follow_each_other_and_begin_at_midnight)
{
    static const char *const zones[] = {"UTC", "Europe/Berlin", "America/Havana", "America/Santiago", "Australia/Lord_Howe",
                                        "Africa/Casablanca", "Asia/Tehran", "Pacific/Apia", "Asia/Beirut"};

    /* What a zone must keep to (domain/cron.h). */
    for (int z = 0; z < COUNT(zones); z++)
        assert_true(least_between_changes(zones[z]) > 2 * DAY_SECONDS);
    for (int round = 0; round < 3000; round++)
    {
        SiZone zone = open_zone(zones[random_below(COUNT(zones))]);
        SiPeriod period = (SiPeriod) random_in(SI_DAILY, SI_YEARLY);
        SiTime inside = random_in(at("1975-01-01 00:00:00"), at("2035-01-01 00:00:00"));
        SiTime begin = si_period_begin(period, &zone, inside);
        SiTime end = si_period_end(period, &zone, inside);
        int64_t seconds = begin / SI_USECS_PER_SEC + SI_EPOCH_UNIX_SECONDS;
        /* Where midnight was leapt over, the clock shows what comes after the leap. */
        bool leapt = utc_offset(zone.state, seconds) != utc_offset(zone.state, seconds - HOUR_SECONDS - 1);

        assert_true(begin <= inside && inside < end);
        assert_int_equal(si_period_begin(period, &zone, begin), begin);
        assert_int_equal(si_period_end(period, &zone, begin), end);
        assert_int_equal(si_period_begin(period, &zone, end), end);
        assert_int_equal(si_period_begin(period, &zone, end - 1), begin);
        assert_true(shows_midnight(&zone, period, seconds) || leapt);
        for (int64_t later = seconds + HOUR_SECONDS / 2; later <= seconds + 2 * HOUR_SECONDS; later += HOUR_SECONDS / 2)
            assert_false(shows_midnight(&zone, period, later));
    }
}

TEST(M2_part_of_an_amount)
{
    int64_t most = 1000000 * SI_MILLICORE_SECONDS_PER_HOUR;

    assert_int_equal(si_prorate(100, 1, 3), 33);
    assert_int_equal(si_prorate(100, 2, 3), 66);
    assert_int_equal(si_prorate(100, 3, 3), 100);
    assert_int_equal(si_prorate(100, 0, 3), 0);
    assert_int_equal(si_prorate(0, 2, 3), 0);
    assert_int_equal(si_prorate(SI_MILLICORE_SECONDS_PER_HOUR, 1, 366 * DAY), 0);
    /* Ten of March's days in Berlin, where it has 743 hours. */
    assert_int_equal(si_prorate(743 * SI_MILLICORE_SECONDS_PER_HOUR, 240 * HOUR, 743 * HOUR), 240 * SI_MILLICORE_SECONDS_PER_HOUR);
    /* 128 bits in between. */
    assert_int_equal(si_prorate(most, 366 * DAY - 1, 366 * DAY), most - 1);
    assert_int_equal(si_prorate(INT64_MAX, INT64_MAX - 1, INT64_MAX), INT64_MAX - 1);
    /* The parts of a period never make more than the whole, and lose less than one. */
    for (int round = 0; round < 10000; round++)
    {
        int64_t amount = random_below(most);
        int64_t whole = random_in(1, 366 * DAY);
        int64_t part = random_below(whole + 1);
        int64_t both = si_prorate(amount, part, whole) + si_prorate(amount, whole - part, whole);

        assert_in_range(both, amount > 0 ? amount - 1 : 0, amount);
    }
}

static const char *
price(int64_t unit_price, int64_t quantity, int64_t discount, int64_t part, int64_t whole)
{
    static char text[32];

    si_price_print(unit_price, quantity, discount, part, whole, text, sizeof(text));
    return text;
}

TEST(M2_price_of_a_part)
{
    assert_string_equal(price(12345678, 3, 0, 1, 1), "37.037034");
    assert_string_equal(price(12345678, 3, 150000, 1, 1), "31.481479");
    assert_string_equal(price(1000000, 1, 1000000, 1, 1), "0.000000");
    assert_string_equal(price(0, 1000000, 0, 1, 1), "0.000000");
    assert_string_equal(price(1, 1, 0, 1, 1), "0.000001");
    /* Half a millionth is rounded up, less is not; and only once, at the end. */
    assert_string_equal(price(1, 1, 0, 1, 2), "0.000001");
    assert_string_equal(price(1, 1, 0, 499999, 1000000), "0.000000");
    assert_string_equal(price(1, 1, 1, 500000, 1000000), "0.000000");
    assert_string_equal(price(1000000, 1, 0, 1, 3), "0.333333");
    assert_string_equal(price(1000000, 1, 0, 2, 3), "0.666667");
    /* As dear and as long as can be. */
    assert_string_equal(price(999999999999000000, 1000000, 0, 1, 1), "999999999999000000.000000");
    assert_string_equal(price(999999999999000000, 1000000, 1, 366 * DAY, 366 * DAY), "999998999999000001.000000");
    assert_string_equal(price(999999999999000000, 1000000, 500000, 366 * DAY / 2, 366 * DAY), "249999999999750000.000000");
    assert_string_equal(price(999999999999999999, 1000000, 999999, 366 * DAY - 1, 366 * DAY), "999999999999.968376");
}

/* A price is linear in what it is made of, but for one rounding. */
TEST(M2_prices_of_parts_make_the_price_of_the_whole)
{
    for (int round = 0; round < 10000; round++)
    {
        int64_t unit_price = random_below(INT64_C(1000000000000));
        int64_t quantity = random_in(1, 1000);
        int64_t discount = random_in(0, 1000000);
        int64_t whole = random_in(1, 366 * DAY);
        int64_t part = random_below(whole + 1);
        double all = strtod(price(unit_price, quantity, discount, whole, whole), NULL);
        double one = strtod(price(unit_price, quantity, discount, part, whole), NULL);
        double other = strtod(price(unit_price, quantity, discount, whole - part, whole), NULL);
        double exact = (double) unit_price / 1e6 * (double) quantity * (1e6 - (double) discount) / 1e6;

        assert_true(one + other - all < 2e-6 + all * 1e-12 && all - one - other < 2e-6 + all * 1e-12);
        assert_true(exact - all < 1e-6 + all * 1e-12 && all - exact < 1e-6 + all * 1e-12);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(M2_months_and_years),
    cmocka_unit_test(M2_days_on_which_the_clock_is_set),
    cmocka_unit_test(M2_midnight_in_a_gap_or_twice),
    cmocka_unit_test(M2_a_day_that_was_left_out),
    cmocka_unit_test(M2_hours),
    cmocka_unit_test(M2_hours_are_where_the_clock_shows_them),
    cmocka_unit_test(M2_periods_follow_each_other_and_begin_at_midnight),
    cmocka_unit_test(M2_part_of_an_amount),
    cmocka_unit_test(M2_price_of_a_part),
    cmocka_unit_test(M2_prices_of_parts_make_the_price_of_the_whole),
};

UNIT_MAIN(tests)
