-- What operators set, and what health() says.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

-- Namespaces: caps and the profile of every manifest; only what is given changes.
CREATE FUNCTION pg_temp.namespace(name text) RETURNS TABLE (cluster_name text, tenant_cpu_millicores bigint, tenant_memory_mib bigint,
    spark_profile jsonb) LANGUAGE sql AS
$$ SELECT cluster_name, tenant_cpu_millicores, tenant_memory_mib, spark_profile FROM sparkingest.namespaces WHERE namespace = name $$;
SELECT * FROM pg_temp.namespace('draft-ingestion-ns');
SELECT sparkingest.set_namespace('draft-ingestion-ns', '{"tenant_cpu_cores": 12.5, "spark_profile": {"image": "example.com/spark:1", "spark_conf": {"spark.sql.ansi.enabled": "true"}}}');
SELECT * FROM pg_temp.namespace('draft-ingestion-ns');
SELECT sparkingest.set_namespace('draft-ingestion-ns', '{"tenant_cpu_cores": null, "tenant_memory_gb": 0}');
SELECT tenant_cpu_millicores, tenant_memory_mib FROM pg_temp.namespace('draft-ingestion-ns');
SELECT sparkingest.set_namespace('draft-ingestion-ns', '{}');
SELECT sparkingest.set_namespace('draft-ingestion-ns', '{"tenant_memory_gb": 80}');
SELECT arguments, r.code, r.message, r.detail FROM (VALUES ('NULL, ''{}'''), ('''elsewhere'', ''{}'''), ('n, NULL'), ('n, ''[]'''),
    ('n, ''{"cpu_cores": 5}'''), ('n, ''{"cluster_name": null}'''), ('n, ''{"cluster_name": "other"}'''), ('n, ''{"cluster_name": 5}'''),
    ('n, ''{"tenant_cpu_cores": -1}'''), ('n, ''{"tenant_memory_gb": "5"}'''),
    ('n, ''{"spark_profile": null}'''), ('n, ''{"spark_profile": []}'''), ('n, ''{"spark_profile": {"jar": "x"}}'''),
        ('n, ''{"spark_profile": {"image": null}}'''), ('n, ''{"spark_profile": {"image": ""}}'''),
        ('n, ''{"spark_profile": {"image": "a b"}}'''), ('n, ''{"spark_profile": {"main_application_file": "http://x/y.py"}}'''),
        ('n, ''{"spark_profile": {"service_account": "Up_per"}}'''), ('n, ''{"spark_profile": {"service_account": "-.-"}}'''),
    ('n, ''{"spark_profile": {"spark_version": 4}}'''), ('n, ''{"spark_profile": {"spark_conf": {"spark.executor.memory": "1g"}}}'''),
        ('n, ''{"spark_profile": {"spark_conf": {"spark.sql.x": 5}}}''')) AS v (arguments),
    LATERAL fixture.refusal(format('SELECT sparkingest.set_namespace(%s)', replace(arguments, 'n, ', '''draft-ingestion-ns'', '))) AS r;

-- Clusters: nothing is posted before it is enabled, and that needs a kubeconfig.
SELECT cluster_name, kubeconfig, dispatch, dispatch_reason, api_status FROM sparkingest.clusters;
SELECT r.code, r.message, r.hint FROM fixture.refusal($$SELECT sparkingest.enable_dispatch()$$) AS r;
SELECT arguments, r.code, r.message FROM (VALUES ('NULL, ''/x'''), ('''default'', NULL'), ('''other'', ''/x'''), ('''default'', ''x'''),
    ('''default'', ''~/x'''), ('''default'', '''''), ('''default'', ''/'' || repeat(''x'', 2000)'),
    ('''default'', ''/x'', ''''')) AS v (arguments),
    LATERAL fixture.refusal(format('SELECT sparkingest.set_cluster(%s)', arguments)) AS r;
SELECT sparkingest.set_cluster('default', '/nowhere/kubeconfig', 'admin');
SELECT sparkingest.enable_dispatch();
SELECT cluster_name, kubeconfig, kube_context, dispatch, dispatch_reason FROM sparkingest.clusters;
SELECT sparkingest.enable_dispatch('default');
SELECT sparkingest.disable_dispatch();
SELECT cluster_name, dispatch, dispatch_reason FROM sparkingest.clusters;
SELECT statement, r.code, r.message FROM (VALUES ('enable_dispatch(NULL)'), ('enable_dispatch(''other'')'),
    ('disable_dispatch(''other'')')) AS v (statement), LATERAL fixture.refusal('SELECT sparkingest.' || statement) AS r;
SELECT event_type, cause, before, after FROM sparkingest.events WHERE event_type ~ '^(cluster|namespace)' ORDER BY event_id;

-- Operators may all of it but what reaches the server's files and other databases.
CREATE ROLE regress_operator IN ROLE sparkingest_operator;
CREATE ROLE regress_tenant IN ROLE sparkingest_tenant;
GRANT USAGE ON SCHEMA fixture TO PUBLIC;
SET ROLE regress_operator;
SELECT statement, r.code, r.message FROM (VALUES ('set_namespace(''vcpu-hours-ns'', ''{}'')'), ('disable_dispatch()'), ('health()'),
    ('plan()'), ('maintain()'), ('roll_up()'), ('set_capacity(''vcpu-hours-ns'', 1, 1, ''[2026-03-03,2026-03-04)'')'),
    ('set_cluster(''default'', ''/x'')'), ('install_schedules()')) AS v (statement),
    LATERAL fixture.refusal('SELECT sparkingest.' || statement) AS r;
SET ROLE regress_tenant;
SELECT statement, r.code, r.message FROM (VALUES ('set_namespace(''vcpu-hours-ns'', ''{}'')'), ('disable_dispatch()'), ('health()'),
    ('plan()'), ('maintain()'), ('roll_up()'), ('set_capacity(''vcpu-hours-ns'', 1, 1, ''[2026-03-03,2026-03-04)'')'),
    ('set_cluster(''default'', ''/x'')'), ('install_schedules()')) AS v (statement),
    LATERAL fixture.refusal('SELECT sparkingest.' || statement) AS r;
RESET ROLE;
REVOKE USAGE ON SCHEMA fixture FROM PUBLIC;
DROP ROLE regress_operator, regress_tenant;

-- pg_cron lives elsewhere: the calls to run there.
SELECT * FROM sparkingest.install_schedules();
-- How many days are in memory depends on the tests that ran before.
SELECT component, status, CASE component WHEN 'ledger' THEN pg_catalog.regexp_replace(detail, '[0-9]+', 'N', 'g') ELSE detail END AS detail
    FROM sparkingest.health();
SET sparkingest.clock = '';
SELECT count(*) AS clock_is_fine FROM sparkingest.health() WHERE component = 'clock';
SET sparkingest.clock = '2026-03-02 09:00:00+00';
-- Work that should have started is told, with since when.
SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
SELECT fixture.draft_job('Acme', 'due', 1, 2, 1) IS NOT NULL AS created;
SELECT sparkingest.run_job(fixture.job('due')) IS NOT NULL AS admitted;
SET sparkingest.clock = '2026-03-02 09:10:00+00';
SELECT status, detail, since FROM sparkingest.health() WHERE component = 'waiting work';
\i :end

-- Where pg_cron and the dispatcher live.
\connect home
SET timezone = 'UTC';
BEGIN;
SELECT regexp_replace(s, 'job \d+', 'job <n>') AS install_schedules FROM sparkingest.install_schedules() AS s;
SELECT jobname, schedule, command, database = current_database() AS here, username, active FROM cron.job ORDER BY jobname;
-- Again: the same three.
SELECT count(*) FROM sparkingest.install_schedules();
SELECT count(*) FROM cron.job;
SELECT component, status, detail FROM sparkingest.health() WHERE component IN ('pg_cron', 'schedules');
UPDATE cron.job SET active = false WHERE jobname = 'sparkingest plan';
SELECT component, status, detail FROM sparkingest.health() WHERE component = 'schedules';
ROLLBACK;
SELECT component, status, detail FROM sparkingest.health() WHERE component = 'schedules';
BEGIN;
SET client_min_messages = warning;
DROP EXTENSION pg_cron;
SELECT component, status, detail FROM sparkingest.health() WHERE component IN ('pg_cron', 'schedules');
SELECT * FROM sparkingest.install_schedules();
ROLLBACK;
-- The workers say that they run.
DO $$
BEGIN
    FOR n IN 1..300 LOOP
        PERFORM pg_stat_clear_snapshot();
        EXIT WHEN (SELECT count(*) FROM sparkingest.health() WHERE component IN ('dispatcher', 'planner') AND status = 'ok') = 2;
        PERFORM pg_sleep(0.1);
    END LOOP;
END
$$;
SELECT component, status, regexp_replace(detail, '\d+', '<n>') AS detail, since IS NOT NULL AS since FROM sparkingest.health()
    WHERE component IN ('preload', 'dispatcher', 'planner', 'cluster default');
