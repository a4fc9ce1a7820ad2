-- Draft runs, their evaluation, and the way into production (S2 to S5).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1000000) IS NOT NULL AS hours;
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.job(name text) RETURNS TABLE (stage text, version int, target_namespace text, cores numeric, gib numeric,
    next_fire_at timestamptz, production_runs bigint) LANGUAGE sql AS $$
SELECT j.stage, j.version, j.target_namespace, trim_scale(j.cpu_millicores / 1000.0), trim_scale(j.memory_mib / 1024.0), j.next_fire_at,
       (SELECT count(*) FROM sparkingest.job_executions AS e WHERE e.job_id = j.job_id AND NOT e.is_draft AND e.state IN ('scheduled',
           'waiting')) FROM sparkingest.ingestion_jobs AS j WHERE j.job_id = fixture.job(name) $$;

-- S2: a new job is a draft. Its schedule does not fire; run_job starts it in the draft namespace, free of charge.
SELECT fixture.draft_job('Acme', 'orders', 3, 6, 10, '0 2 * * *') IS NOT NULL AS created;
SELECT sparkingest.plan() AS planned;
SELECT * FROM pg_temp.job('orders');
SELECT sparkingest.promote_job(fixture.job('orders')) - 'job_id' AS answer;
SELECT sparkingest.run_job(fixture.job('orders')) AS run \gset
SELECT state, is_draft, namespace, held FROM sparkingest.job_executions WHERE execution_id = :'run';
SELECT r.code, r.message FROM fixture.refusal(format('SELECT sparkingest.evaluate_execution(%L)', :'run')) AS r;
SELECT fixture.claim(:'run');
SELECT r.code, r.message FROM fixture.refusal(format('SELECT sparkingest.evaluate_execution(%L)', :'run')) AS r;
SELECT fixture.start(:'run', sparkingest.clock());
SELECT fixture.finish(:'run', 'succeeded', sparkingest.clock() + '10 minutes');

-- S3, S5: evaluated at once; the verdict is kept, told and can be asked for again.
SELECT evaluation, sla_met, charged FROM sparkingest.job_executions WHERE execution_id = :'run';
SELECT sparkingest.evaluate_execution(:'run') = evaluation AS the_same FROM sparkingest.job_executions WHERE execution_id = :'run';
SELECT event_type, cause, after FROM sparkingest.events WHERE execution_id = :'run' AND event_type = 'execution.evaluated' ORDER BY event_id LIMIT 1;
SELECT charge_to, charged, billed_seconds FROM sparkingest.resource_consumption WHERE execution_id = :'run';

-- The bounds, to the millisecond, of the standard tier (1.2, 1.5) and the strict one (1.1, 1.3).
CREATE FUNCTION pg_temp.verdict(tier text, takes interval, state text DEFAULT 'succeeded') RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    name text := concat_ws(' ', tier, takes, state);
    run uuid;
BEGIN
    PERFORM fixture.draft_job('Acme', name, 3, 6.5, 10, sla => jsonb_build_object('tier', tier));
    run := sparkingest.run_job(fixture.job(name));
    PERFORM fixture.run(run, takes, state);
    RETURN (SELECT evaluation FROM sparkingest.job_executions WHERE execution_id = run);
END
$$;
SELECT tier, takes, v ->> 'promotion_eligible' AS eligible, v ->> 'performance_ratio' AS ratio, v ->> 'confidence' AS confidence,
    v ->> 'recommended_namespace' AS namespace, v ->> 'resource_adjustment' AS adjustment, v ->> 'reason' AS reason,
    v ->> 'recommended_action' AS action
  FROM (SELECT tier, takes, pg_temp.verdict(tier, takes) AS v FROM (VALUES ('standard', '1 second'::interval), ('standard', '10 minutes'),
      ('standard', '12 minutes'), ('standard', '12 minutes 1 ms'), ('standard', '15 minutes'), ('standard', '15 minutes 1 ms'), ('standard',
      '10 days'),
                             ('strict', '11 minutes'), ('strict', '11 minutes 1 ms'), ('strict', '13 minutes'), ('strict',
                                 '13 minutes 1 ms')) AS t (tier, takes)) AS s;
-- A run that failed or was stopped is never eligible; one that never ran says nothing.
SELECT state, v ->> 'promotion_eligible' AS eligible, v ->> 'reason' AS reason, v ->> 'recommended_action' AS action FROM (SELECT state,
    pg_temp.verdict('standard', '5 minutes', state) AS v FROM unnest(ARRAY['failed', 'cancelled', 'timed_out', 'preempted',
    'lost']) AS state) AS s;
