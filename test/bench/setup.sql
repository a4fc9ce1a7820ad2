-- setup.sql: a database for the bench. Tenants have ids that a script can compute: 00000000-0000-4000-8000-NNNNNNNNNNNN.
\set ON_ERROR_STOP on
CREATE EXTENSION sparkingest;
CREATE SCHEMA bench;

-- The same columns and primary key as sparkingest.reservations, and nothing else: what a commit costs here.
CREATE TABLE bench.bare (LIKE sparkingest.reservations INCLUDING DEFAULTS, PRIMARY KEY (reservation_id));

-- Namespaces that are never full, whatever the bench reserves in them ...
UPDATE sparkingest.namespaces SET cpu_millicores = 500000000000, memory_mib = 1000000000000 WHERE namespace IN ('vcpu-hours-ns', 'dedicated-cpu-ns');
-- ... and one of 100 cores that is full for good, and one that is 90 % full.
INSERT INTO sparkingest.namespaces (namespace, cluster_name, purpose, cpu_millicores, memory_mib, slot_minutes, spark_profile)
SELECT name, cluster_name, 'shared', 100000, 204800, 5, spark_profile
  FROM sparkingest.namespaces, pg_catalog.unnest(ARRAY['full-ns', 'month-ns']) AS name WHERE namespace = 'vcpu-hours-ns';

INSERT INTO sparkingest.pools (namespace) VALUES ('full-ns'), ('month-ns');

