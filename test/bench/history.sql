-- history.sql: two years of use, loaded for the cases that ask for it. Tenants 10001 to 11000 have a job each, whose ids a script can compute.
\set ON_ERROR_STOP on
CREATE FUNCTION bench.job(tenant integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT ('00000000-0000-4000-9000-' || pg_catalog.lpad(tenant::text, 12, '0'))::uuid $$;
CREATE FUNCTION bench.run(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT ('00000000-0000-4000-a000-' || pg_catalog.lpad(n::text, 12, '0'))::uuid $$;
-- The beginning of the month so many before this one.
CREATE FUNCTION bench.month(ago integer) RETURNS timestamptz LANGUAGE sql STABLE AS
$$ SELECT (pg_catalog.date_trunc('month', pg_catalog.now() AT TIME ZONE 'UTC') - ago * interval '1 month') AT TIME ZONE 'UTC' $$;

INSERT INTO sparkingest.tenants (tenant_id, tenant_name, time_zone, created_at)
SELECT bench.tenant(n), 'bench ' || n, 'UTC', now() FROM generate_series(10001, 11000) AS n;
SELECT count(sparkingest.purchase(bench.tenant(n), 'vcpu_hours', 10000, 'monthly', bench.month(24), bench.month(-2))) FROM generate_series(10001, 11000) AS n \g /dev/null
SELECT count(sparkingest.purchase(bench.tenant(n), 'dedicated_units', 1, 'yearly')) FROM generate_series(10001, 11000) AS n \g /dev/null
INSERT INTO sparkingest.ingestion_jobs (job_id, tenant_id, job_name, stage, target_namespace, source_type, source_config, destination_config, cpu_millicores, memory_mib, executors,
    estimated_runtime_minutes, time_zone, overlap_policy, on_no_capacity, owner_oid, owner_name, created_at, updated_at)
SELECT bench.job(n), bench.tenant(n), 'job ' || n, 'production', 'vcpu-hours-ns', 'postgres', '{"host": "h", "database": "d", "table": "t"}', '{"type": "file", "uri": "file:///lake/x"}',
    4000, 8192, 1, 10, 'UTC', 'allow', 'reject', current_user::regrole, current_user, now(), now() FROM generate_series(10001, 11000) AS n;

-- Runs of ten minutes that end evenly over a time, in turn of so many tenants from `first` on. Rows come as those of a dump do where
-- check_function_bodies is off: roll_up() is not told of them.
CREATE FUNCTION bench.consume(from_n bigint, n bigint, first integer, tenants integer, from_time timestamptz, until_time timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO sparkingest.resource_consumption (execution_id, tenant_id, job_id, namespace, started_at, ended_at, billed_seconds, cpu_millicore_seconds, memory_mib_seconds,
        billable_millicore_seconds, charge_to, charged)
    SELECT bench.run(from_n + i), bench.tenant(first + i::integer % tenants), bench.job(first + i::integer % tenants), 'vcpu-hours-ns', e.at - interval '10 minutes', e.at, 600, 2400000, 4915200,
           2400000, 'vcpu_hours', 2400000
      FROM generate_series(0, n - 1) AS i, LATERAL (SELECT from_time + i * ((until_time - from_time) / n) AS at) AS e
$$;
-- The executions of such rows.
CREATE FUNCTION bench.execute(from_n bigint, n bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO sparkingest.job_executions (execution_id, job_id, tenant_id, job_version, run_id, state, started_by, is_draft, namespace, scheduled_for, cpu_millicores, memory_mib, executors,
        estimated_runtime_minutes, hard_minutes, started_at, finished_at, sla_met, bytes_out, charged, created_at)
    SELECT c.execution_id, c.job_id, c.tenant_id, 1, c.execution_id, 'succeeded', 'run_job', false, c.namespace, c.started_at, 4000, 8192, 1, 10, 36, c.started_at, c.ended_at, true, 1000000,
           c.charged, c.started_at
      FROM sparkingest.resource_consumption AS c WHERE c.execution_id >= bench.run(from_n) AND c.execution_id < bench.run(from_n + n)
$$;
-- A row of each month, so that it gets its partition, 24 of them by one call.
SELECT bench.consume(k, 1, 10001, 1, bench.month(k), bench.month(k - 1)) FROM generate_series(1, 24) AS k \g /dev/null
SELECT sparkingest.maintain(), sparkingest.maintain() \g /dev/null
