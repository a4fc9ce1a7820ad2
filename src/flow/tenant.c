/*
 * tenant.c: tenants and who acts for them.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "flow/idempotency.h"
#include "flow/tenant.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/wake.h"
#include "pg/zone.h"
#include "store/events.h"
#include "store/jobs.h"
#include "store/sql.h"
#include "store/tenants.h"

#define MAX_NAME 200
#define FUNCTION "create_tenant"

static const pg_uuid_t nobody = {{0}}; /* scope of keys that belong to no tenant */

static void
check_name(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || pg_mbstrlen(name) > MAX_NAME)
        si_bad_value("tenant_name", (char *) NULL, psprintf("must have 1 to %d characters", MAX_NAME));
    for (const unsigned char *c = (const unsigned char *) name; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            si_bad_value("tenant_name", (char *) NULL, "must not contain control characters");
    if (name[0] == ' ' || name[length - 1] == ' ')
        si_bad_value("tenant_name", name, "must not begin or end with a space");
}

/* One member per value, as JSON. */
static char *
object(const char *key, const char *value, const char *other_key, const char *other_value)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_text(&buf, key, value);
    if (other_key != NULL)
        si_json_put_text(&buf, other_key, other_value);
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

pg_uuid_t
si_tenant_create(const SiCaller *caller, const char *tenant_name, const char *time_zone, const char *key, TimestampTz now)
{
    SiZone zone;
    SiTenant tenant = {0};
    char *body;

    check_name(tenant_name);
    tenant.tenant_name = pstrdup(tenant_name);
    tenant.time_zone = pstrdup(si_zone_require("time_zone", time_zone, &zone));
    body = object("tenant_name", tenant_name, "time_zone", tenant.time_zone);
    if (si_idempotency_known_uuid(&nobody, FUNCTION, key, body, &tenant.tenant_id))
        return tenant.tenant_id;
    tenant.tenant_id = si_uuid_new();
    si_tenant_insert(&tenant, now);
    si_idempotency_keep_uuid(&nobody, FUNCTION, key, body, &tenant.tenant_id);
    si_event("tenant.created", &tenant.tenant_id, NULL, NULL, caller->name, NULL, NULL, body);
    return tenant.tenant_id;
}

void
si_tenant_change_status(const SiCaller *caller, const pg_uuid_t *tenant_id, const char *status, TimestampTz now)
{
    SiTenant tenant;

    if (strcmp(status, "active") != 0 && strcmp(status, "suspended") != 0 && strcmp(status, "closed") != 0)
        si_bad_value("status", status, "must be active, suspended or closed");
    if (!si_tenant_load(tenant_id, &tenant))
        elog(ERROR, "tenant \"%s\" is missing", si_uuid_text(tenant_id));
    if (strcmp(tenant.status, status) == 0)
        return;
    if (strcmp(tenant.status, "closed") == 0)
        ereport(ERROR, (errcode(ERRCODE_SI_STATE), errmsg("tenant \"%s\" was closed", si_uuid_text(tenant_id)),
                        errhint("Closing is for good: create a new tenant.")));
    si_tenant_set_status(tenant_id, status);
    si_waiting_changed();
    if (strcmp(status, "active") == 0)
    {
        si_jobs_rejoin_plan(tenant_id, now);
        si_wake_planner_at_commit();
    }
    si_event("tenant.status", tenant_id, NULL, NULL, caller->name, NULL, object("status", tenant.status, NULL, NULL),
             object("status", status, NULL, NULL));
}

void
si_tenant_let(const SiCaller *caller, const pg_uuid_t *tenant_id, Oid role, bool allowed)
{
    char *name = SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)) ? GetUserNameFromId(role, false) : NULL;
    char *text = object("role", name ? name : psprintf("%u", role), NULL, NULL);
    bool changed;

    if (allowed && name == NULL)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("role with OID %u does not exist", role)));
    changed = allowed ? si_tenant_role_insert(tenant_id, role) : si_tenant_role_delete(tenant_id, role);
    if (allowed && !is_member_of_role(role, get_role_oid("sparkingest_tenant", false)))
        ereport(NOTICE, (errmsg("role \"%s\" is not a member of sparkingest_tenant, which it needs to call anything", name),
                         errhint("GRANT sparkingest_tenant TO %s;", quote_identifier(name))));
    if (changed)
        si_event(allowed ? "tenant.granted" : "tenant.revoked", tenant_id, NULL, NULL, caller->name, NULL,
                 allowed ? NULL : text, allowed ? text : NULL);
}

int
si_tenant_forget_roles(const char *actor)
{
    SiTenantRole *gone;
    int n = si_tenant_roles_remove_dropped(&gone);

    for (int i = 0; i < n; i++)
        si_event("tenant.revoked", &gone[i].tenant_id, NULL, NULL, actor, "the role was dropped",
                 object("role", psprintf("%u", gone[i].role), NULL, NULL), NULL);
    return n;
}
