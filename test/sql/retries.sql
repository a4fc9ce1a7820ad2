-- Retries: which failures, when, how often, and memory that stays raised (J7).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1000000) IS NOT NULL AS hours;
SET client_min_messages = warning;

-- options.retry: each field is named when it is wrong.
CREATE FUNCTION pg_temp.try(retry text, OUT code text, OUT message text, OUT detail text) LANGUAGE sql AS $$
SELECT r.code, r.message, r.detail FROM fixture.refusal(format($q$SELECT fixture.draft_job('Acme', 'tried', options => '{"retry": %s}')$q$, retry)) AS r $$;
SELECT retry, (pg_temp.try(retry)).* FROM unnest(ARRAY['{"backoff_minutes": -1}', '{"backoff_minutes": "1"}', '{"backoff_minutes": 1441}',
    '{"max_backoff_minutes": 0.5}', '{"backoff_minutes": 90, "max_backoff_minutes": 60}', '{"budget_per_day": -1}', '{"budget_per_day": 10001}',
    '{"budget_per_day": 1.5}', '{"on": "everything"}', '{"on": ["lost", "Lost"]}', '{"on": []}', '{"on": [1]}', '{"on": {"lost": true}}',
    '{"on": ["lost", "lost", "lost", "lost", "lost", "lost", "lost", "lost", "lost", "lost"]}', '{"max_memory_gb": 0}', '{"max_memory_gb": "4"}',
    '{"max_attempts": 2, "backoff": 1}']) AS retry;
SELECT retry, (pg_temp.try(retry)).* FROM unnest(ARRAY['{"backoff_minutes": 0, "max_backoff_minutes": 0, "budget_per_day": 0}', '{"backoff_minutes": 1440}',
    '{"backoff_minutes": 90.5}', '{"on": "lost"}', '{"max_attempts": 10, "on": ["out_of_memory", "node_lost", "platform", "source_unreachable", "user_code", "rejected", "timed_out", "preempted", "lost"]}',
    '{"max_memory_gb": 0.5}', '{"on": null, "max_memory_gb": null}']) AS retry;

-- Every class of end, with the classes that are tried again by default, and with others. What is told is why.
CREATE TEMPORARY TABLE ends (n int, state text, error_class text, exit_code int);
INSERT INTO ends VALUES (1, 'failed', 'out_of_memory', 137), (2, 'failed', 'node_lost', 143), (3, 'failed', 'platform', 0), (4, 'failed', 'user_code', 69),
    (5, 'failed', 'user_code', 1), (6, 'failed', 'rejected', NULL), (7, 'timed_out', NULL, NULL), (8, 'preempted', NULL, NULL), (9, 'lost', 'platform', NULL),
    (10, 'succeeded', NULL, 0), (11, 'cancelled', NULL, NULL), (12, 'failed', NULL, NULL);
CREATE FUNCTION pg_temp.ends(job text) RETURNS TABLE (n int, "end" text, again bigint, told text, cause text) LANGUAGE plpgsql AS $$
DECLARE
    it ends;
    run uuid;
BEGIN
    FOR it IN SELECT t.* FROM pg_temp.ends AS t ORDER BY t.n LOOP
        run := sparkingest.run_job(fixture.job(job));
        PERFORM fixture.run(run, '1 minute', it.state, it.exit_code, it.error_class, COALESCE(it.error_class IN ('node_lost', 'platform', 'rejected'), false));
        RETURN QUERY SELECT it.n, concat_ws(' ', it.state, it.error_class, it.exit_code), (SELECT count(*) FROM sparkingest.job_executions AS e WHERE e.run_id = run) - 1,
            v.event_type, v.cause FROM (VALUES (1)) AS one LEFT JOIN sparkingest.events AS v ON v.execution_id = run AND v.event_type IN ('execution.retried', 'execution.not_retried');
        PERFORM sparkingest.cancel_execution(e.execution_id) FROM sparkingest.job_executions AS e WHERE e.run_id = run AND e.state IN ('scheduled', 'waiting');
    END LOOP;
END
$$;
SELECT fixture.production_job('Acme', 'default', 1, 2, 5, options => '{"retry": {"max_attempts": 2}}'),
       fixture.production_job('Acme', 'some', 1, 2, 5, options => '{"retry": {"max_attempts": 2, "on": ["timed_out", "user_code"]}}'),
       fixture.production_job('Acme', 'silent', 1, 2, 5);
