/*
 * cron.c: cron expressions and their fires in a time zone.
 */
#include "domain/cron.h"

#include <string.h>

#define NAME_LENGTH 3
#define SUNDAY 7

#define DAY_SECONDS INT64_C(86400)
#define DAY_MINUTES INT64_C(1440)

/* The years 1 to 9999 in Unix seconds, and the days from 0000-03-01 to 1970-01-01. */
#define FIRST_SECOND INT64_C(-62135596800)
#define END_SECOND INT64_C(253402300800)
#define UNIX_EPOCH_DAYS INT64_C(719468)
#define LAST_YEAR 9999

/* The calendar repeats itself, with its days of the week, after 400 years. */
#define CALENDAR_MONTHS (400 * 12)
#define DAYS_IN_400_YEARS 146097

typedef struct Field
{
    const char *name;
    int least;
    int most;
    int values;
    const char *const *names; /* of least and what follows; NULL when there are none */
    const char *range_problem;
    const char *step_problem;
} Field;

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const Field minute_field = {"minute", 0, 59, 60, NULL, "must be in 0 to 59", "step must be in 1 to 60"};
static const Field hour_field = {"hour", 0, 23, 24, NULL, "must be in 0 to 23", "step must be in 1 to 24"};
static const Field day_field = {"day of month", 1, 31, 31, NULL, "must be in 1 to 31", "step must be in 1 to 31"};
static const Field month_field = {"month", 1, 12, 12, month_names, "must be in 1 to 12 or jan to dec", "step must be in 1 to 12"};
static const Field weekday_field = {"day of week", 0, SUNDAY, 7, weekday_names, "must be in 0 to 7 or sun to sat",
                                    "step must be in 1 to 7"};

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char
lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char) (c - 'A' + 'a') : c;
}

static bool
is_letter(char c)
{
    return lower(c) >= 'a' && lower(c) <= 'z';
}

static uint64_t
bit(int value)
{
    return UINT64_C(1) << value;
}

static int
lowest_bit(uint64_t bits)
{
    return __builtin_ctzll(bits);
}

/* Reads digits; what is too long to matter stays above every limit. Returns whether there was one. */
static bool
read_number(const char **text, int *value)
{
    if (!is_digit(**text))
        return false;
    *value = 0;
    for (; is_digit(**text); (*text)++)
        if (*value < 1000)
            *value = *value * 10 + (**text - '0');
    return true;
}

/* Reads a word and looks it up. Returns whether it is a name of the field. */
static bool
read_name(const Field *field, const char **text, int *value)
{
    char word[NAME_LENGTH + 1] = "";
    int length = 0;

    for (; is_letter(**text); (*text)++, length++)
        if (length < NAME_LENGTH)
            word[length] = lower(**text);
    for (int i = 0; length == NAME_LENGTH && field->names != NULL && field->names[i] != NULL; i++)
        if (strcmp(word, field->names[i]) == 0)
        {
            *value = field->least + i;
            return true;
        }
    return false;
}

/* Reads one value of the field. Returns a problem or NULL. */
static const char *
read_value(const Field *field, const char **text, int *value)
{
    bool good;

    if (is_letter(**text))
        good = read_name(field, text, value);
    else if (is_digit(**text))
        good = read_number(text, value);
    else
        return "must be a list of *, values or ranges, such as 0,30 or 9-17/2";
    return good && *value >= field->least && *value <= field->most ? NULL : field->range_problem;
}

/* Reads one element of a field's list into its set. Returns a problem or NULL. */
static const char *
read_element(const Field *field, const char **text, uint64_t *set)
{
    const char *problem;
    int from = field->least;
    int to = field->least + field->values - 1;
    int step = 1;
    bool single = false;

    if (**text == '*')
        (*text)++;
    else
    {
        problem = read_value(field, text, &from);
        if (problem != NULL)
            return problem;
        single = **text != '-';
        to = single ? field->most : from;
        if (!single)
        {
            (*text)++;
            problem = read_value(field, text, &to);
            if (problem != NULL)
                return problem;
            /* A week may end in Sunday. */
            if (field->most == SUNDAY && to == 0 && from > 0)
                to = SUNDAY;
            if (from > to)
                return "range must not run backwards";
        }
    }
    if (**text == '/')
    {
        (*text)++;
        if (!read_number(text, &step) || step < 1 || step > field->values)
            return field->step_problem;
    }
    else if (single)
        to = from;
    for (int value = from; value <= to; value += step)
        *set |= bit(value);
    return NULL;
}

