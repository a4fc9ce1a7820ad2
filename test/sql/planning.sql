-- The plan: fires turned into executions ahead of time, late ticks, and waiting work (J2, J3, C13, C15, J12).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1000000) IS NOT NULL AS hours;
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.fires(name text) RETURNS TABLE (n bigint, first timestamptz, last timestamptz, next_fire_at timestamptz) LANGUAGE sql AS $$
SELECT count(e.*), min(e.scheduled_for), max(e.scheduled_for), max(j.next_fire_at) FROM sparkingest.ingestion_jobs AS j
  LEFT JOIN sparkingest.job_executions AS e ON e.job_id = j.job_id AND e.started_by = 'schedule' AND e.state IN ('scheduled', 'waiting')
      WHERE j.job_id = fixture.job(name) $$;

-- J2: seven days ahead, at most 48 runs of a job; what the promotion reserved already is among them.
SELECT fixture.production_job('Acme', 'daily', 1, 2, 5, '0 2 * * *'), fixture.production_job('Acme', 'often', 1, 2, 5, '*/10 * * * *'),
    fixture.production_job('Acme', 'rarely', 1, 2, 5, '0 0 20 3 *');
SELECT 'daily', * FROM pg_temp.fires('daily') UNION ALL SELECT 'often', * FROM pg_temp.fires('often') UNION ALL SELECT 'rarely', * FROM pg_temp.fires('rarely');
SELECT sparkingest.plan();
SELECT 'daily', * FROM pg_temp.fires('daily') UNION ALL SELECT 'often', * FROM pg_temp.fires('often') UNION ALL SELECT 'rarely', * FROM pg_temp.fires('rarely');
-- Each has its place and its time; again is no more.
SELECT state, count(*), count(DISTINCT scheduled_for), bool_and(planned_start >= scheduled_for) AS in_time FROM sparkingest.job_executions
    WHERE job_id = fixture.job('often') AND NOT is_draft GROUP BY 1;
SELECT sparkingest.plan();
-- Time goes on: when half of them went by, as many more.
SET sparkingest.clock = '2026-03-02 13:00:00+00';
SELECT sparkingest.plan();
SET sparkingest.clock = '2026-03-02 13:10:00+00';
SELECT count(fixture.run(execution_id, '2 minutes')) FROM (SELECT execution_id FROM sparkingest.job_executions WHERE job_id = fixture.job('often')
    AND state = 'scheduled' AND planned_start <= sparkingest.clock() ORDER BY planned_start) AS due;
SELECT sparkingest.plan();
SELECT 'daily', * FROM pg_temp.fires('daily') UNION ALL SELECT 'often', * FROM pg_temp.fires('often');
-- What is dropped or paused or a draft is not planned.
SELECT sparkingest.pause_job(fixture.job('often'));
SELECT sparkingest.drop_job(fixture.job('daily'));
SELECT fixture.draft_job('Acme', 'draft', 1, 2, 5, '*/5 * * * *') IS NOT NULL AS created;
SELECT sparkingest.plan();
SELECT count(*) FROM sparkingest.job_executions WHERE state IN ('scheduled', 'waiting');

-- J3: nobody ticked for some hours. latest makes up for the last missed fire, all for each, none for nothing, within
-- catchup_window. What is too old is told, not run.
SET sparkingest.clock = '2026-03-03 00:01:00+00';
SELECT policy || ' ' || catchup AS job, fixture.production_job('Acme', policy || ' ' || catchup, 1, 2, 5, '0 * * * *',
    options => jsonb_build_object('misfire_policy', policy, 'catchup_window', catchup))
  FROM (VALUES ('latest', '2 hours'), ('all', '2 hours'), ('none', '2 hours'), ('latest', '0'), ('all', '1 day')) AS v (policy, catchup);
-- As if the schedule had been planned up to 02:00 and the server been down since: the plan keeps nothing in memory.
UPDATE sparkingest.ingestion_jobs SET next_fire_at = '2026-03-03 02:00:00+00' WHERE stage = 'production' AND status = 'active' AND schedule_cron = '0 * * * *';
SET sparkingest.clock = '2026-03-03 06:20:00+00';
SELECT sparkingest.plan() > 0 AS planned;
SELECT job_name, array_agg(to_char(scheduled_for, 'HH24:MI')
    ORDER BY scheduled_for) FILTER (WHERE scheduled_for BETWEEN '2026-03-03 02:00+00' AND '2026-03-03 06:20+00') AS made_up_for,
    min(scheduled_for) FILTER (WHERE scheduled_for > '2026-03-03 06:20+00') AS next,
       bool_and(planned_start >= '2026-03-03 06:20+00') FILTER (WHERE scheduled_for >= '2026-03-03 02:00+00') AS not_in_the_past
  FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id) WHERE j.schedule_cron = '0 * * * *'
      AND NOT is_draft GROUP BY 1 ORDER BY 1;
SELECT j.job_name, v.event_type, v.cause, v.after FROM sparkingest.events AS v JOIN sparkingest.ingestion_jobs AS j USING (job_id)
    WHERE v.event_type LIKE 'fire.%' ORDER BY j.job_name, v.event_id;
