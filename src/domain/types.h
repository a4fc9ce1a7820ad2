/*
 * types.h: units of the domain. Time is microseconds since 2000-01-01 00:00 UTC, as PostgreSQL's timestamptz; CPU is
 * millicores, memory MiB, vCPU-hours are millicore-seconds (1 vCPU-hour = 3,600,000).
 */
#ifndef SI_DOMAIN_TYPES_H
#define SI_DOMAIN_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t SiTime;

#define SI_USECS_PER_SEC INT64_C(1000000)
#define SI_USECS_PER_MIN (60 * SI_USECS_PER_SEC)
#define SI_MILLICORE_SECONDS_PER_HOUR INT64_C(3600000)

/* Seconds from 1970-01-01 (Unix) to 2000-01-01. */
#define SI_EPOCH_UNIX_SECONDS INT64_C(946684800)

/* Largest amounts that one request may name: a million cores, a pebibyte. */
#define SI_MAX_CPU_MILLICORES INT64_C(1000000000)
#define SI_MAX_MEMORY_MIB INT64_C(1073741824)

/* One dedicated unit (M1). */
#define SI_UNIT_CPU_MILLICORES INT64_C(4000)
#define SI_UNIT_MEMORY_MIB INT64_C(8192)

#endif
