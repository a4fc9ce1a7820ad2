/*
 * document.h: JSON that came from outside, read without trust: what is not JSON, or not of the wanted type, is absent.
 */
#ifndef SI_KUBE_DOCUMENT_H
#define SI_KUBE_DOCUMENT_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

/*
 * Parses an object; NULL when the text is not a JSON object, or one that jsonb cannot hold (half a surrogate pair, a number
 * out of range, too deep, a character that the server's encoding lacks). Raises nothing but out of memory.
 */
extern Jsonb *si_document_parse(const char *text, size_t length);

/* A member by a path of keys ("status.applicationState.state"); NULL when absent or not of that type. palloc'd. */
extern char *si_document_text(Jsonb *document, const char *path);
extern Jsonb *si_document_object(Jsonb *document, const char *path); /* object or array */

/* A whole number; false when absent. */
extern bool si_document_int(Jsonb *document, const char *path, int64 *out);

/* A member of an object whose key may hold dots (labels). */
extern char *si_document_label(Jsonb *object, const char *key);

/* Elements of an array. */
extern int si_document_count(Jsonb *array);
extern Jsonb *si_document_element(Jsonb *array, int index);

/* An RFC 3339 time, as Kubernetes writes it; SI_NO_TIME's value PG_INT64_MAX when absent or malformed. */
extern TimestampTz si_document_time(Jsonb *document, const char *path);

#endif
