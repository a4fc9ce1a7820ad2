-- Jobs that start after the success of other jobs (options.after): their runs are planned with those, follow them, and are let go or cancelled.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS acme, sparkingest.create_tenant('Other') IS NOT NULL AS other;
SELECT sparkingest.purchase(fixture.tenant(name), 'vcpu_hours', 1000000) IS NOT NULL AS hours FROM (VALUES ('Acme'), ('Other')) AS v (name);
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.job(name text, after jsonb DEFAULT NULL, cron text DEFAULT NULL, options jsonb DEFAULT '{}', sla jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS
$$ SELECT fixture.production_job('Acme', name, 1, 2, 25, cron, sla, jsonb_strip_nulls(jsonb_build_object('after', after)) || options) $$;
-- What is planned of jobs, in short.
CREATE FUNCTION pg_temp.runs(VARIADIC jobs text[]) RETURNS TABLE (job text, scheduled_for text, start text, "end" text, state text, awaits boolean, why text) LANGUAGE sql AS $$
SELECT j.job_name, to_char(e.scheduled_for, 'DD HH24:MI'), to_char(e.planned_start, 'DD HH24:MI'), to_char(e.planned_end, 'DD HH24:MI'), e.state, e.awaits, COALESCE(e.waiting_reason, e.stop_reason)
  FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id) WHERE j.job_name = ANY (jobs) AND NOT e.is_draft
 ORDER BY e.scheduled_for, j.job_name, e.attempt, e.created_at $$;
CREATE FUNCTION pg_temp.run_of(job text, at timestamptz) RETURNS uuid LANGUAGE sql AS
$$ SELECT execution_id FROM sparkingest.job_executions WHERE job_id = fixture.job(job) AND scheduled_for = at AND NOT is_draft ORDER BY attempt DESC, created_at DESC LIMIT 1 $$;
CREATE FUNCTION pg_temp.begin(run uuid) RETURNS boolean LANGUAGE sql AS $$ SELECT fixture.claim(run); SELECT fixture.start(run, sparkingest.clock()); SELECT true $$;

-- What is refused, and named.
SELECT pg_temp.job('a'), pg_temp.job('b', '"a"'), pg_temp.job('c', '["b"]');
SELECT fixture.draft_job('Other', 'theirs') IS NOT NULL AS created;
SELECT fixture.masked(after) AS after, r.code, r.message, r.detail FROM unnest(ARRAY['5', '[]', '[5]', '""', '["a", ""]', '{"job": "a"}', '"nobody"', '"theirs"', to_jsonb(fixture.job('theirs'))::text,
    to_jsonb(gen_random_uuid())::text, to_jsonb(array(SELECT 'a' FROM generate_series(1, 21)))::text]) AS after,
    LATERAL fixture.refusal(format($$SELECT fixture.draft_job('Acme', 'new', options => '{"after": %s}')$$, after)) AS r;
SELECT job, fixture.masked(after) AS after, r.code, r.message, r.detail FROM (VALUES ('a', '"a"'), ('a', '"b"'), ('a', '"c"'), ('b', '["a", "c"]'), ('a', to_jsonb(fixture.job('c'))::text)) AS v (job, after),
    LATERAL fixture.refusal(format($$SELECT sparkingest.alter_job(fixture.job(%L), '{"options": {"after": %s}}')$$, job, after)) AS r;
