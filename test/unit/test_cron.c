/*
 * Cron expressions and their fires in a time zone: J1. The zones are those of the machine's tz database, asked through the
 * C library; instants are written in UTC.
 */
#include "unit.h"

#include "domain/cron.h"

#include "clock_model.h"
#include "zones.h"

#include <string.h>

/* The fires that follow an instant; a NULL ends them. */
static void
check(const char *text, const char *zone_name, const char *after, const char *const *fires)
{
    SiCron cron = parse(text);
    SiZone zone = open_zone(zone_name);
    SiTime time = at(after);

    for (int i = 0; fires[i]; i++)
    {
        if (!si_cron_next(&cron, &zone, time, &time))
            fail_msg("%s in %s after %s: no fire %d, wanted %s", text, zone_name, after, i + 1, fires[i]);
        if (time != at(fires[i]))
            fail_msg("%s in %s after %s: fire %d is %s, wanted %s", text, zone_name, after, i + 1, show(time), fires[i]);
    }
}

#define CHECK(text, zone, after, ...) check(text, zone, after, (const char *const[]){__VA_ARGS__, NULL})

/* Values of a set, as text. */
static const char *
members(uint64_t set)
{
    static char text[256];
    int length = 0;

    text[0] = '\0';
    for (int value = 0; value < 64; value++)
        if (set >> value & 1)
            length += snprintf(text + length, sizeof(text) - (size_t) length, length ? ",%d" : "%d", value);
    return text;
}

TEST(J1_fields)
{
    SiCron cron = parse("30 2 15 6 1");

    assert_string_equal(members(cron.minutes), "30");
    assert_string_equal(members(cron.hours), "2");
    assert_string_equal(members(cron.days), "15");
    assert_string_equal(members(cron.months), "6");
    assert_string_equal(members(cron.weekdays), "1");
    assert_false(cron.any_day);
    assert_false(cron.any_weekday);

    cron = parse("* * * * *");
    assert_true(cron.minutes == (UINT64_C(1) << 60) - 1);
    assert_true(cron.hours == (1 << 24) - 1);
    assert_string_equal(members(cron.days),
                        "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31");
    assert_string_equal(members(cron.months), "1,2,3,4,5,6,7,8,9,10,11,12");
    assert_string_equal(members(cron.weekdays), "0,1,2,3,4,5,6");
    assert_true(cron.any_day);
    assert_true(cron.any_weekday);
}

TEST(J1_lists_ranges_and_steps)
{
    assert_string_equal(members(parse("0,30,15,30 * * * *").minutes), "0,15,30");
    assert_string_equal(members(parse("5-9 * * * *").minutes), "5,6,7,8,9");
    assert_string_equal(members(parse("7-7 * * * *").minutes), "7");
    assert_string_equal(members(parse("*/15 * * * *").minutes), "0,15,30,45");
    assert_string_equal(members(parse("*/7 * * * *").minutes), "0,7,14,21,28,35,42,49,56");
    assert_string_equal(members(parse("10-30/5 * * * *").minutes), "10,15,20,25,30");
    assert_string_equal(members(parse("10-29/5 * * * *").minutes), "10,15,20,25");
    assert_string_equal(members(parse("40/5 * * * *").minutes), "40,45,50,55");
    assert_string_equal(members(parse("59/1 * * * *").minutes), "59");
    assert_string_equal(members(parse("1-3,20/20,*/30 * * * *").minutes), "0,1,2,3,20,30,40");
    assert_string_equal(members(parse("*/60 * * * *").minutes), "0");
    assert_string_equal(members(parse("0 */24 * * *").hours), "0");
    assert_string_equal(members(parse("0 22/1 * * *").hours), "22,23");
    assert_string_equal(members(parse("0 0 */10 * *").days), "1,11,21,31");
    assert_string_equal(members(parse("0 0 */31 * *").days), "1");
    assert_string_equal(members(parse("0 0 * */5 *").months), "1,6,11");
    assert_string_equal(members(parse("0 0 * 12/12 *").months), "12");
    assert_string_equal(members(parse("007 00 001 0000012 *").minutes), "7");
}

TEST(J1_names_in_any_case)
{
    assert_string_equal(members(parse("0 0 * jan *").months), "1");
    assert_string_equal(members(parse("0 0 * JAN,Dec,jUn *").months), "1,6,12");
    assert_string_equal(members(parse("0 0 * feb-may/2 *").months), "2,4");
    assert_string_equal(members(parse("0 0 * jul,aug,sep,oct,nov,dec *").months), "7,8,9,10,11,12");
    assert_string_equal(members(parse("0 0 * jan,feb,mar,apr,may,jun *").months), "1,2,3,4,5,6");
    assert_string_equal(members(parse("0 0 * jan-3 *").months), "1,2,3");
    assert_string_equal(members(parse("0 0 * * mon-fri").weekdays), "1,2,3,4,5");
    assert_string_equal(members(parse("0 0 * * SUN,Sat").weekdays), "0,6");
    assert_string_equal(members(parse("0 0 * * tue,wed,thu").weekdays), "2,3,4");
    assert_string_equal(members(parse("0 0 * * mon-fri/2").weekdays), "1,3,5");
}

