/*
 * operations.c: what operators set: namespaces, clusters, dispatch, schedules; and the manifest of an execution.
 */
#include "postgres.h"

#include <unistd.h>

#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

#include "domain/names.h"
#include "api/arguments.h"
#include "domain/sparkconf.h"
#include "flow/access.h"
#include "flow/secrets.h"
#include "flow/sla.h"
#include "guc.h"
#include "kube/manifest.h"
#include "pg/caller.h"
#include "pg/clock.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/quiet.h"
#include "pg/wake.h"
#include "store/clusters.h"
#include "store/dispatch.h"
#include "store/events.h"
#include "store/schedules.h"
#include "store/sql.h"

PG_FUNCTION_INFO_V1(si_set_namespace);
PG_FUNCTION_INFO_V1(si_set_cluster);
PG_FUNCTION_INFO_V1(si_enable_dispatch);
PG_FUNCTION_INFO_V1(si_disable_dispatch);
PG_FUNCTION_INFO_V1(si_set_priority);
PG_FUNCTION_INFO_V1(si_render_manifest);
PG_FUNCTION_INFO_V1(si_install_schedules);

static void
require_superuser(const SiCaller *caller, const char *function_name)
{
    if (!superuser_arg(caller->role))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for function %s", function_name),
                        errhint("Only superusers may call it.")));
}

static void
load_cluster(const char *name, SiCluster *out)
{
    if (!si_cluster_load(name, out))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("cluster \"%s\" does not exist", name)));
}

static char *
put_kubeconfig(const char *path, const char *context)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_text(&buf, "kubeconfig", path);
    si_json_put_text(&buf, "kube_context", context);
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

static char *
put_word(const char *key, const char *value)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_text(&buf, key, value);
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

/* Every property must be a string that a manifest can carry, under a name that is not ours to set. */
static void
check_spark_conf(Jsonb *conf)
{
    JsonbIterator *iterator = JsonbIteratorInit(&conf->root);
    JsonbIteratorToken token;
    JsonbValue value;
    char *key = NULL;

    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
    {
        if (token == WJB_KEY)
        {
            const char *problem;

            key = pnstrdup(value.val.string.val, value.val.string.len);
            problem = si_sparkconf_problem(key);
            if (problem)
                ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                                errmsg("invalid changes.spark_profile.spark_conf: \"%s\" %s", key, problem)));
        }
        else if (token == WJB_VALUE && value.type != jbvString)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("invalid changes.spark_profile.spark_conf.%s: must be a string", key)));
    }
}

static void
check_profile(Jsonb *profile)
{
    static const char *const keys[] = {"image", "main_application_file", "spark_version", "service_account", "spark_conf", NULL};
    static const char path[] = "changes.spark_profile";
    char *image;
    char *file;
    char *account;
    Jsonb *conf;

    si_json_check_keys(profile, path, keys);
    for (int i = 0; keys[i]; i++)
        if (si_json_has_key(profile, keys[i]) && !si_json_has(profile, keys[i]))
            si_bad_value(psprintf("%s.%s", path, keys[i]), (char *) NULL, "must not be null");
    image = si_json_text(profile, path, "image", 512);
    if (image && !si_name_is_image(image))
        si_bad_value("changes.spark_profile.image", image, "must be a container image such as \"apache/spark:4.0.1\"");
    (void) si_json_text(profile, path, "spark_version", 100);
    file = si_json_text(profile, path, "main_application_file", 1000);
    if (file && strncmp(file, "local:///", 9) != 0)
        si_bad_value("changes.spark_profile.main_application_file", file,
                     "must begin with local:/// and name a file inside the image");
    account = si_json_text(profile, path, "service_account", 253);
    if (account && !si_name_is_dns_subdomain(account))
        si_bad_value("changes.spark_profile.service_account", account, "must be a Kubernetes name");
    conf = si_json_object(profile, path, "spark_conf");
    if (conf)
    {
        check_spark_conf(conf);
        si_secrets_refuse("changes.spark_profile.spark_conf", conf);
    }
}

