-- Why a run starts when it does: each constraint that binds, with its numbers, and what would lift it (Q1, Q4).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin
\pset null '-'
\x on
SET client_min_messages = warning;

-- Nothing is posted to a new cluster, and then to one that is fenced, or does not answer: that keeps every run from starting.
SELECT sparkingest.create_tenant('Acme') AS acme \gset
SELECT fixture.production_job('Acme', 'free', 1, 2, 25) AS status;
SELECT * FROM sparkingest.explain_job(fixture.job('free'));
UPDATE sparkingest.clusters SET dispatch = 'fenced';
SELECT constraint_name, remedy FROM sparkingest.explain_job(fixture.job('free')) WHERE constraint_name = 'dispatch';
UPDATE sparkingest.clusters SET dispatch = 'enabled', api_status = 'error', api_since = '2026-03-02 08:58+00';
SELECT constraint_name, during, remedy FROM sparkingest.explain_job(fixture.job('free')) WHERE constraint_name = 'dispatch';
UPDATE sparkingest.clusters SET api_status = 'ok';

-- Who owns no units and has no hours: in every namespace that is tried. Then too few hours, and enough.
SELECT * FROM sparkingest.explain_job(fixture.job('free'), '2026-03-02 10:00+00');
SELECT sparkingest.purchase(:'acme', 'vcpu_hours', 1) AS hours \gset
SELECT fixture.production_job('Acme', 'hours', 8, 16, 25, options => '{"on_no_capacity": "wait"}') AS status;
SELECT * FROM sparkingest.explain_job(fixture.job('hours'), '2026-03-02 10:00+00');
SELECT sparkingest.purchase(:'acme', 'vcpu_hours', 1000) AS hours \gset
SELECT * FROM sparkingest.explain_job(fixture.job('hours'), '2026-03-02 10:00+00');

-- Own units: too few of them; enough but taken; units of another day.
SELECT sparkingest.purchase(:'acme', 'dedicated_units', 1, 'daily') AS units \gset
SELECT namespace, constraint_name, needed, free, during, remedy FROM sparkingest.explain_job(fixture.job('hours'), '2026-03-02 10:00+00');
SELECT sparkingest.purchase(:'acme', 'dedicated_units', 1, 'daily') AS units \gset
SELECT * FROM sparkingest.explain_job(fixture.job('hours'), '2026-03-02 10:00+00');
SELECT (sparkingest.reserve(:'acme', 3, 16, '2 hours', '2026-03-02 10:00+00', namespace => 'dedicated-cpu-ns')).starts_at;
SELECT * FROM sparkingest.explain_job(fixture.job('hours'), '2026-03-02 10:00+00');
SELECT sparkingest.purchase(:'acme', 'dedicated_units', 50, 'daily', '2026-03-10 00:00+00') AS units \gset
SELECT fixture.production_job('Acme', 'wide', 40, 80, 25, options => '{"on_no_capacity": "wait"}') AS status;
SELECT * FROM sparkingest.explain_job(fixture.job('wide'), '2026-03-09 20:00+00');

-- Nobody else's: the shared namespace in maintenance, then taken by others, of whom only sums are told (Q4).
SELECT sparkingest.create_tenant('Other') AS other \gset
SELECT sparkingest.purchase(:'other', 'vcpu_hours', 1000000) AS hours \gset
SELECT execution_id FROM sparkingest.set_capacity('vcpu-hours-ns', 4, 8, '[2026-03-02 12:00, 2026-03-02 12:30)');
SELECT fixture.production_job('Acme', 'narrow', 8, 16, 25, sla => '{"sla_window_hours": 0.5}', options => '{"on_no_capacity": "wait"}') AS status;
SELECT (sparkingest.reserve(:'acme', 8, 16, '3 hours', '2026-03-02 12:00+00', namespace => 'dedicated-cpu-ns')).starts_at;
SELECT * FROM sparkingest.explain_job(fixture.job('narrow'), '2026-03-02 12:00+00');
SELECT (sparkingest.reserve(:'other', 1995, 16, '2 hours', '2026-03-02 12:30+00', namespace => 'vcpu-hours-ns')).starts_at;
SELECT * FROM sparkingest.explain_job(fixture.job('narrow'), '2026-03-02 12:30+00');