TEST(J1_sunday_is_0_and_7)
{
    assert_string_equal(members(parse("0 0 * * 0").weekdays), "0");
    assert_string_equal(members(parse("0 0 * * 7").weekdays), "0");
    assert_string_equal(members(parse("0 0 * * sun").weekdays), "0");
    assert_string_equal(members(parse("0 0 * * 5-7").weekdays), "0,5,6");
    assert_string_equal(members(parse("0 0 * * 5-0").weekdays), "0,5,6");
    assert_string_equal(members(parse("0 0 * * fri-sun").weekdays), "0,5,6");
    assert_string_equal(members(parse("0 0 * * sat-sun").weekdays), "0,6");
    assert_string_equal(members(parse("0 0 * * sun-tue").weekdays), "0,1,2");
    assert_string_equal(members(parse("0 0 * * sun-sat").weekdays), "0,1,2,3,4,5,6");
    assert_string_equal(members(parse("0 0 * * 0-7").weekdays), "0,1,2,3,4,5,6");
    assert_string_equal(members(parse("0 0 * * sun-sun").weekdays), "0");
    assert_string_equal(members(parse("0 0 * * 7-7").weekdays), "0");
    assert_string_equal(members(parse("0 0 * * 0-0").weekdays), "0");
    assert_string_equal(members(parse("0 0 * * 5/2").weekdays), "0,5");
    assert_string_equal(members(parse("0 0 * * */2").weekdays), "0,2,4,6");
    assert_string_equal(members(parse("0 0 * * */7").weekdays), "0");
    assert_string_equal(members(parse("0 0 * * mon-sun/2").weekdays), "0,1,3,5");
}

TEST(J1_blanks)
{
    SiCron wanted = parse("1 2 3 4 5");
    SiCron cron = parse(" \t1  2\t3 \t 4\t\t5 ");

    assert_int_equal(cron.minutes, wanted.minutes);
    assert_int_equal(cron.hours, wanted.hours);
    assert_int_equal(cron.days, wanted.days);
    assert_int_equal(cron.months, wanted.months);
    assert_int_equal(cron.weekdays, wanted.weekdays);
}

#define LIST "must be a list of *, values or ranges, such as 0,30 or 9-17/2"

static const struct
{
    const char *text;
    const char *field;
    const char *message;
} refused[] = {
    {"", NULL, "must have five fields"},
    {"   ", NULL, "must have five fields"},
    {"*", NULL, "must have five fields"},
    {"* * * *", NULL, "must have five fields"},
    {"* * * * ", NULL, "must have five fields"},
    {"* * * * * *", NULL, "must have five fields"},
    {"0 0 * * * ?", NULL, "must have five fields"},
    {"* * * * * x", NULL, "must have five fields"},
    {"@daily", NULL, "must have five fields, not a macro"},
    {"@reboot", NULL, "must have five fields, not a macro"},
    {"@ * * * *", NULL, "must have five fields, not a macro"},
    {"60 * * * *", "minute", "must be in 0 to 59"},
    {"0-60 * * * *", "minute", "must be in 0 to 59"},
    {"99999999999999999999 * * * *", "minute", "must be in 0 to 59"},
    {"4294967296 * * * *", "minute", "must be in 0 to 59"},
    {"mon * * * *", "minute", "must be in 0 to 59"},
    {"* 24 * * *", "hour", "must be in 0 to 23"},
    {"* * 0 * *", "day of month", "must be in 1 to 31"},
    {"* * 32 * *", "day of month", "must be in 1 to 31"},
    {"* * L * *", "day of month", "must be in 1 to 31"},
    {"* * * 0 *", "month", "must be in 1 to 12 or jan to dec"},
    {"* * * 13 *", "month", "must be in 1 to 12 or jan to dec"},
    {"* * * january *", "month", "must be in 1 to 12 or jan to dec"},
    {"* * * ja *", "month", "must be in 1 to 12 or jan to dec"},
    {"* * * mon *", "month", "must be in 1 to 12 or jan to dec"},
    {"* * * * 8", "day of week", "must be in 0 to 7 or sun to sat"},
    {"* * * * jan", "day of week", "must be in 0 to 7 or sun to sat"},
    {"* * * * mondays", "day of week", "must be in 0 to 7 or sun to sat"},
    {"* * * * mon-x", "day of week", "must be in 0 to 7 or sun to sat"},
    {"*/0 * * * *", "minute", "step must be in 1 to 60"},
    {"*/61 * * * *", "minute", "step must be in 1 to 60"},
    {"*/ * * * *", "minute", "step must be in 1 to 60"},
    {"5/x * * * *", "minute", "step must be in 1 to 60"},
    {"0-9/-1 * * * *", "minute", "step must be in 1 to 60"},
    {"* */25 * * *", "hour", "step must be in 1 to 24"},
    {"* * */32 * *", "day of month", "step must be in 1 to 31"},
    {"* * * */13 *", "month", "step must be in 1 to 12"},
    {"* * * */feb *", "month", "step must be in 1 to 12"},
    {"* * * * */8", "day of week", "step must be in 1 to 7"},
    {"30-10 * * * *", "minute", "range must not run backwards"},
    {"5-0 * * * *", "minute", "range must not run backwards"},
    {"* * * dec-jan *", "month", "range must not run backwards"},
    {"* * * * 5-1", "day of week", "range must not run backwards"},
    {"* * * * sat-mon", "day of week", "range must not run backwards"},
    {"* * * * 7-1", "day of week", "range must not run backwards"},
    {", * * * *", "minute", LIST},
    {"1, * * * *", "minute", LIST},
    {"1,,2 * * * *", "minute", LIST},
    {"1- * * * *", "minute", LIST},
    {"-1 * * * *", "minute", LIST},
    {"+1 * * * *", "minute", LIST},
    {"1.5 * * * *", "minute", LIST},
    {"1-2-3 * * * *", "minute", LIST},
    {"*-5 * * * *", "minute", LIST},
    {"** * * * *", "minute", LIST},
    {"*5 * * * *", "minute", LIST},
    {"*/5/5 * * * *", "minute", LIST},
    {"1/5-9 * * * *", "minute", LIST},
    {"0x1 * * * *", "minute", LIST},
    {"* ? * * *", "hour", LIST},
    {"* * 15W * *", "day of month", LIST},
    {"* * * * 5#2", "day of week", LIST},
    {"* * * * 5L", "day of week", LIST},
    {"* * * * ~", "day of week", LIST},
    {"* * * * z", "day of week", "must be in 0 to 7 or sun to sat"},
    {"* * * * Z", "day of week", "must be in 0 to 7 or sun to sat"},
    {"0 0 * *\n*", "month", LIST},
    {"0 0 * * *\n", "day of week", LIST},
    {"\n0 0 * * *", "minute", LIST},
    {"\xd9\xa3 0 * * *", "minute", LIST},
    {"0 0 * m\xc3\xa4r *", "month", "must be in 1 to 12 or jan to dec"},
};