/* Reads a field up to a blank or the end. any: whether it starts with '*'. */
static bool
read_field(const Field *field, const char **text, uint64_t *set, bool *any, SiCronError *error)
{
    const char *problem;

    while (is_blank(**text))
        (*text)++;
    if (**text == '\0')
    {
        *error = (SiCronError){NULL, "must have five fields"};
        return false;
    }
    *set = 0;
    *any = **text == '*';
    while ((problem = read_element(field, text, set)) == NULL && **text == ',')
        (*text)++;
    if (problem == NULL && **text != '\0' && !is_blank(**text))
        problem = "must be a list of *, values or ranges, such as 0,30 or 9-17/2";
    if (problem != NULL)
        *error = (SiCronError){field->name, problem};
    return problem == NULL;
}

bool
si_cron_parse(const char *text, SiCron *out, SiCronError *error)
{
    SiCron cron;
    bool any;

    if (*text == '@')
    {
        *error = (SiCronError){NULL, "must have five fields, not a macro"};
        return false;
    }
    if (!read_field(&minute_field, &text, &cron.minutes, &any, error) ||
        !read_field(&hour_field, &text, &cron.hours, &any, error) ||
        !read_field(&day_field, &text, &cron.days, &cron.any_day, error) ||
        !read_field(&month_field, &text, &cron.months, &any, error) ||
        !read_field(&weekday_field, &text, &cron.weekdays, &cron.any_weekday, error))
        return false;
    while (is_blank(*text))
        text++;
    if (*text != '\0')
    {
        *error = (SiCronError){NULL, "must have five fields"};
        return false;
    }
    if (cron.weekdays & bit(SUNDAY))
        cron.weekdays = (cron.weekdays & ~bit(SUNDAY)) | bit(0);
    *out = cron;
    return true;
}

static int64_t
divide_down(int64_t value, int64_t divisor)
{
    return value / divisor - (value % divisor < 0);
}

typedef struct Date
{
    int year; /* from 0000-03-01 */
    int month;
    int day;
} Date;

static bool
is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int
days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days since 1970-01-01. Years begin in March here, so that a leap day is the last of its year. */
static int64_t
date_to_days(Date date)
{
    int64_t year = date.month > 2 ? date.year : date.year - 1;
    int64_t month = date.month > 2 ? date.month - 3 : date.month + 9;

    return year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + date.day - 1 - UNIX_EPOCH_DAYS;
}

static Date
days_to_date(int64_t days)
{
    int64_t era = (days + UNIX_EPOCH_DAYS) / DAYS_IN_400_YEARS;
    int64_t day = (days + UNIX_EPOCH_DAYS) % DAYS_IN_400_YEARS;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t month;

    day -= year * 365 + year / 4 - year / 100;
    month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5;
    return (Date){(int) (era * 400 + year + (month >= 10)), (int) (month < 10 ? month + 3 : month - 9), (int) day + 1};
}

/* The days of a month that match, as bits. */
static uint64_t
days_that_match(const SiCron *cron, int year, int month)
{
    bool both = cron->any_day || cron->any_weekday;
    int length = days_in(year, month);
    uint64_t by_day = cron->days & (bit(length + 1) - 1);
    uint64_t by_weekday = 0;
    int64_t weekday;

    if (!(cron->months & bit(month)) || (both && by_day == 0))
        return 0;
    /* 0000-03-01 was a Wednesday. */
    weekday = (date_to_days((Date){year, month, 1}) + UNIX_EPOCH_DAYS + 3) % 7;
    for (int day = 1; day <= length; day++, weekday = (weekday + 1) % 7)
        if (cron->weekdays & bit((int) weekday))
            by_weekday |= bit(day);
    return both ? by_day & by_weekday : by_day | by_weekday;
}

