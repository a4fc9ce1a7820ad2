-- Work that waits: a tentative place that nothing delays, its order, and who gives way (C13, C15, C16, J2, S2).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

CREATE VIEW pg_temp.plan AS SELECT j.job_name, e.state, to_char(e.planned_start, 'DD HH24:MI') AS planned_start, r.tentative, e.waiting_reason, e.plan_reason
  FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id)
  LEFT JOIN sparkingest.reservations AS r ON r.reservation_id = e.reservation_id AND r.status = 'active'
 WHERE e.state IN ('scheduled', 'waiting', 'running') ORDER BY e.planned_start, j.job_name;
CREATE FUNCTION pg_temp.moves(job text) RETURNS TABLE (event_type text, cause text, before jsonb, after jsonb) LANGUAGE sql AS $$
SELECT v.event_type, v.cause, v.before, v.after - 'waiting_reason' FROM sparkingest.events AS v
 WHERE v.execution_id = fixture.latest(job) AND v.event_type LIKE 'execution.%' ORDER BY v.event_id $$;
-- Rows as they lie, and how many events there are: the same when nothing was written.
CREATE FUNCTION pg_temp.versions() RETURNS text LANGUAGE sql AS $$
SELECT md5(string_agg(ctid::text || xmin::text || xmax::text, ',' ORDER BY execution_id)) ||
       (SELECT md5(string_agg(ctid::text || xmin::text || xmax::text, ',' ORDER BY reservation_id)) FROM sparkingest.reservations) ||
       (SELECT count(*) FROM sparkingest.events) FROM sparkingest.job_executions $$;
