/*
 * explanation.c: rows of an explanation.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "flow/explanation.h"

void
si_explanation_add(List **rows, const SiBinding *row)
{
    SiBinding *copy = palloc(sizeof(SiBinding));

    *copy = *row;
    if (row->namespace_name != NULL)
        copy->namespace_name = pstrdup(row->namespace_name);
    *rows = lappend(*rows, copy);
}

char *
si_explanation_time(TimestampTz at)
{
    return pstrdup(timestamptz_to_str(at));
}
