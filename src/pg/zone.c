/*
 * zone.c: time zones of the server's tz database.
 */
#include "postgres.h"

#include "pgtime.h"

#include "pg/errors.h"
#include "pg/zone.h"

static int32_t
utc_offset(void *state, int64_t unix_seconds)
{
    pg_time_t at = (pg_time_t) unix_seconds;
    struct pg_tm *local = pg_localtime(&at, (pg_tz *) state);

    /* Only years that an int cannot hold have no local time; schedules end long before. */
    return local ? (int32_t) local->tm_gmtoff : 0;
}

/* Whether the database has the name; walks its files, so it is asked only where a name could be a POSIX description. */
static bool
is_in_database(const char *name)
{
    pg_tzenum *zones = pg_tzenumerate_start();
    pg_tz *zone;
    bool found = false;

    while (!found && (zone = pg_tzenumerate_next(zones)) != NULL)
        found = pg_strcasecmp(pg_get_timezone_name(zone), name) == 0;
    pg_tzenumerate_end(zones);
    return found;
}

bool
si_zone_open(const char *name, SiZone *out, const char **canonical)
{
    pg_tz *zone;

    /* An IANA name begins with a letter; "posix/" and "right/" are copies, "localtime" is whatever the machine has. */
    if (!((*name >= 'A' && *name <= 'Z') || (*name >= 'a' && *name <= 'z')) || pg_strncasecmp(name, "posix", 5) == 0 ||
        pg_strncasecmp(name, "right/", 6) == 0 || pg_strcasecmp(name, "localtime") == 0)
        return false;
    zone = pg_tzset(name);
    if (zone == NULL || !pg_tz_acceptable(zone))
        return false;
    /* A POSIX description always holds an offset. */
    if (strpbrk(name, "0123456789+,<") != NULL && !is_in_database(name))
        return false;
    out->state = zone;
    out->utc_offset = utc_offset;
    if (canonical)
        *canonical = pg_get_timezone_name(zone);
    return true;
}

const char *
si_zone_require(const char *field, const char *name, SiZone *out)
{
    const char *canonical = NULL;

    if (!si_zone_open(name, out, &canonical))
        si_bad_value(field, name, "must be an IANA time zone such as \"Europe/Berlin\"");
    return canonical;
}
