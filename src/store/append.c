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
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "store/append.h"

/* Whether an INSERT would do nothing but what we do. */
static bool
is_plain(Relation relation, int n, int checks, const char *known_trigger)
{
    const TriggerDesc *triggers = relation->trigdesc;
    const TupleConstr *constraints = RelationGetDescr(relation)->constr;

    if (RelationGetNumberOfAttributes(relation) != n || constraints == NULL || constraints->num_check != checks ||
        relation->rd_rules != NULL || relation->rd_rel->relkind != RELKIND_RELATION)
        return false;
    for (int i = 0; triggers && i < triggers->numtriggers; i++)
        if (TRIGGER_FOR_INSERT(triggers->triggers[i].tgtype) && strcmp(triggers->triggers[i].tgname, known_trigger) != 0)
            return false;
    return true;
}

bool
si_append(const char *table, const Datum *values, const bool *nulls, int n, int checks, const char *known_trigger)
{
    Relation relation;
    bool plain;

    PreventCommandIfReadOnly("INSERT");
    relation = table_open(get_relname_relid(table, get_namespace_oid("sparkingest", false)), RowExclusiveLock);
    plain = is_plain(relation, n, checks, known_trigger);

    if (plain)
    {
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
            elog(ERROR, "a constraint of \"%s\" is deferred", table);
        ExecCloseIndices(target);
        ExecResetTupleTable(estate->es_tupleTable, false);
        FreeExecutorState(estate);
        CommandCounterIncrement();
    }
    table_close(relation, NoLock);
    return plain;
}
