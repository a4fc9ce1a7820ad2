/*
 * rows.c: rows that triggers see.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "store/rows.h"

/* Columns are found by name: an upgrade may have added some. */
static Datum
column(HeapTuple row, TupleDesc desc, const char *name, bool *isnull)
{
    for (int i = 0; i < desc->natts; i++)
    {
        Form_pg_attribute attribute = TupleDescAttr(desc, i);

        if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), name) == 0)
            return heap_getattr(row, i + 1, desc, isnull);
    }
    elog(ERROR, "a row has no column \"%s\"", name);
}

static Datum
value(HeapTuple row, TupleDesc desc, const char *name)
{
    bool isnull;
    Datum datum = column(row, desc, name, &isnull);

    if (isnull)
        elog(ERROR, "column \"%s\" is null", name);
    return datum;
}

static char *
text_of(HeapTuple row, TupleDesc desc, const char *name)
{
    return TextDatumGetCString(value(row, desc, name));
}

const pg_uuid_t *
si_reservation_id_of_row(HeapTuple row, TupleDesc desc)
{
    return DatumGetUUIDP(value(row, desc, "reservation_id"));
}

void
si_reservation_from_row(HeapTuple row, TupleDesc desc, SiReservation *out)
{
    memset(out, 0, sizeof(*out));
    out->reservation_id = *DatumGetUUIDP(value(row, desc, "reservation_id"));
    out->pool_id = DatumGetInt32(value(row, desc, "pool_id"));
    strlcpy(out->namespace_name, text_of(row, desc, "namespace"), sizeof(out->namespace_name));
    out->tenant_id = *DatumGetUUIDP(value(row, desc, "tenant_id"));
    out->cpu_millicores = DatumGetInt64(value(row, desc, "cpu_millicores"));
    out->memory_mib = DatumGetInt64(value(row, desc, "memory_mib"));
    out->starts_at = DatumGetTimestampTz(value(row, desc, "starts_at"));
    out->ends_at = DatumGetTimestampTz(value(row, desc, "ends_at"));
    out->active = strcmp(text_of(row, desc, "status"), "active") == 0;
    out->borrowed = DatumGetBool(value(row, desc, "borrowed"));
    out->draft_fallback = DatumGetBool(value(row, desc, "draft_fallback"));
    out->limited = DatumGetBool(value(row, desc, "limited"));
}

void
si_held_limit_from_row(HeapTuple row, TupleDesc desc, SiHeldLimit *out)
{
    memset(out, 0, sizeof(*out));
    out->reservation_id = *DatumGetUUIDP(value(row, desc, "reservation_id"));
    out->limit_id = *DatumGetUUIDP(value(row, desc, "limit_id"));
    out->tenant_id = *DatumGetUUIDP(value(row, desc, "tenant_id"));
    out->quantity = DatumGetInt32(value(row, desc, "quantity"));
    out->starts_at = DatumGetTimestampTz(value(row, desc, "starts_at"));
    out->ends_at = DatumGetTimestampTz(value(row, desc, "ends_at"));
}

void
si_limit_from_row(HeapTuple row, TupleDesc desc, SiLimit *out)
{
    memset(out, 0, sizeof(*out));
    out->limit_id = *DatumGetUUIDP(value(row, desc, "limit_id"));
    out->quantity = DatumGetInt32(value(row, desc, "quantity"));
}

void
si_grant_from_row(HeapTuple row, TupleDesc desc, SiGrantRow *out)
{
    memset(out, 0, sizeof(*out));
    out->tenant_id = *DatumGetUUIDP(value(row, desc, "tenant_id"));
    out->has_account = strcmp(text_of(row, desc, "resource_type"), "vcpu_hours") == 0;
    if (out->has_account)
    {
        out->account_no = DatumGetInt32(value(row, desc, "account_no"));
        out->granted = DatumGetInt64(value(row, desc, "granted"));
        out->used = DatumGetInt64(value(row, desc, "held")) + DatumGetInt64(value(row, desc, "spent"));
        return;
    }
    strlcpy(out->namespace_name, text_of(row, desc, "namespace"), sizeof(out->namespace_name));
    out->starts_at = DatumGetTimestampTz(value(row, desc, "starts_at"));
    out->ends_at = DatumGetTimestampTz(value(row, desc, "ends_at"));
    out->cpu_millicores = DatumGetInt64(value(row, desc, "cpu_millicores"));
    out->memory_mib = DatumGetInt64(value(row, desc, "memory_mib"));
    out->lending_limit = DatumGetInt32(value(row, desc, "lending_limit"));
}

void
si_entry_from_row(HeapTuple row, TupleDesc desc, SiEntryRow *out)
{
    char *entry_type = text_of(row, desc, "entry_type");
    int64 amount = DatumGetInt64(value(row, desc, "amount"));
    bool unsealed;

    (void) column(row, desc, "chain_no", &unsealed);
    out->entry_id = DatumGetInt64(value(row, desc, "entry_id"));
    out->grant_id = *DatumGetUUIDP(value(row, desc, "grant_id"));
    out->used = 0;
    if (unsealed && strcmp(entry_type, "hold") == 0)
        out->used = amount;
    else if (unsealed && strcmp(entry_type, "release") == 0)
        out->used = -amount;
}

char *
si_override_from_row(HeapTuple row, TupleDesc desc, TimestampTz *from, TimestampTz *until)
{
    RangeType *range = DatumGetRangeTypeP(value(row, desc, "during"));
    RangeBound lower;
    RangeBound upper;
    bool empty;

    range_deserialize(lookup_type_cache(RangeTypeGetOid(range), TYPECACHE_RANGE_INFO), range, &lower, &upper, &empty);
    *from = lower.infinite ? DT_NOBEGIN : DatumGetTimestampTz(lower.val);
    *until = upper.infinite ? DT_NOEND : DatumGetTimestampTz(upper.val);
    return text_of(row, desc, "namespace");
}

char *
si_row_json(HeapTuple row, TupleDesc desc)
{
    if (row == NULL)
        return NULL;
    return text_to_cstring(DatumGetTextPP(DirectFunctionCall1(row_to_json, heap_copy_tuple_as_datum(row, desc))));
}

bool
si_row_tenant(HeapTuple row, TupleDesc desc, pg_uuid_t *tenant_id)
{
    int column = SPI_fnumber(desc, "tenant_id");
    bool null;
    Datum value;

    if (column <= 0)
        return false;
    value = SPI_getbinval(row, desc, column, &null);
    if (!null)
        *tenant_id = *DatumGetUUIDP(value);
    return !null;
}

bool
si_ending_from_row(HeapTuple row, TupleDesc desc, const char *time_column, pg_uuid_t *tenant_id, TimestampTz *at)
{
    bool isnull;
    Datum ended = column(row, desc, time_column, &isnull);

    if (isnull)
        return false;
    *at = DatumGetTimestampTz(ended);
    *tenant_id = *DatumGetUUIDP(value(row, desc, "tenant_id"));
    return true;
}
