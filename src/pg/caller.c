/*
 * caller.c: acting as the extension's owner on behalf of a caller.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/rel.h"

#include "pg/caller.h"

/* Owner of the extension in this database; raises when it is not there. One row of a small catalog. */
static Oid
extension_owner(void)
{
    Relation relation = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    SysScanDesc scan;
    HeapTuple tuple;
    Oid owner = InvalidOid;

    ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("sparkingest"));
    scan = systable_beginscan(relation, ExtensionNameIndexId, true, NULL, 1, &key);
    tuple = systable_getnext(scan);
    if (HeapTupleIsValid(tuple))
        owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    if (!OidIsValid(owner))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("extension \"sparkingest\" does not exist"),
                        errhint("Run CREATE EXTENSION sparkingest in this database.")));
    return owner;
}

void
si_caller_enter(SiCaller *caller)
{
    Oid owner = extension_owner();
    Oid current;

    GetUserIdAndSecContext(&current, &caller->save_context);
    caller->role = current;
    caller->name = GetUserNameFromId(current, false);
    caller->guc_level = NewGUCNestLevel();
    (void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                             false);
    SetUserIdAndSecContext(owner, caller->save_context | SECURITY_LOCAL_USERID_CHANGE);
}

void
si_caller_leave(const SiCaller *caller)
{
    AtEOXact_GUC(false, caller->guc_level);
    SetUserIdAndSecContext(caller->role, caller->save_context);
}

bool
si_caller_is_operator(const SiCaller *caller)
{
    Oid operators;

    if (superuser_arg(caller->role))
        return true;
    operators = get_role_oid("sparkingest_operator", true);
    return OidIsValid(operators) && has_privs_of_role(caller->role, operators);
}

void
si_caller_require_operator(const SiCaller *caller, const char *function_name)
{
    if (!si_caller_is_operator(caller))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for function %s", function_name),
                        errhint("Only members of sparkingest_operator may call it.")));
}
