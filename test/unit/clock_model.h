/*
 * clock_model.h: random cron expressions with what they mean, and a clock that ticks to say when they fire. It shares nothing
 * with src/domain/cron.c: every instant is looked at; each local minute that the clock reaches for the first time, or leaps
 * over, fires then (J1).
 */
#ifndef CLOCK_MODEL_H
#define CLOCK_MODEL_H

#include "unit.h"

#include "domain/cron.h"

#include "zones.h"

#include <string.h>

#define MOST_FIRES 4096

static SiCron
parse(const char *text)
{
    SiCron cron;
    SiCronError error;

    if (!si_cron_parse(text, &cron, &error))
        fail_msg("\"%s\": %s: %s", text, error.field ? error.field : "", error.message);
    return cron;
}

typedef struct Choice
{
    bool minutes[60];
    bool hours[24];
    bool days[32];
    bool months[13];
    bool weekdays[7];
    bool any_day;
    bool any_weekday;
    char text[400];
} Choice;

static bool
choice_matches(const Choice *choice, int64_t local_minute)
{
    time_t seconds = local_minute * 60;
    struct tm tm;
    bool day;
    bool weekday;

    assert_non_null(gmtime_r(&seconds, &tm));
    day = choice->days[tm.tm_mday];
    weekday = choice->weekdays[tm.tm_wday];
    return choice->minutes[tm.tm_min] && choice->hours[tm.tm_hour] && choice->months[tm.tm_mon + 1] &&
           (choice->any_day || choice->any_weekday ? day && weekday : day || weekday);
}

/* Writes a random field and marks what it means; dense makes it match often. Returns whether it starts with a star. */
static bool
choose_field(Choice *choice, int least, int most, bool *set, bool dense)
{
    char *text = choice->text + strlen(choice->text);
    int kind = (int) random_below(dense ? 3 : 5);
    int from = (int) random_in(least, most);
    int to = (int) random_in(from, most);
    int step = 1;
    bool star = kind <= 1;

    switch (kind)
    {
        case 0:
            text += sprintf(text, "*");
            from = least;
            to = most;
            break;
        case 1:
            step = (int) random_in(1, dense ? 3 : most - least + 1);
            text += sprintf(text, "*/%d", step);
            from = least;
            to = most;
            break;
        case 2:
            step = (int) random_in(1, 3);
            text += sprintf(text, "%d-%d/%d", from, to, step);
            break;
        case 3:
            text += sprintf(text, "%d", from);
            to = from;
            break;
        default:
            text += sprintf(text, "%d,%d", from, to);
            step = to > from ? to - from : 1;
            break;
    }
    for (int value = from; value <= to; value += step)
        set[value] = true;
    strcpy(text, " ");
    return star;
}

static Choice
choose(void)
{
    Choice choice = {0};

    (void) choose_field(&choice, 0, 59, choice.minutes, false);
    (void) choose_field(&choice, 0, 23, choice.hours, random_bool());
    choice.any_day = choose_field(&choice, 1, 31, choice.days, random_bool());
    (void) choose_field(&choice, 1, 12, choice.months, true);
    choice.any_weekday = choose_field(&choice, 0, 6, choice.weekdays, random_bool());
    return choice;
}

/* The local time at each tick, once for all schedules that are tried over these days. */
typedef struct Ticks
{
    int64_t from; /* first instant of interest */
    int64_t until;
    int64_t step;   /* seconds */
    int64_t *shown; /* the latest time that the clock has shown at each tick, from three days before `from` */
} Ticks;

#define LEAD INT64_C(259200)

static Ticks
tick(const SiZone *zone, int64_t from, int64_t until, int64_t step)
{
    Ticks ticks = {from, until, step, NULL};
    int64_t n = (until - from + LEAD) / step + 1;

    ticks.shown = malloc((size_t) n * sizeof(int64_t));
    assert_non_null(ticks.shown);
    for (int64_t i = 0; i < n; i++)
    {
        int64_t instant = from - LEAD + i * step;
        int64_t local = instant + zone->utc_offset(zone->state, instant);

        ticks.shown[i] = i > 0 && ticks.shown[i - 1] > local ? ticks.shown[i - 1] : local;
    }
    return ticks;
}

static int
model_fires(const Choice *choice, const Ticks *ticks, int64_t *fires, int most)
{
    int n = 0;

    for (int64_t i = LEAD / ticks->step + 1; ticks->from - LEAD + i * ticks->step <= ticks->until && n < most; i++)
    {
        /* Local minutes in (what was shown before, what is shown now]. */
        int64_t minute = ticks->shown[i] / 60 - (ticks->shown[i] % 60 < 0);
        bool fires_now = false;

        for (; minute * 60 > ticks->shown[i - 1] && !fires_now; minute--)
            fires_now = choice_matches(choice, minute);
        if (fires_now)
            fires[n++] = ticks->from - LEAD + i * ticks->step;
    }
    return n;
}

/* si_cron_next from fire to fire, against the model, for some random schedules. */
static void
compare_with_model(const SiZone *zone, int64_t from, int64_t until, int64_t step, int schedules)
{
    static int64_t fires[MOST_FIRES];
    Ticks ticks = tick(zone, from, until, step);

    for (int i = 0; i < schedules; i++)
    {
        Choice choice = choose();
        SiCron cron = parse(choice.text);
        int n = model_fires(&choice, &ticks, fires, MOST_FIRES);
        SiTime time = (from - SI_EPOCH_UNIX_SECONDS) * SI_USECS_PER_SEC;

        for (int k = 0; k <= n && n < MOST_FIRES; k++)
        {
            bool found = si_cron_next(&cron, zone, time, &time);
            SiTime wanted = k < n ? (fires[k] - SI_EPOCH_UNIX_SECONDS) * SI_USECS_PER_SEC : 0;

            if (k == n ? found && time <= (until - SI_EPOCH_UNIX_SECONDS) * SI_USECS_PER_SEC : !found || time != wanted)
                fail_msg("%sin %s from %lld: fire %d is %s, wanted %s", choice.text, (const char *) zone->state, (long long) from,
                         k, found ? show(time) : "none", k == n ? "none" : show(wanted));
        }
    }
    free(ticks.shown);
}

#endif
