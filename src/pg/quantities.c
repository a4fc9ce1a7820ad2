/*
 * quantities.c: quantities as text for messages.
 */
#include "postgres.h"

#include "domain/quantity.h"
#include "pg/quantities.h"

char *
si_quantity_text(int64 value, int64 divisor)
{
    char text[64];

    si_quantity_print(value, divisor, text, sizeof(text));
    return pstrdup(text);
}

int64
si_hours_millionths(int64 millicore_seconds)
{
    /* An hour has 3,600,000 of them: ten of 36 are a millionth. */
    return millicore_seconds / 36 * 10 + (millicore_seconds % 36 * 10 + 35) / 36;
}

char *
si_hours_text(int64 millicore_seconds)
{
    return si_quantity_text(si_hours_millionths(millicore_seconds), 1000000);
}