SELECT fixture.draft_job('Acme', 'never ran') IS NOT NULL AS created;
SELECT sparkingest.run_job(fixture.job('never ran')) AS run \gset
SELECT sparkingest.cancel_execution(:'run');
SELECT evaluation FROM sparkingest.job_executions WHERE execution_id = :'run';
SELECT sparkingest.evaluate_execution(:'run') ->> 'promotion_eligible' AS eligible;

-- S4: promotion switches, plans the first production run, and says so. The second time there is nothing to promote.
SELECT sparkingest.promote_job(fixture.job('orders'), 'p1') AS answer \gset
SELECT :'answer'::jsonb - 'job_id' - 'first_run' AS answer, :'answer'::jsonb -> 'first_run' ->> 'starts_at' AS starts_at;
SELECT * FROM pg_temp.job('orders');
SELECT e.execution_id::text = :'answer'::jsonb -> 'first_run' ->> 'execution_id' AS first_run, e.state, e.started_by, e.scheduled_for,
    e.planned_start FROM sparkingest.job_executions AS e WHERE e.job_id = fixture.job('orders') AND NOT is_draft;
SELECT sparkingest.promote_job(fixture.job('orders'), 'p1') = :'answer'::jsonb AS same_answer;
SELECT r.code, r.message FROM fixture.refusal($$SELECT sparkingest.promote_job(fixture.job('orders'))$$) AS r;
SELECT r.code, r.message FROM fixture.refusal($$SELECT sparkingest.promote_job(fixture.job('never ran'), 'p1')$$) AS r;
SELECT event_type, before, after ->> 'status' AS status FROM sparkingest.events WHERE job_id = fixture.job('orders')
    AND event_type LIKE 'job.%promot%' OR job_id = fixture.job('orders') AND event_type = 'job.not_eligible' ORDER BY event_id;
SELECT r.code, r.message FROM fixture.refusal(format('SELECT sparkingest.evaluate_execution(%L)', :'answer'::jsonb -> 'first_run' ->> 'execution_id')) AS r;
-- At medium confidence with more resources, rounded up to whole cores and GiB: 3 and 6.5 become 4 and 8.
SELECT sparkingest.promote_job(fixture.job('standard 00:15:00 succeeded')) -> 'updated_requirements' AS requirements;
SELECT * FROM pg_temp.job('standard 00:15:00 succeeded');
SELECT sparkingest.promote_job(fixture.job('standard 00:15:00.001 succeeded')) - 'job_id' AS answer;
SELECT sparkingest.promote_job(fixture.job('standard 00:05:00 failed')) - 'job_id' AS answer;
SELECT stage FROM pg_temp.job('standard 00:05:00 failed');
-- The latest run of the version counts: a good one before a bad one does not help, and the other way round it does.
SELECT fixture.draft_job('Acme', 'latest') IS NOT NULL AS created;
SELECT fixture.run(sparkingest.run_job(fixture.job('latest')), '10 minutes');
SELECT fixture.run(sparkingest.run_job(fixture.job('latest')), '20 minutes', 'failed', 1, 'user_code');
SELECT sparkingest.promote_job(fixture.job('latest')) ->> 'reason' AS reason;
SELECT fixture.run(sparkingest.run_job(fixture.job('latest')), '22 minutes');
SELECT sparkingest.promote_job(fixture.job('latest')) ->> 'status' AS status;
-- strict: three of the last three; the largest need of them counts.
SELECT fixture.draft_job('Acme', 'three', 3, 6, 10, sla => '{"tier": "strict"}') IS NOT NULL AS created;
SELECT fixture.run(sparkingest.run_job(fixture.job('three')), '10 minutes') FROM generate_series(1, 2);
SELECT sparkingest.promote_job(fixture.job('three')) - 'job_id' AS answer;
SELECT fixture.run(sparkingest.run_job(fixture.job('three')), '13 minutes');
SELECT sparkingest.promote_job(fixture.job('three')) -> 'updated_requirements' AS requirements;

-- The target is what the tenant owns when the job runs first: units that are enough for it, else the shared namespace.
SELECT sparkingest.create_tenant('Owner') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Owner'), 'dedicated_units', 2, 'daily', '2026-03-03 00:00+00', '2026-03-13 00:00+00') IS NOT NULL AS units;
SELECT name, fixture.production_job('Owner', name, cores, 16, 10, cron) AS status FROM (VALUES ('at night', 8, '0 2 * * *'),
    ('without a schedule', 8, NULL)) AS v (name, cores, cron);
