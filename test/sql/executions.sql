-- Runs: the table of states, cancelling, overlapping runs, retries, metering and the SLA (J4 to J7, M7 to M9, S1).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1000000) IS NOT NULL AS hours;
SET client_min_messages = warning;
SELECT fixture.production_job('Acme', 'copy', 1, 2, 5);

-- J5: every move of one state to another is tried; those of the table are allowed and no others.
CREATE FUNCTION pg_temp.reach(target text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    run uuid := sparkingest.run_job(fixture.job('copy'));
BEGIN
    IF target = 'scheduled' THEN RETURN run; END IF;
    IF target = 'waiting' THEN PERFORM fixture.move(run, 'waiting'); RETURN run; END IF;
    IF target = 'cancelled' THEN PERFORM sparkingest.cancel_execution(run); RETURN run; END IF;
    PERFORM fixture.claim(run);
    IF target = 'dispatching' THEN RETURN run; END IF;
    IF target = 'submitted' THEN PERFORM fixture.move(run, 'submitted'); RETURN run; END IF;
    PERFORM fixture.start(run, sparkingest.clock());
    IF target <> 'running' THEN PERFORM fixture.finish(run, target, sparkingest.clock() + '1 minute'); END IF;
    RETURN run;
END
$$;
CREATE FUNCTION pg_temp.allowed(came_from text, target text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    state text;
BEGIN
    BEGIN
        PERFORM fixture.move(pg_temp.reach(came_from), target);
        RAISE EXCEPTION 'allowed' USING ERRCODE = 'ZZZZZ';
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
        IF state NOT IN ('ZZZZZ', 'SI003') THEN RAISE; END IF;
        RETURN state = 'ZZZZZ';
    END;
END
$$;
CREATE TEMPORARY TABLE states AS SELECT s AS state, n FROM unnest(ARRAY['scheduled', 'waiting', 'dispatching', 'submitted', 'running',
    'succeeded', 'failed', 'cancelled', 'timed_out', 'preempted', 'lost']) WITH ORDINALITY AS u (s, n);
SELECT a.state, string_agg(b.state, ', ' ORDER BY b.n) FILTER (WHERE pg_temp.allowed(a.state, b.state)) AS may_become FROM states AS a,
    states AS b GROUP BY a.state, a.n ORDER BY a.n;
-- No two stories: what this test writes down and what the books check is the same table.
SELECT count(*) FROM states AS a, states AS b WHERE pg_temp.allowed(a.state, b.state) <> (b.state = ANY (books.may_become(a.state)));
-- Every move is told, with actor, cause, before and after.
SELECT sparkingest.run_job(fixture.job('copy')) AS run \gset
SELECT fixture.run(:'run', '4 minutes', metrics => '{"rows": 10, "bytes_out": 2000, "files": 3, "cpu_ms": 1500, "peak_mem_mb": 700, "cursor": "abc"}');
SELECT actor, cause, before, after - 'planned_start' AS after FROM sparkingest.events WHERE execution_id = :'run' ORDER BY event_id;
\x
SELECT state, started_by, is_draft, namespace, attempt, exit_code, error_class, rows_read, bytes_out, files_written, cursor_value, sla_met,
    evaluation, object_name ~ '^si-[0-9a-f]{32}-1$' AS named,
       posted_cpu_millicores = cpu_millicores AND posted_memory_mib = memory_mib AS posted_what_is_reserved,
           finished_at - started_at AS took FROM sparkingest.job_executions WHERE execution_id = :'run';
-- What successful runs took is kept to learn from.
SELECT source_type, cpu_millicores, memory_mib, rows_read, bytes_out, estimated_runtime_minutes, actual_runtime_seconds, peak_memory_mib,
    cpu_seconds FROM sparkingest.estimation_observations WHERE execution_id = :'run';
\x
-- Nothing in the driver's message is trusted.
CREATE TEMPORARY TABLE messages AS SELECT m AS metrics, sparkingest.run_job(fixture.job('copy')) AS run
  FROM (VALUES ('[]'::jsonb), ('"x"'), ('null'), ('{}'), ('{"rows": "7", "bytes_out": -1, "files": 1e99, "cursor": 5}'),
      ('{"rows": 1.5, "bytes_out": true, "files": null, "cursor": {"a": 1}}'), ('{"rows": 9223372036854775807, "cursor": ""}'),
      (jsonb_build_object('cursor', repeat('c', 1001)))) AS v (m);
SELECT fixture.run(run, '1 minute', metrics => metrics) AS state, count(*) FROM messages GROUP BY 1;
SELECT left(m.metrics::text, 80) AS metrics, e.rows_read, e.bytes_out, e.files_written, e.cursor_value FROM messages AS m
    JOIN sparkingest.job_executions AS e ON e.execution_id = m.run ORDER BY 1;

-- J6: cancel is idempotent. Before the claim all is free at once; afterwards a stop is asked for and all is held until the end.
SELECT sparkingest.run_job(fixture.job('copy')) AS run \gset
SELECT sparkingest.cancel_execution(:'run', 'not needed'), sparkingest.cancel_execution(:'run', 'again');
SELECT e.state, e.stop_reason, e.held, r.status, e.sla_met FROM sparkingest.job_executions AS e
    JOIN sparkingest.reservations AS r USING (reservation_id) WHERE execution_id = :'run';
SELECT sparkingest.run_job(fixture.job('copy')) AS run \gset
SELECT fixture.claim(:'run');
SELECT sparkingest.cancel_execution(:'run', 'stop it') AS first, sparkingest.cancel_execution(:'run') AS second;
SELECT e.state, e.stop_cause, e.stop_reason, e.held > 0 AS held, r.status FROM sparkingest.job_executions AS e
    JOIN sparkingest.reservations AS r USING (reservation_id) WHERE execution_id = :'run';
SELECT fixture.start(:'run', '2026-03-02 09:00:05+00');
SELECT fixture.finish(:'run', 'cancelled', '2026-03-02 09:03:05+00');
SELECT e.state, e.held, r.status, c.billed_seconds, c.charge_to FROM sparkingest.job_executions AS e
    JOIN sparkingest.reservations AS r USING (reservation_id) JOIN sparkingest.resource_consumption AS c USING (execution_id)
    WHERE execution_id = :'run';
SELECT sparkingest.cancel_execution(:'run');
SELECT arguments, r.code, r.message FROM (VALUES ('NULL'), ('gen_random_uuid()'),
    ('gen_random_uuid(), repeat(''x'', 1001)')) AS v (arguments), LATERAL fixture.refusal(format('SELECT sparkingest.cancel_execution(%s)',
    arguments)) AS r;
-- The end is final: what comes later changes nothing.
SELECT fixture.finish(:'run', 'failed', '2026-03-02 09:30:05+00', 1, 'user_code');
SELECT state, finished_at, error_class FROM sparkingest.job_executions WHERE execution_id = :'run';

-- A reservation of an execution is the execution's: not to be released by hand; moving it moves the plan.
SELECT sparkingest.run_job(fixture.job('copy')) AS run \gset
SELECT reservation_id AS held FROM sparkingest.job_executions WHERE execution_id = :'run' \gset
SELECT r.code, r.message, r.hint FROM fixture.refusal(format('SELECT sparkingest.release(%L)', :'held')) AS r;
SELECT starts_at FROM sparkingest.move_reservation(:'held', '2026-03-02 11:02+00');
SELECT state, planned_start, planned_end FROM sparkingest.job_executions WHERE execution_id = :'run';
SELECT fixture.claim(:'run') AS not_due_yet;
SELECT starts_at FROM sparkingest.move_reservation(:'held', '2026-03-02 09:00+00');
SELECT fixture.claim(:'run');
SELECT r.code, r.message FROM fixture.refusal(format('SELECT sparkingest.move_reservation(%L, ''2026-03-02 12:00+00'')', :'held')) AS r;
SELECT fixture.start(:'run', sparkingest.clock());
SELECT fixture.finish(:'run', 'succeeded', sparkingest.clock() + '3 minutes');

-- run_job: when it may be, and with a key once (J8).
SELECT sparkingest.run_job(fixture.job('copy'), idempotency_key => 'r1') AS run \gset
SELECT sparkingest.run_job(fixture.job('copy'), idempotency_key => 'r1') = :'run' AS same;
SELECT r.code, r.message FROM fixture.refusal($$SELECT sparkingest.run_job(fixture.job('copy'), '2026-03-02 10:00+00', 'r1')$$) AS r;
SELECT arguments, r.code, r.message FROM (VALUES ('''infinity'''), ('''-infinity'''), ('''2026-03-01 08:59:59+00'''),
    ('''2026-04-06 09:00:01+00'''), ('''1000-01-01''')) AS v (arguments),
    LATERAL fixture.refusal(format('SELECT sparkingest.run_job(fixture.job(''copy''), %s)', arguments)) AS r;
SELECT sparkingest.run_job(fixture.job('copy'), '2026-03-01 09:00:00+00') AS late \gset
SELECT scheduled_for, planned_start FROM sparkingest.job_executions WHERE execution_id = :'late';
SELECT sparkingest.cancel_execution(:'run'), sparkingest.cancel_execution(:'late');

-- J4: a fire while an earlier run is not finished.
SELECT policy, fixture.production_job('Acme', policy, 1, 2, 5, '*/10 * * * *', options => options) FROM (VALUES ('forbid', '{}'::jsonb),
    ('queue_one', '{"overlap_policy": "queue_one"}'), ('allow', '{"overlap_policy": "allow", "overlap_limit": 2}'), ('replace',
    '{"overlap_policy": "replace"}')) AS v (policy, options);
SELECT sparkingest.plan() > 0 AS planned;
CREATE FUNCTION pg_temp.fire(job text,
    at timestamptz) RETURNS uuid LANGUAGE sql AS $$ SELECT execution_id FROM sparkingest.job_executions WHERE job_id = fixture.job(job) AND scheduled_for = at AND started_by = 'schedule' ORDER BY attempt DESC LIMIT 1 $$;
SET sparkingest.clock = '2026-03-02 09:10:00+00';
SELECT policy, fixture.claim(pg_temp.fire(policy, '2026-03-02 09:10+00')) AS claimed FROM (VALUES ('forbid'), ('queue_one'), ('allow'),
    ('replace')) AS v (policy);
SELECT fixture.start(pg_temp.fire(policy, '2026-03-02 09:10+00'), sparkingest.clock()) FROM (VALUES ('forbid'), ('queue_one'), ('allow'),
    ('replace')) AS v (policy);
SET sparkingest.clock = '2026-03-02 09:20:00+00';
SELECT policy, fixture.claim(pg_temp.fire(policy, '2026-03-02 09:20+00')) AS claimed FROM (VALUES ('forbid'), ('queue_one'), ('allow'),
    ('replace')) AS v (policy);
SET sparkingest.clock = '2026-03-02 09:30:00+00';
SELECT policy, fixture.claim(pg_temp.fire(policy, '2026-03-02 09:30+00')) AS claimed FROM (VALUES ('forbid'), ('queue_one'), ('allow')) AS v (policy);
SELECT j.job_name, to_char(e.scheduled_for, 'HH24:MI') AS fire, e.state, e.stop_cause, COALESCE(e.waiting_reason, e.stop_reason) AS why
    FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id)
 WHERE e.started_by = 'schedule' AND e.scheduled_for <= '2026-03-02 09:30+00' AND j.job_name <> 'copy' ORDER BY 1, 2;
SELECT j.job_name, v.event_type, v.cause FROM sparkingest.events AS v JOIN sparkingest.ingestion_jobs AS j USING (job_id)
    WHERE v.event_type = 'fire.skipped' ORDER BY j.job_name, v.event_id;
-- A run that somebody asked for is not thrown away: it waits its turn.
SELECT sparkingest.run_job(fixture.job('forbid')) AS asked \gset
SELECT fixture.claim(:'asked') AS claimed;
SELECT state, waiting_reason FROM sparkingest.job_executions WHERE execution_id = :'asked';
-- What waited for it has its place when it ends.
SELECT policy, fixture.finish(pg_temp.fire(policy, '2026-03-02 09:10+00'), state, '2026-03-02 09:31+00') FROM (VALUES ('forbid',
    'succeeded'), ('queue_one', 'failed'), ('allow', 'succeeded'), ('replace', 'cancelled')) AS v (policy, state);
SELECT j.job_name, to_char(e.scheduled_for, 'HH24:MI') AS fire, e.state FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id)
 WHERE e.started_by = 'schedule' AND e.scheduled_for = '2026-03-02 09:20+00' AND j.job_name <> 'copy' ORDER BY 1, 2;
