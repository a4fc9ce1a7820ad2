-- What ticks and operators call.

CREATE FUNCTION sparkingest.plan()
RETURNS integer LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_plan';
COMMENT ON FUNCTION sparkingest.plan IS
'The planning tick: turns due and coming fires of schedules into executions (J2, J3, J4) and plans waiting ones, in the order of priority with aging (sparkingest.aging), the tenant''s share and time (C15, C16): each starts as early as it can, tentative places of less important work give way, and nothing else is delayed. Places within sparkingest.firm_hours become firm. Returns the rows handled. Safe at any time and concurrently. Operators only';

CREATE FUNCTION sparkingest.maintain()
RETURNS integer LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_maintain';
COMMENT ON FUNCTION sparkingest.maintain IS
'The housekeeping tick: releases reservations made by reserve() that ended, blocks jobs whose owner was dropped and forgets dropped roles (J12), lets unused vCPU-hours of periods that ended lapse or go on into the next one (M3), seals entries of the books, removes idempotency keys older than 30 days, and what the ledger holds of days gone by; makes the partitions of resource_consumption and events for this month and the next two, and drops those older than sparkingest.history_months and sparkingest.event_days; what would have to wait for others for more than a second is left to the next tick. Returns the rows handled. Safe at any time and concurrently. Operators only';

CREATE FUNCTION sparkingest.roll_up()
RETURNS integer LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_roll_up';
COMMENT ON FUNCTION sparkingest.roll_up IS
'Brings usage_hourly and usage_load up to date: hours in which an execution was recorded or corrected since, however late, are summed anew. Returns the rows written. Safe at any time and concurrently. Operators only';

CREATE FUNCTION sparkingest.install_schedules()
RETURNS SETOF text LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_install_schedules';
COMMENT ON FUNCTION sparkingest.install_schedules IS
'Registers plan (every minute), maintain (every 10 minutes) and roll_up (hourly) with pg_cron and says so; where pg_cron lives in another database, returns the cron.schedule_in_database calls to run there. Superusers only';

CREATE FUNCTION sparkingest.set_namespace(namespace text, changes jsonb)
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_set_namespace';
COMMENT ON FUNCTION sparkingest.set_namespace IS
'Changes a namespace: cluster_name, tenant_cpu_cores, tenant_memory_gb (caps per tenant, null = none), spark_profile {image, main_application_file, spark_version, service_account, spark_conf} (given keys replaced). Operators only. Raises 22023, 42704';

CREATE FUNCTION sparkingest.set_priority(name text, value integer)
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_set_priority';
COMMENT ON FUNCTION sparkingest.set_priority IS
'Gives a priority (-1000 to 1000) a name that sla_requirements.priority may use from now on; jobs that use the name already keep what it was until they are edited. Operators only. Raises 22023';

CREATE FUNCTION sparkingest.set_cluster(cluster text, kubeconfig text, kube_context text DEFAULT NULL)
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_set_cluster';
COMMENT ON FUNCTION sparkingest.set_cluster IS
'Sets the kubeconfig of a cluster: an absolute path of a file on the database server, readable by its operating system user, and the context in it. Superusers only, since the server reads the file. Raises 22023, 42704';

CREATE FUNCTION sparkingest.enable_dispatch(cluster text DEFAULT 'default')
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_enable_dispatch';
COMMENT ON FUNCTION sparkingest.enable_dispatch IS 'Lets the dispatcher post to a cluster. Operators only. Raises 42704, SI003 (no kubeconfig set)';

CREATE FUNCTION sparkingest.disable_dispatch(cluster text DEFAULT 'default')
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_disable_dispatch';
COMMENT ON FUNCTION sparkingest.disable_dispatch IS 'Stops posting to a cluster; what runs is still watched. Operators only. Raises 42704';

CREATE FUNCTION sparkingest.health(OUT component text, OUT status text, OUT detail text, OUT since timestamptz)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_health';
COMMENT ON FUNCTION sparkingest.health IS
'One row per component: preload, pg_cron, schedules, dispatcher, each cluster (API, token, CRD, operator), waiting work; status ok, warning or error; detail says what to do';
