-- Units that their owner lends (C10, C12, M9, Q4).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant(name) IS NOT NULL AS created FROM unnest(ARRAY['Lender', 'Second', 'Borrower', 'Poor']) AS name;
SELECT sparkingest.purchase(fixture.tenant('Borrower'), 'vcpu_hours', 1000) IS NOT NULL AS hours;
CREATE FUNCTION pg_temp.wants(tenant text, cores numeric, at timestamptz, takes interval DEFAULT '1 hour', sla_window interval DEFAULT '0')
RETURNS TABLE (namespace text, starts_at timestamptz, borrowed boolean, reason text, earliest timestamptz) LANGUAGE sql AS $$
SELECT namespace, starts_at, borrowed, reason, earliest FROM sparkingest.try_reserve(fixture.tenant(tenant), cores, 2 * cores, takes, at, sla_window) $$;

-- Truly exclusive unless its purchase says so. The shared namespace is full, so that there is a reason to borrow.
SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 0, 0, '[2026-03-02 09:00, 2026-03-09 00:00)');
SELECT sparkingest.purchase(fixture.tenant('Lender'), 'dedicated_units', 1, 'daily', '2026-03-02 09:00+00', '2026-03-05 09:00+00') IS NOT NULL AS exclusive;
SELECT * FROM pg_temp.wants('Borrower', 1, '2026-03-02 10:00+00');
-- Four more units, of which two are lent: so many at a time, whatever is idle.
SELECT sparkingest.purchase(fixture.tenant('Lender'), 'dedicated_units', 4, 'daily', '2026-03-02 09:00+00', '2026-03-05 09:00+00', '{"lending_limit": 2}') AS lends \gset
SELECT * FROM pg_temp.wants('Borrower', 6, '2026-03-02 10:00+00');
SELECT * FROM pg_temp.wants('Borrower', 3, '2026-03-02 10:00+00');
SELECT * FROM pg_temp.wants('Borrower', 2, '2026-03-02 10:00+00');
SELECT * FROM pg_temp.wants('Borrower', 1, '2026-03-02 10:55+00');
-- As far as its grants reach, and no longer.
SELECT * FROM pg_temp.wants('Borrower', 1, '2026-03-05 08:00+00');
SELECT * FROM pg_temp.wants('Borrower', 1, '2026-03-05 08:05+00');
-- What the owner uses cannot be borrowed: it has twenty cores and uses fifteen.
SELECT * FROM pg_temp.wants('Lender', 15, '2026-03-02 12:00+00');
SELECT * FROM pg_temp.wants('Borrower', 6, '2026-03-02 12:00+00');
SELECT * FROM pg_temp.wants('Borrower', 5, '2026-03-02 12:00+00');
-- Of several the one where it starts first; who owns units borrows no more of its own.
SELECT sparkingest.purchase(fixture.tenant('Second'), 'dedicated_units', 1, 'daily', '2026-03-02 09:00+00', NULL, '{"lending_limit": 1}') IS NOT NULL AS second;
SELECT sparkingest.purchase(fixture.tenant('Second'), 'vcpu_hours', 1000) IS NOT NULL AS hours;
SELECT * FROM pg_temp.wants('Borrower', 4, '2026-03-02 10:00+00', sla_window => '2 hours');
SELECT * FROM pg_temp.wants('Borrower', 4, '2026-03-02 10:00+00', sla_window => '2 hours');
SELECT * FROM pg_temp.wants('Second', 4, '2026-03-02 11:00+00');
SELECT * FROM pg_temp.wants('Second', 4, '2026-03-02 11:00+00', '50 minutes', '2 hours');
SELECT o.tenant_name AS owner, t.tenant_name AS tenant, r.starts_at, r.cpu_millicores / 1000 AS cores, r.borrowed, r.held / 3600000 AS held
  FROM sparkingest.reservations AS r JOIN sparkingest.pools AS p USING (pool_id) JOIN sparkingest.tenants AS o ON o.tenant_id = p.tenant_id
  JOIN sparkingest.tenants AS t ON t.tenant_id = r.tenant_id WHERE r.status = 'active' ORDER BY 1, 3, 2;
-- Borrowing is paid by the hour (M9): without hours there is none.
SELECT * FROM pg_temp.wants('Poor', 1, '2026-03-02 14:00+00');
SELECT * FROM fixture.refusal($$SELECT sparkingest.reserve(fixture.tenant('Poor'), 1, 2, '1 hour', '2026-03-02 14:00+00')$$);
-- The ledger knows all of it, also when it is made anew.
SELECT count(*) FROM sparkingest.verify_ledger();
SELECT sparkingest.rebuild_ledger();
SELECT * FROM pg_temp.wants('Borrower', 9, '2026-03-02 16:00+00');
SELECT * FROM pg_temp.wants('Borrower', 8, '2026-03-02 16:00+00');
SELECT count(*) FROM sparkingest.verify_ledger();

