-- The three lines of a running job: planned end, soft line, hard line (C14). At the soft line its reservation is extended where that is free and paid.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS acme, sparkingest.create_tenant('Other') IS NOT NULL AS other;
SELECT sparkingest.purchase(fixture.tenant(name), 'vcpu_hours', 100000) IS NOT NULL AS hours FROM (VALUES ('Acme'), ('Other')) AS v (name);
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.begun(job text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    run uuid := sparkingest.run_job(fixture.job(job));
BEGIN
    PERFORM fixture.claim(run), fixture.start(run, sparkingest.clock());
    RETURN run;
END
$$;
CREATE FUNCTION pg_temp.line(run uuid) RETURNS TABLE (planned_end time, reserved text, held numeric, reason text) LANGUAGE sql AS $$
SELECT e.planned_end::time, to_char(r.starts_at, 'HH24:MI') || ' to ' || to_char(r.ends_at, 'HH24:MI'), trim_scale(e.held / 3600000.0), e.overrun_reason
  FROM sparkingest.job_executions AS e JOIN sparkingest.reservations AS r USING (reservation_id) WHERE e.execution_id = run $$;
CREATE FUNCTION pg_temp.told(run uuid) RETURNS TABLE (at time, actor text, cause text, before jsonb, after jsonb) LANGUAGE sql AS
$$ SELECT v.at::time, v.actor, v.cause, v.before, v.after FROM sparkingest.events AS v WHERE v.execution_id = run AND v.event_type = 'execution.overrun' ORDER BY v.event_id $$;

-- 4 cores and 8 GiB for 30 minutes: 2 vCPU-hours; stopped after 65 minutes.
SELECT fixture.production_job('Acme', 'long', 4, 8, 25, sla => '{"max_runtime_minutes": 65}');
SELECT pg_temp.begun('long') AS run \gset
SELECT * FROM pg_temp.line(:'run');
SET sparkingest.clock = '2026-03-02 09:29:59+00';
SELECT fixture.overrun(:'run') AS before_the_line;
SET sparkingest.clock = '2026-03-02 09:30:00+00';
SELECT fixture.overrun(:'run') AS at_the_line;
SELECT * FROM pg_temp.line(:'run');
SELECT fixture.overrun(:'run') AS once;
-- The tick does the same, and again at each line.
SET sparkingest.clock = '2026-03-02 09:46:00+00';
SELECT sparkingest.plan() AS handled;
SELECT * FROM pg_temp.line(:'run');
-- Not beyond the hard line, 10:05.
SET sparkingest.clock = '2026-03-02 10:00:00+00';
SELECT fixture.overrun(:'run') AS to_the_hard_line;
SELECT * FROM pg_temp.line(:'run');
SET sparkingest.clock = '2026-03-02 10:05:00+00';
SELECT fixture.overrun(:'run') AS no_further;
SELECT * FROM pg_temp.told(:'run');
-- Nothing is sold twice: what it took others do not have; what is left of it is free at once when it ends.
SELECT allocated_cpu FROM sparkingest.capacity('vcpu-hours-ns', '[2026-03-02 10:00+00, 2026-03-02 10:05+00)');
SELECT fixture.finish(:'run', 'succeeded', '2026-03-02 10:01:00+00');
SELECT e.held, trim_scale(e.charged / 3600000.0) AS charged, r.status FROM sparkingest.job_executions AS e JOIN sparkingest.reservations AS r USING (reservation_id) WHERE execution_id = :'run';
SELECT allocated_cpu FROM sparkingest.capacity('vcpu-hours-ns', '[2026-03-02 10:00+00, 2026-03-02 10:05+00)');

-- Slot by slot: as far as it is free. What is firm is not moved, whatever its priority.
SET sparkingest.clock = '2026-03-03 09:00:00+00';
SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 4, 8, '[2026-03-03 09:00+00, 2026-03-03 12:00+00)');
SELECT pg_temp.begun('long') AS run \gset
SELECT starts_at::time FROM sparkingest.reserve(fixture.tenant('Other'), 1, 1, '20 minutes', '2026-03-03 09:40+00', '0');
SET sparkingest.clock = '2026-03-03 09:30:00+00';
SELECT fixture.overrun(:'run') AS two_slots;
SELECT * FROM pg_temp.line(:'run');
SET sparkingest.clock = '2026-03-03 09:40:00+00';
SELECT fixture.overrun(:'run') AS taken;
SELECT * FROM pg_temp.line(:'run');
-- It goes on without a reservation, and is told once; tried again at each tick.
SELECT sparkingest.plan() AS handled;
SELECT state FROM sparkingest.job_executions WHERE execution_id = :'run';
SET sparkingest.clock = '2026-03-03 10:01:00+00';
SELECT sparkingest.plan() AS handled;
SELECT * FROM pg_temp.line(:'run');
SELECT * FROM pg_temp.told(:'run');
SELECT * FROM books.differences();
SELECT fixture.finish(:'run', 'succeeded', '2026-03-03 10:02:00+00');
SELECT trim_scale(charged / 3600000.0) AS charged FROM sparkingest.job_executions WHERE execution_id = :'run';

