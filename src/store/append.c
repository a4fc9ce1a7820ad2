/*
 * append.c: adding a row without a statement. The executor's setting up of an INSERT, which also reads the text of every CHECK
 * constraint again, takes longer than adding the row to table and indexes.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"

#include "store/append.h"

/* Whether an INSERT would do nothing but what we do; keys: foreign keys that the caller vouches for. */
static bool
is_plain(Relation relation, int checks, int keys, const char *known_trigger)
{
    const TriggerDesc *triggers = relation->trigdesc;
    const TupleConstr *constraints = RelationGetDescr(relation)->constr;

    if (constraints == NULL || constraints->num_check != checks || relation->rd_rules != NULL ||
        relation->rd_rel->relkind != RELKIND_RELATION)
        return false;
    for (int i = 0; triggers && i < triggers->numtriggers; i++)
    {
        const Trigger *trigger = &triggers->triggers[i];

        if (!TRIGGER_FOR_INSERT(trigger->tgtype))
            continue;
        if (trigger->tgisinternal && trigger->tgfoid == F_RI_FKEY_CHECK_INS)
            keys--;
        else if (strcmp(trigger->tgname, known_trigger) != 0)
            return false;
    }
    return keys == 0;
}

static void
add_row(Relation relation, const Datum *values, const bool *nulls)
{
    int n = RelationGetNumberOfAttributes(relation);
    EState *estate = CreateExecutorState();
    ResultRelInfo *target = makeNode(ResultRelInfo);
    TupleTableSlot *slot = table_slot_create(relation, &estate->es_tupleTable);

    InitResultRelInfo(target, relation, 1, NULL, 0);
    ExecOpenIndices(target, false);
    memcpy(slot->tts_values, values, n * sizeof(Datum));
    memcpy(slot->tts_isnull, nulls, n * sizeof(bool));
    ExecStoreVirtualTuple(slot);
    simple_table_tuple_insert(relation, slot);
    if (ExecInsertIndexTuples(target, slot, estate, false, false, NULL, NIL) != NIL)
        elog(ERROR, "a constraint of \"%s\" is deferred", RelationGetRelationName(relation));
    ExecCloseIndices(target);
    ExecResetTupleTable(estate->es_tupleTable, false);
    FreeExecutorState(estate);
    CommandCounterIncrement();
}

static Relation
open_table(const char *table)
{
    PreventCommandIfReadOnly("INSERT");
    return table_open(get_relname_relid(table, get_namespace_oid("sparkingest", false)), RowExclusiveLock);
}

bool
si_append(const char *table, const Datum *values, const bool *nulls, int n, int checks, const char *known_trigger)
{
    Relation relation = open_table(table);
    bool plain = RelationGetNumberOfAttributes(relation) == n && is_plain(relation, checks, 0, known_trigger);

    if (plain)
        add_row(relation, values, nulls);
    table_close(relation, NoLock);
    return plain;
}

/* Brings values into the places of the table's columns; false when one of the others has to be something. */
static bool
arrange(TupleDesc desc, const SiColumn *columns, int n, Datum *values, bool *nulls)
{
    int given = 0;

    for (int i = 0; i < desc->natts; i++)
    {
        Form_pg_attribute attribute = TupleDescAttr(desc, i);

        values[i] = (Datum) 0;
        nulls[i] = true;
        if (given < n && strcmp(NameStr(attribute->attname), columns[given].name) == 0)
        {
            values[i] = columns[given].value;
            nulls[i] = columns[given].null;
            given++;
        }
        else if (attribute->attnotnull || attribute->atthasdef || attribute->attidentity)
            return false;
    }
    return given == n;
}

static const SiColumn *
column_named(const char *name, const SiColumn *columns, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(columns[i].name, name) == 0)
            return &columns[i];
    return NULL;
}

/* The partition of a table partitioned by ranges of one column that the row belongs to; InvalidOid when there is none. */
static Oid
partition_of(Relation parent, const SiColumn *columns, int n)
{
    PartitionKey key = RelationGetPartitionKey(parent);
    PartitionDesc partitions = RelationGetPartitionDesc(parent, false);
    PartitionBoundInfo bounds = partitions->boundinfo;
    const SiColumn *column;
    Datum value;
    bool equal;
    int index;

    if (key->strategy != PARTITION_STRATEGY_RANGE || key->partnatts != 1 || key->partattrs[0] == 0 || bounds == NULL)
        return InvalidOid;
    column = column_named(NameStr(TupleDescAttr(RelationGetDescr(parent), key->partattrs[0] - 1)->attname), columns, n);
    if (column == NULL || column->null)
        return InvalidOid;
    value = column->value;
    index = bounds->indexes[partition_range_datum_bsearch(key->partsupfunc, key->partcollation, bounds, 1, &value, &equal) + 1];
    if (index < 0)
        index = bounds->default_index;
    return index < 0 ? InvalidOid : partitions->oids[index];
}

static bool
append_to(Relation relation, const SiColumn *columns, int n, int checks, int keys, const char *known_trigger)
{
    TupleDesc desc = RelationGetDescr(relation);
    Datum *values = palloc(desc->natts * sizeof(Datum));
    bool *nulls = palloc(desc->natts * sizeof(bool));
    bool plain = is_plain(relation, checks, keys, known_trigger) && arrange(desc, columns, n, values, nulls);

    if (plain)
        add_row(relation, values, nulls);
    return plain;
}

bool
si_append_columns(const char *table, const SiColumn *columns, int n, int checks, int keys, const char *known_trigger)
{
    Relation relation = open_table(table);
    bool plain = false;

    if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
    {
        Oid leaf = partition_of(relation, columns, n);

        if (OidIsValid(leaf))
        {
            Relation partition = table_open(leaf, RowExclusiveLock);

            plain = append_to(partition, columns, n, checks, keys, known_trigger);
            table_close(partition, NoLock);
        }
    }
    else
        plain = append_to(relation, columns, n, checks, keys, known_trigger);
    table_close(relation, NoLock);
    return plain;
}
