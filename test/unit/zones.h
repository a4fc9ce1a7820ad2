/*
 * zones.h: time zones of the machine's tz database, asked through the C library, and instants written in UTC.
 */
#ifndef ZONES_H
#define ZONES_H

#include "unit.h"

#include "domain/cron.h"

#include <string.h>

static int offset_calls;

/* state: the name of the zone. */
static int32_t
utc_offset(void *state, int64_t unix_seconds)
{
    static char current[64];
    time_t at = (time_t) unix_seconds;
    struct tm local;

    offset_calls++;
    if (strcmp(current, state) != 0)
    {
        snprintf(current, sizeof(current), "%s", (const char *) state);
        setenv("TZ", current, 1);
        tzset();
    }
    assert_non_null(localtime_r(&at, &local));
    return (int32_t) local.tm_gmtoff;
}

static SiZone
open_zone(const char *name)
{
    char path[128];

    /* The C library takes a zone that it does not know for UTC. */
    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    if (access(path, R_OK) != 0)
        fail_msg("%s is missing: apt-get install tzdata", path);
    return (SiZone){(void *) name, utc_offset};
}

static int64_t
seconds_at(const char *utc)
{
    struct tm tm = {0};

    assert_non_null(strptime(utc, "%Y-%m-%d %H:%M:%S", &tm));
    return timegm(&tm);
}

static SiTime
at(const char *utc)
{
    return (seconds_at(utc) - SI_EPOCH_UNIX_SECONDS) * SI_USECS_PER_SEC;
}

static const char *
show(SiTime time)
{
    static char texts[4][40];
    static int n;
    time_t seconds = time / SI_USECS_PER_SEC + SI_EPOCH_UNIX_SECONDS;
    struct tm tm;
    char *text = texts[n++ % 4];

    assert_int_equal(time % SI_USECS_PER_SEC, 0);
    assert_non_null(gmtime_r(&seconds, &tm));
    snprintf(text, sizeof(texts[0]), "%d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
             tm.tm_min, tm.tm_sec);
    return text;
}

static int64_t
big_endian(const unsigned char *bytes, int length)
{
    int64_t value = (signed char) bytes[0];

    for (int i = 1; i < length; i++)
        value = value * 256 + bytes[i];
    return value;
}

/* The shortest time between two changes of a zone's offset, as its file lists them (TZif, RFC 8536); INT64_MAX without two. */
static int64_t
least_between_changes(const char *name)
{
    unsigned char file[65536];
    char path[128];
    const unsigned char *block = file;
    int64_t count[6]; /* isutc, isstd, leap, time, type, char */
    int64_t least = INT64_MAX;
    int64_t last = INT64_MIN;
    FILE *stream;

    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    stream = fopen(path, "rb");
    assert_non_null(stream);
    assert_true(fread(file, 1, sizeof(file), stream) > 44);
    fclose(stream);
    for (int version = 1; version <= 2; version++)
    {
        int width = version == 1 ? 4 : 8;

        assert_memory_equal(block, "TZif", 4);
        for (int i = 0; i < 6; i++)
            count[i] = big_endian(block + 20 + 4 * i, 4);
        block += 44;
        if (version == 1)
            block += count[3] * (width + 1) + count[4] * 6 + count[5] + count[2] * (width + 4) + count[1] + count[0];
    }
    for (int64_t i = 1; i < count[3]; i++)
    {
        const unsigned char *types = block + count[3] * 8;
        int64_t change = big_endian(block + i * 8, 8);

        if (big_endian(types + count[3] + types[i] * 6, 4) == big_endian(types + count[3] + types[i - 1] * 6, 4))
            continue;
        if (last != INT64_MIN && change - last < least)
            least = change - last;
        last = change;
    }
    return least;
}

#endif
