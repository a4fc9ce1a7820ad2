/*
 * quantity.h: decimal text to exact whole numbers and back. No floating point: what is refused and what is stored does
 * not depend on rounding.
 */
#ifndef SI_DOMAIN_QUANTITY_H
#define SI_DOMAIN_QUANTITY_H

#include "domain/types.h"

typedef enum SiQtyResult
{
    SI_QTY_OK,
    SI_QTY_SYNTAX,
    SI_QTY_NAN,
    SI_QTY_INFINITE,
    SI_QTY_NEGATIVE,
    SI_QTY_ZERO,
    SI_QTY_FRACTION,
    SI_QTY_TOO_LARGE
} SiQtyResult;

/*
 * text: a decimal as numeric_out or a JSON number prints it, with or without exponent, or NaN, Infinity, -Infinity.
 * *out = text * multiplier (1 to 1,000,000,000) exactly. A remainder is SI_QTY_FRACTION, or rounds up when round_up.
 * Zero is SI_QTY_ZERO unless allow_zero; above max (0 to INT64_MAX) is SI_QTY_TOO_LARGE. *out is untouched on failure.
 */
SiQtyResult si_quantity_parse(const char *text, int64_t multiplier, bool round_up, bool allow_zero, int64_t max,
                              int64_t *out);

/* The end of a sentence that begins with the field: "must not be negative". SI_QTY_OK gives "is good". */
const char *si_quantity_problem(SiQtyResult result);

/* value / divisor (1 to 1,000,000,000) as a decimal of at most 10 places, trailing zeros trimmed. size at least 40. */
void si_quantity_print(int64_t value, int64_t divisor, char *buf, size_t size);

/* Dedicated units for a need: ceil(max(vcpu / 4, gb / 8)) (M1). Both at least 0. */
int64_t si_units_for(int64_t cpu_millicores, int64_t memory_mib);

#endif
