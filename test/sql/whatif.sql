-- What if: the production code inside a transaction that is rolled back leaves nothing, neither in tables nor in the ledger (Q2).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin
SET client_min_messages = warning;

SELECT sparkingest.create_tenant('Acme') AS acme \gset
SELECT sparkingest.purchase(:'acme', 'vcpu_hours', 100000) AS hours \gset
SELECT sparkingest.purchase(:'acme', 'dedicated_units', 2, 'daily') AS units \gset
SELECT fixture.production_job('Acme', name, 40, 80, 50, options => '{"on_no_capacity": "wait"}') FROM unnest(ARRAY['a', 'b', 'c']) AS name;
SELECT fixture.production_job('Acme', 'small', 8, 16, 50, cron => '0 * * * *');
SELECT sparkingest.run_job(fixture.job(name), '2026-03-02 10:00+00') IS NOT NULL AS run FROM unnest(ARRAY['a', 'b', 'c']) AS name;
SELECT sparkingest.plan() > 0 AS planned;
UPDATE sparkingest.clusters SET dispatch = 'enabled', api_status = 'ok';

CREATE FUNCTION pg_temp.plan() RETURNS TABLE (job_name text, state text, namespace text, planned_start timestamptz) LANGUAGE sql AS
$$ SELECT j.job_name, e.state, e.namespace, e.planned_start FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id)
    WHERE NOT e.is_draft AND e.planned_start < '2026-03-02 13:00+00' ORDER BY 1, 4 $$;
CREATE FUNCTION pg_temp.slots() RETURNS text LANGUAGE sql AS
$$ SELECT md5(string_agg(s::text, ',' ORDER BY s.slot_id)) FROM (SELECT * FROM sparkingest.capacity_slots UNION ALL
    SELECT c.* FROM unnest(ARRAY['dedicated-cpu-ns', 'vcpu-hours-ns']) AS n, sparkingest.capacity(n, '[2026-03-02 09:00, 2026-04-01 00:00)', fixture.tenant('Acme')) AS c) AS s $$;
CREATE FUNCTION pg_temp.load() RETURNS text LANGUAGE sql AS $$ SELECT md5(string_agg(p::text, ',' ORDER BY p::text)) FROM sparkingest.planned_load AS p $$;
SELECT * FROM pg_temp.plan();
SELECT fixture.fingerprint() AS tables, pg_temp.slots() AS slots, pg_temp.load() AS load \gset

BEGIN;
SELECT sparkingest.purchase(:'acme', 'dedicated_units', 50, 'daily') IS NOT NULL AS bought;
SELECT j.job_name, s.planned_start, s.effect FROM sparkingest.set_capacity('vcpu-hours-ns', 0, 0, '[2026-03-02 10:00, 2026-03-02 12:00)') AS s
    JOIN sparkingest.ingestion_jobs AS j USING (job_id) ORDER BY 1;
SELECT sparkingest.plan() AS handled;
SELECT * FROM pg_temp.plan();
SELECT namespace, constraint_name, during, remedy FROM sparkingest.explain_job(fixture.job('a'), '2026-03-02 11:00+00');
SELECT namespace, starts_at, cpu_cores, cpu_capacity FROM sparkingest.planned_load
    WHERE tenant_id IS NULL AND namespace <> 'draft-ingestion-ns' AND starts_at < '2026-03-02 13:00+00' ORDER BY 1, 2;
SELECT pg_temp.slots() = :'slots' AS slots_are_the_same, pg_temp.load() = :'load' AS load_is_the_same, count(*) AS differences FROM sparkingest.verify_ledger();
ROLLBACK;

SELECT fixture.fingerprint() = :'tables' AS tables_as_before, pg_temp.slots() = :'slots' AS slots_as_before, pg_temp.load() = :'load' AS load_as_before;
SELECT * FROM sparkingest.verify_ledger();
SELECT * FROM sparkingest.verify_books();
SELECT * FROM pg_temp.plan();
-- Also what a savepoint ends, and what an error ends.
BEGIN;
SAVEPOINT s;
SELECT count(*) AS moved FROM sparkingest.set_capacity('vcpu-hours-ns', 0, 0, '[2026-03-02 10:00, 2026-03-02 12:00)');
ROLLBACK TO s;
SELECT pg_temp.slots() = :'slots' AS slots_as_before;
SELECT count(*) AS moved FROM sparkingest.set_capacity('vcpu-hours-ns', 0, 0, '[2026-03-02 10:00, 2026-03-02 12:00)');
SELECT 1 / 0;
COMMIT;
SELECT fixture.fingerprint() = :'tables' AS tables_as_before, pg_temp.slots() = :'slots' AS slots_as_before, pg_temp.load() = :'load' AS load_as_before;
\i :end