TEST(J1_refusals)
{
    for (int i = 0; i < COUNT(refused); i++)
    {
        SiCron cron = {.minutes = 4711};
        SiCronError error = {"none", "none"};

        if (si_cron_parse(refused[i].text, &cron, &error))
            fail_msg("\"%s\" should be refused", refused[i].text);
        assert_int_equal(cron.minutes, 4711);
        if ((error.field == NULL) != (refused[i].field == NULL) || (error.field && strcmp(error.field, refused[i].field) != 0) ||
            strcmp(error.message, refused[i].message) != 0)
            fail_msg("\"%s\": %s: %s, wanted %s: %s", refused[i].text, error.field, error.message, refused[i].field,
                     refused[i].message);
    }
}

TEST(J1_strictly_after)
{
    SiCron cron = parse("30 2 * * *");
    SiZone zone = open_zone("Etc/UTC");
    SiTime fire = at("2026-11-25 02:30:00");
    SiTime next = 0;

    assert_true(si_cron_next(&cron, &zone, fire - 1, &next));
    assert_int_equal(next, fire);
    assert_true(si_cron_next(&cron, &zone, fire, &next));
    assert_int_equal(next, at("2026-11-26 02:30:00"));
    assert_true(si_cron_next(&cron, &zone, fire + 1, &next));
    assert_int_equal(next, at("2026-11-26 02:30:00"));
    assert_true(si_cron_next(&cron, &zone, fire - SI_USECS_PER_MIN, &next));
    assert_int_equal(next, fire);
    /* Before 2000 and before 1970, with a fraction of a second. */
    assert_true(si_cron_next(&cron, &zone, at("1999-12-31 02:30:00") - 1, &next));
    assert_int_equal(next, at("1999-12-31 02:30:00"));
    assert_true(si_cron_next(&cron, &zone, at("1944-02-28 02:30:00") + 1, &next));
    assert_int_equal(next, at("1944-02-29 02:30:00"));
}

TEST(J1_through_the_calendar)
{
    CHECK("* * * * *", "Etc/UTC", "2026-12-31 23:58:30", "2026-12-31 23:59:00", "2027-01-01 00:00:00", "2027-01-01 00:01:00");
    CHECK("*/20 22-23 * * *", "Etc/UTC", "2026-12-31 22:50:00", "2026-12-31 23:00:00", "2026-12-31 23:20:00",
          "2026-12-31 23:40:00", "2027-01-01 22:00:00");
    CHECK("15,45 6 * * *", "Etc/UTC", "2026-03-01 06:20:00", "2026-03-01 06:45:00", "2026-03-02 06:15:00");
    CHECK("0 0 31 * *", "Etc/UTC", "2026-01-31 00:00:00", "2026-03-31 00:00:00", "2026-05-31 00:00:00", "2026-07-31 00:00:00",
          "2026-08-31 00:00:00");
    CHECK("0 0 1 1 *", "Etc/UTC", "2026-01-01 00:00:00", "2027-01-01 00:00:00", "2028-01-01 00:00:00");
    CHECK("59 23 31 12 *", "Etc/UTC", "2026-12-31 23:58:59", "2026-12-31 23:59:00", "2027-12-31 23:59:00");
    /* 25 November 2026 is a Wednesday. */
    CHECK("30 2 * * mon-fri", "Etc/UTC", "2026-11-25 12:00:00", "2026-11-26 02:30:00", "2026-11-27 02:30:00",
          "2026-11-30 02:30:00");
    CHECK("0 12 * * sun", "Etc/UTC", "2026-11-25 12:00:00", "2026-11-29 12:00:00", "2026-12-06 12:00:00");
    CHECK("0 12 * feb wed", "Etc/UTC", "2026-11-25 12:00:00", "2027-02-03 12:00:00", "2027-02-10 12:00:00");
}

