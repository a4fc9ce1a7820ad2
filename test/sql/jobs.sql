-- Jobs: what is kept of what was given, and what owners may do with them later (S2, S4, J1, J8).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme', 'Europe/Berlin') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 100000) IS NOT NULL AS hours;

-- The least that one can say. What is missing is estimated: 10 GB by the rules of postgres are 3 cores, 6 GiB, 30 minutes.
SELECT sparkingest.create_job(fixture.tenant('Acme'), 'least', 'postgres', '{"host": "db", "database": "shop", "table": "t"}',
    '{"type": "file", "uri": "file:///lake/t"}', '{}') IS NOT NULL AS created;
\x
SELECT job_name, stage, status, version, source_type, source_config, destination_config, cpu_millicores, memory_mib, executors,
    estimated_runtime_minutes, schedule_cron, time_zone, next_fire_at,
       sla_requirements, tier, priority, sla_window_hours, max_runtime_minutes, on_no_capacity, overlap_policy, misfire_policy,
           catchup_window, options, watermark, target_namespace,
       owner_oid::regrole, blocked_reason, created_at, updated_at FROM sparkingest.ingestion_jobs WHERE job_name = 'least';
-- Everything.
SELECT sparkingest.create_job(tenant_id => fixture.tenant('Acme'), job_name => 'Aufträge „neu“', source_type => 's3',
    source_config => '{"bucket": "raw-data", "path": "orders/2026/*.csv", "format": "csv", "credentials_secret": "raw.reader"}',
    destination_config => '{"type": "s3", "uri": "s3a://lake/orders", "format": "orc", "mode": "overwrite", "partition_by": ["jahr", "Monat 1"], "credentials_secret": "lake-writer"}',
    resource_requirements => '{"cpu_cores": 12.5, "memory_gb": 25.5, "executors": 4, "runtime_minutes": 12.345, "data_size_gb": 3}',
    schedule_cron => '30 2 * * mon-fri', time_zone => 'america/new_york',
    sla_requirements => '{"max_runtime_minutes": 90, "priority": -7, "sla_window_hours": 1.5, "earliest_start": "5 minutes", "start_by": "PT1H", "finish_by": "2 hours", "tier": "strict"}',
    options => '{"on_no_capacity": "wait", "overlap_policy": "allow", "overlap_limit": 3, "misfire_policy": "all", "catchup_window": "1 day 90 minutes", "image": "registry.example.com:5000/team/spark:4.0.1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "auto_draft": true, "auto_promote": false, "retry": {"max_attempts": 3}, "spark_conf": {"spark.sql.shuffle.partitions": 200, "spark.speculation": false, "spark.sql.session.timeZone": "UTC"}}',
    idempotency_key => 'job 1') AS everything \gset
SELECT job_name, source_config, destination_config, cpu_millicores, memory_mib, executors, estimated_runtime_minutes, schedule_cron,
    time_zone, next_fire_at, tier, priority, sla_window_hours, max_runtime_minutes,
       on_no_capacity, overlap_policy, misfire_policy, catchup_window, options FROM sparkingest.ingestion_jobs WHERE job_id = :'everything';
-- A draft does not fire; auto_draft started a draft run at once.
SELECT state, started_by, is_draft, namespace, planned_start, hard_minutes FROM sparkingest.job_executions WHERE job_id = :'everything';
\x
-- J8. What is the same JSON is the same, however it is written; NULL for an optional argument is its default.
SELECT sparkingest.create_job(fixture.tenant('Acme'), 'again', 'file', '{"uri": "file:///in", "format": "json"}',
    '{"type": "file", "uri": "file:///out"}', '{}', idempotency_key => 'job 2') AS j \gset
SELECT sparkingest.create_job(fixture.tenant('Acme'), 'again', 'file', '{"format": "json",   "uri": "file:///in"}',
    '{"type": "file", "uri": "file:///out"}', '{}', idempotency_key => 'job 2') = :'j' AS same;
SELECT r.code, r.message
    FROM fixture.refusal($$SELECT sparkingest.create_job(fixture.tenant('Acme'), 'again', 'file', '{"format": "csv", "uri": "file:///in"}', '{"type": "file", "uri": "file:///out"}', '{}', idempotency_key => 'job 2')$$) AS r;
SELECT r.code, r.message, r.hint
    FROM fixture.refusal($$SELECT sparkingest.create_job(fixture.tenant('Acme'), 'again', 'file', '{"uri": "file:///in"}', '{"type": "file", "uri": "file:///out"}', '{}')$$) AS r;
SELECT sparkingest.create_job(fixture.tenant('Acme'), 'nulls', 'file', '{"uri": "file:///in"}', '{"type": "file", "uri": "file:///out"}',
    '{"executors": null}', NULL, NULL, NULL, NULL, NULL) IS NOT NULL AS created;