-- What was made up for is marked so; a tick a minute late is in time.
SELECT DISTINCT v.cause FROM sparkingest.events AS v JOIN sparkingest.job_executions AS e USING (execution_id)
    WHERE e.started_by = 'schedule' AND v.before IS NULL AND v.job_id = fixture.job('all 1 day') ORDER BY 1;
SELECT sparkingest.plan();
-- The clock steps back: nothing twice.
SET sparkingest.clock = '2026-03-03 01:00:00+00';
SELECT sparkingest.plan();
SELECT count(*) AS duplicates FROM (SELECT FROM sparkingest.job_executions WHERE started_by = 'schedule' GROUP BY job_id, scheduled_for,
    attempt HAVING count(*) > 1) AS d;
SET sparkingest.clock = '2026-03-03 06:20:00+00';
SELECT sparkingest.drop_job(job_id) FROM sparkingest.ingestion_jobs WHERE status <> 'dropped';

-- Work that waits gets its place when there is one, the most important first (C15), whoever frees it (C13).
SELECT sparkingest.set_capacity('vcpu-hours-ns', 10, 20, '[2026-03-03 06:20, 2026-03-08)');
SELECT name, fixture.production_job('Acme', name, 10, 20, 25, options => '{"on_no_capacity": "wait"}',
    sla => format('{"priority": %s, "sla_window_hours": 0.01}', priority)::jsonb) FROM (VALUES ('first', 0), ('low', 1), ('high', 9),
    ('middle', 5)) AS v (name, priority);
SELECT name, sparkingest.run_job(fixture.job(name)) IS NOT NULL AS admitted FROM (VALUES ('first'), ('low'), ('high'), ('middle')) AS v (name);
SELECT j.job_name, e.state, e.planned_start FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id)
    WHERE e.state IN ('scheduled', 'waiting') ORDER BY 1;
SELECT sparkingest.plan();
SELECT sparkingest.cancel_execution(fixture.latest('first'));
SELECT sparkingest.plan();
SELECT j.job_name, e.state, e.planned_start FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id)
    WHERE e.state IN ('scheduled', 'waiting') ORDER BY 1;
-- A suspended tenant's work waits on; when it is active again it is its turn.
SELECT sparkingest.cancel_execution(fixture.latest('high'));
SELECT sparkingest.set_tenant_status(fixture.tenant('Acme'), 'suspended');
SELECT sparkingest.plan();
SELECT sparkingest.set_tenant_status(fixture.tenant('Acme'), 'active');
SELECT sparkingest.plan();
SELECT j.job_name, e.state FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id)
    WHERE e.state IN ('scheduled', 'waiting') ORDER BY 1;
SELECT sparkingest.drop_job(job_id) FROM sparkingest.ingestion_jobs WHERE status <> 'dropped';

-- Waiting for hours: without a balance a scheduled run waits with the reason, and runs when there is one.
SELECT sparkingest.create_tenant('Poor') IS NOT NULL AS created;
SELECT fixture.production_job('Poor', 'hourly', 4, 8, 25) AS production;
SELECT sparkingest.alter_job(fixture.job('hourly'), '{"schedule_cron": "0 7 * * *"}');
SELECT sparkingest.plan();
SELECT DISTINCT state, waiting_reason FROM sparkingest.job_executions WHERE job_id = fixture.job('hourly') AND NOT is_draft;
SELECT sparkingest.purchase(fixture.tenant('Poor'), 'vcpu_hours', 3, 'daily') IS NOT NULL AS bought;
SELECT sparkingest.plan();
SELECT state, count(*), min(scheduled_for) FROM sparkingest.job_executions WHERE job_id = fixture.job('hourly') AND NOT is_draft GROUP BY 1 ORDER BY 1;

-- J12: a job that cannot be planned is blocked with a reason, and stands in nobody's way.
SELECT fixture.production_job('Acme', 'good', 1, 2, 5, '0 * * * *'), fixture.production_job('Acme', 'bad', 1, 2, 5, '0 * * * *', sla => '{"priority": 100}');
UPDATE sparkingest.ingestion_jobs SET time_zone = 'Mars/Olympus' WHERE job_name = 'bad';
SELECT sparkingest.plan() > 0 AS planned;
SELECT job_name, blocked_reason FROM sparkingest.ingestion_jobs WHERE job_name IN ('good', 'bad') ORDER BY 1;
SELECT (pg_temp.fires('good')).n > 1 AS good_goes_on;
UPDATE sparkingest.ingestion_jobs SET time_zone = 'UTC' WHERE job_name = 'bad';
SELECT sparkingest.plan() > 0 AS planned;
-- Mended, it goes on.
SELECT job_name, blocked_reason, (pg_temp.fires('bad')).n > 1 AS goes_on FROM sparkingest.ingestion_jobs WHERE job_name = 'bad';
SELECT worker_name, beat_at, last_error FROM sparkingest.worker_status WHERE worker_name = 'plan';
\i :end
