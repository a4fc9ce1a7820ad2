-- What one tenant may have and do at most: set by operators, told clearly, and no matter to anybody else.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
BEGIN;
SELECT * FROM no_plan();
SET LOCAL client_min_messages = error;
SET LOCAL sparkingest.clock = '2026-03-02 09:00:00+00';
GRANT USAGE ON SCHEMA fixture TO PUBLIC;
CREATE ROLE regress_acme IN ROLE sparkingest_tenant;
CREATE ROLE regress_acme_too IN ROLE sparkingest_tenant;
CREATE ROLE regress_globex IN ROLE sparkingest_tenant;
CREATE ROLE regress_op IN ROLE sparkingest_operator;
SELECT sparkingest.create_tenant('Acme') AS acme, sparkingest.create_tenant('Globex') AS globex \gset
SELECT sparkingest.grant_tenant(:'acme', r) FROM unnest(ARRAY['regress_acme', 'regress_acme_too']::regrole[]) AS r \g /dev/null
SELECT sparkingest.grant_tenant(:'globex', 'regress_globex') \g /dev/null
CREATE FUNCTION pg_temp.make(tenant uuid, name text, cron text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$ SELECT format('SELECT sparkingest.create_job(%L, %L, ''postgres'', fixture.source(),
    fixture.destination(), ''{"cpu_cores": 2, "memory_gb": 4}'', %L)', tenant, name, cron) $$;

-- Jobs and schedules.
SELECT lives_ok(pg_temp.make(:'acme', 'before ' || n, '0 2 * * *'), 'without a limit') FROM generate_series(1, 2) AS n;
SET LOCAL ROLE regress_op;
SELECT lives_ok(format('SELECT sparkingest.set_tenant_limits(%L, ''{"max_jobs": 4, "max_schedules": 3}'')', :'acme'), 'an operator sets limits');
RESET ROLE;
SELECT results_eq('SELECT max_jobs, max_schedules, calls_per_second FROM sparkingest.tenants WHERE tenant_name = ''Acme''', 'VALUES (4, 3, NULL::int)', 'which are the tenant''s');
SELECT lives_ok(pg_temp.make(:'acme', 'third', '0 2 * * *'), 'up to the limit');
SELECT results_eq(format('SELECT * FROM fixture.refusal(%L)', pg_temp.make(:'acme', 'fourth', '0 2 * * *')), $$VALUES ('53400', 'tenant "<id>" may have at most 3 jobs with a schedule', NULL,
    'Drop what is not needed; an operator sets the limit by sparkingest.set_tenant_limits().')$$, 'a schedule beyond it is refused, and how to help it told');
SELECT lives_ok(pg_temp.make(:'acme', 'fourth'), 'a job without one is not');
SELECT results_eq(format('SELECT code, message FROM fixture.refusal(%L)', pg_temp.make(:'acme', 'fifth')), $$VALUES ('53400', 'tenant "<id>" may have at most 4 jobs')$$, 'a job beyond the limit is');
SELECT is((fixture.refusal(format('SELECT sparkingest.alter_job(%L, ''{"schedule_cron": "0 3 * * *"}'')', fixture.job('fourth')))).code, '53400', 'nor does a job get a schedule later');
SELECT lives_ok(format('SELECT sparkingest.alter_job(%L, ''{"schedule_cron": "0 3 * * *"}'')', fixture.job('third')), 'one that has one gets another');
SELECT lives_ok(format('SELECT sparkingest.alter_job(%L, ''{"job_name": "fourth still"}'')', fixture.job('fourth')), 'and other changes are no matter');
SELECT lives_ok(format('SELECT sparkingest.drop_job(%L)', fixture.job('before 1')), 'dropping one');
SELECT lives_ok(format('SELECT sparkingest.alter_job(%L, ''{"schedule_cron": "0 3 * * *"}'')', fixture.job('fourth still')), 'makes room for a schedule');
SELECT lives_ok(pg_temp.make(:'acme', 'fifth'), 'and for a job');
SELECT lives_ok(pg_temp.make(:'globex', 'job ' || n, '0 2 * * *'), 'another tenant has no limit') FROM generate_series(1, 6) AS n;
SELECT lives_ok(format('SELECT sparkingest.set_tenant_limits(%L, ''{"max_jobs": 0}'')', :'globex'), 'a limit below what is there');
SELECT is((fixture.refusal(pg_temp.make(:'globex', 'more'))).code, '53400', 'lets nothing come');
SELECT is((SELECT count(*) FROM sparkingest.ingestion_jobs WHERE tenant_id = :'globex' AND status = 'active'), 6::bigint, 'and takes nothing away');
SELECT lives_ok(format('SELECT sparkingest.set_tenant_limits(%L, ''{"max_jobs": null}'')', t), 'null takes a limit away') FROM unnest(ARRAY[:'acme', :'globex']::uuid[]) AS t;
SELECT lives_ok(pg_temp.make(:'acme', 'sixth'), 'then there is none');
SELECT results_eq('SELECT before, after FROM sparkingest.events WHERE event_type = ''tenant.limits'' ORDER BY event_id LIMIT 1',
    $$VALUES ('{"max_jobs": null, "max_schedules": null, "calls_per_second": null}'::jsonb, '{"max_jobs": 4, "max_schedules": 3, "calls_per_second": null}'::jsonb)$$, 'changes are events');
SELECT is((fixture.refusal(format('SELECT sparkingest.set_tenant_limits(%L, %L)', :'acme', limits))).code, '22023', limits)
    FROM unnest(ARRAY['{"max_jobs": -1}', '{"max_jobs": 1.5}', '{"max_jobs": "4"}', '{"max_jobs": 1000001}', '{"calls_per_second": 0}', '{"calls_per_second": 100001}', '{"calls": 1}', '[]', '7']) AS limits;
SET LOCAL ROLE regress_acme;
SELECT is((fixture.refusal(format('SELECT sparkingest.set_tenant_limits(%L, ''{}'')', :'acme'))).code, '42501', 'a tenant does not set its own');
RESET ROLE;

-- Calls: by the clock, which stands still here.
SELECT sparkingest.set_tenant_limits(:'acme', '{"calls_per_second": 5}') \g /dev/null
CREATE FUNCTION pg_temp.calls(tenant uuid, n integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    good integer := 0;
    code text := 'none';
BEGIN
    FOR i IN 1 .. n LOOP
        BEGIN
            PERFORM sparkingest.usage(tenant);
            good := good + 1;
        EXCEPTION WHEN OTHERS THEN
            code := SQLSTATE;
        END;
    END LOOP;
    RETURN good || ' good, ' || code;
END
$$;
SET LOCAL ROLE regress_acme;
SELECT is(pg_temp.calls(:'acme', 9), '5 good, 53400', 'a second''s worth of calls at once, and no more');
SELECT results_eq(format('SELECT message, hint FROM fixture.refusal(%L)', format('SELECT sparkingest.usage(%L)', :'acme')), $$VALUES ('more than 5 calls per second for tenant "<id>"',
    'Try again in 201 ms; an operator sets the limit by sparkingest.set_tenant_limits().')$$, 'which is told, and when to come again');
SELECT is((fixture.refusal(call)).code, '53400', 'also: ' || call) FROM unnest(ARRAY[format('SELECT sparkingest.try_reserve(%L, 1, 1, ''5 min'')', :'acme'), pg_temp.make(:'acme', 'x'),
    (SELECT format('SELECT sparkingest.pause_job(%L)', job_id) FROM sparkingest.ingestion_jobs WHERE job_name = 'sixth')]) AS call;
SET LOCAL ROLE regress_acme_too;
SELECT is(pg_temp.calls(:'acme', 2), '0 good, 53400', 'all roles of a tenant are counted together');
SET LOCAL ROLE regress_globex;
SELECT is(pg_temp.calls(:'globex', 50), '50 good, none', 'another tenant is not limited');
SELECT is(pg_temp.calls(:'acme', 2), '0 good, 42501', 'nor does it use up what is not its own');
SET LOCAL ROLE regress_op;
SELECT is(pg_temp.calls(:'acme', 20), '20 good, none', 'nor is an operator');
RESET ROLE;
SET LOCAL sparkingest.clock = '2026-03-02 09:00:00.401+00';
SET LOCAL ROLE regress_acme;
SELECT is(pg_temp.calls(:'acme', 9), '2 good, 53400', 'they come back evenly');
RESET ROLE;
SET LOCAL sparkingest.clock = '2026-03-02 09:01:00+00';
SET LOCAL ROLE regress_acme;
SELECT is(pg_temp.calls(:'acme', 9), '5 good, 53400', 'a minute later as many as at first');
RESET ROLE;
SET LOCAL sparkingest.clock = '2026-03-02 08:00:00+00';
SET LOCAL ROLE regress_acme;
SELECT is(pg_temp.calls(:'acme', 9), '5 good, 53400', 'a clock that steps back makes nobody wait for an hour');
RESET ROLE;
SELECT sparkingest.set_tenant_limits(:'globex', '{"calls_per_second": 2}') \g /dev/null
SET LOCAL ROLE regress_globex;
SELECT is(pg_temp.calls(:'globex', 9), '2 good, 53400', 'every tenant has a count of its own');
RESET ROLE;
SELECT sparkingest.set_tenant_limits(:'acme', '{"calls_per_second": null}') \g /dev/null
SET LOCAL ROLE regress_acme;
SELECT is(pg_temp.calls(:'acme', 50), '50 good, none', 'without the limit nothing is counted');
RESET ROLE;

-- Cores held in a transaction that has not ended: others cannot use them, whatever becomes of it.
SELECT sparkingest.set_tenant_limits(:'globex', '{"calls_per_second": null}') \g /dev/null
SELECT sparkingest.purchase(t, 'vcpu_hours', 1000) FROM unnest(ARRAY[:'acme', :'globex']::uuid[]) AS t \g /dev/null
CREATE FUNCTION pg_temp.take(tenant uuid, cores numeric) RETURNS text LANGUAGE sql AS
$$ SELECT format('SELECT sparkingest.reserve(%L, %s, 1, ''5 min'', ''2026-03-02 15:00+00'', namespace => ''vcpu-hours-ns'')', tenant, cores) $$;
SELECT (sparkingest.reserve(:'acme', 6, 1, '5 min', '2026-03-02 15:00+00', namespace => 'vcpu-hours-ns')).reservation_id AS six \gset
SET LOCAL sparkingest.max_uncommitted_cores = 10;
SET LOCAL ROLE regress_acme;
SELECT is((fixture.refusal(pg_temp.take(:'acme', 4.001))).code, 'SI001', 'a tenant that holds 6 cores uncommitted does not get 4.001 more where 10 are the most');
SELECT is((fixture.refusal(pg_temp.take(:'acme', 4.001))).message, 'the tenant would hold more than 10 cores in transactions that have not ended', 'and is told why');
SELECT is((fixture.refusal(pg_temp.take(:'acme', 4))).code, NULL, 'but 4');
SET LOCAL ROLE regress_globex;
SELECT is((fixture.refusal(pg_temp.take(:'globex', 10))).code, NULL, 'another tenant has its own 10');
SET LOCAL ROLE regress_acme;
SELECT ok(sparkingest.release(:'six'), 'what it gives back in the same transaction');
SELECT is((fixture.refusal(pg_temp.take(:'acme', 10))).code, 'SI001', 'stays kept from others until it ends, and so counts');
RESET ROLE;
SET LOCAL sparkingest.max_uncommitted_cores = 0;
SELECT is((fixture.refusal(pg_temp.take(:'acme', 1000))).code, NULL, 'without the limit it is not counted');
SELECT is_empty('SELECT * FROM books.differences()', 'the books are right');
SELECT * FROM finish();
ROLLBACK;