SELECT sla_requirements, options, time_zone FROM sparkingest.ingestion_jobs WHERE job_name = 'nulls';
-- Names are unique per tenant, among jobs that are not dropped.
SELECT sparkingest.create_tenant('Globex') IS NOT NULL AS created;
SELECT sparkingest.create_job(fixture.tenant('Globex'), 'again', 'file', '{"uri": "file:///in"}', '{"type": "file", "uri": "file:///out"}',
    '{}') IS NOT NULL AS created;
SELECT sparkingest.drop_job(:'j');
SELECT sparkingest.create_job(fixture.tenant('Acme'), 'again', 'file', '{"uri": "file:///in"}', '{"type": "file", "uri": "file:///out"}',
    '{}') IS NOT NULL AS created;
SELECT job_name, t.tenant_name, j.status FROM sparkingest.ingestion_jobs AS j JOIN sparkingest.tenants AS t USING (tenant_id)
    WHERE job_name = 'again' ORDER BY 2, 3;

-- Altering what does not matter for its runs leaves a production job in production.
SELECT fixture.production_job('Acme', 'nightly', cron => '0 2 * * *');
CREATE FUNCTION pg_temp.job(name text) RETURNS TABLE (stage text, status text, version int, target_namespace text, next_fire_at timestamptz,
    planned bigint) LANGUAGE sql AS $$
SELECT j.stage, j.status, j.version, j.target_namespace, j.next_fire_at, (SELECT count(*) FROM sparkingest.job_executions AS e
    WHERE e.job_id = j.job_id AND e.state IN ('scheduled', 'waiting')) FROM sparkingest.ingestion_jobs AS j
    WHERE j.job_id = fixture.job(name) $$;
SELECT sparkingest.plan() AS planned;
SELECT * FROM pg_temp.job('nightly');
SELECT sparkingest.alter_job(fixture.job('nightly'), '{"job_name": "nightly run", "options": {"misfire_policy": "none"}, "sla_requirements": {"priority": 3}}');
SELECT * FROM pg_temp.job('nightly run');
SELECT misfire_policy, priority, options FROM sparkingest.ingestion_jobs WHERE job_name = 'nightly run';
-- Saying again what is so is no edit.
SELECT sparkingest.alter_job(fixture.job('nightly run'),
    '{"resource_requirements": {"runtime_minutes": 25, "memory_gb": 8.0, "cpu_cores": 4.000}, "schedule_cron": "0 2 * * *", "time_zone": "europe/BERLIN"}');
SELECT * FROM pg_temp.job('nightly run');
-- A new schedule re-plans what has not started; no schedule, nothing to fire (J2).
SELECT sparkingest.alter_job(fixture.job('nightly run'), '{"schedule_cron": "15 3 * * *"}');
SELECT * FROM pg_temp.job('nightly run');
SELECT sparkingest.plan() AS planned;
SELECT min(scheduled_for), count(*) FROM sparkingest.job_executions WHERE job_id = fixture.job('nightly run') AND state = 'scheduled';
SELECT sparkingest.alter_job(fixture.job('nightly run'), '{"time_zone": "UTC"}');
SELECT * FROM pg_temp.job('nightly run');
SELECT sparkingest.alter_job(fixture.job('nightly run'), '{"schedule_cron": null}');
SELECT * FROM pg_temp.job('nightly run');
-- S4: another source, destination or size returns it to draft, with a new version; what was planned is cancelled.
SELECT sparkingest.alter_job(fixture.job('nightly run'), '{"schedule_cron": "15 3 * * *"}');
SELECT sparkingest.run_job(fixture.job('nightly run'), '2026-03-05 00:00+00') IS NOT NULL AS planned;
SELECT sparkingest.alter_job(fixture.job('nightly run'), '{"resource_requirements": {"cpu_cores": 5, "memory_gb": 8, "runtime_minutes": 25}}');
SELECT * FROM pg_temp.job('nightly run');
SELECT state, stop_reason, count(*) FROM sparkingest.job_executions WHERE job_id = fixture.job('nightly run') AND NOT is_draft GROUP BY 1, 2;
-- The draft run of the old version does not count any more.
SELECT sparkingest.promote_job(fixture.job('nightly run')) - 'job_id' AS answer;
SELECT fixture.run(sparkingest.run_job(fixture.job('nightly run')), '25 minutes');
SELECT sparkingest.promote_job(fixture.job('nightly run')) ->> 'status' AS answer;
SELECT stage, version FROM pg_temp.job('nightly run');
BEGIN;
SELECT sparkingest.alter_job(fixture.job('nightly run'), '{"source_config": {"host": "db2.example.com", "database": "shop", "table": "orders"}}');
SELECT stage, version, next_fire_at, planned FROM pg_temp.job('nightly run');
ROLLBACK;
BEGIN;
SELECT sparkingest.alter_job(fixture.job('nightly run'), '{"destination_config": {"type": "file", "uri": "file:///lake/orders2"}}');
SELECT stage, version, next_fire_at, planned FROM pg_temp.job('nightly run');
ROLLBACK;
BEGIN;
SELECT sparkingest.alter_job(fixture.job('nightly run'), '{"source_type": "mysql"}');
SELECT stage, version, next_fire_at, planned FROM pg_temp.job('nightly run');
ROLLBACK;
-- Refused as a whole: the good part of a bad change is not kept.
SELECT change, r.code, r.message, r.detail FROM (VALUES ('{"colour": "red"}'), ('{"tenant_id": "x"}'), ('{"job_name": null}'),
    ('{"options": null}'), ('{"job_name": 7}'), ('{"job_name": ""}'), ('{"job_name": "again"}'), ('[]'), ('"x"'), ('null'),
    ('{"job_name": "renamed", "schedule_cron": "61 * * * *"}'), ('{"time_zone": "Mars/Olympus"}'), ('{"source_type": "s3"}'),
        ('{"source_config": {"host": "db"}}'), ('{"resource_requirements": {"cpu_cores": 0}}'),
    ('{"options": {"overlap_policy": "allow"}}'), ('{"sla_requirements": {"tier": "gold"}}'), ('{"source_config": "text"}'),
        ('{"schedule_cron": 5}')) AS v (change),
    LATERAL fixture.refusal(format('SELECT sparkingest.alter_job(fixture.job(''nightly run''), %L)', change)) AS r;
