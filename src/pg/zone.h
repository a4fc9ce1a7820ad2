/*
 * zone.h: time zones of the server's tz database, as the domain wants them.
 */
#ifndef SI_PG_ZONE_H
#define SI_PG_ZONE_H

#include "domain/cron.h"

/*
 * Opens an IANA zone by its name, any case. False when there is none: POSIX descriptions such as "FOO+3", abbreviations
 * and zones with leap seconds are none. canonical (may be NULL) gets the name as the database spells it. The zone stays
 * valid for the life of the process.
 */
extern bool si_zone_open(const char *name, SiZone *out, const char **canonical);

/* The same; raises 22023 naming the field. Returns the canonical name. */
extern const char *si_zone_require(const char *field, const char *name, SiZone *out);

#endif
