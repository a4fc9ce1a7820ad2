/*
 * lines.c: bytes as they arrive, and the lines among them.
 */
#include "kube/lines.h"

#include <stdlib.h>
#include <string.h>

void
si_lines_init(SiLines *lines, size_t most)
{
    memset(lines, 0, sizeof(*lines));
    lines->most = most;
}

void
si_lines_free(SiLines *lines)
{
    free(lines->data);
    si_lines_init(lines, lines->most);
}

bool
si_lines_add(SiLines *lines, const char *bytes, size_t count)
{
    if (lines->taken > 0)
    {
        lines->length -= lines->taken;
        memmove(lines->data, lines->data + lines->taken, lines->length + 1);
        lines->taken = 0;
    }
    if (count > lines->most - lines->length)
        return false;
    if (lines->length + count + 1 > lines->size)
    {
        size_t size = lines->size ? lines->size : 4096;
        char *data;

        while (size < lines->length + count + 1)
            size *= 2;
        data = realloc(lines->data, size);
        if (data == NULL)
            return false;
        lines->data = data;
        lines->size = size;
    }
    memcpy(lines->data + lines->length, bytes, count);
    lines->length += count;
    lines->data[lines->length] = '\0';
    return true;
}

char *
si_lines_next(SiLines *lines)
{
    char *start;
    char *end;

    if (lines->data == NULL)
        return NULL;
    start = lines->data + lines->taken;
    end = memchr(start, '\n', lines->length - lines->taken);
    if (end == NULL)
        return NULL;
    *end = '\0';
    lines->taken = (size_t) (end - lines->data) + 1;
    return start;
}