TEST(J1_local_time_of_the_zone)
{
    /* 02:30 in Berlin is 01:30 UTC in winter and 00:30 UTC in summer; in Kathmandu it is 20:45 UTC of the day before. */
    CHECK("30 2 * * *", "Europe/Berlin", "2026-01-10 00:00:00", "2026-01-10 01:30:00");
    CHECK("30 2 * * *", "Europe/Berlin", "2026-07-10 00:00:00", "2026-07-10 00:30:00");
    CHECK("30 2 10 * *", "Asia/Kathmandu", "2026-07-01 00:00:00", "2026-07-09 20:45:00");
    /* The day is the local one: Monday in Auckland, Sunday in Honolulu. */
    CHECK("0 1 * * mon", "Pacific/Auckland", "2026-11-25 00:00:00", "2026-11-29 12:00:00");
    CHECK("0 23 * * sun", "Pacific/Honolulu", "2026-11-25 00:00:00", "2026-11-30 09:00:00");
}

TEST(J1_either_day_is_enough_when_both_are_restricted)
{
    /* The 13th, and every Friday: 13 March 2026 is a Friday. */
    CHECK("0 0 13 * fri", "Etc/UTC", "2026-03-06 00:00:00", "2026-03-13 00:00:00", "2026-03-20 00:00:00", "2026-03-27 00:00:00",
          "2026-04-03 00:00:00", "2026-04-10 00:00:00", "2026-04-13 00:00:00", "2026-04-17 00:00:00");
    /* 30 February is never, but its Mondays are. */
    CHECK("0 0 30 2 mon", "Etc/UTC", "2026-01-01 00:00:00", "2026-02-02 00:00:00", "2026-02-09 00:00:00");
}

TEST(J1_both_days_must_match_when_one_starts_with_a_star)
{
    CHECK("0 0 * * fri", "Etc/UTC", "2026-03-06 00:00:00", "2026-03-13 00:00:00");
    CHECK("0 0 13 * *", "Etc/UTC", "2026-03-06 00:00:00", "2026-03-13 00:00:00", "2026-04-13 00:00:00");
    /* Odd days that are Fridays; 13ths that are even days of the week. */
    CHECK("0 0 */2 * fri", "Etc/UTC", "2026-03-06 00:00:00", "2026-03-13 00:00:00", "2026-03-27 00:00:00", "2026-04-03 00:00:00",
          "2026-04-17 00:00:00");
    CHECK("0 0 13 * */2", "Etc/UTC", "2026-03-13 00:00:00", "2026-06-13 00:00:00", "2026-08-13 00:00:00", "2026-09-13 00:00:00",
          "2026-10-13 00:00:00");
    /* A list of all days does not start with a star. */
    CHECK("0 0 1-31 * fri", "Etc/UTC", "2026-03-06 00:00:00", "2026-03-07 00:00:00");
}

TEST(J1_leap_days)
{
    CHECK("0 0 29 2 *", "Etc/UTC", "2026-11-25 00:00:00", "2028-02-29 00:00:00", "2032-02-29 00:00:00");
    CHECK("0 0 29 2 *", "Etc/UTC", "1996-02-29 00:00:00", "2000-02-29 00:00:00");
    /* Neither 1900 nor 2100 has one. */
    CHECK("0 0 29 2 *", "Etc/UTC", "1896-02-29 00:00:00", "1904-02-29 00:00:00");
    CHECK("0 0 29 2 *", "Europe/Berlin", "2096-02-28 23:00:00", "2104-02-28 23:00:00");
    /* Sundays only: 40 years over 2100. */
    CHECK("0 0 29 2 */7", "Etc/UTC", "2060-02-29 00:00:00", "2088-02-29 00:00:00", "2128-02-29 00:00:00");
}

/* Every day of a month, by a rule that says so twice: as many fires as it has days, in it, and then those of the next year. */
TEST(J1_lengths_of_months)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    SiZone zone = open_zone("Etc/UTC");

    for (int year = 2026; year <= 2028; year++)
        for (int month = 1; month <= 12; month++)
        {
            int length = lengths[month - 1] + (month == 2 && year == 2028);
            char text[64];
            char first[64];
            SiCron cron;
            SiTime time;

            snprintf(text, sizeof(text), "0 0 1 %d sun-sat", month);
            snprintf(first, sizeof(first), "%d-%02d-01 00:00:00", year, month);
            cron = parse(text);
            time = at(first) - 1;
            for (int day = 0; day < length; day++)
            {
                assert_true(si_cron_next(&cron, &zone, time, &time));
                assert_int_equal(time, at(first) + day * 1440 * SI_USECS_PER_MIN);
            }
            assert_true(si_cron_next(&cron, &zone, time, &time));
            snprintf(first, sizeof(first), "%d-%02d-01 00:00:00", year + 1, month);
            assert_int_equal(time, at(first));
        }
}