SELECT r.code, r.message FROM fixture.refusal($$SELECT fixture.draft_job('Acme', 'new', cron => '0 2 * * *', options => '{"after": "a"}')$$) AS r;
SELECT r.code, r.message FROM fixture.refusal($$SELECT sparkingest.alter_job(fixture.job('b'), '{"schedule_cron": "0 2 * * *"}')$$) AS r;
SELECT j.job_name, a.job_name AS after FROM sparkingest.job_dependencies AS d JOIN sparkingest.ingestion_jobs AS j USING (job_id) JOIN sparkingest.ingestion_jobs AS a ON a.job_id = d.after_job_id ORDER BY 1, 2;
-- A job that is named stays the same, whatever it is called later; ids are as good as names.
SELECT sparkingest.alter_job(fixture.job('b'), '{"job_name": "bb"}'), sparkingest.alter_job(fixture.job('a'), '{"job_name": "b"}');
SELECT j.job_name, a.job_name AS after FROM sparkingest.job_dependencies AS d JOIN sparkingest.ingestion_jobs AS j USING (job_id) JOIN sparkingest.ingestion_jobs AS a ON a.job_id = d.after_job_id ORDER BY 1, 2;
SELECT sparkingest.alter_job(fixture.job('c'), jsonb_build_object('options', jsonb_build_object('after', jsonb_build_array(upper(fixture.job('b')::text), 'b', 'bb'))));
SELECT j.job_name, a.job_name AS after FROM sparkingest.job_dependencies AS d JOIN sparkingest.ingestion_jobs AS j USING (job_id) JOIN sparkingest.ingestion_jobs AS a ON a.job_id = d.after_job_id ORDER BY 1, 2;
SELECT sparkingest.alter_job(fixture.job('bb'), '{"options": {}}'), sparkingest.alter_job(fixture.job('c'), '{"options": {}}');
SELECT count(*) AS none_left FROM sparkingest.job_dependencies;

-- A chain. What runs by schedule is planned ahead, and so is what starts after it: at the planned end of what it starts after.
SELECT pg_temp.job('daily', cron => '0 2 * * *'), pg_temp.job('then', '"daily"'), pg_temp.job('last', '"then"', sla => '{"earliest_start": "1 hour", "finish_by": "4 hours"}');
SELECT sparkingest.plan() > 0 AS planned;
SELECT * FROM pg_temp.runs('daily', 'then', 'last') LIMIT 6;
SELECT job, count(*), count(DISTINCT scheduled_for) AS times, string_agg(DISTINCT state, ', ') AS states FROM pg_temp.runs('daily', 'then', 'last') GROUP BY 1 ORDER BY 1;
SELECT sparkingest.plan() AS nothing_more;
-- Its place and its cost are held; it is not due before, whatever the time.
SELECT j.job_name, count(*) FILTER (WHERE r.status = 'active' AND e.held > 0) AS held FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id)
  JOIN sparkingest.reservations AS r USING (reservation_id) WHERE e.started_by = 'dependency' GROUP BY 1 ORDER BY 1;
SELECT pg_temp.run_of('daily', '2026-03-03 02:00+00') AS daily, pg_temp.run_of('then', '2026-03-03 02:30+00') AS then, pg_temp.run_of('last', '2026-03-03 03:00+00') AS last \gset
-- Moved by hand: all that follows moves too.
SELECT starts_at FROM sparkingest.move_reservation((SELECT reservation_id FROM sparkingest.job_executions WHERE execution_id = :'daily'), '2026-03-03 02:20+00');
SELECT * FROM pg_temp.runs('daily', 'then', 'last') LIMIT 3;
SELECT cause FROM sparkingest.events WHERE execution_id = :'then' ORDER BY event_id;
SELECT starts_at FROM sparkingest.move_reservation((SELECT reservation_id FROM sparkingest.job_executions WHERE execution_id = :'daily'), '2026-03-03 02:00+00');
SELECT * FROM pg_temp.runs('daily', 'then', 'last') LIMIT 3;
SET sparkingest.clock = '2026-03-03 02:00+00';
SELECT pg_temp.begin(:'daily');
SET sparkingest.clock = '2026-03-03 02:30+00';
SELECT fixture.claim(:'then') AS not_before_it;
-- Early: let go at once, but never before its earliest start (C13).
SET sparkingest.clock = '2026-03-03 02:10+00';
SELECT fixture.finish(:'daily', 'succeeded', sparkingest.clock());
SELECT * FROM pg_temp.runs('daily', 'then', 'last') LIMIT 3;
SELECT event_type, cause FROM sparkingest.events WHERE execution_id = :'then' ORDER BY event_id DESC LIMIT 3;
SELECT pg_temp.begin(:'then') AS its_turn;
SET sparkingest.clock = '2026-03-03 02:20+00';
SELECT fixture.finish(:'then', 'succeeded', sparkingest.clock());
SELECT * FROM pg_temp.runs('daily', 'then', 'last') LIMIT 3;
-- The SLA is measured from the end of what it starts after (S1).
SET sparkingest.clock = '2026-03-03 03:20+00';
SELECT pg_temp.begin(:'last');
SELECT fixture.finish(:'last', 'succeeded', '2026-03-03 03:40+00');
SELECT scheduled_for, sla_met FROM sparkingest.job_executions WHERE execution_id = :'last';

