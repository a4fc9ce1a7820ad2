-- Owners take back what they lent (C11): what has not begun moves, what runs is told to end, as few as suffice.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant(name) IS NOT NULL AS created FROM unnest(ARRAY['Owner', 'Borrower', 'Rival']) AS name;
SELECT sparkingest.purchase(fixture.tenant(name), 'vcpu_hours', 1000) IS NOT NULL AS hours FROM unnest(ARRAY['Borrower', 'Rival']) AS name;
SELECT sparkingest.purchase(fixture.tenant('Owner'), 'dedicated_units', 4, 'daily', '2026-03-02 09:00+00', '2026-03-04 09:00+00', '{"lending_limit": 4}') IS NOT NULL AS lends;
SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 0, 0, '[2026-03-02 09:00, 2026-03-05 00:00)');
SELECT fixture.production_job('Borrower', name, cores, 2 * cores, 50, sla => format('{"priority": %s}', priority)::jsonb, options => '{"on_no_capacity": "wait"}')
  FROM (VALUES ('low', 4, 1), ('high', 4, 9), ('wide', 8, 5)) AS v (name, cores, priority);
SELECT fixture.production_job('Owner', 'own', 8, 16, 50, options => '{"on_no_capacity": "wait"}');
CREATE FUNCTION pg_temp.owner(cores numeric, at timestamptz, sla_window interval DEFAULT '0', takes interval DEFAULT '1 hour')
RETURNS TABLE (namespace text, starts_at timestamptz, ends_at timestamptz, borrowed boolean, reason text, earliest timestamptz) LANGUAGE sql AS $$
SELECT namespace, starts_at, ends_at, borrowed, reason, earliest FROM sparkingest.try_reserve(fixture.tenant('Owner'), cores, 2 * cores, takes, at, sla_window) $$;
CREATE FUNCTION pg_temp.runs() RETURNS TABLE (job text, attempt integer, state text, namespace text, planned_start timestamptz, borrowed boolean, waiting_reason text) LANGUAGE sql AS $$
SELECT j.job_name, e.attempt, e.state, e.namespace, e.planned_start, r.borrowed AND r.status = 'active', e.waiting_reason FROM sparkingest.job_executions AS e
  JOIN sparkingest.ingestion_jobs AS j USING (job_id) LEFT JOIN sparkingest.reservations AS r USING (reservation_id)
 WHERE NOT e.is_draft AND e.state <> 'cancelled' ORDER BY 1, e.scheduled_for, 2 $$;
CREATE FUNCTION pg_temp.cancel_all() RETURNS bigint LANGUAGE sql AS $$
SELECT count(sparkingest.cancel_execution(execution_id)) FROM sparkingest.job_executions WHERE state IN ('scheduled', 'waiting') $$;
CREATE FUNCTION pg_temp.release_all() RETURNS bigint LANGUAGE sql AS $$
SELECT count(sparkingest.release(reservation_id)) FROM sparkingest.reservations AS r WHERE status = 'active' AND NOT EXISTS (SELECT FROM sparkingest.job_executions AS e WHERE e.reservation_id = r.reservation_id) $$;

-- Sixteen cores, all of them borrowed at noon. The owner's eight: the lowest go, and only as many as must; the rest stays.
SELECT name, sparkingest.run_job(fixture.job(name), '2026-03-02 12:00+00') IS NOT NULL AS planned FROM unnest(ARRAY['wide', 'high', 'low']) AS name;
SELECT * FROM pg_temp.runs();
SELECT * FROM pg_temp.owner(8, '2026-03-02 12:00+00');
SELECT * FROM pg_temp.runs();
-- Each victim has an event with the cause and its new time; none says who.
SELECT j.job_name, v.event_type, v.actor, v.cause, v.before, v.after FROM sparkingest.events AS v JOIN sparkingest.ingestion_jobs AS j USING (job_id)
 WHERE v.cause LIKE '%takes them back' ORDER BY v.event_id;
