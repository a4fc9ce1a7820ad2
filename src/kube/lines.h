/*
 * lines.h: bytes as they arrive, and the lines of a watch among them. Plain malloc: it is filled inside curl callbacks,
 * where nothing may throw.
 */
#ifndef SI_KUBE_LINES_H
#define SI_KUBE_LINES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct SiLines
{
    char *data; /* NUL after the last byte; NULL while nothing came */
    size_t length;
    size_t taken; /* bytes before this were handed out as lines */
    size_t size;
    size_t most; /* more than this is refused */
} SiLines;

/* most: bytes that may be held at a time. */
extern void si_lines_init(SiLines *lines, size_t most);
extern void si_lines_free(SiLines *lines);

/* False when there would be more than `most`, or no memory; nothing is added then. */
extern bool si_lines_add(SiLines *lines, const char *bytes, size_t count);

/* The next whole line without its end, NUL-terminated, valid until the next call; NULL while there is none. */
extern char *si_lines_next(SiLines *lines);

#endif