SELECT state FROM sparkingest.job_executions WHERE execution_id = :'asked';
SELECT sparkingest.drop_job(fixture.job(policy)) FROM (VALUES ('forbid'), ('queue_one'), ('allow'), ('replace')) AS v (policy);
SELECT fixture.finish(execution_id, 'cancelled') FROM sparkingest.job_executions WHERE state IN ('dispatching', 'running');
SET sparkingest.clock = '2026-03-02 09:00:00+00';

-- J7: another attempt for what may pass, later each time, within one budget; out of memory raises memory.
SELECT fixture.production_job('Acme', 'retry', 1, 2, 5, options => '{"retry": {"max_attempts": 3}}');
CREATE FUNCTION pg_temp.attempts() RETURNS TABLE (attempt int, state text, error_class text, gib numeric, minutes_later numeric,
    scheduled_for timestamptz) LANGUAGE sql AS $$
SELECT e.attempt, e.state, e.error_class, e.memory_mib / 1024.0, floor(extract(epoch FROM e.planned_start - sparkingest.clock()) / 60),
    e.scheduled_for FROM sparkingest.job_executions AS e WHERE e.job_id = fixture.job('retry') AND NOT e.is_draft ORDER BY e.created_at,
    e.attempt $$;
SELECT sparkingest.run_job(fixture.job('retry')) AS run \gset
SELECT fixture.run(:'run', '1 minute', 'failed', 137, 'out_of_memory');
SELECT attempt, state, error_class, gib, minutes_later BETWEEN 1 AND 5 AS backs_off, scheduled_for FROM pg_temp.attempts() OFFSET 1;
SET sparkingest.clock = '2026-03-02 09:10:00+00';
SELECT fixture.run(execution_id, '1 minute', 'lost') FROM sparkingest.job_executions WHERE job_id = fixture.job('retry') AND attempt = 2;
SELECT attempt, state, error_class, gib, minutes_later BETWEEN 2 AND 9 AS backs_off, scheduled_for FROM pg_temp.attempts() OFFSET 2;
SET sparkingest.clock = '2026-03-02 09:30:00+00';
SELECT fixture.run(execution_id, '1 minute', 'failed', 1, 'node_lost', true) FROM sparkingest.job_executions
    WHERE job_id = fixture.job('retry') AND attempt = 3;