/* Moves to the first day that matches, this one or a later one; false when there is none. */
static bool
find_day(const SiCron *cron, Date *date)
{
    for (int n = 0; n <= CALENDAR_MONTHS && date->year <= LAST_YEAR; n++)
    {
        uint64_t days = days_that_match(cron, date->year, date->month) & ~(bit(date->day) - 1);

        if (days != 0)
        {
            date->day = lowest_bit(days);
            return true;
        }
        date->year += date->month == 12;
        date->month = date->month % 12 + 1;
        date->day = 1;
    }
    return false;
}

/* First minute of a day that matches, at or after `from`; -1 when there is none. */
static int
find_minute(const SiCron *cron, int from)
{
    uint64_t minutes = cron->minutes & ~(bit(from % 60) - 1);
    uint64_t hours;

    if ((cron->hours & bit(from / 60)) && minutes != 0)
        return from - from % 60 + lowest_bit(minutes);
    hours = cron->hours & ~(bit(from / 60 + 1) - 1);
    return hours != 0 ? lowest_bit(hours) * 60 + lowest_bit(cron->minutes) : -1;
}

/* First local minute (since 1970-01-01 00:00 of the zone's clock) that matches, at or after `from`. */
static bool
find_local_minute(const SiCron *cron, int64_t from, int64_t *out)
{
    int64_t days = divide_down(from, DAY_MINUTES);
    int minute = (int) (from - days * DAY_MINUTES);
    Date date = days_to_date(days);

    if (!find_day(cron, &date))
        return false;
    if (date_to_days(date) == days && (minute = find_minute(cron, minute)) < 0)
    {
        date = days_to_date(days + 1);
        if (!find_day(cron, &date))
            return false;
    }
    if (date_to_days(date) != days)
        minute = find_minute(cron, 0);
    *out = date_to_days(date) * DAY_MINUTES + minute;
    return true;
}

/* The first second with the offset that `until` has, after `from` which has another. */
static int64_t
find_change(const SiZone *zone, int64_t from, int64_t until)
{
    int32_t offset = zone->utc_offset(zone->state, until);

    while (until - from > 1)
    {
        int64_t middle = from + (until - from) / 2;

        if (zone->utc_offset(zone->state, middle) == offset)
            until = middle;
        else
            from = middle;
    }
    return until;
}

/* The latest time that the zone's clock has shown up to an instant. It shows later ones only before it was set back. */
static int64_t
latest_local(const SiZone *zone, int64_t instant)
{
    int64_t earlier = instant - 2 * DAY_SECONDS;
    int32_t before = zone->utc_offset(zone->state, earlier);
    int32_t now = zone->utc_offset(zone->state, instant);
    int64_t shown = instant + now;

    if (before > now)
    {
        int64_t last = find_change(zone, earlier, instant) - 1 + before;

        if (last > shown)
            shown = last;
    }
    return shown;
}

/* The first instant at which the zone's clock shows a local time or a later one. */
static int64_t
first_instant(const SiZone *zone, int64_t local)
{
    int64_t from = local - DAY_SECONDS;
    int64_t until = local + DAY_SECONDS;
    int32_t before = zone->utc_offset(zone->state, from);
    int32_t after = zone->utc_offset(zone->state, until);
    int64_t change;

    if (before == after)
        return local - before;
    change = find_change(zone, from, until);
    if (local - before < change)
        return local - before;
    return local - after > change ? local - after : change;
}

bool
si_cron_next(const SiCron *cron, const SiZone *zone, SiTime after, SiTime *next)
{
    int64_t instant = divide_down(after, SI_USECS_PER_SEC) + SI_EPOCH_UNIX_SECONDS;
    int64_t minute;

    if (instant >= END_SECOND)
        return false;
    if (instant < FIRST_SECOND)
        instant = FIRST_SECOND - 1;
    if (!find_local_minute(cron, divide_down(latest_local(zone, instant), 60) + 1, &minute))
        return false;
    *next = (first_instant(zone, minute * 60) - SI_EPOCH_UNIX_SECONDS) * SI_USECS_PER_SEC;
    return true;
}