-- No place in the window: which bound is in the way. What is refused says the same.
SELECT sparkingest.alter_job(fixture.job('narrow'), '{"sla_requirements": {"sla_window_hours": 2, "start_by": "20 minutes", "finish_by": "1 hour"}}');
SELECT * FROM sparkingest.explain_job(fixture.job('narrow'), '2026-03-02 12:30+00') WHERE constraint_name IN ('sla_window_hours', 'start_by', 'finish_by');
SELECT sparkingest.alter_job(fixture.job('narrow'), '{"options": {"on_no_capacity": "reject"}}');
SELECT constraint_name, remedy FROM sparkingest.explain_job(fixture.job('narrow'), '2026-03-02 12:30+00') WHERE constraint_name = 'start_by';
SELECT code, detail FROM fixture.refusal($$SELECT sparkingest.run_job(fixture.job('narrow'), '2026-03-02 12:30+00')$$);

-- A run that waits is explained as the next plan() would find it; its job's next run is that. It has a tentative place.
SELECT sparkingest.alter_job(fixture.job('narrow'), '{"options": {"on_no_capacity": "wait"}, "sla_requirements": {"sla_window_hours": 0.5}}');
SELECT sparkingest.run_job(fixture.job('narrow'), '2026-03-02 12:30+00') AS run \gset
SET sparkingest.clock = '2026-03-02 12:30:00+00';
SELECT * FROM sparkingest.explain_execution(:'run');
SELECT (SELECT array_agg(j ORDER BY j.constraint_name) FROM sparkingest.explain_job(fixture.job('narrow')) AS j)
     = (SELECT array_agg(x ORDER BY x.constraint_name) FROM sparkingest.explain_execution(:'run') AS x) AS the_same;
SELECT job_name, namespace, cpu_cores, memory_gb, priority, scheduled_for, planned_start, waiting_reason FROM sparkingest.waiting_executions;
SET sparkingest.clock = '2026-03-02 15:00:00+00';
SELECT * FROM sparkingest.explain_execution(:'run');
SELECT sparkingest.plan() AS placed;
SELECT namespace, constraint_name, during, remedy FROM sparkingest.explain_execution(:'run');

-- One without a place, since nothing pays for it; and when something does.
SELECT sparkingest.create_tenant('Poor') AS poor \gset
SELECT fixture.production_job('Poor', 'broke', 8, 16, 25) AS status;
SELECT sparkingest.alter_job(fixture.job('broke'), '{"schedule_cron": "0 5 * * *"}');
SELECT sparkingest.plan() > 0 AS planned;
SELECT namespace, constraint_name, needed, free, during, remedy FROM sparkingest.explain_job(fixture.job('broke'));
SELECT sparkingest.purchase(:'poor', 'vcpu_hours', 1000) AS hours \gset
SELECT namespace, constraint_name, during, remedy FROM sparkingest.explain_job(fixture.job('broke'));

-- It has its place, and is not due yet; nothing stands in its way but its turn. One that is planned later says why, and does
-- not count what it holds itself.
SELECT sparkingest.run_job(fixture.job('free'), '2026-03-02 18:00+00') AS ahead \gset
SELECT * FROM sparkingest.explain_execution(:'ahead');
SELECT (sparkingest.reserve(:'acme', 7, 14, '1 hour', '2026-03-02 20:00+00', namespace => 'dedicated-cpu-ns')).starts_at;
SELECT sparkingest.run_job(fixture.job('hours'), '2026-03-02 20:00+00') AS late \gset
SELECT * FROM sparkingest.explain_execution(:'late');

