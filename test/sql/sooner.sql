-- Planned runs are pulled forward into what became free, and nobody is delayed (C13, C15).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1000000) IS NOT NULL AS hours;
UPDATE sparkingest.namespaces SET cpu_millicores = 10000, memory_mib = 20480 WHERE namespace = 'vcpu-hours-ns';
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.job(name text, cores integer, minutes integer, sla jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS
$$ SELECT fixture.production_job('Acme', name, cores, cores * 2, minutes, sla => sla, options => '{"on_no_capacity": "wait", "overlap_policy": "allow", "overlap_limit": 9}') $$;
CREATE VIEW pg_temp.plan AS SELECT j.job_name, e.state, e.planned_start, e.planned_end, e.plan_reason
  FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id)
 WHERE e.state IN ('scheduled', 'waiting') ORDER BY e.planned_start, j.job_name;
CREATE FUNCTION pg_temp.start(job text) RETURNS void LANGUAGE sql AS
$$ SELECT fixture.claim(fixture.latest(job)); SELECT fixture.start(fixture.latest(job), sparkingest.clock()) $$;

-- One runs for an hour, and others are planned behind it, for half an hour each.
SELECT name, pg_temp.job(name, 10, minutes, sla) FROM (VALUES ('runs', 50, '{}'::jsonb), ('low', 25, '{}'), ('high', 25, '{"priority": 5}'),
    ('later', 25, '{"priority": 9, "earliest_start": "2 hours"}')) AS v (name, minutes, sla);
SELECT sparkingest.run_job(fixture.job(name)) IS NOT NULL AS admitted FROM unnest(ARRAY['runs', 'low', 'high', 'later']) AS name;
SELECT pg_temp.start('runs');
SELECT * FROM pg_temp.plan;
SELECT sparkingest.plan();
-- It ends early. The most important one of those that may start now does; what it held is held still, and no more.
SET sparkingest.clock = '2026-03-02 09:12:00+00';
SELECT fixture.finish(fixture.latest('runs'), 'succeeded');
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan;
SELECT trim_scale(sum(held) / 3600000) AS held FROM sparkingest.job_executions WHERE state = 'scheduled';
SELECT event_type, cause, before, after FROM sparkingest.events WHERE execution_id = fixture.latest('high') AND event_type = 'execution.replanned';
SELECT sparkingest.plan();
-- So does the next one, into its old place as well.
SELECT pg_temp.start('high');
SET sparkingest.clock = '2026-03-02 09:43:00+00';
SELECT fixture.finish(fixture.latest('high'), 'succeeded');
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan;
SELECT sparkingest.drop_job(job_id) FROM sparkingest.ingestion_jobs WHERE status <> 'dropped';

-- A start that is still to come moves when it comes much earlier; what would only come a little earlier stays.
SELECT pg_temp.job('long', 10, 100), pg_temp.job('short', 10, 25), pg_temp.job('much', 10, 25), pg_temp.job('little', 10, 25);
SELECT sparkingest.run_job(fixture.job(name), at::timestamptz) IS NOT NULL AS admitted FROM (VALUES ('long', '2026-03-02 12:00+00'), ('much', '2026-03-02 12:05+00'),
    ('short', '2026-03-02 16:00+00'), ('little', '2026-03-02 16:05+00')) AS v (name, at);
SELECT * FROM pg_temp.plan;
SELECT sparkingest.cancel_execution(fixture.latest('long')), sparkingest.cancel_execution(fixture.latest('short'));
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan;
SELECT sparkingest.drop_job(job_id) FROM sparkingest.ingestion_jobs WHERE status <> 'dropped';

-- Behind an earlier run of its job it stays: it would meet that one, and be skipped (J4).
SET sparkingest.clock = '2026-03-02 18:00:00+00';
SELECT pg_temp.job('filler', 5, 50), fixture.production_job('Acme', 'alone', 5, 10, 50, options => '{"on_no_capacity": "wait"}');
SELECT sparkingest.run_job(fixture.job('alone')) IS NOT NULL AS admitted;
SELECT pg_temp.start('alone');
SELECT sparkingest.run_job(fixture.job('filler')) IS NOT NULL AS admitted;
SELECT pg_temp.start('filler');
SELECT sparkingest.run_job(fixture.job('alone')) IS NOT NULL AS admitted;
SET sparkingest.clock = '2026-03-02 18:20:00+00';
SELECT fixture.finish(fixture.latest('filler'), 'succeeded');
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan;
SELECT fixture.finish(execution_id, 'succeeded') FROM sparkingest.job_executions WHERE state = 'running';
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan;
SELECT sparkingest.drop_job(job_id) FROM sparkingest.ingestion_jobs WHERE status <> 'dropped';

-- Another attempt waits for its backoff (J7).
SET sparkingest.clock = '2026-03-02 20:00:00+00';
SELECT fixture.production_job('Acme', 'tries', 5, 10, 50, options => '{"retry": {"max_attempts": 2}}');
SELECT sparkingest.run_job(fixture.job('tries')) IS NOT NULL AS admitted;
SELECT pg_temp.start('tries');
SELECT fixture.finish(fixture.latest('tries'), 'failed', NULL, 1, 'platform', true);
SELECT job_name, planned_start > sparkingest.clock() AS later FROM pg_temp.plan;
SELECT sparkingest.plan();
SELECT job_name, planned_start > sparkingest.clock() AS later FROM pg_temp.plan;
SELECT sparkingest.drop_job(job_id) FROM sparkingest.ingestion_jobs WHERE status <> 'dropped';

-- Own units: nothing was held, so it does not go where vCPU-hours pay. A suspended tenant's work stays where it is.
SET sparkingest.clock = '2026-03-03 09:00:00+00';
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 2, 'daily') IS NOT NULL AS units;
SELECT pg_temp.job('own', 8, 50), pg_temp.job('own too', 8, 50);
SELECT sparkingest.run_job(fixture.job('own')) IS NOT NULL, sparkingest.run_job(fixture.job('own too')) IS NOT NULL;
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan;
SELECT pg_temp.start('own');
SET sparkingest.clock = '2026-03-03 09:30:00+00';
SELECT fixture.finish(fixture.latest('own'), 'succeeded');
SELECT sparkingest.set_tenant_status(fixture.tenant('Acme'), 'suspended');
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan;
SELECT sparkingest.set_tenant_status(fixture.tenant('Acme'), 'active');
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan;
\i :end
