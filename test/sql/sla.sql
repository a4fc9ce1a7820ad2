-- sla_requirements, field by field (S1): where each bounds the plan of a run, and how it is judged when it has ended. What starts late is
-- planned all the same where nobody refused it; it misses.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1000000) IS NOT NULL AS hours;
SET client_min_messages = warning;
-- Nothing is free from 10:00 to 12:00, nor in the draft namespace.
CREATE FUNCTION pg_temp.job(name text, sla jsonb, policy text DEFAULT 'wait', options jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS
$$ SELECT fixture.production_job('Acme', name, 1, 2, 25, NULL, sla, jsonb_build_object('on_no_capacity', policy) || options) $$;
CREATE TEMPORARY TABLE slas (name text, sla jsonb);
INSERT INTO slas VALUES ('none', '{}'), ('window', '{"sla_window_hours": 1.5}'), ('wider', '{"sla_window_hours": 2.5}'), ('earliest', '{"earliest_start": "3 hours"}'),
    ('earliest now', '{"earliest_start": "0"}'), ('start by', '{"start_by": "1 hour 59 minutes"}'), ('start by noon', '{"start_by": "2 hours"}'),
    ('finish by', '{"finish_by": "2 hours 29 minutes"}'), ('finish by 12:30', '{"finish_by": "2 hours 30 minutes"}'),
    ('both', '{"earliest_start": "1 hour", "start_by": "2 hours", "finish_by": "2 hours 30 minutes"}'), ('hard', '{"max_runtime_minutes": 10}'), ('long', '{"max_runtime_minutes": 600}');
SELECT name, pg_temp.job(name, sla), pg_temp.job('strictly ' || name, sla, 'reject') FROM slas;
SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 0, 0, '[2026-03-02 10:00+00, 2026-03-02 12:00+00)');
-- The plan: the window, start_by and finish_by bound the start from above, earliest_start from below; the least of them counts.
SELECT name, sparkingest.run_job(fixture.job(name), '2026-03-02 10:00+00') IS NOT NULL AS admitted FROM slas;
SELECT j.job_name, e.state, e.planned_start::time, e.planned_end::time, e.hard_minutes, e.sla_met FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id) JOIN slas ON name = job_name
 WHERE NOT is_draft ORDER BY e.state, e.planned_start, j.job_name;
-- A refusal names the earliest feasible start and finish; it is no miss.
SELECT name, r.code, r.detail FROM slas, LATERAL fixture.refusal(format('SELECT sparkingest.run_job(fixture.job(%L), ''2026-03-02 10:00+00'')', 'strictly ' || name)) AS r WHERE r.code IS NOT NULL ORDER BY name;
SELECT count(*) FILTER (WHERE sla_met IS NOT NULL) AS judged FROM sparkingest.job_executions WHERE NOT is_draft;
-- What waited is planned when there is room again, also after its bounds; its earliest start holds still (C13).
SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 1, 2, '[2026-03-02 10:00+00, 2026-03-02 12:00+00)');
SELECT sparkingest.plan() > 0 AS planned;
SELECT e.planned_start::time, count(*) FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id) JOIN slas ON name = job_name
 WHERE NOT is_draft AND e.state = 'scheduled' AND e.planned_start < '2026-03-02 12:00+00' GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 2000, 4000, '[2026-03-02 10:00+00, 2026-03-02 12:00+00)');
SELECT sparkingest.plan() > 0 AS planned;
SELECT count(*) FILTER (WHERE e.state = 'waiting') AS waiting, count(*) FILTER (WHERE e.planned_start < e.scheduled_for + COALESCE((sla ->> 'earliest_start')::interval, '0')) AS too_early
  FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id) JOIN slas ON name = job_name WHERE NOT is_draft;

-- The judgement, at each bound and one second beyond it: from the scheduled time, but the runtime from the start.
CREATE FUNCTION pg_temp.judged(job text, starts interval, takes interval, OUT started boolean, OUT sla_met boolean) LANGUAGE plpgsql AS $$
DECLARE
    run uuid;
    at timestamptz := '2026-03-04 10:00+00';
BEGIN
    PERFORM set_config('sparkingest.clock', at::text, false);
    run := sparkingest.run_job(fixture.job(job));
    PERFORM set_config('sparkingest.clock', (at + starts)::text, false);
    IF (SELECT planned_start FROM sparkingest.job_executions WHERE execution_id = run) <= at + starts THEN
        started := fixture.claim(run);
        PERFORM fixture.start(run, at + starts);
        PERFORM fixture.finish(run, 'succeeded', at + starts + takes);
    ELSE
        PERFORM sparkingest.cancel_execution(run);
    END IF;
    sla_met := (SELECT e.sla_met FROM sparkingest.job_executions AS e WHERE execution_id = run);
END
$$;
SELECT job, starts, takes, (pg_temp.judged(job, starts, takes)).* FROM (VALUES ('none', '23 hours 59 minutes'::interval, '1 day'::interval), ('window', '1 hour 30 minutes', '1 day'), ('window', '1 hour 30 minutes 1 second', '1 minute'),
    ('earliest', '2 hours 59 minutes 59 seconds', '1 minute'), ('earliest', '3 hours', '1 minute'), ('start by', '1 hour 59 minutes', '1 day'), ('start by', '1 hour 59 minutes 1 second', '1 minute'),
    ('finish by', '1 hour', '1 hour 29 minutes'), ('finish by', '1 hour', '1 hour 29 minutes 1 second'), ('hard', '1 hour', '10 minutes'), ('hard', '1 hour', '10 minutes 1 second')) AS v (job, starts, takes);

-- One clock for all attempts: the second is judged from the scheduled time, too, and is placed no earlier than the first could be.
SELECT pg_temp.job('again', '{"earliest_start": "30 minutes", "start_by": "1 hour", "finish_by": "3 hours"}', options => '{"retry": {"max_attempts": 3, "backoff_minutes": 20}}');
SET sparkingest.clock = '2026-03-05 10:00+00';
SELECT sparkingest.run_job(fixture.job('again')) AS run \gset
SET sparkingest.clock = '2026-03-05 10:30+00';
SELECT fixture.run(:'run', '5 minutes', 'lost');
SELECT attempt, state, scheduled_for::time, planned_start >= '2026-03-05 10:50+00' AS backs_off, sla_met FROM sparkingest.job_executions WHERE run_id = :'run' ORDER BY attempt;
SET sparkingest.clock = '2026-03-05 11:10+00';
SELECT fixture.claim(execution_id) FROM sparkingest.job_executions WHERE run_id = :'run' AND attempt = 2;
SELECT fixture.start(execution_id, sparkingest.clock()), fixture.finish(execution_id, 'succeeded', '2026-03-05 11:20+00') FROM sparkingest.job_executions WHERE run_id = :'run' AND attempt = 2;
SELECT attempt, state, sla_met AS started_too_late FROM sparkingest.job_executions WHERE run_id = :'run' ORDER BY attempt;

-- The hard line: as stated, else three times what is planned, and never less than what is planned (C14).
SELECT j.job_name, e.hard_minutes, e.planned_end - e.planned_start AS planned FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id)
 WHERE j.job_name IN ('none', 'hard', 'long') AND e.scheduled_for = '2026-03-02 10:00+00' ORDER BY 1;
\i :end