-- The draft namespace: a tenant's share of it, and a job that is larger than that.
SELECT fixture.draft_job('Acme', 'draft', 30, 60, cron => '0 2 * * *') AS draft \gset
SELECT sparkingest.run_job(:'draft', '2026-03-02 16:00+00') AS first \gset
SELECT namespace, constraint_name, needed, free, during, remedy FROM sparkingest.explain_job(:'draft', '2026-03-02 16:00+00');
SELECT sparkingest.cancel_execution(:'first', 'not now') AS cancelled;
SELECT constraint_name, during, remedy FROM sparkingest.explain_job(:'draft');
SELECT fixture.draft_job('Acme', 'huge', 50, 20) AS huge \gset
SELECT namespace, constraint_name, needed, free, during, remedy FROM sparkingest.explain_job(:'huge', '2026-03-02 16:00+00');

-- The job, its owner and its tenant.
SELECT fixture.production_job('Acme', 'nightly', 1, 2, 25, '0 2 * * *') AS status;
SELECT namespace, constraint_name, during, remedy FROM sparkingest.explain_job(fixture.job('nightly'));
SELECT sparkingest.pause_job(fixture.job('nightly'));
SELECT namespace, constraint_name, during, remedy FROM sparkingest.explain_job(fixture.job('nightly'));
SELECT sparkingest.resume_job(fixture.job('nightly'));
UPDATE sparkingest.ingestion_jobs SET owner_oid = 1, owner_name = 'gone' WHERE job_id = fixture.job('nightly');
SELECT constraint_name, remedy FROM sparkingest.explain_job(fixture.job('nightly'), '2026-03-03 02:00+00') WHERE constraint_name <> 'none';
SELECT sparkingest.resume_job(fixture.job('nightly'));
UPDATE sparkingest.ingestion_jobs SET blocked_reason = 'something is wrong' WHERE job_id = fixture.job('nightly');
SELECT constraint_name, remedy FROM sparkingest.explain_job(fixture.job('nightly'), '2026-03-03 02:00+00') WHERE constraint_name <> 'none';
SELECT sparkingest.set_tenant_status(:'acme', 'suspended');
SELECT constraint_name, remedy FROM sparkingest.explain_execution(:'ahead') WHERE constraint_name <> 'planned_start';
SELECT sparkingest.set_tenant_status(:'acme', 'active');
SELECT sparkingest.drop_job(fixture.job('huge'));
SELECT * FROM sparkingest.explain_job(fixture.job('huge'));
SELECT fixture.production_job('Acme', 'yearly', 1, 2, 25, '0 2 1 1 *') AS status;
SELECT constraint_name, during, remedy FROM sparkingest.explain_job(fixture.job('yearly'));

-- Answers come from indexes: no table that grows is read as a whole.
CREATE FUNCTION pg_temp.scanned() RETURNS bigint LANGUAGE sql AS $$ SELECT sum(pg_stat_get_xact_numscans(format('sparkingest.%I', name)::regclass))::bigint
    FROM unnest(ARRAY['job_executions', 'ingestion_jobs', 'reservations', 'grants', 'balance_entries', 'events', 'tenants']) AS t (name) $$;
SELECT pg_temp.scanned() AS before \gset
SELECT count(*) AS rows FROM sparkingest.job_executions AS e, LATERAL sparkingest.explain_execution(e.execution_id);
SELECT count(*) AS rows FROM sparkingest.ingestion_jobs AS j, LATERAL sparkingest.explain_job(j.job_id, '2026-03-02 20:00+00');
SELECT pg_temp.scanned() - :before AS scans_by_these_statements;

