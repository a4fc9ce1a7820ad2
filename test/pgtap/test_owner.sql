-- A role that is dropped: its jobs are blocked with a reason, never a worker, until somebody takes them over; and nobody inherits what
-- it could see (J12).
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
BEGIN;
SELECT * FROM no_plan();
SET LOCAL client_min_messages = error;
SET LOCAL sparkingest.clock = '2026-03-02 09:00:00+00';
GRANT USAGE ON SCHEMA fixture TO PUBLIC;
CREATE ROLE "regress gone %" IN ROLE sparkingest_tenant;
CREATE ROLE regress_heir IN ROLE sparkingest_tenant;
SELECT sparkingest.create_tenant('Acme') AS acme \gset
SELECT sparkingest.create_tenant('Globex') AS globex \gset
SELECT sparkingest.purchase(t, 'vcpu_hours', 1000) FROM unnest(ARRAY[:'acme', :'globex']::uuid[]) AS t \g /dev/null
SELECT sparkingest.grant_tenant(:'acme', r) FROM unnest(ARRAY['"regress gone %"', 'regress_heir']::regrole[]) AS r \g /dev/null
SELECT fixture.production_job('Globex', 'of others', cron => '0 * * * *') \g /dev/null
-- As the role, which fixture.production_job could not be: who creates a job owns it.
CREATE FUNCTION pg_temp.make(name text, cron text) RETURNS uuid LANGUAGE sql AS $$ SELECT sparkingest.create_job((SELECT tenant_id FROM sparkingest.tenants), name, 'postgres', fixture.source(),
    fixture.destination(), '{"cpu_cores": 2, "memory_gb": 4, "runtime_minutes": 10}', cron) $$;
SET LOCAL ROLE "regress gone %";
SELECT pg_temp.make(name, cron) FROM (VALUES ('hourly', '0 * * * *'), ('daily', '0 2 * * *'), ('draft', NULL), ('due', '30 * * * *')) AS v (name, cron) \g /dev/null
RESET ROLE;
SELECT fixture.run(sparkingest.run_job(fixture.job(name)), '10 minutes'), sparkingest.promote_job(fixture.job(name)) ->> 'status' FROM unnest(ARRAY['hourly', 'daily', 'due']) AS name \g /dev/null
SELECT sparkingest.pause_job(fixture.job('due')), sparkingest.plan() \g /dev/null
CREATE FUNCTION pg_temp.planned(name text) RETURNS bigint LANGUAGE sql AS
$$ SELECT count(*) FROM sparkingest.job_executions WHERE job_id = fixture.job(name) AND state = 'scheduled' AND started_by = 'schedule' $$;
SELECT cmp_ok(pg_temp.planned('hourly'), '>', 20::bigint, 'runs are planned ahead');
SELECT cmp_ok(pg_temp.planned('daily'), '>', 5::bigint, 'of both');
SELECT is((SELECT DISTINCT owner_name FROM sparkingest.ingestion_jobs WHERE tenant_id = :'acme'), 'regress gone %', 'the role owns them');

DROP ROLE "regress gone %";
SELECT lives_ok('SELECT sparkingest.maintain()', 'maintain() finds out');
SELECT results_eq($$SELECT job_name, blocked_reason FROM sparkingest.ingestion_jobs WHERE blocked_reason IS NOT NULL ORDER BY 1$$,
    $$SELECT name, 'its owner, role "regress gone %", was dropped: sparkingest.resume_job() takes it over' FROM unnest(ARRAY['daily', 'draft', 'hourly']) AS name$$, 'its active jobs are blocked, with a reason');
SELECT is(pg_temp.planned('hourly') + pg_temp.planned('daily'), 0::bigint, 'none of their planned runs is left');
SELECT is((SELECT string_agg(DISTINCT format('%s %s %s', actor, cause, after ->> 'blocked_reason'), ',') FROM sparkingest.events WHERE event_type = 'job.blocked'),
    'maintain its owner, role "regress gone %", was dropped: sparkingest.resume_job() takes it over its owner, role "regress gone %", was dropped: sparkingest.resume_job() takes it over', 'events say so');
SELECT is((SELECT count(*) FROM sparkingest.tenant_roles WHERE tenant_id = :'acme'), 1::bigint, 'it acts for nobody any more');
SELECT is((SELECT format('%s %s', actor, cause) FROM sparkingest.events WHERE event_type = 'tenant.revoked'), 'maintain the role was dropped', 'which an event tells');
SELECT is((SELECT count(*) FROM sparkingest.events WHERE event_type ~ 'block' AND tenant_id = :'globex'), 0::bigint, 'nobody else is blocked');
SELECT is(sparkingest.maintain(), 0, 'once');
SELECT lives_ok('SELECT sparkingest.plan()', 'plan() goes on');
SELECT is(pg_temp.planned('hourly'), 0::bigint, 'without them');
SELECT cmp_ok(pg_temp.planned('of others'), '>', 20::bigint, 'with the others');
SELECT is((SELECT count(*) FROM sparkingest.events WHERE event_type = 'job.blocked'), 3::bigint, 'and says it once');
SELECT is((fixture.refusal(format('SELECT sparkingest.%s', call))).code, 'SI003', call) FROM unnest(ARRAY['run_job(fixture.job(''hourly''))', 'run_job(fixture.job(''draft''))', 'promote_job(fixture.job(''draft''))']) AS call;