SELECT count(*) FROM sparkingest.verify_ledger();
-- Nobody is moved where there is room, nor where moving would not help: an owner has no more than it bought.
SELECT * FROM pg_temp.owner(4, '2026-03-02 12:00+00');
SELECT * FROM pg_temp.owner(5, '2026-03-02 12:00+00');
SELECT * FROM pg_temp.owner(17, '2026-03-02 14:00+00');
SELECT * FROM pg_temp.runs();
-- An owner who looks is told what it would get, and takes nothing.
SELECT sparkingest.find_slot('dedicated-cpu-ns', 4, 8, '1 hour', '2026-03-02 12:00+00', '0', fixture.tenant('Owner')) AS start,
    sparkingest.find_slot('dedicated-cpu-ns', 5, 10, '1 hour', '2026-03-02 12:00+00', '1 day', fixture.tenant('Owner')) AS later;
-- The last borrower goes too; nothing is left to take, and other owners' units are none of it.
SELECT * FROM pg_temp.owner(4, '2026-03-02 12:00+00');
SELECT job, state, namespace, planned_start, borrowed FROM pg_temp.runs();
SELECT * FROM pg_temp.owner(1, '2026-03-02 12:00+00');
SELECT pg_temp.cancel_all(), pg_temp.release_all();

-- An owner's run does the same at its admission, and an earlier start is worth it: the borrower has no claim to its time.
SELECT sparkingest.run_job(fixture.job(name), '2026-03-02 12:00+00') IS NOT NULL AS planned FROM unnest(ARRAY['wide', 'high', 'low']) AS name;
SELECT sparkingest.run_job(fixture.job('own'), '2026-03-02 12:00+00') IS NOT NULL AS planned;
SELECT job, state, namespace, planned_start, borrowed FROM pg_temp.runs();
-- Victims are not placed in the same pool again with it; a later tick may find them room there, where its owner has none in use.
SELECT sparkingest.plan() AS handled;
SELECT job, state, namespace, planned_start, borrowed FROM pg_temp.runs();
SELECT pg_temp.cancel_all(), pg_temp.release_all();

-- A victim goes where there is room: the shared namespace has some after noon.
SELECT sparkingest.run_job(fixture.job('wide'), '2026-03-02 12:00+00') IS NOT NULL AS planned;
SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 8, 16, '[2026-03-02 13:00, 2026-03-03 00:00)');
SELECT starts_at FROM pg_temp.owner(16, '2026-03-02 12:00+00');
SELECT job, state, namespace, planned_start, borrowed FROM pg_temp.runs();
SELECT pg_temp.cancel_all(), pg_temp.release_all();
SELECT (sparkingest.reserve(fixture.tenant('Borrower'), 8, 16, '30 minutes', '2026-03-02 12:00+00', '0')).reservation_id AS own \gset
SELECT * FROM pg_temp.owner(16, '2026-03-02 12:00+00');
-- An application's own reservation keeps its name, and pays for the new place.
SELECT namespace, starts_at, ends_at, status, borrowed, held / 3600000.0 AS held FROM sparkingest.reservations WHERE reservation_id = :'own';
SELECT event_type, actor, before - 'reservation_id' AS before, after - 'reservation_id' AS after FROM sparkingest.events WHERE event_type LIKE 'reservation.%' AND tenant_id = fixture.tenant('Borrower') ORDER BY event_id DESC LIMIT 1;
SELECT sum(CASE entry_type WHEN 'hold' THEN amount ELSE -amount END) / 3600000.0 AS held FROM sparkingest.balance_entries WHERE reservation_id = :'own';
SELECT pg_temp.cancel_all(), pg_temp.release_all();
-- Without another place it is released, and told so.
SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 0, 0, '[2026-03-02 09:00, 2026-03-05 00:00)');
SELECT (sparkingest.reserve(fixture.tenant('Borrower'), 8, 16, '30 minutes', '2026-03-02 12:00+00', '0')).reservation_id AS own \gset
SELECT * FROM pg_temp.owner(16, '2026-03-02 12:00+00');
SELECT status, held FROM sparkingest.reservations WHERE reservation_id = :'own';
SELECT event_type, cause FROM sparkingest.events WHERE tenant_id = fixture.tenant('Borrower') AND event_type LIKE 'reservation.%' ORDER BY event_id DESC LIMIT 1;
SELECT pg_temp.cancel_all(), pg_temp.release_all();