-- The owner sees how much is lent, and in what it has left; nobody sees to or from whom.
SELECT sparkingest.usage(fixture.tenant('Lender'), '2026-03-02 10:00+00') -> 'dedicated_units' AS lender;
SELECT sparkingest.usage(fixture.tenant('Borrower'), '2026-03-02 10:00+00') -> 'dedicated_units' AS borrower;
SELECT total_cpu_capacity AS total, allocated_cpu AS allocated FROM sparkingest.capacity('dedicated-cpu-ns', '[2026-03-02 10:00+00, 2026-03-02 10:05+00)', fixture.tenant('Lender'));
SET client_min_messages = warning;
CREATE ROLE lending_borrower IN ROLE sparkingest_tenant;
CREATE ROLE lending_lender IN ROLE sparkingest_tenant;
SET client_min_messages = notice;
SELECT sparkingest.grant_tenant(fixture.tenant('Borrower'), 'lending_borrower'), sparkingest.grant_tenant(fixture.tenant('Lender'), 'lending_lender');
SELECT fixture.tenant('Lender') AS lender, fixture.tenant('Borrower') AS borrower, fixture.tenant('Second') AS second \gset
SET ROLE lending_borrower;
SELECT namespace, starts_at, borrowed FROM sparkingest.reservations ORDER BY starts_at, cpu_millicores LIMIT 1;
SELECT count(*), count(*) FILTER (WHERE tenant_id <> :'borrower') AS of_others FROM sparkingest.reservations;
SELECT count(*) > 0 AS told, count(*) FILTER (WHERE concat(tenant_id, actor, cause, before, after) ~* (:'lender' || '|' || :'second' || '|lender|second')) AS leaks FROM sparkingest.events;
SELECT count(*) FROM sparkingest.grants;
SELECT pool_id FROM sparkingest.reservations;
SELECT count(*) FROM sparkingest.lending_credits;
RESET ROLE;
SET ROLE lending_lender;
SELECT count(*) FROM sparkingest.reservations WHERE borrowed;
SELECT count(*) > 0 AS told, count(*) FILTER (WHERE concat(tenant_id, actor, cause, before, after) ~* (:'borrower' || '|borrower')) AS leaks FROM sparkingest.events;
SELECT lending_limit, count(*) FROM sparkingest.grants GROUP BY 1 ORDER BY 1;
RESET ROLE;

-- A borrowed reservation moves within what is lent, and comes back like any other.
SELECT reservation_id AS borrowed FROM sparkingest.reservations WHERE borrowed AND starts_at = '2026-03-02 16:00+00' \gset
SELECT namespace, starts_at, borrowed FROM sparkingest.move_reservation(:'borrowed', '2026-03-02 17:00+00');
SELECT * FROM fixture.refusal(format('SELECT sparkingest.move_reservation(%L, ''2026-03-02 10:00+00'')', :'borrowed'));
SELECT * FROM fixture.refusal(format('SELECT sparkingest.move_reservation(%L, ''2026-03-05 08:30+00'')', :'borrowed'));
SELECT sparkingest.release(:'borrowed');
SELECT * FROM pg_temp.wants('Borrower', 8, '2026-03-02 17:00+00');
SELECT count(*) FROM sparkingest.verify_ledger();
-- A row that says what is not so is none.
SELECT code, fixture.masked(regexp_replace(message, 'pool \d+', 'pool <n>')) AS message FROM fixture.refusal(format('UPDATE sparkingest.reservations SET borrowed = false WHERE reservation_id = (SELECT reservation_id FROM sparkingest.reservations WHERE borrowed AND tenant_id = %L AND status = ''active'' LIMIT 1)', :'borrower'));
SELECT code, fixture.masked(regexp_replace(message, 'pool \d+', 'pool <n>')) AS message FROM fixture.refusal(format('UPDATE sparkingest.reservations SET borrowed = true WHERE NOT borrowed AND tenant_id = %L', :'lender'));

-- Runs: own units, the shared namespace, lent units, the draft namespace, in this order.
SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 4, 8, '[2026-03-03 00:00, 2026-03-04 00:00)');
SELECT sparkingest.purchase(fixture.tenant('Borrower'), 'dedicated_units', 1, 'daily', '2026-03-03 00:00+00') IS NOT NULL AS own;
SELECT fixture.production_job('Borrower', 'run', 4, 8, 50, sla => '{"sla_window_hours": 0.5}');
CREATE FUNCTION pg_temp.run(at timestamptz) RETURNS TABLE (state text, namespace text, planned_start timestamptz, draft_fallback boolean, borrowed boolean, held bigint)
LANGUAGE plpgsql AS $$
DECLARE
    run uuid := sparkingest.run_job(fixture.job('run'), at);