SELECT * FROM pg_temp.ends('default');
SELECT * FROM pg_temp.ends('some');
-- A job that asks for no retries hears nothing of them; one that was preempted is tried again all the same, at once.
SELECT * FROM pg_temp.ends('silent') WHERE again > 0 OR told IS NOT NULL;

-- The event tells what follows: the next attempt, its backoff and its memory. All attempts share one SLA clock, and one verdict.
SELECT fixture.production_job('Acme', 'clock', 1, 2, 5, sla => '{"finish_by": "1 hour"}', options => '{"retry": {"max_attempts": 4, "backoff_minutes": 8, "max_backoff_minutes": 10}}');
SELECT sparkingest.run_job(fixture.job('clock')) AS run \gset
CREATE FUNCTION pg_temp.fail(run uuid, error_class text DEFAULT 'node_lost') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    next uuid := (SELECT execution_id FROM sparkingest.job_executions WHERE run_id = run ORDER BY attempt DESC LIMIT 1);
BEGIN
    PERFORM set_config('sparkingest.clock', (SELECT planned_start::text FROM sparkingest.job_executions WHERE execution_id = next), false);
    RETURN fixture.run(next, '30 seconds', 'failed', 1, error_class, error_class = 'node_lost');
END
$$;
SELECT pg_temp.fail(:'run');
SELECT pg_temp.fail(:'run');
SELECT pg_temp.fail(:'run');
SELECT e.attempt, v.event_type, v.cause, v.after ->> 'error_class' AS class, (v.after ->> 'memory_gb')::numeric AS gib,
       floor(extract(epoch FROM (v.after ->> 'not_before')::timestamptz - v.at) / 60) BETWEEN 8 AND 12 AS backs_off,
       (v.after ->> 'next_execution_id')::uuid = (SELECT execution_id FROM sparkingest.job_executions WHERE run_id = :'run' AND attempt = e.attempt + 1) AS names_it
  FROM sparkingest.job_executions AS e JOIN sparkingest.events AS v USING (execution_id) WHERE e.run_id = :'run' AND v.event_type ~ 'retried' ORDER BY e.attempt;
SELECT attempt, state, scheduled_for, sla_met FROM sparkingest.job_executions WHERE run_id = :'run' ORDER BY attempt;
SELECT set_config('sparkingest.clock', planned_start::text, false) IS NOT NULL AS at_its_start, fixture.run(execution_id, '1 minute')
  FROM sparkingest.job_executions WHERE run_id = :'run' AND attempt = 4;
SELECT attempt, state, sla_met FROM sparkingest.job_executions WHERE run_id = :'run' ORDER BY attempt;
SET sparkingest.clock = '2026-03-02 09:00:00+00';
SELECT sparkingest.run_job(fixture.job('clock')) AS run \gset
SELECT pg_temp.fail(:'run'), pg_temp.fail(:'run'), pg_temp.fail(:'run'), pg_temp.fail(:'run');
SELECT attempt, state, sla_met FROM sparkingest.job_executions WHERE run_id = :'run' ORDER BY attempt;
SELECT cause FROM sparkingest.events AS v JOIN sparkingest.job_executions AS e USING (execution_id) WHERE e.run_id = :'run' AND event_type = 'execution.not_retried';

-- The budget is the job's, over any 24 hours.
SET sparkingest.clock = '2026-03-03 09:00:00+00';
SELECT fixture.production_job('Acme', 'budget', 1, 2, 5, options => '{"retry": {"max_attempts": 3, "backoff_minutes": 0, "budget_per_day": 3}}');
CREATE FUNCTION pg_temp.flop() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    run uuid := sparkingest.run_job(fixture.job('budget'));
BEGIN
    WHILE EXISTS (SELECT FROM sparkingest.job_executions WHERE run_id = run AND state = 'scheduled') LOOP
        PERFORM pg_temp.fail(run);
    END LOOP;
    RETURN (SELECT count(*) FROM sparkingest.job_executions WHERE run_id = run);
END
$$;
SELECT pg_temp.flop() AS three, pg_temp.flop() AS two, pg_temp.flop() AS one;
SELECT cause FROM sparkingest.events WHERE job_id = fixture.job('budget') AND event_type = 'execution.not_retried' ORDER BY event_id;
SET sparkingest.clock = '2026-03-04 09:30:00+00';
SELECT pg_temp.flop() AS three_again;

