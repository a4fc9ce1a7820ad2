/*
 * cron.h: cron expressions and their fires in a time zone (J1).
 *
 * An expression has five fields, separated by spaces or tabs: minute (0-59), hour (0-23), day of month (1-31), month (1-12
 * or jan-dec) and day of week (0-7 or sun-sat; 0 and 7 are Sunday). A field is a list, by commas, of: a star (every
 * value), a value, or a range a-b. Each may have a step /n: of every value, of the range, or, after a single value, from it
 * to the end of the field (the Sunday that ends the week included). A step is at least 1 and at most the number of values
 * of the field. Ranges run upwards, but a range of days of the week may end in Sunday: fri-sun and 5-0 are 5-7. Names have
 * three letters, in any case. There are no macros (@daily), no seconds, no years and none of L W # ?.
 *
 * As in every cron, a day matches when both the day of month and the day of week match, unless neither field starts with
 * '*': then one of the two is enough.
 *
 * The clock of a zone jumps. Every matching local time fires once, at the first instant at which the zone's clock shows it
 * or a later time. So a fire that falls into a gap runs at the end of the gap (several of them, and one that is due just
 * then, are one fire), and a local time that comes twice fires the first time only. That holds for frequent schedules too:
 * every five minutes means every five minutes that the clock shows for the first time, and nothing fires while the clock
 * repeats an hour in autumn.
 */
#ifndef SI_DOMAIN_CRON_H
#define SI_DOMAIN_CRON_H

#include "domain/types.h"

/*
 * A time zone: seconds east of UTC at an instant. Offsets are less than a day, and more than two days pass between two
 * changes (the least in the IANA database is four days, in Freetown in 1939). Asked for years 0 to 10000 only.
 */
typedef struct SiZone
{
    void *state;
    int32_t (*utc_offset)(void *state, int64_t unix_seconds);
} SiZone;

/* Sets of values as bits: bit v is value v. */
typedef struct SiCron
{
    uint64_t minutes;
    uint64_t hours;
    uint64_t days;
    uint64_t months;
    uint64_t weekdays; /* 0 = Sunday to 6 */
    bool any_day;      /* the field starts with '*' */
    bool any_weekday;
} SiCron;

typedef struct SiCronError
{
    const char *field;   /* NULL when it is none of the five */
    const char *message; /* the end of a sentence that begins with the field */
} SiCronError;

/* Whether the text is an expression; *out is set when it is, *error when not (its texts are constant). */
bool si_cron_parse(const char *text, SiCron *out, SiCronError *error);

/*
 * First fire strictly after an instant, in the years 1 to 9999. False when there is none (30 February, or no year left);
 * then *next is untouched. Any instant may be given. Takes microseconds: it skips by months, days and hours.
 */
bool si_cron_next(const SiCron *cron, const SiZone *zone, SiTime after, SiTime *next);

#endif