TEST(J1_some_days_never_come)
{
    static const char *const never[] = {"0 0 30 2 *", "0 0 31 2 *", "0 0 30-31 feb *", "0 0 31 4,6,9,11 *", "0 0 31 2 */2", NULL};

    for (int i = 0; never[i]; i++)
    {
        SiCron cron = parse(never[i]);
        SiZone zone = open_zone("Europe/Berlin");
        SiTime next = 4711;

        assert_false(si_cron_next(&cron, &zone, at("2026-11-25 00:00:00"), &next));
        assert_false(si_cron_next(&cron, &zone, INT64_MIN, &next));
        assert_int_equal(next, 4711);
    }
}

/* Any instant may be given: before the first year and beyond the last too. */
TEST(J1_ends_of_the_calendar)
{
    SiCron always = parse("* * * * *");
    SiCron yearly = parse("0 0 1 1 *");
    SiCron last = parse("59 23 31 12 *");
    SiZone zone = open_zone("Etc/UTC");
    const SiTime first_minute = at("1-01-01 00:00:00");
    const SiTime last_minute = at("9999-12-31 23:59:00");
    SiTime next = 4711;

    assert_true(si_cron_next(&always, &zone, INT64_MIN, &next));
    assert_int_equal(next, first_minute);
    assert_true(si_cron_next(&yearly, &zone, first_minute - 1, &next));
    assert_int_equal(next, first_minute);
    assert_true(si_cron_next(&yearly, &zone, first_minute, &next));
    assert_int_equal(next, at("2-01-01 00:00:00"));
    assert_true(si_cron_next(&always, &zone, last_minute - 1, &next));
    assert_int_equal(next, last_minute);
    assert_true(si_cron_next(&last, &zone, at("9999-01-01 00:00:00"), &next));
    assert_int_equal(next, last_minute);
    next = 4711;
    assert_false(si_cron_next(&always, &zone, last_minute, &next));
    assert_false(si_cron_next(&yearly, &zone, at("9999-01-01 00:00:00"), &next));
    assert_false(si_cron_next(&always, &zone, INT64_MAX, &next));
    assert_int_equal(next, 4711);
    /* Zones far from UTC, at both ends. */
    for (int i = 0; i < 2; i++)
    {
        zone = open_zone(i ? "Pacific/Kiritimati" : "Pacific/Pago_Pago");
        assert_true(si_cron_next(&always, &zone, INT64_MIN, &next));
        assert_in_range(next - first_minute, 0, SI_USECS_PER_MIN - 1);
        (void) si_cron_next(&always, &zone, last_minute, &next);
    }
}

/* Berlin goes from 02:00 to 03:00 at 01:00 UTC on 29 March 2026. */
TEST(J1_gap_runs_at_the_first_instant_after_it)
{
    CHECK("30 2 * * *", "Europe/Berlin", "2026-03-28 00:00:00", "2026-03-28 01:30:00", "2026-03-29 01:00:00",
          "2026-03-30 00:30:00");
    /* The rules go on for ever. */
    CHECK("30 2 * * *", "Europe/Berlin", "2500-03-27 02:00:00", "2500-03-28 01:00:00", "2500-03-29 00:30:00");
    CHECK("30 2 * * sun", "America/New_York", "2026-03-07 00:00:00", "2026-03-08 07:00:00", "2026-03-15 06:30:00");
}

TEST(J1_several_fires_in_a_gap_are_one)
{
    CHECK("*/10 2 * * *", "Europe/Berlin", "2026-03-28 01:45:00", "2026-03-28 01:50:00", "2026-03-29 01:00:00",
          "2026-03-30 00:00:00");
    /* With the one that is due at its end. */
    CHECK("0,30 2-3 * * *", "Europe/Berlin", "2026-03-29 00:30:00", "2026-03-29 01:00:00", "2026-03-29 01:30:00",
          "2026-03-30 00:00:00");
    CHECK("*/20 * * * *", "Europe/Berlin", "2026-03-29 00:30:00", "2026-03-29 00:40:00", "2026-03-29 01:00:00",
          "2026-03-29 01:20:00");
}

/* Berlin goes from 03:00 back to 02:00 at 01:00 UTC on 25 October 2026. */
TEST(J1_overlap_runs_once)
{
    CHECK("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00:00", "2026-10-25 00:30:00", "2026-10-26 01:30:00");
    /* Whoever asks in the repeated hour does not get it again. */
    CHECK("30 2 * * *", "Europe/Berlin", "2026-10-25 01:10:00", "2026-10-26 01:30:00");
    CHECK("0 2 * * *", "Europe/Berlin", "2026-10-25 00:30:00", "2026-10-26 01:00:00");
    /* 03:00 is not repeated: it comes after. */
    CHECK("0 3 * * *", "Europe/Berlin", "2026-10-25 00:00:00", "2026-10-25 02:00:00", "2026-10-26 02:00:00");
    CHECK("30 1 * * *", "America/New_York", "2026-11-01 00:00:00", "2026-11-01 05:30:00", "2026-11-02 06:30:00");
}

