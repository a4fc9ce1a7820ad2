-- What was used: usage(), consumption, and the hourly sums (M7 to M9).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
SET client_min_messages = warning;
-- Nothing yet.
SELECT sparkingest.usage(fixture.tenant('Acme')) - 'tenant_id' AS usage;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 3, 'daily') IS NOT NULL AS units;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 50) IS NOT NULL AS hours, sparkingest.purchase(fixture.tenant('Acme'),
    'vcpu_hours', 7, 'monthly', '2026-05-01 00:00+00') IS NOT NULL AS later;
SELECT name, fixture.production_job('Acme', name, cores, gib, 25) AS status FROM (VALUES ('units', 6, 12), ('hours', 20, 40)) AS v (name, cores, gib);
SELECT name, sparkingest.run_job(fixture.job(name)) IS NOT NULL AS admitted FROM (VALUES ('units'), ('hours')) AS v (name);
SELECT jsonb_pretty(sparkingest.usage(fixture.tenant('Acme')) - 'tenant_id') AS usage;
-- At another time: what is bought and reserved then.
SELECT sparkingest.usage(fixture.tenant('Acme'), '2026-03-02 12:00+00') -> 'dedicated_units' AS after_the_run,
    sparkingest.usage(fixture.tenant('Acme'), '2026-03-04 12:00+00') -> 'dedicated_units' AS after_the_units,
    sparkingest.usage(fixture.tenant('Acme'), '2026-05-04 12:00+00') -> 'vcpu_hours' AS in_may;
-- Somebody else's work is not counted.
SELECT sparkingest.create_tenant('Globex') IS NOT NULL AS created;
SELECT sparkingest.usage(fixture.tenant('Globex')) -> 'executions' AS executions;
SELECT fixture.run(fixture.latest('units'), '10 minutes'), fixture.run(fixture.latest('hours'), '10 minutes');
SELECT sparkingest.usage(fixture.tenant('Acme')) -> 'vcpu_hours' AS vcpu_hours,
    sparkingest.usage(fixture.tenant('Acme')) -> 'executions' AS executions,
    sparkingest.usage(fixture.tenant('Acme')) -> 'dedicated_units' ->> 'reserved_cpu_cores' AS reserved;
SELECT j.job_name, c.namespace, c.charge_to, c.billed_seconds, c.cpu_millicore_seconds / 1000 AS core_seconds,
    c.memory_mib_seconds / 1024 AS gib_seconds, c.charged / 1000 AS charged_core_seconds FROM sparkingest.resource_consumption AS c
    JOIN sparkingest.ingestion_jobs AS j USING (job_id) ORDER BY 1, 3;

SELECT j.job_name, c.cpu_core_seconds::float8, c.memory_gb_seconds::float8, round(c.charged_vcpu_hours, 6) AS hours FROM sparkingest.consumption_seconds AS c
    JOIN sparkingest.ingestion_jobs AS j USING (job_id) WHERE c.charge_to = 'vcpu_hours';

-- roll_up: the hour in which a run ended, per tenant and namespace, and the hours in which it was used; again is no more; what
-- is recorded late is added.
SELECT sparkingest.roll_up();
SELECT t.tenant_name, u.hour, u.namespace, u.executions, u.cpu_millicore_seconds, u.memory_mib_seconds, u.charged
    FROM sparkingest.usage_hourly AS u JOIN sparkingest.tenants AS t USING (tenant_id) ORDER BY 1, 2, 3;
SELECT sparkingest.roll_up();
SET sparkingest.clock = '2026-03-02 09:50:00+00';
SELECT fixture.run(sparkingest.run_job(fixture.job('hours')), '9 minutes 59 seconds'), fixture.run(sparkingest.run_job(fixture.job('hours')), '10 minutes');
SELECT sparkingest.roll_up();
SELECT u.hour, u.executions, u.charged / 1000 AS charged_core_seconds FROM sparkingest.usage_hourly AS u WHERE u.namespace = 'vcpu-hours-ns' ORDER BY 1;
-- What was changed by hand is found, and mended by making it anew.
UPDATE sparkingest.usage_hourly SET charged = charged + 1 WHERE namespace = 'vcpu-hours-ns' AND hour = '2026-03-02 10:00+00';
INSERT INTO sparkingest.usage_hourly SELECT tenant_id, '2026-03-01 10:00+00', 'vcpu-hours-ns', 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 FROM sparkingest.tenants WHERE tenant_name = 'Globex';
SELECT book, t.tenant_name, hour, found, expected FROM sparkingest.verify_usage() AS v JOIN sparkingest.tenants AS t USING (tenant_id) ORDER BY 1, 2, 3;
SELECT sparkingest.rebuild_usage();
SELECT count(*) FROM sparkingest.verify_usage();
SELECT sparkingest.roll_up();
SELECT (SELECT ROW (sum(executions), sum(cpu_millicore_seconds), sum(memory_mib_seconds), sum(charged))
    FROM sparkingest.usage_hourly) = (SELECT ROW (count(*)::numeric, sum(cpu_millicore_seconds), sum(memory_mib_seconds), sum(charged))
    FROM sparkingest.resource_consumption) AS adds_up;

-- M8: nothing overflows: the full shared pool for a century fits many times.
SELECT 2000 * 1000::numeric * 100 * 366 * 86400 < 9223372036854775807 / 100 AS cpu,
    4000 * 1024::numeric * 100 * 366 * 86400 < 9223372036854775807 / 100 AS memory;
SELECT name, sum(per_second * 100 * 366 * 86400) < 9223372036854775807 / 100 AS fits_over_all_namespaces FROM sparkingest.namespaces AS n,
    LATERAL (VALUES ('cpu', n.cpu_millicores::numeric), ('memory', n.memory_mib), ('billable', greatest(n.cpu_millicores,
    n.memory_mib * 1000 / n.memory_mib_per_core))) AS v (name, per_second) GROUP BY 1 ORDER BY 1;
SELECT attname, atttypid::regtype FROM pg_attribute WHERE attrelid = 'sparkingest.resource_consumption'::regclass
    AND attname IN ('cpu_millicore_seconds', 'memory_mib_seconds', 'billable_millicore_seconds', 'charged') ORDER BY 1;
SELECT arguments, r.code, r.message FROM (VALUES ('NULL'), ('gen_random_uuid()'), ('fixture.tenant(''Acme''), NULL'),
    ('fixture.tenant(''Acme''), ''infinity''')) AS v (arguments), LATERAL fixture.refusal(format('SELECT sparkingest.usage(%s)',
    arguments)) AS r;
\i :end
