/*
 * named_limits.c: limits of things that jobs share.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "domain/names.h"
#include "flow/named_limits.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/lock.h"
#include "pg/quantities.h"
#include "store/events.h"
#include "store/sql.h"

#define MOST_OF_NEED 16
#define MOST_OF_TENANT 20

/* What a name means to a tenant. */
static bool
find(const char *name, const pg_uuid_t *tenant_id, SiLimit *out)
{
    return si_limit_find(NULL, name, out) || (tenant_id && si_limit_find(tenant_id, name, out));
}

/* Fills a need from what is stated; `path` NULL = it is not judged. */
static void
read_needs(Jsonb *limits, const char *path, const pg_uuid_t *tenant_id, SiNeed *need)
{
    JsonbIterator *iterator;
    JsonbIteratorToken token;
    JsonbValue value;
    SiLimitNeed *needs = palloc0(sizeof(SiLimitNeed) * MOST_OF_NEED);

    iterator = JsonbIteratorInit(&limits->root);
    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
    {
        SiLimitNeed *one = &needs[need->n_limits];
        SiLimit limit;

        if (token != WJB_KEY)
            continue;
        if (need->n_limits == MOST_OF_NEED)
            si_bad_value(path, (char *) NULL, psprintf("must name at most %d limits", MOST_OF_NEED));
        one->limit_name = pnstrdup(value.val.string.val, value.val.string.len);
        one->quantity = si_json_int(limits, path, one->limit_name, 1, SI_MAX_LIMIT, 0);
        one->total = -1;
        if (find(one->limit_name, tenant_id, &limit))
        {
            one->limit_id = limit.limit_id;
            one->total = limit.quantity;
        }
        need->n_limits++;
    }
    need->limits = needs;
}

void
si_needs_check(Jsonb *limits, const char *path, const pg_uuid_t *tenant_id, SiNeed *need)
{
    if (limits == NULL)
        return;
    if (!JB_ROOT_IS_OBJECT(limits))
        si_bad_value(path, (char *) NULL, "must be an object such as {\"orders-db\": 2}");
    read_needs(limits, path, tenant_id, need);
    for (int i = 0; i < need->n_limits; i++)
    {
        const SiLimitNeed *one = &need->limits[i];
        char *field = psprintf("%s.%s", path, one->limit_name);

        if (one->quantity == 0)
            si_bad_value(field, (char *) NULL, "must not be null");
        if (one->total < 0)
            si_bad_value(field, (char *) NULL, psprintf("there is no limit \"%s\"", one->limit_name));
        if (one->quantity > one->total)
            si_bad_value(field, si_quantity_text(one->quantity, 1),
                         psprintf("must be at most " INT64_FORMAT ", which is all that limit \"%s\" ever has", one->total, one->limit_name));
    }
}

Jsonb *
si_needs_stated(Jsonb *options)
{
    return si_json_object(options, "options", "limits");
}

void
si_needs_of_job(const SiJob *job, SiNeed *need)
{
    Jsonb *limits = si_needs_stated(job->options);

    if (limits != NULL)
        read_needs(limits, "options.limits", &job->tenant_id, need);
}

static char *
describe(const char *name, int64 quantity)
{
    StringInfoData text;

    initStringInfo(&text);
    appendStringInfoChar(&text, '{');
    si_json_put_text(&text, "limit_name", name);
    si_json_put_quantity(&text, "quantity", quantity, 1);
    appendStringInfoChar(&text, '}');
    return text.data;
}

static void
insert(const pg_uuid_t *tenant_id, const char *name, int64 quantity)
{
    SiLimit limit = {.limit_id = si_uuid_new(), .has_tenant = tenant_id != NULL, .limit_name = pstrdup(name), .quantity = quantity};
    SiLimit service;

    if (tenant_id)
    {
        limit.tenant_id = *tenant_id;
        if (si_limit_find(NULL, name, &service))
            ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("limit \"%s\" is the service's", name),
                            errhint("Choose another name, or state what jobs need of this one.")));
        if (si_limits_count(tenant_id) >= MOST_OF_TENANT)
            ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                            errmsg("tenant \"%s\" may have at most %d limits", si_uuid_text(tenant_id), MOST_OF_TENANT),
                            errhint("Drop what is not needed by sparkingest.drop_limit().")));
    }
    if (!si_limit_insert(&limit))
        ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("limit \"%s\" was set by somebody else meanwhile", name),
                        errhint("Try again.")));
}

int
si_named_limit_set(const SiCaller *caller, const pg_uuid_t *tenant_id, const char *name, int64 quantity, TimestampTz now,
                   SiRelieved **out)
{
    SiLimit before;
    bool known;

    if (!si_name_is_dns_subdomain(name) || strlen(name) > 63 || strchr(name, '.'))
        si_bad_value("limit_name", name, "must be 1 to 63 of a-z, 0-9 and -, and begin and end with a letter or digit");
    /* Those that wait for holders take turns (supply.c). A tenant keeps nobody waiting: of its own limits it waits for nobody. */
    if (tenant_id == NULL)
        si_lock_transaction(SI_LOCK_CHANGE, 0, 0);
    else
        si_lock_transaction(SI_LOCK_LIMIT, hash_bytes(tenant_id->data, UUID_LEN), 1);
    known = si_limit_lock(tenant_id, name, &before);
    if (known && before.quantity == quantity)
        return 0;
    if (known)
        si_limit_set_quantity(&before.limit_id, quantity);
    else
        insert(tenant_id, name, quantity);
    si_event("limit.set", tenant_id, NULL, NULL, caller->name, NULL, known ? describe(name, before.quantity) : NULL, describe(name, quantity));
    if (!known || quantity > before.quantity)
        return 0;
    if (tenant_id == NULL)
        si_lock_wait_for_holders(SI_LOCK_LEDGER, 0, 0);
    return si_relieve_limit(&before.limit_id, caller->name,
                            psprintf("limit \"%s\" was set to " INT64_FORMAT " by %s", name, quantity, caller->name), now, out);
}

void
si_named_limit_require(const pg_uuid_t *tenant_id, const char *name, SiLimit *out)
{
    if (!si_limit_find(tenant_id, name, out))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("limit \"%s\" does not exist", name),
                        tenant_id ? errhint("This looks at the tenant's own limits; without tenant_id at the service's.") : 0));
}

void
si_named_limit_drop(const SiCaller *caller, const pg_uuid_t *tenant_id, const char *name)
{
    SiLimit limit;
    int64 jobs;
    int64 reservations;

    si_named_limit_require(tenant_id, name, &limit);
    si_limit_uses(&limit, &jobs, &reservations);
    if (jobs > 0 || reservations > 0)
        ereport(ERROR, (errcode(ERRCODE_SI_STATE),
                        errmsg("limit \"%s\" is in use: " INT64_FORMAT " jobs state it, " INT64_FORMAT " reservations hold it", name,
                               jobs, reservations),
                        errhint("Change the jobs by sparkingest.alter_job() first, and release the reservations.")));
    si_limit_delete(&limit.limit_id);
    si_event("limit.dropped", tenant_id, NULL, NULL, caller->name, NULL, describe(name, limit.quantity), NULL);
}
