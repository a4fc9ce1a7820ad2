-- Where a run goes: the order of namespaces and its last step, and a start in time (C8, C12, M9, S1).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

CREATE FUNCTION pg_temp.run(job text, at timestamptz DEFAULT '2026-03-02 10:00+00')
RETURNS TABLE (state text, namespace text, planned_start timestamptz, draft_fallback boolean, held numeric, waiting_reason text) LANGUAGE plpgsql AS $$
DECLARE
    run uuid := sparkingest.run_job(fixture.job(job), at);
BEGIN
    RETURN QUERY SELECT e.state, e.namespace, e.planned_start, e.draft_fallback, trim_scale(e.held / 3600000.0), e.waiting_reason
        FROM sparkingest.job_executions AS e WHERE e.execution_id = run;
END
$$;
SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 2, 'daily') IS NOT NULL AS units;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 100) IS NOT NULL AS hours;
SELECT policy, fixture.production_job('Acme', policy, 8, 16, 25, options => format('{"on_no_capacity": "%s"}', policy)::jsonb, sla => '{"sla_window_hours": 1}')
  FROM (VALUES ('draft'), ('wait'), ('reject')) AS v (policy);
SELECT job_name, target_namespace, on_no_capacity FROM sparkingest.ingestion_jobs ORDER BY 1;

-- Own units first: paid already, so nothing is held (M9). They are full for half an hour: the next run starts later in the
-- same place rather than elsewhere, as long as its window lasts; then the shared namespace, paid by the hour.
SELECT * FROM pg_temp.run('wait');
SELECT * FROM pg_temp.run('wait');
SELECT * FROM pg_temp.run('wait');
SELECT * FROM pg_temp.run('wait');
-- The shared namespace is full as well: the last step is the job's choice.
SELECT * FROM sparkingest.set_capacity('vcpu-hours-ns', 8, 16, '[2026-03-02 10:00, 2026-03-02 12:00)');
SELECT * FROM pg_temp.run('wait');
SELECT * FROM pg_temp.run('wait');
SELECT * FROM pg_temp.run('wait');
SELECT * FROM fixture.refusal($$SELECT pg_temp.run('reject')$$);
SELECT count(*) FROM sparkingest.job_executions WHERE job_id = fixture.job('reject') AND NOT is_draft;
-- As a draft fallback it is marked, outside its SLA, and paid for all the same.
SELECT * FROM pg_temp.run('draft');
SELECT r.namespace, r.draft_fallback FROM sparkingest.reservations AS r JOIN sparkingest.job_executions AS e USING (reservation_id)
    WHERE e.job_id = fixture.job('draft') AND NOT is_draft;
-- The draft namespace has a cap per tenant, 40 cores: four more at that time.
SELECT r.planned_start, count(*) FROM generate_series(1, 5) AS n,
    LATERAL pg_temp.run('draft', '2026-03-02 10:00+00'::timestamptz + n * '0 minutes'::interval) AS r GROUP BY 1 ORDER BY 1;
SELECT state, namespace, count(*) FROM sparkingest.job_executions WHERE NOT is_draft GROUP BY 1, 2 ORDER BY 1, 2;

-- Who has neither units then nor hours that cover the run cannot run: SI002 for who asks, whatever the last step.
SELECT sparkingest.create_tenant('Poor') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Poor'), 'vcpu_hours', 3) IS NOT NULL AS hours;
SELECT fixture.production_job('Poor', 'poor', 8, 16, 25);
SELECT * FROM fixture.refusal($$SELECT pg_temp.run('poor')$$);
-- With units on another day it waits for them, beyond its window.
SELECT sparkingest.purchase(fixture.tenant('Poor'), 'dedicated_units', 2, 'daily', '2026-03-05 00:00+00') IS NOT NULL AS units;
SELECT * FROM pg_temp.run('poor', '2026-03-05 01:00+00');
-- Fewer units than the job needs are none: they do not make it wait for ever.
SELECT sparkingest.create_tenant('Small') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Small'), 'dedicated_units', 1, 'daily') IS NOT NULL AS units;
SELECT sparkingest.purchase(fixture.tenant('Small'), 'vcpu_hours', 100) IS NOT NULL AS hours;
SELECT fixture.production_job('Small', 'small', 8, 16, 25);
SELECT target_namespace FROM sparkingest.ingestion_jobs WHERE job_name = 'small';
SELECT * FROM pg_temp.run('small', '2026-03-02 14:00+00');

-- Bounds of the SLA shape the search (S1): not before earliest_start, not after start_by, nor so late that finish_by is lost.
SELECT sparkingest.create_tenant('Sla') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Sla'), 'dedicated_units', 2, 'daily') IS NOT NULL AS units;
SELECT fixture.production_job('Sla', name, 8, 16, 25, options => '{"on_no_capacity": "wait"}', sla => sla)
  FROM (VALUES ('blocker', '{}'::jsonb), ('later', '{"earliest_start": "20 minutes"}'), ('by', '{"start_by": "PT29M"}'), ('finish',
      '{"finish_by": "59 minutes"}'), ('finish an hour', '{"finish_by": "1 hour"}')) AS v (name, sla);
SELECT state, planned_start FROM pg_temp.run('blocker');
SELECT state, planned_start FROM pg_temp.run('later');
SELECT sparkingest.cancel_execution(fixture.latest('later'));
SELECT state, planned_start FROM pg_temp.run('by');
SELECT sparkingest.cancel_execution(fixture.latest('by'));
SELECT state, planned_start FROM pg_temp.run('finish');
SELECT sparkingest.cancel_execution(fixture.latest('finish'));
SELECT state, planned_start FROM pg_temp.run('finish an hour');

-- Draft runs: only the draft namespace, free, and outside the SLA. One that is too large for it would wait for ever: refused.
SELECT fixture.draft_job('Poor', 'big draft', 41, 80) IS NOT NULL AS created;
SELECT * FROM fixture.refusal($$SELECT sparkingest.run_job(fixture.job('big draft'))$$);
SELECT fixture.draft_job('Poor', 'memory draft', 40, 80.5) IS NOT NULL AS created;
SELECT * FROM fixture.refusal($$SELECT sparkingest.run_job(fixture.job('memory draft'))$$);
SELECT fixture.draft_job('Poor', 'just so', 40, 80, sla => '{"start_by": "1 minute"}') IS NOT NULL AS created;
SELECT * FROM pg_temp.run('just so');
SELECT * FROM pg_temp.run('just so');
-- So is a production run for which no namespace is large enough any more, also where it would wait for room.
UPDATE sparkingest.namespaces SET cpu_millicores = 7000;
SELECT * FROM fixture.refusal($$SELECT pg_temp.run('wait', '2026-03-03 20:00+00')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.alter_job(fixture.job('wait'), '{"resource_requirements": {"cpu_cores": 7.5, "memory_gb": 16}}')$$);
UPDATE sparkingest.namespaces SET cpu_millicores = 400000;
\i :end