BEGIN
    RETURN QUERY SELECT e.state, e.namespace, e.planned_start, e.draft_fallback, r.borrowed, e.held / 3600000
        FROM sparkingest.job_executions AS e JOIN sparkingest.reservations AS r USING (reservation_id) WHERE e.execution_id = run;
END
$$;
SELECT r.* FROM generate_series(1, 5) AS n, LATERAL pg_temp.run('2026-03-03 10:00+00'::timestamptz + n * '0 s'::interval) AS r;
SELECT v.after FROM sparkingest.events AS v WHERE v.after ? 'borrowed' ORDER BY event_id LIMIT 1;
-- A borrowed run is charged, its lender credited a share, and what was lent is not idle.
SET sparkingest.clock = '2026-03-03 10:00:00+00';
SELECT e.execution_id AS run FROM sparkingest.job_executions AS e JOIN sparkingest.reservations AS r USING (reservation_id) WHERE r.borrowed AND e.state = 'scheduled' ORDER BY 1 LIMIT 1 \gset
SELECT fixture.run(:'run', '30 minutes');
SELECT namespace, borrowed, charge_to, charged / 3600000.0 AS hours FROM sparkingest.resource_consumption WHERE execution_id = :'run';
SELECT t.tenant_name, l.charged / 3600000.0 AS charged, l.credit / 3600000.0 AS credit FROM sparkingest.lending_credits AS l JOIN sparkingest.tenants AS t USING (tenant_id);
SELECT sparkingest.roll_up() > 0 AS rolled_up;
SET sparkingest.clock = '2026-03-03 11:00:00+00';
SELECT kind, description, quantity, used, charged FROM sparkingest.statement(fixture.tenant('Lender'), '2026-03-01') WHERE kind IN ('dedicated_idle', 'lending_credit');
SELECT m -> 'resource_utilization' -> 'dedicated_units_usage_percent' AS own, m -> 'cost_efficiency' -> 'idle_resource_percentage' AS idle
    FROM sparkingest.tenant_metrics(fixture.tenant('Lender'), '[2026-03-03 10:00+00, 2026-03-03 11:00+00)') AS m;
-- An application's own is charged for the time that it kept units from their owner.
SELECT (sparkingest.reserve(fixture.tenant('Borrower'), 8, 16, '1 hour', '2026-03-04 10:00+00', '0')).reservation_id AS own \gset
SELECT borrowed, held / 3600000.0 AS held FROM sparkingest.reservations WHERE reservation_id = :'own';
SET sparkingest.clock = '2026-03-04 11:00:00+00';
SELECT sparkingest.maintain() > 0 AS maintained;
SELECT entry_type, amount / 3600000.0 AS hours FROM sparkingest.balance_entries WHERE reservation_id = :'own' ORDER BY entry_id;

-- A purchase that ends lends no more from then on: what is borrowed goes, also where units are left that are not lent.
SET sparkingest.clock = '2026-03-04 12:00:00+00';
SELECT sparkingest.release(reservation_id) FROM sparkingest.reservations AS r WHERE status = 'active' AND starts_at > '2026-03-04 12:00+00'
    AND NOT EXISTS (SELECT FROM sparkingest.job_executions AS e WHERE e.reservation_id = r.reservation_id);
SELECT * FROM pg_temp.run('2026-03-04 20:00+00');
SELECT (sparkingest.reserve(fixture.tenant('Borrower'), 4, 8, '1 hour', '2026-03-04 21:00+00', '0')).reservation_id AS own \gset
SELECT (SELECT job_name FROM sparkingest.ingestion_jobs AS j WHERE j.job_id = c.job_id) AS job, c.planned_start, c.effect FROM sparkingest.cancel_purchase(:'lends', '2026-03-04 18:00+00') AS c ORDER BY 1;
SELECT * FROM pg_temp.wants('Borrower', 1, '2026-03-04 17:00+00');
SELECT * FROM pg_temp.wants('Borrower', 1, '2026-03-04 17:05+00');
SELECT event_type, actor, cause, before ->> 'state' AS before, after ->> 'state' AS after, after ->> 'namespace' AS namespace FROM sparkingest.events
 WHERE tenant_id = :'borrower' AND cause LIKE 'units that were borrowed%' ORDER BY event_id;
SELECT status, borrowed FROM sparkingest.reservations WHERE reservation_id = :'own';
SELECT count(*) FROM sparkingest.verify_ledger();

SELECT sparkingest.revoke_tenant(fixture.tenant('Borrower'), 'lending_borrower'), sparkingest.revoke_tenant(fixture.tenant('Lender'), 'lending_lender');
DROP ROLE lending_borrower, lending_lender;
\i :end
