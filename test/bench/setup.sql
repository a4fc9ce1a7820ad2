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

-- 1 to 200 for the spread; 1001 of the hot pool and of full-ns; 1002 owns a unit that is full; 1003 owns 100 cores, 90 % full.
INSERT INTO sparkingest.tenants (tenant_id, tenant_name, time_zone, created_at)
SELECT bench.tenant(n), 'bench ' || n, 'UTC', pg_catalog.now()
  FROM (SELECT pg_catalog.generate_series(1, 200) UNION ALL SELECT pg_catalog.generate_series(1001, 1003)) AS t (n);
SELECT sparkingest.purchase(tenant_id, 'vcpu_hours', 1000000, 'yearly') FROM sparkingest.tenants \g /dev/null
UPDATE sparkingest.grants SET granted = granted * 1000 WHERE resource_type = 'vcpu_hours' AND tenant_id = bench.tenant(1001);
SELECT sparkingest.purchase(bench.tenant(n), 'dedicated_units', 100000, 'yearly') FROM pg_catalog.generate_series(1, 200) AS n \g /dev/null
SELECT sparkingest.purchase(bench.tenant(1002), 'dedicated_units', 1, 'yearly') \g /dev/null
SELECT sparkingest.purchase(bench.tenant(1003), 'dedicated_units', 25, 'yearly') \g /dev/null
SELECT pool_id AS month_pool FROM sparkingest.pools WHERE namespace = 'month-ns' \gset