-- The job has to be what it was.
SET sparkingest.clock = '2026-03-05 09:00:00+00';
SELECT fixture.production_job('Acme', name, 1, 2, 5, options => '{"retry": {"max_attempts": 3}}') FROM (VALUES ('paused'), ('changed'), ('dropped')) AS v (name);
CREATE FUNCTION pg_temp.begun(job text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    run uuid := sparkingest.run_job(fixture.job(job));
BEGIN
    PERFORM fixture.claim(run), fixture.start(run, sparkingest.clock());
    RETURN run;
END
$$;
SELECT pg_temp.begun('paused') AS paused, pg_temp.begun('changed') AS changed, pg_temp.begun('dropped') AS dropped \gset
SELECT sparkingest.pause_job(fixture.job('paused')), sparkingest.drop_job(fixture.job('dropped')),
       sparkingest.alter_job(fixture.job('changed'), '{"resource_requirements": {"cpu_cores": 1, "memory_gb": 3, "runtime_minutes": 5}}');
SELECT fixture.finish(:'paused', 'lost'), fixture.finish(:'changed', 'lost'), fixture.finish(:'dropped', 'lost');
SELECT j.job_name, v.cause FROM sparkingest.events AS v JOIN sparkingest.ingestion_jobs AS j USING (job_id)
 WHERE v.event_type = 'execution.not_retried' AND v.execution_id IN (:'paused', :'changed', :'dropped') ORDER BY 1;

-- No capacity for it, and the job would rather be refused.
SELECT fixture.production_job('Acme', 'rejects', 1, 2, 5, sla => '{"sla_window_hours": 0.1}', options => '{"on_no_capacity": "reject", "retry": {"max_attempts": 3}}');
SELECT pg_temp.begun('rejects') AS run \gset
SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 0, 0, '[2026-03-05 09:05+00, 2026-03-05 12:00+00)');
SELECT fixture.finish(:'run', 'lost', sparkingest.clock() + '1 minute');
SELECT cause FROM sparkingest.events WHERE execution_id = :'run' AND event_type = 'execution.not_retried';

-- Out of memory: the next attempt has more, and so has the job from then on: runs ahead are planned anew with it.
SET sparkingest.clock = '2026-03-06 09:00:00+00';
SELECT fixture.production_job('Acme', 'hungry', 2, 4, 25, '0 12 * * *', options => '{"retry": {"max_attempts": 3}}');
SELECT sparkingest.plan() > 0 AS planned;
CREATE VIEW pg_temp.ahead AS SELECT e.state, e.memory_mib / 1024 AS gib, r.memory_mib / 1024 AS reserved, count(*), count(DISTINCT e.scheduled_for) AS times, trim_scale(sum(e.held) / 3600000.0) AS held
  FROM sparkingest.job_executions AS e LEFT JOIN sparkingest.reservations AS r USING (reservation_id) WHERE e.job_id = fixture.job('hungry') AND e.started_by = 'schedule' AND e.state IN ('scheduled', 'waiting') GROUP BY 1, 2, 3;
