/*
 * discounts.c: rows of discounts.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "pg/quantities.h"
#include "store/discounts.h"
#include "store/sql.h"

#define MILLION 1000000

int64
si_discount_for(const char *resource_type, const char *time_period, int32 quantity)
{
    static SiStatement find = {"SELECT (share * 1000000)::bigint FROM sparkingest.discounts WHERE resource_type = $1 AND time_period = $2 "
                               "AND from_quantity <= $3 ORDER BY from_quantity DESC LIMIT 1",
                               3,
                               {TEXTOID, TEXTOID, INT4OID}};
    Datum values[] = {si_text_datum(resource_type), si_text_datum(time_period), Int32GetDatum(quantity)};
    int64 share;

    si_sql_open();
    share = si_sql_run(&find, values, NULL) > 0 ? si_sql_int8(0, 1) : 0;
    si_sql_close();
    return share;
}

int64
si_discount_put(const SiDiscount *discount)
{
    static SiStatement find = {"SELECT (share * 1000000)::bigint FROM sparkingest.discounts WHERE resource_type = $1 AND time_period = $2 "
                               "AND from_quantity = $3 FOR UPDATE",
                               3,
                               {TEXTOID, TEXTOID, INT4OID}};
    static SiStatement put = {"INSERT INTO sparkingest.discounts (resource_type, time_period, from_quantity, share) "
                              "VALUES ($1, $2, $3, $4::numeric) "
                              "ON CONFLICT (resource_type, time_period, from_quantity) DO UPDATE SET share = EXCLUDED.share",
                              4,
                              {TEXTOID, TEXTOID, INT4OID, TEXTOID}};
    static SiStatement delete = {"DELETE FROM sparkingest.discounts WHERE resource_type = $1 AND time_period = $2 AND from_quantity = $3",
                                 3,
                                 {TEXTOID, TEXTOID, INT4OID}};
    Datum values[4] = {si_text_datum(discount->resource_type), si_text_datum(discount->time_period),
                       Int32GetDatum(discount->from_quantity)};
    int64 before;

    si_sql_open();
    before = si_sql_run(&find, values, NULL) > 0 ? si_sql_int8(0, 1) : -1;
    if (discount->share >= 0)
        values[3] = si_text_datum(si_quantity_text(discount->share, MILLION));
    si_sql_run(discount->share >= 0 ? &put : &delete, values, NULL);
    si_sql_close();
    return before;
}