/* Each time that the clock shows runs once, however frequent: the repeated hour is quiet. */
TEST(J1_overlap_is_quiet_for_frequent_schedules)
{
    CHECK("*/20 * * * *", "Europe/Berlin", "2026-10-25 00:10:00", "2026-10-25 00:20:00", "2026-10-25 00:40:00",
          "2026-10-25 02:00:00", "2026-10-25 02:20:00");
    CHECK("* * * * *", "Europe/Berlin", "2026-10-25 00:59:00", "2026-10-25 02:00:00", "2026-10-25 02:01:00");
    CHECK("* * * * *", "Europe/Berlin", "2026-10-25 01:15:00", "2026-10-25 02:00:00");
}

/* Half an hour: 02:00 to 02:30 at 15:30 UTC on 3 October, 02:00 to 01:30 at 15:00 UTC on 4 April 2026. */
TEST(J1_half_an_hour_in_lord_howe)
{
    CHECK("15 2 * * *", "Australia/Lord_Howe", "2026-10-03 00:00:00", "2026-10-03 15:30:00", "2026-10-04 15:15:00");
    CHECK("30 2 * * *", "Australia/Lord_Howe", "2026-10-03 00:00:00", "2026-10-03 15:30:00", "2026-10-04 15:30:00");
    CHECK("45 1 * * *", "Australia/Lord_Howe", "2026-04-04 00:00:00", "2026-04-04 14:45:00", "2026-04-05 15:15:00");
    CHECK("*/15 1-2 * * *", "Australia/Lord_Howe", "2026-04-04 14:20:00", "2026-04-04 14:30:00", "2026-04-04 14:45:00",
          "2026-04-04 15:30:00", "2026-04-04 15:45:00");
}

/* Other shifts: a quarter of an hour in Kathmandu in 1986, two hours in Troll, half an hour back in Caracas in 2007. */
TEST(J1_odd_shifts)
{
    CHECK("10 0 * * *", "Asia/Kathmandu", "1985-12-31 00:00:00", "1985-12-31 18:30:00", "1986-01-01 18:25:00");
    CHECK("30 1,2 * * *", "Antarctica/Troll", "2026-03-28 12:00:00", "2026-03-29 01:00:00", "2026-03-29 23:30:00");
    CHECK("30 1,2 * * *", "Antarctica/Troll", "2026-10-24 12:00:00", "2026-10-24 23:30:00", "2026-10-25 00:30:00",
          "2026-10-26 01:30:00");
    CHECK("45 2 * * *", "America/Caracas", "2007-12-09 00:00:00", "2007-12-09 06:45:00", "2007-12-10 07:15:00");
}

/* Sao Paulo has no 00:00 on 15 October 2017 (03:00 UTC), Beirut none on 27 March 2022 (22:00 UTC of the 26th). */
TEST(J1_gap_at_midnight)
{
    CHECK("0 0 * * *", "America/Sao_Paulo", "2017-10-14 12:00:00", "2017-10-15 03:00:00", "2017-10-16 02:00:00");
    CHECK("30 0 15 10 *", "America/Sao_Paulo", "2017-01-01 00:00:00", "2017-10-15 03:00:00", "2018-10-15 03:30:00");
    CHECK("0 0,1 * * *", "America/Sao_Paulo", "2017-10-14 12:00:00", "2017-10-15 03:00:00", "2017-10-16 02:00:00");
    CHECK("0 0 * * sun", "Asia/Beirut", "2022-03-26 00:00:00", "2022-03-26 22:00:00", "2022-04-02 21:00:00");
}

/* Sao Paulo repeats 23:00 to 24:00 of 17 February 2018; midnight comes at the end of the second one, 03:00 UTC. */
TEST(J1_overlap_at_midnight)
{
    CHECK("30 23 * * *", "America/Sao_Paulo", "2018-02-17 12:00:00", "2018-02-18 01:30:00", "2018-02-19 02:30:00");
    CHECK("0 0 * * *", "America/Sao_Paulo", "2018-02-17 12:00:00", "2018-02-18 03:00:00", "2018-02-19 03:00:00");
    CHECK("30 23 17 2 *", "America/Sao_Paulo", "2018-02-18 02:10:00", "2019-02-18 02:30:00");
}