-- A failure that is final cancels what starts after it, and what starts after that; with the cause.
SET sparkingest.clock = '2026-03-04 02:00+00';
SELECT pg_temp.run_of('daily', '2026-03-04 02:00+00') AS daily \gset
SELECT pg_temp.begin(:'daily');
SELECT fixture.finish(:'daily', 'failed', '2026-03-04 02:05+00', 1, 'user_code');
SELECT * FROM pg_temp.runs('daily', 'then', 'last') WHERE scheduled_for LIKE '04%';
-- So does a run that is cancelled; other days are not concerned.
SELECT sparkingest.cancel_execution(pg_temp.run_of('daily', '2026-03-05 02:00+00'), 'a holiday');
SELECT * FROM pg_temp.runs('daily', 'then', 'last') WHERE scheduled_for ~ '^0[56]';
-- A dependant that is cancelled leaves its predecessor alone; the predecessor's success does not bring it back.
SELECT sparkingest.cancel_execution(pg_temp.run_of('then', '2026-03-06 02:30+00'), 'not needed');
SET sparkingest.clock = '2026-03-06 02:00+00';
SELECT fixture.run(pg_temp.run_of('daily', '2026-03-06 02:00+00'), '10 minutes');
SELECT * FROM pg_temp.runs('daily', 'then', 'last') WHERE scheduled_for ~ '^06';

-- What runs beyond its plan leaves what follows without a place; its success brings one, at once.
SET sparkingest.clock = '2026-03-07 02:00+00';
SELECT pg_temp.run_of('daily', '2026-03-07 02:00+00') AS daily \gset
SELECT pg_temp.begin(:'daily');
-- (its reservation cannot be extended: there is nothing)
SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 0, 0, '[2026-03-07 02:30+00, 2026-03-07 03:00+00)');
SET sparkingest.clock = '2026-03-07 02:35+00';
SELECT sparkingest.plan() > 0 AS planned;
SELECT * FROM pg_temp.runs('daily', 'then', 'last') WHERE scheduled_for ~ '^07';
SET sparkingest.clock = '2026-03-07 03:05+00';
SELECT fixture.finish(:'daily', 'succeeded', sparkingest.clock());
SELECT * FROM pg_temp.runs('daily', 'then', 'last') WHERE scheduled_for ~ '^07';
SELECT fixture.claim(pg_temp.run_of('then', '2026-03-07 03:05+00')) AS its_turn;

-- What waits for capacity makes what follows wait.
SELECT pg_temp.job('waits', options => '{"on_no_capacity": "wait"}', sla => '{"sla_window_hours": 0.1}'), pg_temp.job('follows', '"waits"');
SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 0, 0, '[2026-03-07 04:00+00, 2026-03-07 06:00+00)');
SELECT sparkingest.run_job(fixture.job('waits'), '2026-03-07 04:00+00') IS NOT NULL AS admitted;
SELECT * FROM pg_temp.runs('waits', 'follows');
SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 2000, 4000, '[2026-03-07 04:00+00, 2026-03-07 06:00+00)');
SELECT sparkingest.plan() > 0 AS planned;
SELECT * FROM pg_temp.runs('waits', 'follows');

-- Attempts: what follows waits for the next one, and for the success of any (J7).
SET sparkingest.clock = '2026-03-08 09:00+00';
SELECT pg_temp.job('tries', options => '{"retry": {"max_attempts": 2, "backoff_minutes": 20}}'), pg_temp.job('patient', '"tries"', options => '{"retry": {"max_attempts": 2}}');
SELECT sparkingest.run_job(fixture.job('tries')) AS run \gset
SELECT * FROM pg_temp.runs('patient');
SELECT fixture.run(:'run', '5 minutes', 'lost');
SELECT state, awaits, scheduled_for = (SELECT planned_end FROM sparkingest.job_executions WHERE run_id = :'run' AND attempt = 2) AS follows_the_second
  FROM sparkingest.job_executions WHERE job_id = fixture.job('patient') AND NOT is_draft;