Datum
si_set_namespace(PG_FUNCTION_ARGS)
{
    static const char *const keys[] = {"cluster_name", "tenant_cpu_cores", "tenant_memory_gb", "spark_profile", NULL};
    SiCaller caller;
    SiNamespaceChange change;
    ErrorContextCallback quiet;
    Jsonb *changes;
    char *before;
    char *name;

    memset(&change, 0, sizeof(change));
    si_quiet_begin(&quiet);
    si_caller_enter(&caller);
    si_caller_require_operator(&caller, "set_namespace");
    name = si_arg_text(fcinfo, 0, "namespace");
    changes = si_arg_jsonb(fcinfo, 1, "changes");
    si_json_check_keys(changes, "changes", keys);

    change.cluster_name = si_json_text(changes, "changes", "cluster_name", 63);
    if (change.cluster_name)
    {
        SiCluster cluster;

        load_cluster(change.cluster_name, &cluster);
    }
    else if (si_json_has_key(changes, "cluster_name"))
        si_bad_value("changes.cluster_name", (char *) NULL, "must not be null");
    change.has_cpu_cap = si_json_has_key(changes, "tenant_cpu_cores");
    change.cpu_cap_millicores =
        si_json_quantity(changes, "changes", "tenant_cpu_cores", 1000, false, true, SI_MAX_CPU_MILLICORES);
    change.has_memory_cap = si_json_has_key(changes, "tenant_memory_gb");
    change.memory_cap_mib = si_json_quantity(changes, "changes", "tenant_memory_gb", 1024, false, true, SI_MAX_MEMORY_MIB);
    change.spark_profile = si_json_object(changes, "changes", "spark_profile");
    if (change.spark_profile)
        check_profile(change.spark_profile);
    else if (si_json_has_key(changes, "spark_profile"))
        si_bad_value("changes.spark_profile", (char *) NULL, "must not be null");

    before = si_namespace_settings(name, changes);
    if (!si_namespace_change(name, &change))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("namespace \"%s\" does not exist", name)));
    si_event("namespace.changed", NULL, NULL, NULL, caller.name, name, before, si_namespace_settings(name, changes));
    si_wake_at_commit();
    si_caller_leave(&caller);
    si_quiet_end(&quiet);
    PG_RETURN_VOID();
}

Datum
si_set_cluster(PG_FUNCTION_ARGS)
{
    ErrorContextCallback quiet;
    SiCaller caller;
    SiCluster cluster;
    char *name;
    char *path;
    char *context = NULL;

    /* Somebody may paste the file instead of its path. */
    si_quiet_begin(&quiet);
    si_caller_enter(&caller);
    require_superuser(&caller, "set_cluster");
    name = si_arg_text(fcinfo, 0, "cluster");
    path = si_arg_text(fcinfo, 1, "kubeconfig");
    if (!is_absolute_path(path))
        si_bad_value("kubeconfig", path, "must be an absolute path");
    if (strlen(path) >= MAXPGPATH)
        si_bad_value("kubeconfig", (char *) NULL, "is too long");
    if (!PG_ARGISNULL(2))
    {
        context = si_arg_text(fcinfo, 2, "kube_context");
        if (*context == '\0')
            si_bad_value("kube_context", context, "must not be empty");
    }
    load_cluster(name, &cluster);
    /* Not an error: a file that a mount brings may come later, and health() tells. */
    if (access(path, R_OK) != 0)
        ereport(WARNING, (errcode_for_file_access(), errmsg("the kubeconfig \"%s\" cannot be read now: %m", path),
                          errhint("It must be readable by the operating system user of the server.")));
    si_cluster_set_kubeconfig(name, path, context, si_now());
    si_event("cluster.configured", NULL, NULL, NULL, caller.name, name,
             put_kubeconfig(cluster.kubeconfig, cluster.kube_context), put_kubeconfig(path, context));
    si_wake_at_commit();
    si_caller_leave(&caller);
    si_quiet_end(&quiet);
    PG_RETURN_VOID();
}

static void
set_dispatch(FunctionCallInfo fcinfo, const char *function_name, const char *dispatch)
{
    bool enable = strcmp(dispatch, "enabled") == 0;
    SiCaller caller;
    SiCluster cluster;
    char *name;

    si_caller_enter(&caller);
    si_caller_require_operator(&caller, function_name);
    name = si_arg_text(fcinfo, 0, "cluster");
    load_cluster(name, &cluster);
    if (enable && cluster.kubeconfig == NULL)
        ereport(ERROR, (errcode(ERRCODE_SI_STATE), errmsg("cluster \"%s\" has no kubeconfig", name),
                        errhint("Call sparkingest.set_cluster() as superuser first.")));
    if (enable && !si_preloaded())
        ereport(WARNING, (errmsg("the dispatcher does not run"),
                          errhint("Add sparkingest to shared_preload_libraries and restart the server.")));
    if (strcmp(cluster.dispatch, dispatch) != 0)
    {
        si_cluster_set_dispatch(name, dispatch, enable ? NULL : psprintf("disabled by %s", caller.name));
        si_event("cluster.dispatch", NULL, NULL, NULL, caller.name, name, put_word("dispatch", cluster.dispatch),
                 put_word("dispatch", dispatch));
        si_wake_at_commit();
    }
    si_caller_leave(&caller);
}