-- plan() notices by itself.
UPDATE sparkingest.ingestion_jobs SET status = 'active', next_fire_at = '2026-03-02 09:30+00', plan_at = '2026-03-02 09:00+00' WHERE job_name = 'due';
SELECT lives_ok('SELECT sparkingest.plan()', 'a due job whose owner is gone');
SELECT matches((SELECT blocked_reason FROM sparkingest.ingestion_jobs WHERE job_name = 'due'), '^its owner', 'is blocked by plan()');

-- Taken over: by resuming or changing it.
SET LOCAL ROLE regress_heir;
SELECT lives_ok(format('SELECT sparkingest.resume_job(%L)', job_id), 'another role of the tenant resumes it') FROM sparkingest.ingestion_jobs WHERE job_name = 'hourly';
SELECT lives_ok(format('SELECT sparkingest.alter_job(%L, ''{"schedule_cron": "0 3 * * *"}'')', job_id), 'or changes it') FROM sparkingest.ingestion_jobs WHERE job_name = 'daily';
RESET ROLE;
SELECT results_eq($$SELECT job_name, owner_name, owner_oid = 'regress_heir'::regrole, blocked_reason FROM sparkingest.ingestion_jobs WHERE job_name IN ('hourly', 'daily') ORDER BY 1$$,
    $$VALUES ('daily', 'regress_heir', true, NULL::text), ('hourly', 'regress_heir', true, NULL)$$, 'and owns it');
SELECT is((SELECT count(*) FROM sparkingest.events WHERE event_type = 'job.unblocked' AND actor = 'regress_heir'), 2::bigint, 'events say so');
SELECT sparkingest.plan() \g /dev/null
SELECT cmp_ok(pg_temp.planned('hourly'), '>', 20::bigint, 'it is planned again');
SELECT cmp_ok(pg_temp.planned('daily'), '>', 5::bigint, 'both are');
SELECT is((fixture.refusal('SELECT sparkingest.run_job(fixture.job(''hourly''))')).code, NULL, 'and runs');
-- A role by another name is the same role.
ALTER ROLE regress_heir RENAME TO regress_heiress;
SELECT sparkingest.maintain() \g /dev/null
SELECT is((SELECT count(*) FROM sparkingest.ingestion_jobs WHERE blocked_reason IS NOT NULL AND job_name IN ('hourly', 'daily')), 0::bigint, 'a renamed owner is the owner still');
SELECT lives_ok('SELECT sparkingest.pause_job(fixture.job(''hourly''))', 'a change of the job');
SELECT is((SELECT owner_name FROM sparkingest.ingestion_jobs WHERE job_name = 'hourly'), 'regress_heiress', 'writes the new name');

-- In a dump the name counts, whatever number the role has there.
CREATE TEMPORARY TABLE dumped AS SELECT * FROM sparkingest.ingestion_jobs WHERE job_name IN ('hourly', 'draft');
UPDATE dumped SET job_id = gen_random_uuid(), job_name = job_name || ' restored', owner_oid = 'sparkingest_tenant'::regrole::oid;
SET LOCAL check_function_bodies = off;
INSERT INTO sparkingest.ingestion_jobs SELECT * FROM dumped;
INSERT INTO sparkingest.sla_tiers VALUES ('standard', 1.3, 1.6, 1.2, 1, 1), ('own', 1, 2, 1, 1, 1);
RESET check_function_bodies;
SELECT results_eq($$SELECT job_name, owner_oid FROM sparkingest.ingestion_jobs WHERE job_name ~ 'restored' ORDER BY 1$$, $$VALUES ('draft restored', 0::oid), ('hourly restored', 'regress_heiress'::regrole::oid)$$,
    'restored, a job belongs to the role of that name, or to nobody');
SELECT results_eq('SELECT tier, high_ratio FROM sparkingest.sla_tiers ORDER BY 1', $$VALUES ('own', 1::numeric), ('standard', 1.3), ('strict', 1.1)$$, 'restored rows take the place of what CREATE EXTENSION brought');
SELECT throws_ok($$INSERT INTO sparkingest.sla_tiers VALUES ('standard', 1.3, 1.6, 1.2, 1, 1)$$, '23505', NULL, 'but not outside of a restore');
SELECT is_empty('SELECT * FROM books.differences()', 'the books are right');
SELECT * FROM finish();
ROLLBACK;