SELECT * FROM pg_temp.ahead;
SELECT sparkingest.run_job(fixture.job('hungry')) AS run \gset
SELECT fixture.run(:'run', '1 minute', 'failed', 137, 'out_of_memory');
SELECT * FROM pg_temp.ahead;
SELECT event_type, execution_id = :'run' AS named, cause, before, after FROM sparkingest.events WHERE job_id = fixture.job('hungry') AND event_type ~ 'memory' ORDER BY event_id;
SELECT attempt, memory_mib / 1024 AS gib FROM sparkingest.job_executions WHERE run_id = :'run' ORDER BY attempt;
SELECT stage, version, memory_mib / 1024 AS stated, raised_memory_mib / 1024 AS raised FROM sparkingest.ingestion_jobs WHERE job_name = 'hungry';
SELECT pg_temp.fail(:'run', 'out_of_memory'), pg_temp.fail(:'run', 'out_of_memory');
SELECT attempt, memory_mib / 1024 AS gib FROM sparkingest.job_executions WHERE run_id = :'run' ORDER BY attempt;
-- The last attempt raised it, too; a new run begins with that. Four times what is stated is the most.
SELECT raised_memory_mib / 1024 AS raised FROM sparkingest.ingestion_jobs WHERE job_name = 'hungry';
SELECT sparkingest.run_job(fixture.job('hungry')) AS run \gset
SELECT memory_mib / 1024 AS gib FROM sparkingest.job_executions WHERE execution_id = :'run';
SELECT pg_temp.fail(:'run', 'out_of_memory'), pg_temp.fail(:'run', 'out_of_memory');
SELECT attempt, memory_mib / 1024 AS gib FROM sparkingest.job_executions WHERE run_id = :'run' ORDER BY attempt;
SELECT v.event_type, v.cause FROM sparkingest.events AS v JOIN sparkingest.job_executions AS e USING (execution_id) WHERE e.run_id = :'run' AND v.event_type ~ 'retried|memory' ORDER BY v.event_id;
-- Another edit leaves it; stating resources resets it, also to the same.
SELECT sparkingest.alter_job(fixture.job('hungry'), '{"sla_requirements": {"priority": 1}}');
SELECT raised_memory_mib / 1024 AS raised FROM sparkingest.ingestion_jobs WHERE job_name = 'hungry';
SELECT sparkingest.alter_job(fixture.job('hungry'), '{"resource_requirements": {"cpu_cores": 2, "memory_gb": 4, "runtime_minutes": 25}}');
SELECT stage, raised_memory_mib FROM sparkingest.ingestion_jobs WHERE job_name = 'hungry';
SELECT event_type, cause, before, after FROM sparkingest.events WHERE job_id = fixture.job('hungry') AND event_type = 'job.memory_reset';
-- Its own most; the tenant's units; and no raise where out of memory is not tried again.
SELECT sparkingest.purchase(sparkingest.create_tenant('Owner'), 'dedicated_units', 2) IS NOT NULL AS units;
SELECT fixture.production_job('Acme', 'little', 1, 2, 5, options => '{"retry": {"max_attempts": 9, "max_memory_gb": 2.5}}'),
       fixture.production_job('Owner', 'owner', 4, 10, 5, options => '{"retry": {"max_attempts": 9}}'),
       fixture.production_job('Acme', 'never', 1, 2, 5, options => '{"retry": {"max_attempts": 9, "on": "lost"}}');
CREATE FUNCTION pg_temp.starve(job text) RETURNS TABLE (memory text, why text) LANGUAGE plpgsql AS $$
DECLARE
    run uuid := sparkingest.run_job(fixture.job(job));
BEGIN
    WHILE EXISTS (SELECT FROM sparkingest.job_executions WHERE run_id = run AND state = 'scheduled') LOOP
        PERFORM pg_temp.fail(run, 'out_of_memory');
    END LOOP;
    RETURN QUERY SELECT string_agg(trim_scale(e.memory_mib / 1024.0)::text, ', ' ORDER BY e.attempt), max(v.cause)
      FROM sparkingest.job_executions AS e LEFT JOIN sparkingest.events AS v ON v.execution_id = e.execution_id AND v.event_type = 'execution.not_retried' WHERE e.run_id = run;
END
$$;
SELECT job, s.* FROM (VALUES ('little'), ('owner'), ('never')) AS v (job), LATERAL pg_temp.starve(job) AS s;
SELECT job_name, trim_scale(raised_memory_mib / 1024.0) AS raised FROM sparkingest.ingestion_jobs WHERE job_name IN ('little', 'owner', 'never') ORDER BY 1;

-- A retry that loses its place waits on, and still does not start before its backoff is over.
SET sparkingest.clock = '2026-03-06 09:00:00+00';
SELECT fixture.production_job('Acme', 'backs off', 1, 2, 5, options => '{"on_no_capacity": "wait", "retry": {"max_attempts": 2, "backoff_minutes": 60, "max_backoff_minutes": 60}}');
SELECT pg_temp.begun('backs off') AS run \gset
SELECT fixture.finish(:'run', 'lost', sparkingest.clock() + '1 minute');
SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 0, 0, '[2026-03-06 09:00+00, 2026-03-08 12:00+00)');
SELECT state, planned_start < '2026-03-08 12:00+00' AS has_a_place FROM sparkingest.job_executions WHERE run_id = :'run' AND attempt = 2;
SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 1000, 4000, '[2026-03-06 09:00+00, 2026-03-08 12:00+00)');
SELECT count(*) FROM sparkingest.plan();
SELECT state, not_before - sparkingest.clock() > '25 minutes' AS backs_off, planned_start >= not_before AS after_its_backoff, planned_start < '2026-03-06 12:00+00' AS soon
  FROM sparkingest.job_executions WHERE run_id = :'run' AND attempt = 2;

\i :end
