/*
 * quantities.c: quantities as text for messages.
 */
#include "postgres.h"

#include "utils/fmgrprotos.h"

#include "domain/quantity.h"
#include "domain/types.h"
#include "pg/quantities.h"

char *
si_quantity_text(int64 value, int64 divisor)
{
    char text[64];

    si_quantity_print(value, divisor, text, sizeof(text));
    return pstrdup(text);
}

Datum
si_quantity_numeric(int64 value, int64 divisor)
{
    return DirectFunctionCall3(numeric_in, CStringGetDatum(si_quantity_text(value, divisor)), ObjectIdGetDatum(InvalidOid),
                               Int32GetDatum(-1));
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

int64
si_hours_whole(int64 millicore_seconds)
{
    return millicore_seconds / SI_MILLICORE_SECONDS_PER_HOUR + (millicore_seconds % SI_MILLICORE_SECONDS_PER_HOUR != 0);
}