-- What runs: it has ten minutes, and half a minute to end; the owner begins in the first slot after that.
SELECT sparkingest.run_job(fixture.job(name)) IS NOT NULL AS planned FROM unnest(ARRAY['wide', 'high', 'low']) AS name;
SELECT fixture.claim(fixture.latest(name)) FROM unnest(ARRAY['wide', 'high']) AS name;
SELECT fixture.start(fixture.latest('wide'), '2026-03-02 09:00:00+00'), fixture.start(fixture.latest('high'), '2026-03-02 09:00:00+00');
SET sparkingest.clock = '2026-03-02 09:02:00+00';
-- What has not begun is enough for four at once.
SELECT * FROM pg_temp.owner(4, '2026-03-02 09:02+00', '1 hour', '20 minutes');
SELECT job, state, namespace, planned_start, borrowed FROM pg_temp.runs();
SELECT execution_id IS NULL AS nobody_is_stopped FROM (SELECT max(execution_id::text) AS execution_id FROM sparkingest.job_executions WHERE stop_cause IS NOT NULL) AS s;
-- Of those that run the lowest goes first, though it has more than is needed.
SELECT * FROM pg_temp.owner(4, '2026-03-02 09:02+00', '1 hour', '20 minutes');
SELECT j.job_name, e.state, e.stop_requested_at, e.stop_cause, e.stop_reason, e.planned_end, r.ends_at FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id)
  JOIN sparkingest.reservations AS r USING (reservation_id) WHERE e.state = 'running' ORDER BY 1;
SELECT after FROM sparkingest.events WHERE event_type = 'execution.stop_requested';
SELECT count(*) FROM sparkingest.verify_ledger();
-- A window that ends before it could be gone is not met; nobody is asked in vain.
SELECT * FROM pg_temp.owner(12, '2026-03-02 09:02+00', '5 minutes', '20 minutes');
SELECT count(*) FROM sparkingest.job_executions WHERE stop_cause IS NOT NULL;
-- The pods are gone: it was free, the lender gets nothing, and its next attempt is admitted, uncounted.
SET sparkingest.clock = '2026-03-02 09:10:20+00';
SELECT fixture.latest('wide') AS wide \gset
SELECT fixture.finish(:'wide', 'preempted', '2026-03-02 09:10:20+00');
SELECT charge_to, charged FROM sparkingest.resource_consumption WHERE execution_id = :'wide';
SELECT job, attempt, state, planned_start, borrowed, waiting_reason FROM pg_temp.runs() WHERE job = 'wide';
SELECT v.cause FROM sparkingest.events AS v WHERE v.execution_id = fixture.latest('wide') ORDER BY event_id LIMIT 1;
-- Who is to make room and is cancelled does not come again.
SELECT * FROM pg_temp.owner(12, '2026-03-02 09:15+00', '1 hour', '20 minutes');
SELECT stop_cause, stop_requested_at FROM sparkingest.job_executions WHERE execution_id = fixture.latest('high');
SELECT sparkingest.cancel_execution(fixture.latest('high'), 'not needed');
SELECT stop_cause, stop_requested_at, stop_reason FROM sparkingest.job_executions WHERE execution_id = fixture.latest('high');
SELECT sparkingest.cancel_execution(fixture.latest('high'));
SELECT fixture.finish(fixture.latest('high'), 'cancelled', '2026-03-02 09:11:00+00');
SELECT job, attempt, state FROM pg_temp.runs() WHERE job = 'high';
SELECT pg_temp.cancel_all(), pg_temp.release_all();