-- Tentative places of waiting work move out of its way (C15); firm ones do not.
SET sparkingest.clock = '2026-03-03 13:00:00+00';
SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 4, 8, '[2026-03-03 13:00+00, 2026-03-03 16:00+00)');
SELECT fixture.production_job('Acme', 'queued', 4, 8, 25, sla => '{"sla_window_hours": 0.1}', options => '{"on_no_capacity": "wait"}');
SELECT pg_temp.begun('long') AS run \gset
SELECT sparkingest.run_job(fixture.job('queued')) IS NOT NULL AS admitted;
SELECT e.state, e.planned_start::time, r.tentative FROM sparkingest.job_executions AS e JOIN sparkingest.reservations AS r USING (reservation_id) WHERE execution_id = fixture.latest('queued');
SET sparkingest.clock = '2026-03-03 13:30:00+00';
SELECT fixture.overrun(:'run') AS extended;
SELECT * FROM pg_temp.line(:'run');
SELECT e.state, e.planned_start::time, r.tentative FROM sparkingest.job_executions AS e JOIN sparkingest.reservations AS r USING (reservation_id) WHERE execution_id = fixture.latest('queued');
SELECT event_type, cause FROM sparkingest.events WHERE execution_id = fixture.latest('queued') ORDER BY event_id DESC LIMIT 1;
SELECT * FROM books.differences();
SELECT fixture.finish(:'run', 'succeeded', '2026-03-03 13:31:00+00');
SELECT sparkingest.cancel_execution(fixture.latest('queued'));

-- Where vCPU-hours pay, the balance must cover it.
SET sparkingest.clock = '2026-03-04 09:00:00+00';
SELECT sparkingest.purchase(sparkingest.create_tenant('Poor'), 'vcpu_hours', 3, 'yearly', '2026-03-04 00:00+00', '2027-03-04 00:00+00') IS NOT NULL AS hours;
SELECT fixture.production_job('Poor', 'poor', 4, 8, 25);
SELECT pg_temp.begun('poor') AS run \gset
SET sparkingest.clock = '2026-03-04 09:30:00+00';
SELECT fixture.overrun(:'run') AS covered;
SELECT * FROM pg_temp.line(:'run');
SET sparkingest.clock = '2026-03-04 09:45:00+00';
SELECT fixture.overrun(:'run') AS not_covered, fixture.overrun(:'run') AS told_once;
SELECT * FROM pg_temp.line(:'run');
SELECT allocated_cpu AS nothing_taken FROM sparkingest.capacity('vcpu-hours-ns', '[2026-03-04 09:45+00, 2026-03-04 09:50+00)');
SELECT sparkingest.purchase(fixture.tenant('Poor'), 'vcpu_hours', 1, 'yearly', '2026-03-04 00:00+00', '2027-03-04 00:00+00') IS NOT NULL AS hours;
SET sparkingest.clock = '2026-03-04 09:46:00+00';
SELECT sparkingest.plan() AS handled;
SELECT * FROM pg_temp.line(:'run');
SELECT * FROM pg_temp.told(:'run');
SELECT fixture.finish(:'run', 'succeeded', '2026-03-04 09:50:00+00');
SELECT held, trim_scale(charged / 3600000.0) AS charged FROM sparkingest.job_executions WHERE execution_id = :'run';

-- Dedicated units cost nothing more; when they are over, or another run has them, there is nothing to extend into.
SELECT sparkingest.purchase(sparkingest.create_tenant('Owner'), 'dedicated_units', 1, 'hourly', '2026-03-04 09:00+00', '2026-03-04 11:00+00') IS NOT NULL AS units;
SET sparkingest.clock = '2026-03-04 10:00:00+00';
SELECT fixture.production_job('Owner', 'own', 4, 8, 25);
SELECT pg_temp.begun('own') AS run \gset
SET sparkingest.clock = '2026-03-04 10:30:00+00';
SELECT fixture.overrun(:'run') AS extended;
SELECT * FROM pg_temp.line(:'run');
SET sparkingest.clock = '2026-03-04 10:45:00+00';
SELECT fixture.overrun(:'run') AS extended;
SET sparkingest.clock = '2026-03-04 11:00:00+00';
SELECT fixture.overrun(:'run') AS over;
SELECT * FROM pg_temp.line(:'run');
SELECT fixture.finish(:'run', 'succeeded', sparkingest.clock());

-- A draft run, up to its tenant's share; free.
SELECT fixture.draft_job('Acme', 'sketch', 20, 40, 25, options => '{"overlap_policy": "allow", "overlap_limit": 9}') IS NOT NULL AS created;
SELECT pg_temp.begun('sketch') AS run, pg_temp.begun('sketch') AS also \gset
SET sparkingest.clock = '2026-03-04 11:30:00+00';
SELECT fixture.overrun(:'run') AS extended, fixture.overrun(:'also') AS also;
SELECT * FROM pg_temp.line(:'run');
SELECT fixture.finish(:'also', 'succeeded', sparkingest.clock());
SELECT sparkingest.run_job(fixture.job('sketch'), '2026-03-04 11:45+00') IS NOT NULL AS admitted, sparkingest.run_job(fixture.job('sketch'), '2026-03-04 11:45+00') IS NOT NULL AS also;
SET sparkingest.clock = '2026-03-04 11:45:00+00';
SELECT fixture.overrun(:'run') AS share_is_full;
SELECT * FROM pg_temp.line(:'run');