/* Apia had no 30 December 2011, Kwajalein no 21 August 1993, Manila no 31 December 1844. */
TEST(J1_a_skipped_day_runs_when_the_next_begins)
{
    CHECK("0 12 * * *", "Pacific/Apia", "2011-12-29 00:00:00", "2011-12-29 22:00:00", "2011-12-30 10:00:00",
          "2011-12-30 22:00:00");
    CHECK("0 12 30 12 *", "Pacific/Apia", "2011-01-01 00:00:00", "2011-12-30 10:00:00", "2012-12-29 22:00:00");
    CHECK("0 0 * * *", "Pacific/Apia", "2011-12-28 12:00:00", "2011-12-29 10:00:00", "2011-12-30 10:00:00",
          "2011-12-31 10:00:00");
    CHECK("0 * 30 12 *", "Pacific/Apia", "2011-12-30 09:30:00", "2011-12-30 10:00:00", "2012-12-29 10:00:00");
    CHECK("0 6 21 8 *", "Pacific/Kwajalein", "1993-08-01 00:00:00", "1993-08-21 12:00:00", "1994-08-20 18:00:00");
    CHECK("0 6 31 12 *", "Asia/Manila", "1844-06-01 00:00:00", "1844-12-31 15:56:08", "1845-12-30 21:56:08");
}

/* Kwajalein went back by 23 hours, from 24:00 to 01:00 of 30 September 1969 (13:00 UTC). */
TEST(J1_a_repeated_day_runs_once)
{
    CHECK("0 */8 * * *", "Pacific/Kwajalein", "1969-09-29 20:00:00", "1969-09-29 21:00:00", "1969-09-30 05:00:00",
          "1969-10-01 12:00:00", "1969-10-01 20:00:00");
    CHECK("0 12 * * *", "Pacific/Kwajalein", "1969-09-30 20:00:00", "1969-10-02 00:00:00");
}

/* Offsets with seconds: Monrovia was at -0:44:30 until 7 January 1972, 00:44:30 UTC; Paris at +0:09:21 until 1911. */
TEST(J1_offsets_with_seconds)
{
    CHECK("0 12 * * *", "Africa/Monrovia", "1971-06-01 00:00:00", "1971-06-01 12:44:30", "1971-06-02 12:44:30");
    CHECK("*/15 0 7 1 *", "Africa/Monrovia", "1972-01-06 12:00:00", "1972-01-07 00:44:30", "1972-01-07 00:45:00",
          "1973-01-07 00:00:00");
    CHECK("* * * * *", "Africa/Monrovia", "1972-01-07 00:43:30", "1972-01-07 00:44:30", "1972-01-07 00:45:00");
    /* From 00:00:00 of 11 March back to 23:50:39 of the 10th. */
    CHECK("55 23 * * *", "Europe/Paris", "1911-03-10 12:00:00", "1911-03-10 23:45:39", "1911-03-11 23:55:00");
    CHECK("* * * * *", "Europe/Paris", "1911-03-10 23:49:00", "1911-03-10 23:49:39", "1911-03-11 00:00:00");
}

/* What cron.h asks of a zone holds for all that there are. */
TEST(J1_zones_change_seldom)
{
    FILE *list = fopen("/usr/share/zoneinfo/zone.tab", "r");
    char line[256];
    char name[64];
    int zones = 0;

    assert_non_null(list);
    while (fgets(line, sizeof(line), list))
        if (sscanf(line, "%*2[A-Z]\t%*s\t%63s", name) == 1 && ++zones > 0 && least_between_changes(name) <= 2 * 86400)
            fail_msg("%s changes twice in two days", name);
    fclose(list);
    assert_true(zones > 300);
    assert_int_equal(least_between_changes("Africa/Freetown"), 344400);
}

/* However rare the schedule: a handful of questions to the zone, and no walk through minutes or days. */
TEST(J1_few_questions_to_the_zone)
{
    static const char *const texts[] = {"* * * * *", "0 0 29 2 */7", "0 0 30 2 *", "59 23 31 12 *", "30 2 * 3,10 sun"};
    SiZone zone = open_zone("Europe/Berlin");

    for (int round = 0; round < 2000; round++)
    {
        SiCron cron = parse(texts[random_below(COUNT(texts))]);
        SiTime next = at("1880-01-01 00:00:00") + random_below(INT64_C(220) * 366 * 1440) * SI_USECS_PER_MIN;

        offset_calls = 0;
        (void) si_cron_next(&cron, &zone, next, &next);
        /* Two windows, each searched for at most one change: 2^18 seconds are three days. */
        assert_in_range(offset_calls, 2, 2 * (3 + 18));
    }
}

/* Years around the ends of centuries, day by day against the C library's calendar. */
TEST(J1_like_a_calendar)
{
    static const char *const starts[] = {"1-01-01 00:00:00", "1890-01-01 00:00:00", "1990-01-01 00:00:00",
                                         "2090-01-01 00:00:00", "2390-01-01 00:00:00", "9979-12-31 00:00:00"};
    SiZone zone = open_zone("Etc/UTC");

    for (int round = 0; round < 60; round++)
    {
        Choice choice = choose();
        SiCron cron = parse(choice.text);
        int64_t first = seconds_at(starts[round % COUNT(starts)]) / 60;
        /* The first minute of the day that is chosen. */
        int minute = 0;
        SiTime time;

        while (!choice.minutes[minute % 60] || !choice.hours[minute / 60])
            minute++;
        for (int64_t day = first; day < first + 20 * 366 * 1440; day += 1440)
        {
            SiTime fire = ((day + minute) * 60 - SI_EPOCH_UNIX_SECONDS) * SI_USECS_PER_SEC;

            if (!choice_matches(&choice, day + minute) || fire > at("9999-12-31 23:59:59"))
                continue;
            if (!si_cron_next(&cron, &zone, fire - 1, &time) || time != fire)
                fail_msg("%s: does not fire at %s", choice.text, show(fire));
        }
        time = (first * 60 - SI_EPOCH_UNIX_SECONDS) * SI_USECS_PER_SEC;
        for (int i = 0; i < 10000 && si_cron_next(&cron, &zone, time, &time); i++)
            if (!choice_matches(&choice, time / SI_USECS_PER_MIN + SI_EPOCH_UNIX_SECONDS / 60))
                fail_msg("%s: should not fire at %s", choice.text, show(time));
    }
}