Datum
si_enable_dispatch(PG_FUNCTION_ARGS)
{
    set_dispatch(fcinfo, "enable_dispatch", "enabled");
    PG_RETURN_VOID();
}

Datum
si_disable_dispatch(PG_FUNCTION_ARGS)
{
    set_dispatch(fcinfo, "disable_dispatch", "disabled");
    PG_RETURN_VOID();
}

Datum
si_set_priority(PG_FUNCTION_ARGS)
{
    const char *name;
    SiCaller caller;

    si_caller_enter(&caller);
    si_caller_require_operator(&caller, "set_priority");
    name = si_arg_text(fcinfo, 0, "name");
    if (PG_ARGISNULL(1))
        si_bad_value("value", (char *) NULL, "must not be null");
    si_priority_set(name, PG_GETARG_INT32(1), caller.name);
    si_caller_leave(&caller);
    PG_RETURN_VOID();
}

Datum
si_render_manifest(PG_FUNCTION_ARGS)
{
    SiCaller caller;
    pg_uuid_t *id;
    pg_uuid_t tenant_id;
    char *text;
    bool found;

    si_caller_enter(&caller);
    if (PG_ARGISNULL(0))
        si_bad_value("execution_id", (char *) NULL, "must not be null");
    id = PG_GETARG_UUID_P(0);
    found = si_dispatch_tenant(id, &tenant_id);
    si_access_row_seen(&caller, "execution", id, found, &tenant_id);
    text = si_dispatch_manifest(id);
    if (text == NULL)
    {
        SiManifestInput input;
        SiManifest manifest;

        if (!si_dispatch_manifest_input(id, &input))
            elog(ERROR, "execution %s vanished", si_uuid_text(id));
        si_manifest_build(&input, si_manifest_instance(), si_guc_namespace_prefix, &manifest);
        text = manifest.text;
    }
    si_caller_leave(&caller);
    PG_RETURN_JSONB_P(si_json_parse(text));
}

/* The ticks (architecture.md): what pg_cron is to run, and when. */
static const struct
{
    const char *name;
    const char *schedule;
    const char *command;
} ticks[] = {
    {"sparkingest plan", "* * * * *", "SELECT sparkingest.plan()"},
    {"sparkingest maintain", "*/10 * * * *", "SELECT sparkingest.maintain()"},
    {"sparkingest roll up", "7 * * * *", "SELECT sparkingest.roll_up()"},
};

Datum
si_install_schedules(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    const char *home = GetConfigOption("cron.database_name", true, false);
    char *here = get_database_name(MyDatabaseId);
    SiCaller caller;

    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
    si_caller_enter(&caller);
    require_superuser(&caller, "install_schedules");
    if (home == NULL)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("pg_cron is not loaded"),
                        errhint("Install pg_cron, add pg_cron to shared_preload_libraries and restart the server. Any other "
                                "scheduler may call sparkingest.plan(), maintain() and roll_up() instead.")));
    if (strcmp(home, here) == 0 && !OidIsValid(get_extension_oid("pg_cron", true)))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("pg_cron is loaded but not created in this database"),
                        errhint("Run CREATE EXTENSION pg_cron here, then call install_schedules() again.")));
    for (int i = 0; i < lengthof(ticks); i++)
    {
        Datum value;
        bool null = false;
        char *line;

        if (strcmp(home, here) == 0)
        {
            int64 id = si_schedule_register(ticks[i].name, ticks[i].schedule, ticks[i].command);

            line = psprintf("registered \"%s\" (%s): %s, pg_cron job " INT64_FORMAT, ticks[i].name, ticks[i].schedule,
                            ticks[i].command, id);
        }
        else
            line = psprintf("in database %s: SELECT cron.schedule_in_database(%s, %s, %s, %s);", quote_identifier(home),
                            quote_literal_cstr(ticks[i].name), quote_literal_cstr(ticks[i].schedule),
                            quote_literal_cstr(ticks[i].command), quote_literal_cstr(here));
        value = CStringGetTextDatum(line);
        tuplestore_putvalues(result->setResult, result->setDesc, &value, &null);
    }
    if (strcmp(home, here) == 0)
        si_event("schedules.installed", NULL, NULL, NULL, caller.name, NULL, NULL, put_word("ticks", "plan, maintain, roll_up"));
    si_caller_leave(&caller);
    return (Datum) 0;
}