-- A run on its way whose driver does not run yet goes at once, before one that runs; an application's that has begun ends early.
SET sparkingest.clock = '2026-03-02 10:00:00+00';
SELECT sparkingest.run_job(fixture.job(name)) IS NOT NULL AS planned FROM unnest(ARRAY['low', 'high']) AS name;
SELECT (sparkingest.reserve(fixture.tenant('Rival'), 8, 16, '2 hours', '2026-03-02 10:00+00', '0')).reservation_id AS own \gset
SELECT fixture.claim(fixture.latest(name)) FROM unnest(ARRAY['low', 'high']) AS name;
SELECT fixture.start(fixture.latest('low'), '2026-03-02 10:00:00+00');
SELECT starts_at FROM pg_temp.owner(4, '2026-03-02 10:00+00', '1 hour', '20 minutes');
SELECT j.job_name, e.stop_requested_at, e.stop_cause FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id) WHERE e.state IN ('dispatching', 'running') ORDER BY 1;
SELECT starts_at FROM pg_temp.owner(12, '2026-03-02 10:00+00', '1 hour', '20 minutes');
SELECT starts_at, ends_at, held / 3600000 AS held FROM sparkingest.reservations WHERE reservation_id = :'own';
SELECT event_type, before - 'reservation_id' AS before, after ->> 'ends_at' AS ends_at FROM sparkingest.events WHERE tenant_id = fixture.tenant('Rival') ORDER BY event_id DESC LIMIT 1;
SET sparkingest.reclaim_min_run_minutes = 0;
SET sparkingest.reclaim_grace_seconds = 0;
SELECT fixture.finish(fixture.latest('low'), 'preempted', '2026-03-02 10:02:00+00'), fixture.finish(fixture.latest('high'), 'preempted');
SET sparkingest.clock = '2026-03-02 10:20:00+00';
SELECT sparkingest.maintain() > 0 AS maintained;
SELECT entry_type, amount / 3600000.0 AS hours FROM sparkingest.balance_entries WHERE reservation_id = :'own' ORDER BY entry_id;
SELECT pg_temp.cancel_all(), pg_temp.release_all();

-- Less supply: borrowed before own, however important; what runs on borrowed units is told to end, what runs on own ones is not.
SET sparkingest.clock = '2026-03-02 11:00:00+00';
SELECT sparkingest.run_job(fixture.job(name), '2026-03-02 18:00+00') IS NOT NULL AS planned FROM unnest(ARRAY['own', 'high', 'low']) AS name;
SELECT (SELECT job_name FROM sparkingest.ingestion_jobs AS j WHERE j.job_id = c.job_id) AS job, c.planned_start, c.effect FROM sparkingest.set_capacity('dedicated-cpu-ns', 12, 24, '[2026-03-02 18:00, 2026-03-02 19:00)') AS c ORDER BY 1;
SELECT job, state, namespace, planned_start, borrowed FROM pg_temp.runs() WHERE state IN ('scheduled', 'waiting');
SELECT (SELECT job_name FROM sparkingest.ingestion_jobs AS j WHERE j.job_id = c.job_id) AS job, c.planned_start, c.effect FROM sparkingest.set_capacity('dedicated-cpu-ns', 4, 8, '[2026-03-02 18:00, 2026-03-02 19:00)') AS c ORDER BY 1;
SELECT pg_temp.cancel_all(), pg_temp.release_all();
SELECT sparkingest.run_job(fixture.job(name)) IS NOT NULL AS planned FROM unnest(ARRAY['own', 'low']) AS name;
SELECT fixture.claim(fixture.latest(name)) FROM unnest(ARRAY['own', 'low']) AS name;
SELECT fixture.start(fixture.latest('own'), '2026-03-02 11:00:00+00'), fixture.start(fixture.latest('low'), '2026-03-02 11:00:00+00');
SELECT (SELECT job_name FROM sparkingest.ingestion_jobs AS j WHERE j.job_id = c.job_id) AS job, c.effect FROM sparkingest.set_capacity('dedicated-cpu-ns', 8, 16, '[2026-03-02 11:20, 2026-03-02 12:20)') AS c ORDER BY 1;
SELECT stop_cause FROM sparkingest.job_executions WHERE state = 'running' ORDER BY 1;
SELECT fixture.finish(fixture.latest('low'), 'preempted', '2026-03-02 11:01:00+00'), fixture.finish(fixture.latest('own'), 'succeeded', '2026-03-02 11:10:00+00');
SELECT pg_temp.cancel_all(), pg_temp.release_all();
SELECT count(*) FROM sparkingest.verify_ledger();

-- Bad settings.
SET sparkingest.reclaim_grace_seconds = 3601;
SET sparkingest.reclaim_min_run_minutes = -1;
\i :end
