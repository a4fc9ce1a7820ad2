-- Nothing is written when something is refused: every kind of refusal, as a statement of its own, leaves every row of every
-- table as it was.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

-- A world with something of everything in it.
SET client_min_messages = warning;
SELECT sparkingest.create_tenant('Acme', idempotency_key => 'k') AS acme \gset
SELECT sparkingest.create_tenant('Closed') AS closed \gset
SELECT sparkingest.set_tenant_status(:'closed', 'closed');
SELECT sparkingest.purchase(:'acme', 'vcpu_hours', 10000, idempotency_key => 'k') AS p, sparkingest.purchase(:'acme', 'dedicated_units', 2, 'daily') AS u \gset
SELECT fixture.production_job('Acme', 'production', 4, 8, 25, '0 2 * * *', '{"sla_window_hours": 1}', '{"on_no_capacity": "reject"}');
SELECT fixture.draft_job('Acme', 'draft') AS draft \gset
SELECT fixture.draft_job('Acme', 'big', 50, 80) AS big \gset
SELECT fixture.draft_job('Acme', 'dropped') AS dropped \gset
SELECT sparkingest.drop_job(:'dropped');
SELECT sparkingest.run_job(fixture.job('production'), '2026-03-02 12:00+00', 'k') AS run \gset
SELECT reservation_id AS of_run FROM sparkingest.job_executions WHERE execution_id = :'run' \gset
SELECT sparkingest.run_job(:'draft') AS done \gset
SELECT fixture.run(:'done', '5 minutes');
SELECT (sparkingest.reserve(:'acme', 1990, 1, '1 hour', '2026-03-02 15:00+00', namespace => 'vcpu-hours-ns')).reservation_id AS mine \gset
SELECT sparkingest.set_capacity('vcpu-hours-ns', 0, 0, '[2026-03-02 17:00, 2026-03-02 20:00)');
SELECT sparkingest.set_capacity('dedicated-cpu-ns', 0, 0, '[2026-03-02 17:00, 2026-03-02 20:00)');
SELECT sparkingest.plan() > 0 AS planned;
SELECT fixture.job('production') AS production \gset
CREATE TEMPORARY TABLE ids AS SELECT * FROM (VALUES ('acme', :'acme'::uuid), ('closed', :'closed'), ('production', :'production'), ('draft',
    :'draft'), ('dropped', :'dropped'), ('run', :'run'), ('mine', :'mine'), ('of_run', :'of_run'), ('done', :'done')) AS v (name, id);
CREATE FUNCTION pg_temp.id(of_name text) RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT id FROM ids WHERE name = of_name $$;
SELECT fixture.fingerprint() AS before \gset

-- They run one by one, each a statement and a transaction of its own; only their codes are shown, in this order.
CREATE TEMPORARY TABLE refused AS SELECT n, s FROM unnest(ARRAY[
    $$create_tenant('Acme')$$, $$create_tenant('New', 'Mars')$$, $$create_tenant('Other', idempotency_key => 'k')$$,
        $$set_tenant_status(@closed, 'active')$$, $$grant_tenant(@acme, 4294967295)$$,
    $$purchase(@acme, 'vcpu_hours', 0)$$, $$purchase(@closed, 'vcpu_hours', 1)$$, $$purchase(@acme, 'dedicated_units', 101)$$,
        $$purchase(@acme, 'vcpu_hours', 1, 'monthly', '2026-03-05', '2026-04-06')$$,
        $$purchase(@acme, 'vcpu_hours', 5, idempotency_key => 'k')$$,
    $$create_job(@acme, 'production', 'postgres', fixture.source(), fixture.destination(), '{}')$$,
        $$create_job(@acme, 'x', 'postgres', '{}', fixture.destination(), '{}')$$,
        $$create_job(@acme, 'x', 'postgres', fixture.source(), fixture.destination(), '{}', '0 0 30 2 *')$$,
        $$create_job(@closed, 'x', 'postgres', fixture.source(), fixture.destination(), '{}')$$,
    $$create_job(@acme, 'x', 'postgres', fixture.source(), fixture.destination(), '{"cpu_cores": 50, "memory_gb": 80}', options => '{"auto_draft": true}')$$,
    $$alter_job(@production, '{"job_name": "renamed", "options": {"nonsense": 1}}')$$,
        $$alter_job(@production, '{"resource_requirements": {"cpu_cores": 1e9}}')$$, $$alter_job(@dropped, '{}')$$,
        $$alter_job(@production, '{"schedule_cron": "0 0 30 2 *"}')$$,
    $$pause_job(@dropped)$$, $$resume_job(@dropped)$$, $$run_job(@dropped)$$, $$run_job(@production, 'infinity')$$,
        $$run_job(@production, '2026-03-02 17:00+00')$$, $$run_job(@production, '2026-03-02 13:00+00', 'k')$$,
        $$run_job(fixture.job('big'))$$,
    $$promote_job(@production)$$, $$promote_job(@dropped)$$, $$cancel_execution(@run, repeat('x', 2000))$$, $$evaluate_execution(@run)$$,
    $$reserve(@acme, 1, 1, '5 min', '2026-03-02 17:00+00', '1 hour', 'vcpu-hours-ns')$$,
        $$try_reserve(@acme, 1, 1, '5 min', '2026-03-02 17:00+00', '1 hour', 'vcpu-hours-ns')$$, $$reserve(@acme, 2000, 4000, '35 days')$$,
        $$reserve(@closed, 1, 1, '5 min')$$, $$reserve(@acme, 'NaN', 1, '5 min')$$,
    $$release(@of_run)$$, $$move_reservation(@mine, '2026-03-02 17:00+00')$$, $$move_reservation(@mine, 'infinity')$$,
        $$find_slot('vcpu-hours-ns', 1, 1, '5 min')$$,
    $$set_capacity('vcpu-hours-ns', -1, 1, '[2026-03-03, 2026-03-04)')$$,
        $$set_capacity('vcpu-hours-ns', 1, 1, '[2026-03-01, 2026-03-02)')$$,
        $$set_namespace('vcpu-hours-ns', '{"tenant_cpu_cores": 5, "spark_profile": {"image": 5}}')$$,
        $$set_cluster('default', 'relative')$$, $$enable_dispatch()$$,
    $$calculate_estimate('{}')$$, $$render_manifest(NULL)$$, $$usage(NULL)$$]) WITH ORDINALITY AS u (s, n);
\set VERBOSITY sqlstate
SELECT format('SELECT sparkingest.%s AS nothing', regexp_replace(s, '@([a-z_]+)', 'pg_temp.id(''\1'')', 'g')) FROM refused ORDER BY n \gexec
\set VERBOSITY default
SELECT fixture.fingerprint() = :'before' AS as_it_was;
-- What says no without an error writes nothing either.
SELECT sparkingest.cancel_execution(:'done'), sparkingest.cancel_execution(:'done');
SELECT fixture.fingerprint() = :'before' AS as_it_was;
\i :end