SELECT * FROM pg_temp.job('nightly run');
SELECT sparkingest.alter_job(fixture.job('nightly run'), '{}');
SELECT r.code, r.message FROM (VALUES ('gen_random_uuid(), ''{}'''), ('NULL, ''{}'''),
    ('fixture.job(''nightly run''), NULL')) AS v (arguments), LATERAL fixture.refusal(format('SELECT sparkingest.alter_job(%s)',
    arguments)) AS r;

-- Pausing cancels what the schedule planned, not what somebody asked for; twice is once.
SELECT sparkingest.plan() AS planned;
SELECT sparkingest.run_job(fixture.job('nightly run'), '2026-03-05 00:00+00') IS NOT NULL AS asked_for;
SELECT sparkingest.pause_job(fixture.job('nightly run'));
SELECT sparkingest.pause_job(fixture.job('nightly run'));
SELECT * FROM pg_temp.job('nightly run');
SELECT r.code, r.message, r.hint FROM fixture.refusal($$SELECT sparkingest.run_job(fixture.job('nightly run'))$$) AS r;
SELECT r.code, r.message FROM fixture.refusal($$SELECT sparkingest.promote_job(fixture.job('nightly run'))$$) AS r;
SELECT sparkingest.plan() AS planned;
SET sparkingest.clock = '2026-03-04 12:00:00+00';
SELECT sparkingest.resume_job(fixture.job('nightly run'));
SELECT sparkingest.resume_job(fixture.job('nightly run'));
SELECT * FROM pg_temp.job('nightly run');
SELECT sparkingest.plan() AS planned;
SELECT min(scheduled_for) FROM sparkingest.job_executions WHERE job_id = fixture.job('nightly run') AND state = 'scheduled' AND started_by = 'schedule';

-- Dropped for good: what is planned is cancelled, what runs is stopped, history stays.
SELECT sparkingest.run_job(fixture.job('nightly run')) AS running \gset
SELECT fixture.claim(:'running');
SELECT fixture.start(:'running', '2026-03-04 12:00:00+00');
SELECT sparkingest.drop_job(fixture.job('nightly run'));
SELECT sparkingest.drop_job(fixture.job('nightly run'));
SELECT * FROM pg_temp.job('nightly run');
SELECT state, stop_cause, stop_reason FROM sparkingest.job_executions WHERE execution_id = :'running';
SELECT fixture.finish(:'running', 'cancelled', '2026-03-04 12:00:10+00');
SELECT statement, r.code, r.message FROM (VALUES ('alter_job(fixture.job(''nightly run''), ''{}'')'),
    ('pause_job(fixture.job(''nightly run''))'), ('resume_job(fixture.job(''nightly run''))'), ('run_job(fixture.job(''nightly run''))'),
    ('promote_job(fixture.job(''nightly run''))')) AS v (statement),
    LATERAL fixture.refusal('SELECT sparkingest.' || statement) AS r;
SELECT statement, r.code, r.message FROM (VALUES ('pause_job(gen_random_uuid())'), ('resume_job(gen_random_uuid())'),
    ('drop_job(gen_random_uuid())'), ('run_job(gen_random_uuid())'), ('promote_job(gen_random_uuid())'), ('pause_job(NULL)'),
    ('resume_job(NULL)'), ('drop_job(NULL)'), ('run_job(NULL)'), ('promote_job(NULL)')) AS v (statement),
    LATERAL fixture.refusal('SELECT sparkingest.' || statement) AS r;
SELECT event_type, before, after - 'job_id' - 'first_run' - 'updated_requirements' AS after FROM sparkingest.events
    WHERE job_id = fixture.job('nightly run') AND event_type LIKE 'job.%' ORDER BY event_id;
\i :end
