-- When plan() next has something to do for a job (plan_at): what has nothing to plan is not looked at, what has is in time (J2).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SET client_min_messages = warning;
SELECT name, sparkingest.purchase(sparkingest.create_tenant(name), 'vcpu_hours', 1000000) IS NOT NULL AS bought FROM (VALUES ('Acme'), ('Globex')) AS v (name);
CREATE FUNCTION pg_temp.plans(pattern text DEFAULT '%') RETURNS TABLE (job_name text, planned bigint, next_fire_at timestamptz, plan_at timestamptz) LANGUAGE sql AS $$
SELECT j.job_name, (SELECT count(*) FROM sparkingest.job_executions AS e WHERE e.job_id = j.job_id AND e.started_by = 'schedule'
    AND e.state IN ('scheduled', 'waiting')), j.next_fire_at, j.plan_at FROM sparkingest.ingestion_jobs AS j WHERE j.job_name LIKE pattern ORDER BY 1 $$;
-- Which version of its row a job has: who is not looked at keeps it.
CREATE TEMPORARY TABLE versions (job_id uuid, version text);
CREATE FUNCTION pg_temp.touched() RETURNS SETOF text LANGUAGE sql AS $$
SELECT j.job_name FROM sparkingest.ingestion_jobs AS j LEFT JOIN versions AS v USING (job_id) WHERE j.xmin || ' ' || j.ctid IS DISTINCT FROM v.version ORDER BY 1 $$;

SELECT fixture.production_job('Acme', 'daily', 1, 2, 5, '0 2 * * *'), fixture.production_job('Acme', 'often', 1, 2, 5, '*/10 * * * *'),
    fixture.production_job('Acme', 'rarely', 1, 2, 5, '0 0 1 1 *'), fixture.production_job('Acme', 'by hand', 1, 2, 5),
    fixture.production_job('Globex', 'of another', 1, 2, 5, '30 4 * * *');
SELECT fixture.draft_job('Acme', 'draft', 1, 2, 5, '0 3 * * *') IS NOT NULL AS created;
-- At once; then when the next fire comes into reach, or half of 48 are gone.
SELECT * FROM pg_temp.plans();
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plans();
-- Until then nobody is looked at; after, only who is due.
INSERT INTO versions SELECT job_id, xmin || ' ' || ctid FROM sparkingest.ingestion_jobs;
SELECT sparkingest.plan();
SELECT * FROM pg_temp.touched();
SET sparkingest.clock = '2026-03-03 02:00:00+00';
SELECT sparkingest.plan() > 0 AS planned;
SELECT * FROM pg_temp.touched();
SELECT * FROM pg_temp.plans();

-- A suspended tenant's jobs leave the plan when it is their turn, and are back when the tenant is active. What came due meanwhile is told.
SELECT sparkingest.set_tenant_status(fixture.tenant('Globex'), 'suspended');
SET sparkingest.clock = '2026-03-12 05:00:00+00';
SELECT count(sparkingest.plan()) FROM generate_series(1, 2);
SELECT * FROM pg_temp.plans('of another');
SELECT sparkingest.set_tenant_status(fixture.tenant('Globex'), 'active');
SELECT * FROM pg_temp.plans('of another');
SELECT sparkingest.plan() > 0 AS planned;
SELECT * FROM pg_temp.plans('of another');
SELECT cause, after FROM sparkingest.events WHERE job_id = fixture.job('of another') AND event_type = 'fire.missed';

-- Paused, resumed, changed, a draft again, dropped.
SELECT sparkingest.pause_job(fixture.job('daily'));
SELECT * FROM pg_temp.plans('daily');
SELECT sparkingest.resume_job(fixture.job('daily'));
SELECT * FROM pg_temp.plans('daily');
SELECT sparkingest.plan() > 0 AS planned;
SELECT sparkingest.alter_job(fixture.job('daily'), '{"schedule_cron": "15 3 * * *"}');
SELECT * FROM pg_temp.plans('daily');
SELECT sparkingest.plan() > 0 AS planned;
SELECT sparkingest.alter_job(fixture.job('daily'), '{"resource_requirements": {"cpu_cores": 2, "memory_gb": 4}}');
SELECT * FROM pg_temp.plans('daily');
SELECT sparkingest.drop_job(fixture.job('often'));
SELECT * FROM pg_temp.plans('often');

-- What is due is decided before a schedule is changed; before a job stops, it is told.
SELECT name, fixture.production_job('Acme', name, 1, 2, 5, '0 * * * *', options => '{"misfire_policy": "all", "catchup_window": "3 hours"}')
  FROM (VALUES ('changed'), ('paused'), ('redefined'), ('dropped')) AS v (name);
SELECT job_name, next_fire_at FROM pg_temp.plans() WHERE job_name IN ('changed', 'paused');
SET sparkingest.clock = '2026-03-12 09:30:00+00';
SELECT sparkingest.alter_job(fixture.job('changed'), '{"schedule_cron": "45 * * * *"}');
SELECT sparkingest.pause_job(fixture.job('paused'));
SELECT sparkingest.alter_job(fixture.job('redefined'), '{"destination_config": {"type": "file", "uri": "file:///lake/others"}}');
SELECT sparkingest.drop_job(fixture.job('dropped'));
SELECT j.job_name, e.state, to_char(e.scheduled_for, 'HH24:MI') AS fire, e.stop_reason FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id)
    WHERE j.job_name IN ('changed', 'paused', 'redefined', 'dropped') AND e.started_by = 'schedule' ORDER BY 1, 3;
SELECT j.job_name, v.actor, v.cause, v.after FROM sparkingest.events AS v JOIN sparkingest.ingestion_jobs AS j USING (job_id)
    WHERE v.event_type = 'fire.missed' AND j.job_name IN ('changed', 'paused', 'redefined', 'dropped') ORDER BY 1, v.event_id;
SELECT sparkingest.plan() > 0 AS planned;
SELECT min(scheduled_for) FROM sparkingest.job_executions WHERE job_id = fixture.job('changed') AND state = 'scheduled' AND scheduled_for > sparkingest.clock();

-- Many at a time; one of them cannot be planned, and takes nothing from the others.
SELECT count(fixture.production_job('Acme', 'many ' || n, 1, 2, 5, '0 6 * * *')) FROM generate_series(1, 250) AS n;
UPDATE sparkingest.ingestion_jobs SET time_zone = 'Mars/Olympus' WHERE job_name = 'many 100';
SELECT sparkingest.plan();
SELECT planned, plan_at, count(*) FROM pg_temp.plans('many %') GROUP BY 1, 2 ORDER BY 1;
SELECT job_name, blocked_reason FROM sparkingest.ingestion_jobs WHERE blocked_reason IS NOT NULL;
UPDATE sparkingest.ingestion_jobs SET time_zone = 'UTC' WHERE job_name = 'many 100';
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plans('many 100');
\i :end