SELECT count(*) AS attempts, max(attempt) FROM pg_temp.attempts();
-- Not for what a repetition cannot mend.
SELECT state, error_class, exit_code, (SELECT count(*) FROM sparkingest.job_executions WHERE job_id = fixture.job('retry')
    AND state IN ('scheduled', 'waiting')) AS next_attempts FROM (
    SELECT fixture.run(sparkingest.run_job(fixture.job('retry'), sparkingest.clock() - n * '1 hour'::interval), '1 minute', state,
        exit_code, error_class, error_class IS NOT DISTINCT FROM 'rejected') AS done, v.* FROM (VALUES (1, 'failed', 'user_code', 1), (2, 'timed_out', NULL, NULL), (3, 'cancelled',
        NULL, NULL), (4, 'succeeded', NULL, 0), (5, 'failed', 'rejected', NULL)) AS v (n, state, error_class, exit_code) OFFSET 0) AS s;
SET sparkingest.clock = '2026-03-02 09:00:00+00';

-- S1: met when every stated bound held, measured from the scheduled time; NULL for what stands outside.
CREATE FUNCTION pg_temp.judged(sla jsonb, starts timestamptz, takes interval, state text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    name text := concat_ws(' ', sla, starts, takes, state);
    run uuid;
BEGIN
    PERFORM set_config('sparkingest.clock', '2026-03-02 09:00:00+00', false);
    PERFORM fixture.production_job('Acme', name, 1, 2, 5, sla => sla);
    run := sparkingest.run_job(fixture.job(name));
    PERFORM set_config('sparkingest.clock', starts::text, false);
    PERFORM fixture.claim(run);
    PERFORM fixture.start(run, starts);
    PERFORM fixture.finish(run, state, starts + takes);
    RETURN (SELECT sla_met FROM sparkingest.job_executions WHERE execution_id = run);
END
$$;
SELECT sla, starts::time, takes, state, pg_temp.judged(sla, starts, takes, state) AS sla_met FROM (VALUES
    ('{}'::jsonb, '2026-03-02 09:01:00+00'::timestamptz, '4 minutes'::interval, 'succeeded'), ('{}', '2026-03-02 09:01:00+00', '4 minutes',
        'failed'), ('{}', '2026-03-02 09:01:00+00', '4 minutes', 'timed_out'), ('{}', '2026-03-02 09:01:00+00', '4 minutes', 'lost'), ('{}',
        '2026-03-02 09:01:00+00', '4 minutes', 'cancelled'),
    ('{"max_runtime_minutes": 10}', '2026-03-02 09:01:00+00', '10 minutes', 'succeeded'), ('{"max_runtime_minutes": 10}',
        '2026-03-02 09:01:00+00', '10 minutes 1 second', 'succeeded'),
    ('{"finish_by": "20 minutes"}', '2026-03-02 09:01:00+00', '19 minutes', 'succeeded'), ('{"finish_by": "20 minutes"}',
        '2026-03-02 09:01:00+00', '19 minutes 1 microsecond', 'succeeded'),
    ('{"start_by": "2 minutes"}', '2026-03-02 09:02:00+00', '4 minutes', 'succeeded'), ('{"start_by": "2 minutes"}',
        '2026-03-02 09:02:00.000001+00', '4 minutes', 'succeeded'),
    ('{"earliest_start": "10 minutes"}', '2026-03-02 09:10:00+00', '4 minutes', 'succeeded'), ('{"sla_window_hours": 0.05}',
        '2026-03-02 09:03:00+00', '4 minutes', 'succeeded'), ('{"sla_window_hours": 0.05}', '2026-03-02 09:03:00.000001+00', '4 minutes',
        'succeeded')) AS v (sla, starts, takes, state);
SET sparkingest.clock = '2026-03-02 09:00:00+00';
\i :end
