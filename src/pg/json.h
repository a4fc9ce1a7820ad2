/*
 * json.h: strict reading of jsonb arguments, and writing. Every reader raises 22023 naming the field as
 * "<path>.<key>", e.g. "source_config.port". Results are palloc'd in the current context.
 */
#ifndef SI_PG_JSON_H
#define SI_PG_JSON_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

/* Raises 22023 unless j is an object; and for the first key that is not in allowed (NULL-terminated). */
extern void si_json_check_keys(Jsonb *j, const char *path, const char *const *allowed);

/* Whether the key is there and not null. */
extern bool si_json_has(Jsonb *j, const char *key);

/* Whether the key is there, null or not. */
extern bool si_json_has_key(Jsonb *j, const char *key);

/* Text of a string value, NULL when absent or null; another type raises. Non-empty, at most max bytes, no control characters. */
extern char *si_json_text(Jsonb *j, const char *path, const char *key, int max);

/*
 * Strings of an array, or one string alone, each as si_json_text takes it; at least one and at most `most`. Returns how many; -1
 * when absent or null.
 */
extern int si_json_texts(Jsonb *j, const char *path, const char *key, int max, int most, char ***out);

/* As si_json_text, but absent raises "is required". */
extern char *si_json_required_text(Jsonb *j, const char *path, const char *key, int max);

/* A JSON number as decimal text, NULL when absent or null. Strings are refused. */
extern char *si_json_number(Jsonb *j, const char *path, const char *key);

/* A whole number in [min, max]; dflt when absent or null. 1.5 is refused, 1.0 is 1. */
extern int64 si_json_int(Jsonb *j, const char *path, const char *key, int64 min, int64 max, int64 dflt);

/* A number times multiplier as an exact whole number up to max (domain/quantity.h); -1 when absent or null. */
extern int64 si_json_quantity(Jsonb *j, const char *path, const char *key, int64 multiplier, bool round_up, bool allow_zero,
                              int64 max);

extern bool si_json_bool(Jsonb *j, const char *path, const char *key, bool dflt);

/* A sub-object, NULL when absent or null; another type raises. */
extern Jsonb *si_json_object(Jsonb *j, const char *path, const char *key);

/* One of a NULL-terminated list of words; dflt when absent or null. */
extern char *si_json_word(Jsonb *j, const char *path, const char *key, const char *const *words, const char *dflt);

/* The value at a key as Jsonb of any type, NULL when absent (a JSON null is returned as such). */
extern Jsonb *si_json_get(Jsonb *j, const char *key);

/* Appends "key": "text" (escaped), with a comma when buf does not end in '{' or '['; text NULL = null. */
extern void si_json_put_text(StringInfo buf, const char *key, const char *text);
/* Appends "key": raw, raw being JSON; NULL = null. */
extern void si_json_put_raw(StringInfo buf, const char *key, const char *raw);
/* Appends "key": value / divisor as an exact decimal (domain/quantity.h). */
extern void si_json_put_quantity(StringInfo buf, const char *key, int64 value, int64 divisor);

/* Parses JSON text made by us; raises on bad JSON. */
extern Jsonb *si_json_parse(const char *text);

#endif