CREATE FUNCTION bench.tenant(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT ('00000000-0000-4000-8000-' || pg_catalog.lpad(n::text, 12, '0'))::uuid $$;

-- 1 to 200 for the spread; 1001 of the hot pool and of full-ns; 1002 owns a unit that is full; 1003 owns 100 cores, 90 % full; of 2001 to
-- 2100 work waits.
INSERT INTO sparkingest.tenants (tenant_id, tenant_name, time_zone, created_at)
SELECT bench.tenant(n), 'bench ' || n, 'UTC', pg_catalog.now()
  FROM (SELECT pg_catalog.generate_series(1, 200) UNION ALL SELECT pg_catalog.generate_series(1001, 1003) UNION ALL SELECT pg_catalog.generate_series(2001, 2100)) AS t (n);
SELECT sparkingest.purchase(tenant_id, 'vcpu_hours', 1000000, 'yearly') FROM sparkingest.tenants \g /dev/null
UPDATE sparkingest.grants SET granted = granted * 1000 WHERE resource_type = 'vcpu_hours' AND tenant_id = bench.tenant(1001);
SELECT sparkingest.purchase(bench.tenant(n), 'dedicated_units', 500000, 'yearly', date_trunc('day', now())) FROM pg_catalog.generate_series(1, 200) AS n \g /dev/null
SELECT sparkingest.purchase(bench.tenant(1002), 'dedicated_units', 1, 'yearly', date_trunc('day', now())) \g /dev/null
SELECT sparkingest.purchase(bench.tenant(1003), 'dedicated_units', 25, 'yearly', date_trunc('day', now())) \g /dev/null

-- Reservations come as rows here, through the trigger: over 40 days, which is beyond the horizon.
CREATE FUNCTION bench.hold(ns text, owner uuid, tenant uuid, cpu bigint, memory bigint, from_time timestamptz, until_time timestamptz)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO sparkingest.reservations (reservation_id, pool_id, namespace, tenant_id, cpu_millicores, memory_mib, starts_at,
                                          ends_at, created_at, created_by)
    SELECT gen_random_uuid(), p.pool_id, ns, tenant, cpu, memory, from_time, until_time, now(), current_user
      FROM sparkingest.pools AS p WHERE p.namespace = ns AND p.tenant_id IS NOT DISTINCT FROM owner
$$;
SELECT bench.hold('full-ns', NULL, bench.tenant(1001), 100000, 204800, date_trunc('hour', now()), date_trunc('hour', now()) + '40 days') \g /dev/null
SELECT bench.hold('dedicated-cpu-ns', bench.tenant(1002), bench.tenant(1002), 4000, 8192, date_trunc('hour', now()), date_trunc('hour', now()) + '40 days') \g /dev/null

-- 90 % full as pools are: ten lanes of 10 cores, each with runs of 15 minutes to 4 hours and, on average, a tenth of it idle.
SELECT setseed(0.4) \g /dev/null
CREATE TABLE bench.busy AS
SELECT lane, date_trunc('hour', now()) + (sum(length + gap) OVER w - length) * interval '5 minutes' AS starts_at,
       date_trunc('hour', now()) + sum(length + gap) OVER w * interval '5 minutes' AS ends_at
  FROM (SELECT lane, n, 3 + floor(random() * 46)::integer AS length, floor(random() * 6.8)::integer AS gap
          FROM generate_series(1, 10) AS lane, generate_series(1, 400) AS n) AS draw
WINDOW w AS (PARTITION BY lane ORDER BY n);
DELETE FROM bench.busy WHERE ends_at > date_trunc('hour', now()) + '30 days';
SELECT bench.hold(ns, owner, bench.tenant(1003), 10000, 20480, starts_at, ends_at)
  FROM bench.busy, (VALUES ('month-ns', NULL), ('dedicated-cpu-ns', bench.tenant(1003))) AS pools (ns, owner) \g /dev/null

-- So many daily jobs in production, made as rows: all are planned a week ahead, so that the next tick has nothing to do.
CREATE FUNCTION bench.schedules(jobs integer) RETURNS bigint LANGUAGE sql AS $$
    WITH added AS (
    INSERT INTO sparkingest.ingestion_jobs (job_id, tenant_id, job_name, stage, source_type, source_config, destination_config, cpu_millicores,
                memory_mib, executors, estimated_runtime_minutes, schedule_cron, time_zone, next_fire_at, plan_at, target_namespace,
                owner_oid, owner_name, created_at, updated_at)
    SELECT gen_random_uuid(), bench.tenant(1001), 'nightly ' || n, 'production', 'postgres',
           '{"host": "db.example.com", "database": "shop", "table": "orders"}', '{"type": "file", "uri": "file:///lake/orders"}', 1000, 2048, 1, 10,
           to_char(now() AT TIME ZONE 'UTC' - interval '1 hour', 'MI HH24') || ' * * *', 'UTC', date_trunc('minute', now()) + '6 days 23 hours',
           date_trunc('minute', now()) + '23 hours', 'vcpu-hours-ns',
           current_user::regrole::oid, current_user, now(), now()
      FROM generate_series((SELECT count(*) FROM sparkingest.ingestion_jobs), jobs - 1) AS n RETURNING 1)
    SELECT count(*) FROM added
$$;


-- A thousand jobs of a core and ten minutes, of tenants 2001 to 2100, whose runs wait where there is no place at once.
CREATE FUNCTION bench.waiting_jobs() RETURNS void LANGUAGE sql AS $$
    INSERT INTO sparkingest.ingestion_jobs (job_id, tenant_id, job_name, stage, source_type, source_config, destination_config, cpu_millicores,
                memory_mib, executors, estimated_runtime_minutes, sla_window_hours, on_no_capacity, overlap_policy, options, time_zone, target_namespace,
                owner_oid, owner_name, created_at, updated_at)
    SELECT gen_random_uuid(), bench.tenant(2001 + n % 100), 'waiting ' || n, 'production', 'postgres',
           '{"host": "db.example.com", "database": "shop", "table": "orders"}', '{"type": "file", "uri": "file:///lake/orders"}', 1000, 2048, 1, 10,
           0.01, 'wait', 'allow', '{"overlap_limit": 100}', 'UTC', 'vcpu-hours-ns', current_user::regrole::oid, current_user, now(), now()
      FROM generate_series(1, 1000) AS n
$$;

VACUUM ANALYZE;
