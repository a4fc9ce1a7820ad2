/*
 * quantity.c: decimal text to exact whole numbers and back.
 */
#include "domain/quantity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_DIGITS 100

/* Digits of a decimal without point: value = 0.d1d2d3... * 10^point. */
typedef struct Decimal
{
    int n;
    int point;
    bool tail; /* non-zero digits beyond MAX_DIGITS */
    unsigned char digit[MAX_DIGITS];
} Decimal;

/* Reads digits and a point; leading zeros are dropped. Returns the rest of the text, NULL when there is no digit. */
static const char *
read_digits(const char *text, Decimal *d)
{
    bool seen = false;
    bool fraction = false;

    memset(d, 0, sizeof(*d));
    for (; (*text >= '0' && *text <= '9') || (*text == '.' && !fraction); text++)
    {
        if (*text == '.')
        {
            fraction = true;
            continue;
        }
        seen = true;
        if (d->n == 0 && *text == '0')
        {
            d->point -= fraction;
            continue;
        }
        if (d->n < MAX_DIGITS)
            d->digit[d->n++] = (unsigned char) (*text - '0');
        else
            d->tail |= *text != '0';
        d->point += !fraction;
    }
    return seen ? text : NULL;
}

/* Reads an optional exponent, clamped to a range that decides every answer. */
static const char *
read_exponent(const char *text, int *exponent)
{
    bool negative;

    *exponent = 0;
    if (*text != 'e' && *text != 'E')
        return text;
    text++;
    negative = *text == '-';
    if (*text == '-' || *text == '+')
        text++;
    if (*text < '0' || *text > '9')
        return NULL;
    for (; *text >= '0' && *text <= '9'; text++)
        if (*exponent < 100000)
            *exponent = *exponent * 10 + (*text - '0');
    if (negative)
        *exponent = -*exponent;
    return text;
}

/* Whole part of d * multiplier and whether something is left. Long multiplication from the most significant digit. */
static SiQtyResult
scale(const Decimal *d, int exponent, int64_t multiplier, int64_t *whole, bool *rest)
{
    int point = d->point + exponent; /* digits before the point */
    int64_t value = 0;
    int64_t fraction = 0; /* fraction digits times multiplier, carried down digit by digit */
    int last;

    *rest = d->tail;
    if (d->n == 0)
    {
        *whole = 0;
        return SI_QTY_OK;
    }
    if (point > 19)
        return SI_QTY_TOO_LARGE;
    for (int i = 0; i < point; i++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, i < d->n ? d->digit[i] : 0, &value))
            return SI_QTY_TOO_LARGE;
    if (__builtin_mul_overflow(value, multiplier, whole))
        return SI_QTY_TOO_LARGE;

    /* Fraction digits from the last to the first: f = (digit * multiplier + f) / 10; what falls off is the rest. */
    last = d->n - 1;
    for (int i = last; i >= (point > 0 ? point : 0); i--)
    {
        fraction += d->digit[i] * multiplier;
        *rest |= fraction % 10 != 0;
        fraction /= 10;
    }
    for (int i = point; i < 0 && fraction != 0; i++)
    {
        *rest |= fraction % 10 != 0;
        fraction /= 10;
    }
    if (__builtin_add_overflow(*whole, fraction, whole))
        return SI_QTY_TOO_LARGE;
    return SI_QTY_OK;
}

SiQtyResult
si_quantity_parse(const char *text, int64_t multiplier, bool round_up, bool allow_zero, int64_t max, int64_t *out)
{
    Decimal d;
    SiQtyResult result;
    const char *rest_of_text;
    int64_t whole;
    int exponent;
    bool negative = *text == '-';
    bool rest;

    if (*text == '-' || *text == '+')
        text++;
    if (strcasecmp(text, "nan") == 0)
        return SI_QTY_NAN;
    if (strcasecmp(text, "infinity") == 0 || strcasecmp(text, "inf") == 0)
        return SI_QTY_INFINITE;
    rest_of_text = read_digits(text, &d);
    if (rest_of_text != NULL)
        rest_of_text = read_exponent(rest_of_text, &exponent);
    if (rest_of_text == NULL || *rest_of_text != '\0')
        return SI_QTY_SYNTAX;
    if (d.n == 0)
        negative = false; /* -0 is zero */
    if (negative)
        return SI_QTY_NEGATIVE;
    result = scale(&d, exponent, multiplier, &whole, &rest);
    if (result != SI_QTY_OK)
        return result;
    if (rest && !round_up)
        return SI_QTY_FRACTION;
    if (rest && __builtin_add_overflow(whole, 1, &whole))
        return SI_QTY_TOO_LARGE;
    if (whole == 0 && !allow_zero)
        return SI_QTY_ZERO;
    if (whole > max)
        return SI_QTY_TOO_LARGE;
    *out = whole;
    return SI_QTY_OK;
}

const char *
si_quantity_problem(SiQtyResult result)
{
    static const char *const words[] = {
        [SI_QTY_OK] = "is good",
        [SI_QTY_SYNTAX] = "must be a decimal number",
        [SI_QTY_NAN] = "must not be NaN",
        [SI_QTY_INFINITE] = "must not be infinite",
        [SI_QTY_NEGATIVE] = "must not be negative",
        [SI_QTY_ZERO] = "must be greater than zero",
        [SI_QTY_FRACTION] = "has too many decimal places",
        [SI_QTY_TOO_LARGE] = "is too large",
    };

    return words[result];
}

void
si_quantity_print(int64_t value, int64_t divisor, char *buf, size_t size)
{
    /* Unsigned magnitude, so that INT64_MIN prints too. */
    uint64_t magnitude = value < 0 ? -(uint64_t) value : (uint64_t) value;
    uint64_t rest = magnitude % (uint64_t) divisor;
    int length;

    length = snprintf(buf, size, "%s%" PRIu64, value < 0 ? "-" : "", magnitude / (uint64_t) divisor);
    if (rest == 0)
        return;
    buf[length++] = '.';
    for (int places = 0; rest != 0 && places < 10 && (size_t) length + 1 < size; places++)
    {
        rest *= 10;
        buf[length++] = (char) ('0' + rest / (uint64_t) divisor);
        rest %= (uint64_t) divisor;
    }
    /* Where the places ran out. */
    while (buf[length - 1] == '0')
        length--;
    buf[length] = '\0';
}

int64_t
si_units_for(int64_t cpu_millicores, int64_t memory_mib)
{
    int64_t by_cpu = cpu_millicores / SI_UNIT_CPU_MILLICORES + (cpu_millicores % SI_UNIT_CPU_MILLICORES != 0);
    int64_t by_memory = memory_mib / SI_UNIT_MEMORY_MIB + (memory_mib % SI_UNIT_MEMORY_MIB != 0);

    return by_cpu > by_memory ? by_cpu : by_memory;
}
