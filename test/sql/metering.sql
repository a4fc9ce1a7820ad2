-- What runs are metered and charged as (M7, M8, M9), and verify_usage, which holds it against everything else that is written.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SET client_min_messages = warning;
SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS acme, sparkingest.create_tenant('Lender') IS NOT NULL AS lender;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 500) IS NOT NULL AS hours,
    sparkingest.purchase(fixture.tenant('Lender'), 'dedicated_units', 5, 'daily') IS NOT NULL AS units;
CREATE TEMPORARY VIEW metered AS SELECT j.job_name, e.attempt, e.state, c.namespace, c.billed_seconds AS seconds,
    c.cpu_millicore_seconds / 1000 AS core_seconds, c.memory_mib_seconds / 1024 AS gib_seconds, c.billable_millicore_seconds / 1000 AS billable,
    c.charge_to, c.charged / 1000 AS charged FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id)
    LEFT JOIN sparkingest.resource_consumption AS c USING (execution_id) WHERE NOT e.is_draft;

-- M7: per second, at least 60; M6: memory is not free; requested, not used.
SELECT name, fixture.production_job('Acme', name, cores, gib, 10) AS status FROM (VALUES ('brief', 2, 4), ('exact', 2, 4), ('a moment more', 2, 4),
    ('much memory', 1, 8)) AS v (name, cores, gib);
SELECT name, fixture.run(sparkingest.run_job(fixture.job(name)), takes, metrics => '{"cpu_ms": 1, "peak_mem_mb": 1}') AS state FROM (VALUES ('brief',
    '1 second'::interval), ('exact', '61 seconds'), ('a moment more', '00:01:01.000001'), ('much memory', '100 seconds')) AS v (name, takes);
SELECT * FROM metered ORDER BY seconds, job_name;

-- Ends: failures of the job are charged, of the platform free; cancelled and stopped runs to their actual end.
SELECT name, fixture.production_job('Acme', name, 1, 2, 10, options => '{"retry": {"max_attempts": 1}}') AS status FROM (VALUES ('user code'),
    ('out of memory'), ('node lost'), ('rejected'), ('cancelled running'), ('cancelled before'), ('timed out'), ('preempted'), ('lost')) AS v (name);
SELECT name, fixture.run(sparkingest.run_job(fixture.job(name)), '2 minutes', state, code, class, fault) AS state FROM (VALUES
    ('user code', 'failed', 1, 'user_code', false), ('out of memory', 'failed', 137, 'out_of_memory', false), ('node lost', 'failed', NULL, 'node_lost', true),
    ('timed out', 'timed_out', NULL, NULL, false), ('preempted', 'preempted', NULL, NULL, false), ('lost', 'lost', NULL, 'platform', true))
    AS v (name, state, code, class, fault);
SELECT sparkingest.run_job(fixture.job('cancelled running')) AS run \gset
SELECT fixture.claim(:'run'), fixture.start(:'run', '2026-03-02 09:00:00+00');
SET sparkingest.clock = '2026-03-02 09:03:00+00';
SELECT sparkingest.cancel_execution(:'run'), fixture.finish(:'run', 'cancelled', '2026-03-02 09:03:20+00');
SELECT sparkingest.cancel_execution(sparkingest.run_job(fixture.job('cancelled before')));
-- Posted, refused by Kubernetes: it never ran.
SET sparkingest.clock = '2026-03-02 09:05:00+00';
SELECT sparkingest.run_job(fixture.job('rejected')) AS run \gset
SELECT fixture.claim(:'run'), fixture.finish(:'run', 'failed', NULL, NULL, 'rejected', true);
SELECT job_name, state, seconds, charge_to, charged FROM metered WHERE job_name NOT IN ('brief', 'exact', 'a moment more', 'much memory') ORDER BY 1, 2;