-- Bad input, and what is somebody else's.
\x off
SELECT code, message FROM fixture.refusal('SELECT sparkingest.explain_job(NULL)');
SELECT code, message FROM fixture.refusal('SELECT sparkingest.explain_execution(gen_random_uuid())');
SELECT code, message FROM fixture.refusal($$SELECT sparkingest.explain_job(fixture.job('free'), '2027-03-02')$$);
SELECT code, message FROM fixture.refusal($$SELECT sparkingest.explain_job(fixture.job('free'), '2026-02-02')$$);
SELECT code, message FROM fixture.refusal($$SELECT sparkingest.explain_job(fixture.job('free'), 'infinity')$$);
CREATE ROLE regress_acme IN ROLE sparkingest_tenant;
CREATE ROLE regress_other IN ROLE sparkingest_tenant;
GRANT USAGE ON SCHEMA fixture TO PUBLIC;
SELECT sparkingest.grant_tenant(:'acme', 'regress_acme'), sparkingest.grant_tenant(:'other', 'regress_other');
SELECT (sparkingest.reserve(:'other', 100, 200, '90 minutes', '2026-03-02 16:30+00', namespace => 'vcpu-hours-ns')).starts_at;
SELECT fixture.job('free') AS free \gset
SET ROLE regress_other;
SELECT code, message FROM fixture.refusal(format('SELECT sparkingest.explain_job(%L)', :'free'));
SELECT code, message FROM fixture.refusal(format('SELECT sparkingest.explain_execution(%L)', :'ahead'));
SET ROLE regress_acme;
SELECT constraint_name FROM sparkingest.explain_job(:'free');

-- The plan of the next days: everybody sees what a namespace has and gives in sum, and of tenants only itself.
SELECT p.namespace, t.tenant_name, p.starts_at, p.cpu_cores, p.memory_gb, p.executions, p.reservations, p.cpu_capacity, p.memory_capacity
  FROM sparkingest.planned_load AS p LEFT JOIN sparkingest.tenants AS t USING (tenant_id)
 WHERE p.starts_at < '2026-03-02 22:00+00' AND p.cpu_cores > 0 ORDER BY 1, 3, 2 NULLS FIRST;
RESET ROLE;
SELECT p.namespace, t.tenant_name, count(*) AS hours, min(p.starts_at), max(p.ends_at), sum(p.cpu_cores) AS core_hours
  FROM sparkingest.planned_load AS p LEFT JOIN sparkingest.tenants AS t USING (tenant_id) GROUP BY 1, 2 ORDER BY 1, 2 NULLS FIRST;
-- Tenants' rows add up to the namespace's.
SELECT count(*) AS wrong FROM (SELECT namespace, starts_at FROM sparkingest.planned_load GROUP BY 1, 2
    HAVING abs(COALESCE(sum(cpu_cores) FILTER (WHERE tenant_id IS NOT NULL), 0) - sum(cpu_cores) FILTER (WHERE tenant_id IS NULL)) > 0.002) AS d;

-- An earlier run, a post that failed, a run that is under way, and how runs ended.
\x on
SET sparkingest.clock = '2026-03-02 22:00:00+00';
SELECT sparkingest.run_job(fixture.job('free')) AS now_running \gset
SELECT constraint_name, during, remedy FROM sparkingest.explain_execution(:'now_running');
SELECT fixture.claim(:'now_running') AS claimed;
UPDATE sparkingest.job_executions SET next_try_at = '2026-03-02 22:01+00', last_error = 'the API is away' WHERE execution_id = :'now_running';
SELECT constraint_name, during, fixture.masked(remedy) AS remedy FROM sparkingest.explain_execution(:'now_running');
SELECT fixture.start(:'now_running', '2026-03-02 22:00+00');
SELECT constraint_name, needed, free, during, fixture.masked(remedy) AS remedy FROM sparkingest.explain_job(fixture.job('free'), '2026-03-02 22:00+00');
SET sparkingest.clock = '2026-03-02 22:20:00+00';
SELECT constraint_name, during, remedy FROM sparkingest.explain_execution(:'now_running');
SELECT fixture.finish(:'now_running', 'failed', '2026-03-02 22:19+00', 3, 'user_code');
SELECT * FROM sparkingest.explain_execution(:'now_running');
SELECT * FROM sparkingest.explain_execution(:'first');

DROP OWNED BY regress_acme, regress_other;
DROP ROLE regress_acme, regress_other;
\i :end