-- Not of a run that is to be stopped, nor of one that does not run.
SELECT sparkingest.cancel_execution(:'run');
SET sparkingest.clock = '2026-03-04 13:00:00+00';
SELECT fixture.overrun(:'run') AS to_be_stopped;
SELECT fixture.finish(:'run', 'cancelled', sparkingest.clock());
SELECT fixture.overrun(:'run') AS ended;
SELECT sparkingest.run_job(fixture.job('long')) AS run \gset
SELECT fixture.claim(:'run');
SET sparkingest.clock = '2026-03-04 14:00:00+00';
SELECT fixture.overrun(:'run') AS not_started;
SELECT fixture.finish(:'run', 'lost');

-- Named limits go on with it, or it is not extended; what the reservation holds of them counts once.
SET sparkingest.clock = '2026-03-04 15:00:00+00';
SELECT count(*) FROM sparkingest.set_limit('orders-db', 3);
SELECT fixture.production_job('Acme', name, 4, 8, 25, options => format('{"limits": {"orders-db": %s}}', n)::jsonb) FROM (VALUES ('two', 2), ('one', 1)) AS v (name, n);
SELECT pg_temp.begun('two') AS run \gset
SELECT sparkingest.run_job(fixture.job('one'), '2026-03-04 15:30+00') IS NOT NULL AS admitted;
SET sparkingest.clock = '2026-03-04 15:30:00+00';
SELECT fixture.overrun(:'run') AS extended;
SELECT to_char(starts_at, 'HH24:MI') AS from_time, to_char(ends_at, 'HH24:MI') AS until_time, allocated FROM sparkingest.limit_load('orders-db', '[2026-03-04 15:00+00, 2026-03-04 16:10+00)');
SELECT sparkingest.run_job(fixture.job('two'), '2026-03-04 15:50+00') IS NOT NULL AS admitted;
SELECT planned_start::time FROM sparkingest.job_executions WHERE execution_id = fixture.latest('two');
SELECT starts_at::time FROM sparkingest.job_executions, LATERAL sparkingest.move_reservation(reservation_id, '2026-03-04 16:00+00') AS moved WHERE execution_id = fixture.latest('two');
SET sparkingest.clock = '2026-03-04 15:45:00+00';
SELECT sparkingest.run_job(fixture.job('one'), '2026-03-04 15:50+00') IS NOT NULL AS admitted;
SELECT fixture.overrun(:'run') AS one_slot;
SELECT * FROM pg_temp.line(:'run');
SET sparkingest.clock = '2026-03-04 15:50:00+00';
SELECT fixture.overrun(:'run') AS none;
SELECT * FROM pg_temp.line(:'run');
SELECT * FROM books.differences();
SET sparkingest.clock = '2026-03-04 16:11:00+00';
SELECT sparkingest.cancel_execution(execution_id) FROM sparkingest.job_executions WHERE job_id IN (fixture.job('one'), fixture.job('two')) AND state = 'scheduled';
SELECT fixture.overrun(:'run') AS after_a_gap;
SELECT * FROM pg_temp.line(:'run');
SELECT to_char(starts_at, 'HH24:MI') AS from_time, to_char(ends_at, 'HH24:MI') AS until_time, allocated FROM sparkingest.limit_load('orders-db', '[2026-03-04 15:00+00, 2026-03-04 17:10+00)');
SELECT * FROM books.differences();
SELECT fixture.finish(:'run', 'succeeded', sparkingest.clock());

-- What starts after it gives its place up for it, and follows the new end.
SET sparkingest.clock = '2026-03-05 09:00:00+00';
SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 4, 8, '[2026-03-05 09:00+00, 2026-03-05 12:00+00)');
SELECT fixture.production_job('Acme', 'next', 4, 8, 25, options => '{"after": "long"}');
SELECT pg_temp.begun('long') AS run \gset
SELECT state, planned_start::time FROM sparkingest.job_executions WHERE execution_id = fixture.latest('next');
SET sparkingest.clock = '2026-03-05 09:30:00+00';
SELECT fixture.overrun(:'run') AS extended;
SELECT * FROM pg_temp.line(:'run');
SELECT state, planned_start::time, scheduled_for::time FROM sparkingest.job_executions WHERE execution_id = fixture.latest('next');
SELECT fixture.finish(:'run', 'succeeded', '2026-03-05 09:31:00+00');
SELECT state, awaits, planned_start::time, scheduled_for::time FROM sparkingest.job_executions WHERE execution_id = fixture.latest('next');
\i :end