SELECT set_config('sparkingest.clock', planned_start::text, false) IS NOT NULL AS at_its_start, fixture.run(execution_id, '5 minutes') FROM sparkingest.job_executions WHERE run_id = :'run' AND attempt = 2;
SELECT state, awaits FROM sparkingest.job_executions WHERE job_id = fixture.job('patient') AND NOT is_draft;
-- Its own attempts wait for nobody.
SELECT set_config('sparkingest.clock', planned_start::text, false) IS NOT NULL AS at_its_start, fixture.run(execution_id, '1 minute', 'lost') FROM sparkingest.job_executions WHERE job_id = fixture.job('patient') AND NOT is_draft;
SELECT attempt, state, awaits FROM sparkingest.job_executions WHERE job_id = fixture.job('patient') AND NOT is_draft ORDER BY attempt;

-- Several: one run for a run of each. It waits until there is one, has a place when all have, and is let go when all succeeded.
SET sparkingest.clock = '2026-03-09 09:00+00';
SELECT pg_temp.job('x'), pg_temp.job('y'), pg_temp.job('both', '["x", "y"]');
SELECT sparkingest.run_job(fixture.job('x')) AS x \gset
SELECT * FROM pg_temp.runs('x', 'y', 'both');
SELECT sparkingest.run_job(fixture.job('y'), '2026-03-09 09:30+00') AS y \gset
SELECT * FROM pg_temp.runs('x', 'y', 'both');
SELECT fixture.run(:'x', '10 minutes');
SELECT * FROM pg_temp.runs('both');
SET sparkingest.clock = '2026-03-09 09:30+00';
SELECT fixture.run(:'y', '10 minutes');
SELECT * FROM pg_temp.runs('both');
SELECT fixture.run(pg_temp.run_of('both', '2026-03-09 09:40+00'), '10 minutes');
-- One of them fails: no run, and none of the next either before both succeeded anew.
SET sparkingest.clock = '2026-03-10 09:00+00';
SELECT sparkingest.run_job(fixture.job('x')) AS x, sparkingest.run_job(fixture.job('y')) AS y \gset
SELECT fixture.run(:'x', '10 minutes'), fixture.run(:'y', '10 minutes', 'failed', 1, 'user_code');
SELECT * FROM pg_temp.runs('both') OFFSET 1;
SET sparkingest.clock = '2026-03-11 09:00+00';
SELECT sparkingest.run_job(fixture.job('y')) AS y \gset
SELECT fixture.run(:'y', '10 minutes');
SELECT * FROM pg_temp.runs('both') OFFSET 2;
SELECT sparkingest.run_job(fixture.job('x')) AS x \gset
SELECT fixture.run(:'x', '5 minutes');
SELECT * FROM pg_temp.runs('both') OFFSET 2;
SELECT fixture.run(pg_temp.run_of('both', '2026-03-11 09:10+00'), '10 minutes');
-- One that runs more often stands by, and takes the place of one that failed; what is left counts for the next.
SET sparkingest.clock = '2026-03-12 09:00+00';
SELECT sparkingest.run_job(fixture.job('x')) AS x1, sparkingest.run_job(fixture.job('x'), '2026-03-12 10:00+00') AS x2, sparkingest.run_job(fixture.job('x'), '2026-03-12 11:00+00') AS x3 \gset
SELECT * FROM pg_temp.runs('both') OFFSET 3;
SELECT fixture.run(:'x1', '10 minutes', 'failed', 1, 'user_code');
SELECT sparkingest.run_job(fixture.job('y')) AS y \gset
SELECT * FROM pg_temp.runs('both') OFFSET 3;
SELECT fixture.run(:'y', '10 minutes');
SET sparkingest.clock = '2026-03-12 10:00+00';
SELECT fixture.run(:'x2', '10 minutes');
SELECT * FROM pg_temp.runs('both') OFFSET 3;
SELECT sparkingest.plan() >= 0 AS planned;
SELECT * FROM pg_temp.runs('both') OFFSET 3;

