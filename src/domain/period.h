/*
 * period.h: periods of a purchase in the calendar of a time zone, and what a part of one is worth (M2).
 *
 * A calendar period begins where the zone's clock shows a whole hour, midnight, midnight of a first of the month, or of
 * 1 January. As the server reads local times: one that the clock leaps over is counted with the offset before the leap, one
 * that it shows twice is the second. So periods are longer or shorter where the clock is set, and a day that the zone left
 * out is none.
 */
#ifndef SI_DOMAIN_PERIOD_H
#define SI_DOMAIN_PERIOD_H

#include "domain/cron.h"

typedef enum SiPeriod
{
    SI_HOURLY,
    SI_DAILY,
    SI_MONTHLY,
    SI_YEARLY
} SiPeriod;

/* Beginning of the calendar period that holds an instant of the years 1 to 9999: at or before it. */
SiTime si_period_begin(SiPeriod period, const SiZone *zone, SiTime at);

/* Its end: after the instant. */
SiTime si_period_end(SiPeriod period, const SiZone *zone, SiTime at);

/* amount * part / whole, rounded down, exactly. amount at least 0, 0 <= part <= whole, whole above 0. */
int64_t si_prorate(int64_t amount, int64_t part, int64_t whole);

/*
 * The price of a part of a period as a decimal of six places, rounded half up once, at the end: quantity at a unit price in
 * millionths (below 10^18 in all), less a discount in millionths (0 to 1,000,000). 0 <= part <= whole, whole above 0 and at
 * most two years of microseconds. size at least 32.
 */
void si_price_print(int64_t unit_price, int64_t quantity, int64_t discount, int64_t part, int64_t whole, char *buf,
                    size_t size);

#endif
