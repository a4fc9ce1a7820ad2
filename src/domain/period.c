/*
 * period.c: periods of a purchase in the calendar of a time zone, and what a part of one is worth.
 */
#include "domain/period.h"

#include <inttypes.h>
#include <stdio.h>

#define HOUR_SECONDS INT64_C(3600)
#define DAY_SECONDS INT64_C(86400)
#define MILLION INT64_C(1000000)

/* 1970-01: months are counted from January of the year 0, days from 1970-01-01. */
#define UNIX_EPOCH_MONTH INT64_C(23640)
#define UNIX_EPOCH_DAYS INT64_C(719468) /* since 0000-03-01 */
#define MONTHS_IN_400_YEARS 4800
#define DAYS_IN_400_YEARS 146097

static int64_t
remainder_of(int64_t value, int64_t divisor)
{
    int64_t rest = value % divisor;

    return rest < 0 ? rest + divisor : rest;
}

static int64_t
divide_down(int64_t value, int64_t divisor)
{
    return (value - remainder_of(value, divisor)) / divisor;
}

static int64_t
unix_seconds(SiTime at)
{
    return divide_down(at, SI_USECS_PER_SEC) + SI_EPOCH_UNIX_SECONDS;
}

static SiTime
time_of(int64_t seconds)
{
    return (seconds - SI_EPOCH_UNIX_SECONDS) * SI_USECS_PER_SEC;
}

static int64_t
offset_at(const SiZone *zone, int64_t seconds)
{
    return zone->utc_offset(zone->state, seconds);
}

/* First day of a month. Years begin in March here, so that a leap day is the last of its year. */
static int64_t
first_day(int64_t month)
{
    int64_t year = (month - 2) / 12;

    return year * 365 + year / 4 - year / 100 + year / 400 + (153 * ((month - 2) % 12) + 2) / 5 - UNIX_EPOCH_DAYS;
}

static int64_t
month_of(int64_t day)
{
    int64_t month = UNIX_EPOCH_MONTH + day * MONTHS_IN_400_YEARS / DAYS_IN_400_YEARS + 1;

    while (first_day(month) > day)
        month--;
    return month;
}

/* Number of the day, month or year that holds a local time, and the local time at which one begins. */
static int64_t
number_of(SiPeriod period, int64_t local)
{
    int64_t day = divide_down(local, DAY_SECONDS);

    if (period == SI_DAILY)
        return day;
    return period == SI_MONTHLY ? month_of(day) : month_of(day) / 12;
}

static int64_t
local_begin(SiPeriod period, int64_t number)
{
    if (period == SI_DAILY)
        return number * DAY_SECONDS;
    return first_day(period == SI_MONTHLY ? number : number * 12) * DAY_SECONDS;
}

static SiTime
begin_of(SiPeriod period, const SiZone *zone, int64_t number)
{
    int64_t local = local_begin(period, number);
    int64_t before = offset_at(zone, local - DAY_SECONDS);
    int64_t after = offset_at(zone, local + DAY_SECONDS);

    /* After the change when the clock shows it then, perhaps again; else before it, or as if there were none yet. */
    return time_of(offset_at(zone, local - after) == after ? local - after : local - before);
}

/* The clock shows whole hours an hour apart, except around a change of the offset by a part of an hour. */
static int64_t
hour_begin(const SiZone *zone, int64_t seconds)
{
    int64_t offset = offset_at(zone, seconds);
    int64_t begin = seconds - remainder_of(seconds + offset, HOUR_SECONDS);

    if (offset_at(zone, begin) == offset)
        return begin;
    offset = offset_at(zone, begin);
    begin = seconds - remainder_of(seconds + offset, HOUR_SECONDS);
    while (offset_at(zone, begin) != offset)
        begin -= HOUR_SECONDS;
    return begin;
}

static int64_t
hour_end(const SiZone *zone, int64_t seconds)
{
    int64_t offset = offset_at(zone, seconds);
    int64_t end = seconds + HOUR_SECONDS - remainder_of(seconds + offset, HOUR_SECONDS);

    if (offset_at(zone, end) == offset)
        return end;
    offset = offset_at(zone, end);
    end = seconds + HOUR_SECONDS - remainder_of(seconds + offset, HOUR_SECONDS);
    while (offset_at(zone, end) != offset)
        end += HOUR_SECONDS;
    return end;
}

SiTime
si_period_begin(SiPeriod period, const SiZone *zone, SiTime at)
{
    int64_t seconds = unix_seconds(at);
    int64_t number;

    if (period == SI_HOURLY)
        return time_of(hour_begin(zone, seconds));
    number = number_of(period, seconds + offset_at(zone, seconds)) + 1;
    while (begin_of(period, zone, number) > at)
        number--;
    return begin_of(period, zone, number);
}

SiTime
si_period_end(SiPeriod period, const SiZone *zone, SiTime at)
{
    int64_t seconds = unix_seconds(at);
    int64_t number;

    if (period == SI_HOURLY)
        return time_of(hour_end(zone, seconds));
    number = number_of(period, seconds + offset_at(zone, seconds));
    while (begin_of(period, zone, number) <= at)
        number++;
    return begin_of(period, zone, number);
}

int64_t
si_prorate(int64_t amount, int64_t part, int64_t whole)
{
    return (int64_t) ((__int128) amount * part / whole);
}

void
si_price_print(int64_t unit_price, int64_t quantity, int64_t discount, int64_t part, int64_t whole, char *buf, size_t size)
{
    /* In parts of a millionth, a million of them; multiplied in two steps, since the product has up to 144 bits. */
    __int128 full = (__int128) unit_price * quantity * (MILLION - discount);
    __int128 divisor = (__int128) whole * MILLION;
    __int128 price = full / divisor * part + (full % divisor * part * 2 + divisor) / (divisor * 2);

    (void) snprintf(buf, size, "%" PRId64 ".%06" PRId64, (int64_t) (price / MILLION), (int64_t) (price % MILLION));
}