-- Each attempt by itself, at least 60 seconds each; a promoted job's draft run stays free, its first production run is not.
SELECT fixture.production_job('Acme', 'twice', 1, 2, 10, options => '{"retry": {"max_attempts": 2}}') AS status;
SELECT fixture.run(sparkingest.run_job(fixture.job('twice')), '30 seconds', 'failed', 137, 'out_of_memory');
SELECT planned_start AS second_start FROM sparkingest.job_executions WHERE job_id = fixture.job('twice') AND attempt = 2 \gset
SET sparkingest.clock = :'second_start';
SELECT fixture.run(fixture.latest('twice'), '90 seconds');
SELECT attempt, state, seconds, gib_seconds, charge_to, charged FROM metered WHERE job_name = 'twice' ORDER BY 1;
SELECT c.charge_to, count(*), sum(c.charged) AS charged, sum(c.billable_millicore_seconds) > 0 AS metered FROM sparkingest.resource_consumption AS c
    JOIN sparkingest.job_executions AS e USING (execution_id) WHERE e.is_draft GROUP BY 1;

-- M9: production work in the draft namespace is charged; so is a borrowed run, and its lender is credited a share.
SET sparkingest.clock = '2026-03-02 10:00:00+00';
SELECT fixture.production_job('Acme', 'borrower', 3, 6, 10) AS borrower, fixture.production_job('Acme', 'fallback', 3, 6, 10) AS fallback;
SELECT sparkingest.run_job(fixture.job('borrower')) AS borrower, sparkingest.run_job(fixture.job('fallback')) AS fallback \gset
-- As placing it so would write it (C10, C12).
INSERT INTO sparkingest.pools (namespace, tenant_id) VALUES ('dedicated-cpu-ns', fixture.tenant('Lender')) ON CONFLICT DO NOTHING;
CREATE FUNCTION pg_temp.put(run uuid, place text, lender text, fallback boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sparkingest.job_executions SET namespace = place, draft_fallback = fallback WHERE execution_id = run;
    UPDATE sparkingest.resource_consumption SET namespace = place WHERE execution_id = run;
    ALTER TABLE sparkingest.reservations DISABLE TRIGGER ledger;
    UPDATE sparkingest.reservations SET borrowed = lender IS NOT NULL, draft_fallback = fallback, namespace = place,
        pool_id = (SELECT pool_id FROM sparkingest.pools AS p WHERE p.namespace = place AND p.tenant_id IS NOT DISTINCT FROM fixture.tenant(lender))
        WHERE reservation_id = (SELECT reservation_id FROM sparkingest.job_executions WHERE execution_id = run);
    ALTER TABLE sparkingest.reservations ENABLE ALWAYS TRIGGER ledger;
    PERFORM sparkingest.rebuild_ledger();
END
$$;
SELECT pg_temp.put(:'fallback', 'draft-ingestion-ns', NULL, true), pg_temp.put(:'borrower', 'dedicated-cpu-ns', 'Lender', false);
SELECT fixture.run(:'fallback', '100 seconds');
SET sparkingest.lender_share = 33;
SELECT fixture.run(:'borrower', '100 seconds');
RESET sparkingest.lender_share;
SELECT job_name, namespace, seconds, charge_to, charged FROM metered WHERE job_name IN ('borrower', 'fallback') ORDER BY 1;
SELECT borrowed, count(*) FROM sparkingest.resource_consumption GROUP BY 1 ORDER BY 1;
SELECT t.tenant_name, l.ended_at, l.charged / 1000 AS charged, l.credit / 1000 AS credit FROM sparkingest.lending_credits AS l
    JOIN sparkingest.tenants AS t USING (tenant_id);

-- All of it agrees, also when it is added up.
SELECT sparkingest.roll_up() > 0 AS rolled_up;
SELECT * FROM sparkingest.verify_usage();
SELECT t.tenant_name, u.place, sum(u.millicore_seconds) / 1000 AS core_seconds FROM sparkingest.usage_load AS u
    JOIN sparkingest.tenants AS t USING (tenant_id) GROUP BY 1, 2 ORDER BY 1, 2;
-- What is lent is not idle, and credited.
SELECT kind, namespace, quantity, used, charged FROM sparkingest.statement(fixture.tenant('Lender'), '2026-03-01');
SELECT kind, namespace, executions, used, charged FROM sparkingest.statement(fixture.tenant('Acme'), '2026-03-01') WHERE description IN ('borrower', 'fallback');
SELECT m -> 'resource_utilization' -> 'dedicated_units_usage_percent' AS own, m -> 'cost_efficiency' -> 'idle_resource_percentage' AS idle
    FROM sparkingest.tenant_metrics(fixture.tenant('Lender'), '[2026-03-02 10:00+00, 2026-03-02 11:00+00)') AS m;
SET sparkingest.clock = '2026-03-02 11:00:00+00';
SELECT m -> 'resource_utilization' -> 'dedicated_units_usage_percent' AS own, m -> 'cost_efficiency' -> 'idle_resource_percentage' AS idle
    FROM sparkingest.tenant_metrics(fixture.tenant('Lender'), '[2026-03-02 10:00+00, 2026-03-02 11:00+00)') AS m;
-- Each way to be wrong is found. Here nobody tells roll_up of it.
CREATE FUNCTION pg_temp.found(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    ALTER TABLE sparkingest.resource_consumption DISABLE TRIGGER usage;
    ALTER TABLE sparkingest.lending_credits DISABLE TRIGGER usage;
    ALTER TABLE sparkingest.job_executions DISABLE TRIGGER usage;
    EXECUTE statement;
    SELECT string_agg(v.book || ' ' || v.n, ', ' ORDER BY v.book) INTO answer FROM (SELECT book, count(*) AS n FROM sparkingest.verify_usage()
        GROUP BY 1) AS v;
    RAISE EXCEPTION 'undone' USING ERRCODE = 'ZZZZZ';
EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
    RETURN COALESCE(answer, 'nothing');
END
$$;
SELECT fixture.latest('lost') AS lost, fixture.latest('cancelled before') AS never \gset
SELECT what, pg_temp.found(format(statement, :'fallback', :'lost', :'never')) FROM (VALUES (1, 'nothing changed', 'SELECT 1'),
    (2, 'a row is gone', 'DELETE FROM sparkingest.resource_consumption WHERE execution_id = %1$L'),
    (3, 'a row of a run that never was', $$INSERT INTO sparkingest.resource_consumption SELECT execution_id, tenant_id, job_id, namespace, created_at,
        created_at, 60, 0, 0, 0, false, 'draft', 0 FROM sparkingest.job_executions WHERE execution_id = %3$L$$),
    (4, 'a second too few', 'UPDATE sparkingest.resource_consumption SET billed_seconds = billed_seconds - 1 WHERE execution_id = %1$L'),
    (5, 'cores', 'UPDATE sparkingest.resource_consumption SET cpu_millicore_seconds = cpu_millicore_seconds + 1 WHERE execution_id = %1$L'),
    (6, 'memory', 'UPDATE sparkingest.resource_consumption SET memory_mib_seconds = memory_mib_seconds + 1 WHERE execution_id = %1$L'),
    (7, 'billable', 'UPDATE sparkingest.resource_consumption SET billable_millicore_seconds = billable_millicore_seconds + 1 WHERE execution_id = %1$L'),
    (8, 'who pays', $$UPDATE sparkingest.resource_consumption SET charge_to = 'platform' WHERE execution_id = %1$L$$),
    (9, 'a charge too many', 'UPDATE sparkingest.resource_consumption SET charged = 1 WHERE execution_id = %2$L'),
    (10, 'an entry', $$UPDATE sparkingest.balance_entries SET amount = amount + 1 WHERE entry_type = 'charge' AND execution_id = %1$L$$),
    (11, 'an entry is gone', $$DELETE FROM sparkingest.balance_entries WHERE entry_type = 'charge' AND execution_id = %1$L$$),
    (12, 'the execution', 'UPDATE sparkingest.job_executions SET charged = charged + 1 WHERE execution_id = %1$L'),
    (13, 'no credit', 'DELETE FROM sparkingest.lending_credits'),
    (14, 'an hour', $$UPDATE sparkingest.usage_hourly SET charged = charged + 1 WHERE hour = '2026-03-02 10:00+00' AND charged > 0$$),
    (15, 'its load', $$DELETE FROM sparkingest.usage_load WHERE place = 'borrowed'$$)) AS v (n, what, statement) ORDER BY n;
SELECT pg_temp.put(:'borrower', 'vcpu-hours-ns', NULL, false);
DELETE FROM sparkingest.lending_credits;
UPDATE sparkingest.resource_consumption SET borrowed = false;
\i :end
