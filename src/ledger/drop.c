/*
 * drop.c: what was dropped leaves memory when the transaction commits: a database, or the extension in this one.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"

#include "ledger/drop.h"
#include "ledger/transaction.h"
#include "pg/errors.h"

static object_access_hook_type previous_access_hook = NULL;

/* sparkingest.reservations tells a ledger apart (memory.h). */
static bool
is_ours(Oid relation)
{
    char *name = get_rel_name(relation);

    return name && strcmp(name, "reservations") == 0 && get_rel_namespace(relation) == get_namespace_oid("sparkingest", true);
}

static void
on_access(ObjectAccessType access, Oid class, Oid object, int sub, void *argument)
{
    if (previous_access_hook)
        previous_access_hook(access, class, object, sub, argument);
    if (access != OAT_DROP || sub != 0)
        return;
    if (class == DatabaseRelationId)
        si_transaction_evict_at_commit(object, InvalidOid, false);
    else if (class == RelationRelationId && is_ours(object))
    {
        /* Whoever else took anything from it has ended: it held a lock on the table. */
        if (si_transaction_is_open())
            ereport(ERROR, (errcode(ERRCODE_SI_STATE),
                            errmsg("the ledger cannot be dropped in a transaction that reserved or released capacity"),
                            errhint("Commit first.")));
        si_transaction_evict_at_commit(MyDatabaseId, object, false);
    }
}

void
si_ledger_drop_init(void)
{
    previous_access_hook = object_access_hook;
    object_access_hook = on_access;
}