-- Drafts start nothing, and nothing starts drafts.
SET sparkingest.clock = '2026-03-13 09:00+00';
SELECT fixture.draft_job('Acme', 'draft', 1, 2, 25) IS NOT NULL AS created, pg_temp.job('of draft', '"draft"'), pg_temp.job('of all');
SELECT fixture.draft_job('Acme', 'draft after', 1, 2, 25, options => '{"after": "of all"}') IS NOT NULL AS created;
SELECT fixture.run(sparkingest.run_job(fixture.job('draft')), '10 minutes'), fixture.run(sparkingest.run_job(fixture.job('of all')), '10 minutes');
SELECT * FROM pg_temp.runs('of draft', 'draft after');
-- A run that is under way when its dependant is promoted starts it.
SELECT sparkingest.run_job(fixture.job('of all')) AS run \gset
SELECT pg_temp.begin(:'run');
SELECT fixture.run(sparkingest.run_job(fixture.job('draft after')), '25 minutes');
SELECT sparkingest.promote_job(fixture.job('draft after')) ->> 'status' AS status;
SELECT * FROM pg_temp.runs('draft after');

-- Pausing the dependant cancels what has not started of it; resuming it links it anew.
SELECT sparkingest.pause_job(fixture.job('draft after'));
SELECT sparkingest.run_job(fixture.job('of all'), '2026-03-13 12:00+00') IS NOT NULL AS admitted;
SELECT * FROM pg_temp.runs('draft after');
SELECT sparkingest.resume_job(fixture.job('draft after'));
SELECT * FROM pg_temp.runs('draft after');
SELECT sparkingest.plan() >= 0 AS planned;
SELECT count(*) AS no_more FROM pg_temp.runs('draft after');
-- An edit of what it starts after plans it anew; an edit of something else leaves it.
SELECT sparkingest.alter_job(fixture.job('draft after'), '{"sla_requirements": {"priority": 2}}');
SELECT state, count(*) FROM pg_temp.runs('draft after') GROUP BY 1 ORDER BY 1;
SELECT sparkingest.alter_job(fixture.job('draft after'), '{"options": {"after": "of draft"}}');
SELECT state, count(*) FROM pg_temp.runs('draft after') GROUP BY 1 ORDER BY 1;
SELECT sparkingest.alter_job(fixture.job('draft after'), '{"options": {"after": "of all"}}');
SELECT state, count(*) FROM pg_temp.runs('draft after') GROUP BY 1 ORDER BY 1;
-- Pausing, or dropping, a predecessor cancels its runs that have not started, by schedule or all of them, and so what would follow.
SELECT sparkingest.pause_job(fixture.job('daily'));
SELECT state, count(*) FROM pg_temp.runs('then', 'last') GROUP BY 1 ORDER BY 1;
SELECT sparkingest.drop_job(fixture.job('of all'));
SELECT fixture.finish(:'run', 'cancelled');
SELECT state, count(*) FROM pg_temp.runs('draft after') GROUP BY 1 ORDER BY 1;
SELECT cause FROM sparkingest.events WHERE job_id = fixture.job('draft after') AND event_type = 'job.predecessor_dropped';
SELECT r.code, r.message, r.detail FROM fixture.refusal($$SELECT sparkingest.alter_job(fixture.job('draft after'), '{"options": {"after": "of all"}}')$$) AS r;
-- Nothing is left open of what has ended.
SELECT count(*) FROM sparkingest.execution_dependencies AS x JOIN sparkingest.job_executions AS e USING (execution_id) WHERE NOT x.closed AND (NOT e.awaits OR e.state NOT IN ('scheduled', 'waiting'));
SELECT count(*) FROM sparkingest.job_executions AS e WHERE e.awaits AND e.state IN ('scheduled', 'waiting') AND NOT EXISTS (SELECT FROM sparkingest.execution_dependencies AS x WHERE x.execution_id = e.execution_id AND NOT x.closed);
\i :end