/* Whole-minute offsets, minute by minute, around changes of the clock and anywhere else. */
TEST(J1_like_a_clock_that_ticks)
{
    static const char *const zones[] = {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo",
                                        "Asia/Beirut", "Africa/Casablanca", "Antarctica/Troll", "America/Caracas",
                                        "Asia/Kathmandu", "Pacific/Chatham", "Europe/Dublin", "Asia/Tehran",
                                        "Pacific/Apia", "Africa/Cairo", "America/St_Johns", "Asia/Gaza",
                                        "America/Scoresbysund", "Etc/UTC"};

    for (int round = 0; round < 60; round++)
    {
        SiZone zone = open_zone(zones[random_below(COUNT(zones))]);
        int64_t from = seconds_at("1975-01-01 00:00:00") + random_below(80 * 366) * 86400;

        /* Half of the time a window that begins shortly before a change. */
        if (random_bool())
            for (int day = 0; day < 400; day++, from += 86400)
                if (utc_offset(zone.state, from + 3 * 86400) != utc_offset(zone.state, from + 2 * 86400))
                    break;
        compare_with_model(&zone, from, from + 12 * 86400, 60, 40);
    }
}

/* Offsets with seconds, the date line, and a second change four days after the first: second by second. */
TEST(J1_like_a_clock_that_ticks_seconds)
{
    static const struct
    {
        const char *zone;
        const char *change;
    } changes[] = {
        {"Africa/Monrovia", "1972-01-07 00:44:30"},
        {"Europe/Paris", "1911-03-10 23:50:39"},
        {"America/Juneau", "1867-10-19 00:31:13"},
        {"Asia/Manila", "1844-12-31 15:56:08"},
        {"Pacific/Apia", "2011-12-30 10:00:00"},
        {"Pacific/Kwajalein", "1969-09-30 13:00:00"},
        {"Pacific/Kwajalein", "1993-08-21 12:00:00"},
        {"Africa/Freetown", "1939-09-05 00:00:00"},
        {"Asia/Hebron", "2040-10-20 00:00:00"},
    };

    for (int i = 0; i < COUNT(changes); i++)
    {
        SiZone zone = open_zone(changes[i].zone);
        int64_t change = seconds_at(changes[i].change);

        compare_with_model(&zone, change - random_in(1, 100000), change + 150000, 1, 5);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(J1_fields),
    cmocka_unit_test(J1_lists_ranges_and_steps),
    cmocka_unit_test(J1_names_in_any_case),
    cmocka_unit_test(J1_sunday_is_0_and_7),
    cmocka_unit_test(J1_blanks),
    cmocka_unit_test(J1_refusals),
    cmocka_unit_test(J1_strictly_after),
    cmocka_unit_test(J1_through_the_calendar),
    cmocka_unit_test(J1_local_time_of_the_zone),
    cmocka_unit_test(J1_either_day_is_enough_when_both_are_restricted),
    cmocka_unit_test(J1_both_days_must_match_when_one_starts_with_a_star),
    cmocka_unit_test(J1_leap_days),
    cmocka_unit_test(J1_lengths_of_months),
    cmocka_unit_test(J1_some_days_never_come),
    cmocka_unit_test(J1_ends_of_the_calendar),
    cmocka_unit_test(J1_gap_runs_at_the_first_instant_after_it),
    cmocka_unit_test(J1_several_fires_in_a_gap_are_one),
    cmocka_unit_test(J1_overlap_runs_once),
    cmocka_unit_test(J1_overlap_is_quiet_for_frequent_schedules),
    cmocka_unit_test(J1_half_an_hour_in_lord_howe),
    cmocka_unit_test(J1_odd_shifts),
    cmocka_unit_test(J1_gap_at_midnight),
    cmocka_unit_test(J1_overlap_at_midnight),
    cmocka_unit_test(J1_a_skipped_day_runs_when_the_next_begins),
    cmocka_unit_test(J1_a_repeated_day_runs_once),
    cmocka_unit_test(J1_offsets_with_seconds),
    cmocka_unit_test(J1_zones_change_seldom),
    cmocka_unit_test(J1_few_questions_to_the_zone),
    cmocka_unit_test(J1_like_a_calendar),
    cmocka_unit_test(J1_like_a_clock_that_ticks),
    cmocka_unit_test(J1_like_a_clock_that_ticks_seconds),
};

UNIT_MAIN(tests)
