/*
 * times.h: instants as JSON.
 */
#ifndef SI_PG_TIMES_H
#define SI_PG_TIMES_H

#include "datatype/timestamp.h"

/* A quoted ISO 8601 instant in UTC for si_json_put_raw (pg/json.h), palloc'd; NULL for PG_INT64_MAX, "no time". */
extern char *si_time_json(TimestampTz at);

#endif
