/*
 * restore.c: rows that are restored over others.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/xid8.h"

#include "store/restore.h"
#include "store/sql.h"

/* UPDATE ... SET (a, b) = ROW(($1).a, ($1).b) WHERE a = ($1).a, with the row as the one argument. */
static char *
update_of(Relation relation)
{
    TupleDesc desc = RelationGetDescr(relation);
    const char *key = quote_identifier(NameStr(TupleDescAttr(desc, 0)->attname));
    StringInfoData names;
    StringInfoData values;

    initStringInfo(&names);
    initStringInfo(&values);
    for (int i = 0; i < desc->natts; i++)
    {
        const char *name = quote_identifier(NameStr(TupleDescAttr(desc, i)->attname));

        if (TupleDescAttr(desc, i)->attisdropped)
            continue;
        appendStringInfo(&names, "%s%s", names.len ? ", " : "", name);
        appendStringInfo(&values, "%s($1).%s", values.len ? ", " : "", name);
    }
    return psprintf("UPDATE %s.%s SET (%s) = ROW(%s) WHERE %s = ($1).%s",
                    quote_identifier(get_namespace_name(RelationGetNamespace(relation))),
                    quote_identifier(RelationGetRelationName(relation)), names.data, values.data, key, key);
}

bool
si_restore_over(Relation relation, HeapTuple row)
{
    Oid type = RelationGetForm(relation)->reltype;
    Datum value = heap_copy_tuple_as_datum(row, RelationGetDescr(relation));
    bool found;

    si_sql_open();
    if (SPI_execute_with_args(update_of(relation), 1, &type, &value, NULL, false, 0) != SPI_OK_UPDATE)
        elog(ERROR, "could not restore a row of \"%s\"", RelationGetRelationName(relation));
    found = SPI_processed > 0;
    si_sql_close();
    return found;
}

HeapTuple
si_restore_owner(Relation relation, HeapTuple row)
{
    TupleDesc desc = RelationGetDescr(relation);
    char *name = SPI_getvalue(row, desc, SPI_fnumber(desc, "owner_name"));
    int column = SPI_fnumber(desc, "owner_oid");
    Datum owner = ObjectIdGetDatum(name ? get_role_oid(name, true) : InvalidOid);
    bool null = false;

    return heap_modify_tuple_by_cols(row, desc, 1, &column, &owner, &null);
}

HeapTuple
si_restore_event(Relation relation, HeapTuple row)
{
    TupleDesc desc = RelationGetDescr(relation);
    int column = SPI_fnumber(desc, "xact");
    Datum xact = FullTransactionIdGetDatum(GetTopFullTransactionId());
    bool null = false;

    return heap_modify_tuple_by_cols(row, desc, 1, &column, &xact, &null);
}

HeapTuple
si_restore_fenced(Relation relation, HeapTuple row)
{
    TupleDesc desc = RelationGetDescr(relation);
    int columns[] = {SPI_fnumber(desc, "dispatch"), SPI_fnumber(desc, "dispatch_reason")};
    bool nulls[] = {false, false};
    char *dispatch = columns[0] > 0 ? SPI_getvalue(row, desc, columns[0]) : NULL;
    Datum values[2];

    if (dispatch == NULL || strcmp(dispatch, "enabled") != 0)
        return row;
    values[0] = si_text_datum("fenced");
    values[1] = si_text_datum("restored from a dump: see to it that no other server posts there");
    return heap_modify_tuple_by_cols(row, desc, lengthof(columns), columns, values, nulls);
}
