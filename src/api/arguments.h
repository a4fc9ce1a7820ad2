/*
 * arguments.h: arguments of SQL functions. Every reader raises 22023 naming the argument when it is null or no good.
 */
#ifndef SI_API_ARGUMENTS_H
#define SI_API_ARGUMENTS_H

#include "fmgr.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

extern pg_uuid_t *si_arg_uuid(FunctionCallInfo fcinfo, int n, const char *name);
extern pg_uuid_t *si_arg_uuid_or_null(FunctionCallInfo fcinfo, int n);

/* palloc'd. */
extern char *si_arg_text(FunctionCallInfo fcinfo, int n, const char *name);
extern char *si_arg_text_or_null(FunctionCallInfo fcinfo, int n);

extern Jsonb *si_arg_jsonb(FunctionCallInfo fcinfo, int n, const char *name);
extern Jsonb *si_arg_jsonb_or_null(FunctionCallInfo fcinfo, int n);

/* Finite, and within a hundred years of now. */
extern TimestampTz si_arg_time(FunctionCallInfo fcinfo, int n, const char *name);
/* SI_NO_TIME when null. */
extern TimestampTz si_arg_time_or_none(FunctionCallInfo fcinfo, int n, const char *name);

/* A numeric times multiplier as an exact whole number, above 0 (from 0 when allow_zero) and at most max. */
extern int64 si_arg_quantity(FunctionCallInfo fcinfo, int n, const char *name, int64 multiplier, bool allow_zero, int64 max);

/* Microseconds; a day counts 24 hours, months are refused. Above 0 (from 0 when allow_zero) and at most max. */
extern int64 si_arg_duration(FunctionCallInfo fcinfo, int n, const char *name, bool allow_zero, int64 max);

/* Bounded, not empty; half open as given by the inclusive lower and exclusive upper bound. */
extern void si_arg_range(FunctionCallInfo fcinfo, int n, const char *name, TimestampTz *from, TimestampTz *until);

#endif
