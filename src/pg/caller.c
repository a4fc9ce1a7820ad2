/*
 * caller.c: acting as the extension's owner on behalf of a caller.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "pg/caller.h"

/* Who owns the extension, by the owner of its tables; raises when it is not here. */
static Oid
extension_owner(void)
{
    Oid schema = get_namespace_oid("sparkingest", true);
    Oid relation = OidIsValid(schema) ? get_relname_relid("reservations", schema) : InvalidOid;
    HeapTuple tuple = OidIsValid(relation) ? SearchSysCache1(RELOID, ObjectIdGetDatum(relation)) : NULL;
    Oid owner;

    if (!HeapTupleIsValid(tuple))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("extension \"sparkingest\" does not exist"),
                        errhint("Run CREATE EXTENSION sparkingest in this database.")));
    owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

void
si_caller_enter(SiCaller *caller)
{
    OverrideSearchPath only_catalog = {NIL, true, false, 0};
    Oid owner = extension_owner();
    Oid current;

    GetUserIdAndSecContext(&current, &caller->save_context);
    caller->role = current;
    caller->name = GetUserNameFromId(current, false);
    /* Neither the caller's schemas nor temporary objects are looked at; an abort pops it. */
    PushOverrideSearchPath(&only_catalog);
    SetUserIdAndSecContext(owner, caller->save_context | SECURITY_LOCAL_USERID_CHANGE);
}

void
si_caller_leave(const SiCaller *caller)
{
    PopOverrideSearchPath();
    SetUserIdAndSecContext(caller->role, caller->save_context);
}

static bool
is_in(const SiCaller *caller, const char *group)
{
    Oid role = get_role_oid(group, true);

    return OidIsValid(role) && has_privs_of_role(caller->role, role);
}

bool
si_caller_is_operator(const SiCaller *caller)
{
    return superuser_arg(caller->role) || is_in(caller, "sparkingest_operator");
}

bool
si_caller_sees_all(const SiCaller *caller)
{
    return si_caller_is_operator(caller) || is_in(caller, "sparkingest_reader");
}

void
si_caller_require_operator(const SiCaller *caller, const char *function_name)
{
    if (!si_caller_is_operator(caller))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for function %s", function_name),
                        errhint("Only members of sparkingest_operator may call it.")));
}

void
si_caller_require_sight(const SiCaller *caller, const char *function_name)
{
    if (!si_caller_sees_all(caller))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for function %s", function_name),
                        errhint("Only members of sparkingest_operator or sparkingest_reader may call it.")));
}