SELECT * FROM pg_temp.job('at night');
SELECT target_namespace FROM pg_temp.job('without a schedule');
-- What cannot run at all is not promoted; the job stays as it was, and nothing is left (S4).
SELECT fixture.draft_job('Owner', 'too big', 9, 16, 10, '0 2 * * *') IS NOT NULL AS created;
SELECT fixture.run(sparkingest.run_job(fixture.job('too big')), '10 minutes');
CREATE TEMPORARY TABLE before AS SELECT * FROM fixture.row_counts();
SELECT r.code, r.message FROM fixture.refusal($$SELECT sparkingest.promote_job(fixture.job('too big'))$$) AS r;
SELECT sparkingest.promote_job(fixture.job('too big'));
SELECT * FROM pg_temp.job('too big');
SELECT * FROM fixture.row_counts() EXCEPT SELECT * FROM before;
-- Full, and the job would rather be refused than wait: SI001, and still a draft.
SELECT fixture.draft_job('Owner', 'no room', 8, 16, 10, '0 2 * * *', '{"sla_window_hours": 0.1}', '{"on_no_capacity": "reject"}') IS NOT NULL AS created;
SELECT fixture.run(sparkingest.run_job(fixture.job('no room')), '10 minutes');
SELECT r.code, r.message FROM fixture.refusal($$SELECT sparkingest.promote_job(fixture.job('no room'))$$) AS r;
SELECT stage FROM pg_temp.job('no room');

-- auto_draft starts the draft run at creation, auto_promote promotes when it was good.
SELECT fixture.draft_job('Acme', 'by itself', 3, 6, 10, '0 2 * * *', options => '{"auto_draft": true, "auto_promote": true}') IS NOT NULL AS created;
SELECT state, started_by, is_draft FROM sparkingest.job_executions WHERE job_id = fixture.job('by itself');
SELECT fixture.run(fixture.latest('by itself'), '11 minutes');
SELECT * FROM pg_temp.job('by itself');
SELECT cause FROM sparkingest.events WHERE job_id = fixture.job('by itself') AND event_type = 'job.promoted';
-- A promotion that fails leaves the run's end standing and says why; the waiting runs of the job go on.
SELECT fixture.draft_job('Owner', 'fails by itself', 9, 16, 10, '0 2 * * *', options => '{"auto_promote": true}') IS NOT NULL AS created;
SELECT sparkingest.run_job(fixture.job('fails by itself')) AS first \gset
SELECT sparkingest.run_job(fixture.job('fails by itself')) AS second \gset
SELECT fixture.claim(:'first');
SELECT fixture.start(:'first', sparkingest.clock());
SELECT fixture.claim(:'second') AS claimed;
SELECT fixture.finish(:'first', 'succeeded', sparkingest.clock() + '10 minutes');
SELECT state, evaluation ->> 'promotion_eligible' AS eligible FROM sparkingest.job_executions WHERE execution_id = :'first';
SELECT state FROM sparkingest.job_executions WHERE execution_id = :'second';
SELECT stage FROM pg_temp.job('fails by itself');
SELECT event_type, cause FROM sparkingest.events WHERE job_id = fixture.job('fails by itself') AND event_type = 'job.not_promoted';
-- A draft that was not good is not promoted.
SELECT fixture.draft_job('Acme', 'slow', 3, 6, 10, options => '{"auto_draft": true, "auto_promote": true}') IS NOT NULL AS created;
SELECT fixture.run(fixture.latest('slow'), '16 minutes');
SELECT stage FROM pg_temp.job('slow');

-- The draft namespace's cap per tenant bounds what runs at a time, not how many may be asked for.
SELECT fixture.draft_job('Acme', 'capped', 20, 20, 10) IS NOT NULL AS created;
SELECT count(sparkingest.run_job(fixture.job('capped'), '2026-03-02 20:00+00')) FROM generate_series(1, 5);
SELECT planned_start, count(*) FROM sparkingest.job_executions WHERE job_id = fixture.job('capped') GROUP BY 1 ORDER BY 1;
SELECT arguments, r.code, r.message FROM (VALUES ('NULL'), ('gen_random_uuid()')) AS v (arguments),
    LATERAL fixture.refusal(format('SELECT sparkingest.evaluate_execution(%s)', arguments)) AS r;
SELECT r.code, r.message FROM fixture.refusal($$SELECT sparkingest.promote_job(fixture.job('capped'), '')$$) AS r;
\i :end