SELECT sparkingest.create_tenant(name) IS NOT NULL AS created FROM (VALUES ('Acme'), ('Bolt')) AS v (name);
SELECT sparkingest.purchase(fixture.tenant(name), 'vcpu_hours', 100000) IS NOT NULL AS hours FROM (VALUES ('Acme'), ('Bolt')) AS v (name);
-- A job of 10 cores takes half an hour of all that there is; it waits where its window (36 seconds) has no place.
CREATE FUNCTION pg_temp.job(tenant text, name text, priority text DEFAULT '0', cpu numeric DEFAULT 10, minutes numeric DEFAULT 25, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
SELECT fixture.production_job(tenant, name, cpu, 2 * cpu, minutes, options => '{"on_no_capacity": "wait"}',
    sla => format('{"priority": %s, "sla_window_hours": 0.01}', priority)::jsonb || more) $$;
SELECT name, pg_temp.job('Acme', name, cpu => cpu, minutes => minutes)
  FROM (VALUES ('first', 6, 25), ('big', 10, 25), ('short', 4, 25), ('long', 4, 50), ('next', 10, 25)) AS v (name, cpu, minutes);
SELECT sparkingest.set_capacity('vcpu-hours-ns', 10, 20, '[2026-03-02 09:00, 2026-04-01)');

-- C15: big waits until all is free. What comes later uses only what is left: short runs beside first and is over in time; long would
-- not be, and waits; the next one waits behind it all.
SELECT name, sparkingest.run_job(fixture.job(name)) IS NOT NULL AS admitted FROM (VALUES ('first'), ('big'), ('short'), ('long'), ('next')) AS v (name);
SELECT * FROM pg_temp.plan;
SELECT sparkingest.find_slot('vcpu-hours-ns', 10, 20, '30 minutes');
SELECT (sparkingest.reserve(fixture.tenant('Bolt'), 10, 20, '30 minutes', sla_window => '30 hours')).starts_at;
-- It counts as allocated, and is nobody else's to move or release.
SELECT to_char(time_slot, 'HH24:MI') AS slot, allocated_cpu FROM sparkingest.capacity('vcpu-hours-ns', '[2026-03-02 09:30, 2026-03-02 09:35)');
SELECT r.* FROM sparkingest.job_executions, fixture.refusal(format($$SELECT sparkingest.release('%s')$$, reservation_id)) AS r WHERE execution_id = fixture.latest('big');
SELECT (fixture.refusal(format($$SELECT sparkingest.move_reservation('%s', '2026-03-02 20:00+00')$$, reservation_id))).code FROM sparkingest.job_executions WHERE execution_id = fixture.latest('big');
-- No vCPU-hours are held for it yet.
SELECT held FROM sparkingest.job_executions WHERE execution_id = fixture.latest('big');
-- Nothing to improve: nothing is written.
SELECT pg_temp.versions() AS before \gset
SELECT sparkingest.plan(), sparkingest.plan(), pg_temp.versions() = :'before' AS untouched;

-- C13: what is given up pulls forward what waits, and says so; nobody else moves later.
SELECT sparkingest.cancel_execution(fixture.latest('big'));
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan;
SELECT * FROM pg_temp.moves('next');
SELECT pg_temp.versions() AS before \gset
SELECT sparkingest.plan(), pg_temp.versions() = :'before' AS untouched;
-- In the slot before its time it is scheduled, and paid for.
SET sparkingest.clock = '2026-03-02 09:28:00+00';
SELECT sparkingest.plan();
SET sparkingest.clock = '2026-03-02 10:28:00+00';
SELECT sparkingest.plan();
SELECT e.state, e.planned_start, e.held > 0 AS held, r.tentative FROM sparkingest.job_executions AS e JOIN sparkingest.reservations AS r USING (reservation_id) WHERE e.execution_id = fixture.latest('next');
SELECT sparkingest.drop_job(job_id) FROM sparkingest.ingestion_jobs;
SELECT count(*) AS left_behind FROM sparkingest.reservations AS r JOIN sparkingest.job_executions AS e USING (reservation_id) WHERE r.status = 'active';

-- C13: never before its earliest start.
SET sparkingest.clock = '2026-03-03 09:00:00+00';
SELECT pg_temp.job('Acme', 'early'), pg_temp.job('Acme', 'not yet', more => '{"sla_window_hours": 0.5, "earliest_start": "20 minutes"}');
SELECT sparkingest.run_job(fixture.job('early')) IS NOT NULL, sparkingest.run_job(fixture.job('early')) IS NOT NULL, sparkingest.run_job(fixture.job('not yet')) IS NOT NULL;
SELECT * FROM pg_temp.plan;
SELECT sparkingest.drop_job(fixture.job('early'));
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan;
SELECT sparkingest.drop_job(fixture.job('not yet'));

-- C15: names of priorities; the most important first, whoever came first. Who gives way is told why, and its new time.
SET sparkingest.clock = '2026-03-04 09:00:00+00';
SELECT sparkingest.set_priority('urgent', 500);
SELECT name, pg_temp.job('Acme', name, format('"%s"', name)) FROM (VALUES ('low'), ('normal'), ('high'), ('critical'), ('urgent')) AS v (name);
SELECT job_name, priority FROM sparkingest.ingestion_jobs WHERE status = 'active' ORDER BY 2;
SELECT * FROM fixture.refusal($$SELECT pg_temp.job('Acme', 'bad', '"lowest"')$$);
SELECT * FROM fixture.refusal($$SELECT pg_temp.job('Acme', 'bad', '1001')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.set_priority('Bad', 1)$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.set_priority('bad', 1001)$$);
SELECT name, sparkingest.run_job(fixture.job(name)) IS NOT NULL AS admitted FROM (VALUES ('low'), ('normal'), ('high'), ('critical'), ('urgent')) AS v (name);
SELECT * FROM pg_temp.plan;
SELECT sparkingest.plan();
-- low had its place before the others came, and it is firm: priority alone takes it from nobody.
SELECT * FROM pg_temp.plan;
SELECT * FROM pg_temp.moves('normal');
SELECT * FROM pg_temp.moves('critical');
SELECT sparkingest.plan();
-- The fewest give way: what fits beside needs nobody's place.
SELECT sparkingest.drop_job(job_id) FROM sparkingest.ingestion_jobs WHERE status = 'active';
SET sparkingest.clock = '2026-03-05 09:00:00+00';
SELECT name, pg_temp.job('Acme', name, priority, cpu) FROM (VALUES ('blocker', '0', 10), ('one', '0', 3), ('two', '0', 4), ('three', '1', 3), ('boss', '50', 4)) AS v (name, priority, cpu);
SELECT name, sparkingest.run_job(fixture.job(name)) IS NOT NULL AS admitted FROM (VALUES ('blocker'), ('one'), ('two'), ('three'), ('boss')) AS v (name);
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan;
SELECT sparkingest.drop_job(job_id) FROM sparkingest.ingestion_jobs WHERE status = 'active';

-- C15: waiting work ages, by the day: low that came two days ago goes before high that came now.
SET sparkingest.clock = '2026-03-06 09:00:00+00';
SELECT sparkingest.set_capacity('vcpu-hours-ns', 0, 0, '[2026-03-06 09:00, 2026-03-08 12:00)');
SELECT pg_temp.job('Acme', 'old', '"low"'), pg_temp.job('Acme', 'young', '"high"');
SELECT sparkingest.run_job(fixture.job('old')) IS NOT NULL AS admitted;
SET sparkingest.clock = '2026-03-08 08:59:00+00';
SELECT sparkingest.run_job(fixture.job('young')) IS NOT NULL AS admitted;
BEGIN;
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan;
ROLLBACK;
SET sparkingest.clock = '2026-03-08 09:00:00+00';
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan;
-- Without aging it does not.
BEGIN;
SET LOCAL sparkingest.aging = 0;
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan;
ROLLBACK;
SELECT sparkingest.drop_job(job_id) FROM sparkingest.ingestion_jobs WHERE status = 'active';

-- C16: a burst of one tenant does not keep another waiting for the end of it.
SET sparkingest.clock = '2026-03-09 09:00:00+00';
SELECT pg_temp.job('Acme', 'burst'), pg_temp.job('Bolt', 'single');
SELECT count(sparkingest.run_job(fixture.job('burst'))) AS admitted FROM generate_series(1, 30);
SELECT sparkingest.run_job(fixture.job('single')) IS NOT NULL AS admitted;
SELECT job_name, planned_start FROM pg_temp.plan WHERE job_name = 'single';
SELECT sparkingest.plan();
SELECT job_name, planned_start, plan_reason FROM pg_temp.plan WHERE job_name = 'single';
SELECT count(*), count(DISTINCT planned_start) AS times, count(plan_reason) AS moved FROM pg_temp.plan WHERE job_name = 'burst';
SELECT sparkingest.plan();
SELECT sparkingest.drop_job(job_id) FROM sparkingest.ingestion_jobs WHERE status = 'active';

-- J2: fires further ahead than a day are tentative, and become firm when they come near. More important work may take their places
-- until then, and no longer.
SET sparkingest.clock = '2026-03-10 09:00:00+00';
SELECT pg_temp.job('Acme', 'nightly'), pg_temp.job('Acme', 'important', '10', more => '{"sla_window_hours": 0.01}');
SELECT sparkingest.alter_job(fixture.job('nightly'), '{"schedule_cron": "0 2 * * *"}');
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan;
SELECT sparkingest.run_job(fixture.job('important'), '2026-03-12 02:00+00') IS NOT NULL, sparkingest.run_job(fixture.job('important'), '2026-03-11 02:00+00') IS NOT NULL;
SELECT * FROM pg_temp.plan WHERE planned_start < '13';
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan WHERE planned_start < '13';
SET sparkingest.clock = '2026-03-11 09:00:00+00';
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan WHERE job_name = 'nightly' AND planned_start < '14';
SELECT sparkingest.drop_job(job_id) FROM sparkingest.ingestion_jobs WHERE status = 'active';

-- M4: where vCPU-hours do not cover it when it is time, it gives its place back and waits with that reason.
SET sparkingest.clock = '2026-03-12 09:00:00+00';
SELECT sparkingest.create_tenant('Poor') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Poor'), 'vcpu_hours', 8) IS NOT NULL AS hours;
SELECT pg_temp.job('Acme', 'blocker'), pg_temp.job('Poor', 'poor'), pg_temp.job('Poor', 'poorer');
SELECT sparkingest.run_job(fixture.job('blocker')) IS NOT NULL, sparkingest.run_job(fixture.job('poor')) IS NOT NULL, sparkingest.run_job(fixture.job('poorer')) IS NOT NULL;
SELECT * FROM pg_temp.plan;
SET sparkingest.clock = '2026-03-12 09:27:00+00';
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan;
SET sparkingest.clock = '2026-03-12 09:57:00+00';
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan WHERE job_name = 'poorer';
SELECT sparkingest.drop_job(job_id) FROM sparkingest.ingestion_jobs WHERE status = 'active';

-- Who will not start keeps no place: paused work, and that of a suspended tenant; when it is active again it gets one.
SET sparkingest.clock = '2026-03-12 20:00:00+00';
SELECT pg_temp.job('Acme', 'runs'), pg_temp.job('Bolt', 'pauses');
SELECT sparkingest.run_job(fixture.job('runs')) IS NOT NULL, sparkingest.run_job(fixture.job('pauses')) IS NOT NULL, sparkingest.run_job(fixture.job('runs')) IS NOT NULL;
SELECT sparkingest.pause_job(fixture.job('pauses'));
SELECT sparkingest.plan(), sparkingest.plan();
SELECT * FROM pg_temp.plan;
SELECT sparkingest.resume_job(fixture.job('pauses'));
SELECT sparkingest.plan();
SELECT sparkingest.set_tenant_status(fixture.tenant('Bolt'), 'suspended');
SELECT sparkingest.plan();
SELECT * FROM pg_temp.plan;
SELECT sparkingest.set_tenant_status(fixture.tenant('Bolt'), 'active');
SELECT sparkingest.drop_job(job_id) FROM sparkingest.ingestion_jobs WHERE status = 'active';

-- C9: less capacity moves tentative places as well, with the cause.
SET sparkingest.clock = '2026-03-13 09:00:00+00';
SELECT pg_temp.job('Acme', 'here'), pg_temp.job('Acme', 'there');
SELECT sparkingest.run_job(fixture.job('here')) IS NOT NULL, sparkingest.run_job(fixture.job('there')) IS NOT NULL;
SELECT effect, planned_start FROM sparkingest.set_capacity('vcpu-hours-ns', 0, 0, '[2026-03-13 09:30, 2026-03-13 12:00)');
SELECT * FROM pg_temp.plan;
SELECT sparkingest.drop_job(job_id) FROM sparkingest.ingestion_jobs WHERE status = 'active';

-- S2: a draft run that waits has its place too.
SELECT fixture.draft_job('Acme', 'draft', 40, 80, 25, sla => '{"sla_window_hours": 0.5}') IS NOT NULL AS created;
SELECT sparkingest.run_job(fixture.job('draft')) IS NOT NULL FROM generate_series(1, 3);
SELECT planned_start, state, tentative FROM pg_temp.plan WHERE job_name = 'draft';
SELECT sparkingest.cancel_execution(execution_id) FROM sparkingest.job_executions WHERE job_id = fixture.job('draft') AND planned_start = '2026-03-13 09:30+00';
SELECT sparkingest.plan();
SELECT planned_start, state, tentative, plan_reason FROM pg_temp.plan WHERE job_name = 'draft';
\i :end
