-- Named limits: something that jobs share, as connections to a database, on the same time axis as cores (issue 6; C1, C3, C5, C8, C9).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

CREATE FUNCTION pg_temp.run(job text, at timestamptz DEFAULT '2026-03-02 10:00+00')
RETURNS TABLE (state text, namespace text, planned_start timestamptz, waiting_reason text) LANGUAGE plpgsql AS $$
DECLARE
    run uuid := sparkingest.run_job(fixture.job(job), at);
BEGIN
    RETURN QUERY SELECT e.state, e.namespace, e.planned_start, e.waiting_reason FROM sparkingest.job_executions AS e WHERE e.execution_id = run;
END
$$;
CREATE FUNCTION pg_temp.runs() RETURNS TABLE (job text, state text, planned_start timestamptz, waiting_reason text) LANGUAGE sql AS $$
SELECT j.job_name, e.state, e.planned_start, e.waiting_reason FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id)
 WHERE NOT e.is_draft ORDER BY j.job_name, e.created_at, e.planned_start $$;
CREATE FUNCTION pg_temp.victims(limit_name text, quantity integer, tenant text DEFAULT NULL) RETURNS TABLE (job text, tenant text,
    planned_start timestamptz, effect text) LANGUAGE sql AS $$
SELECT (SELECT j.job_name FROM sparkingest.ingestion_jobs AS j WHERE j.job_id = s.job_id), (SELECT t.tenant_name FROM sparkingest.tenants AS t
    WHERE t.tenant_id = s.tenant), s.planned_start, s.effect FROM sparkingest.set_limit(limit_name, quantity, fixture.tenant(victims.tenant)) WITH ORDINALITY
    AS s (execution_id, job_id, tenant, planned_start, effect, n) ORDER BY effect, 1, planned_start $$;
CREATE FUNCTION pg_temp.load(limit_name text, tenant text DEFAULT NULL, during tstzrange DEFAULT '[2026-03-02 09:00, 2026-03-02 13:00)')
RETURNS TABLE (from_time text, until_time text, total bigint, allocated bigint) LANGUAGE sql AS $$
SELECT to_char(starts_at, 'HH24:MI'), to_char(ends_at, 'HH24:MI'), total, allocated FROM sparkingest.limit_load(limit_name, during, fixture.tenant(tenant)) $$;

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created, sparkingest.create_tenant('Globex') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant(t), 'vcpu_hours', 100000) IS NOT NULL AS hours FROM (VALUES ('Acme'), ('Globex')) AS v (t);
SELECT sparkingest.purchase(fixture.tenant('Globex'), 'dedicated_units', 10, 'daily') IS NOT NULL AS units,
    sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 1, 'daily', '2026-03-06 09:00+00') IS NOT NULL AS units;

-- A limit of the service, and one of a tenant; the same quantity again changes nothing.
SELECT * FROM pg_temp.victims('orders-db', 3);
SELECT * FROM pg_temp.victims('orders-db', 3);
SELECT * FROM pg_temp.victims('own-db', 5, 'Acme');
SELECT t.tenant_name, l.limit_name, l.quantity FROM sparkingest.limits AS l LEFT JOIN sparkingest.tenants AS t USING (tenant_id) ORDER BY 2;
SELECT event_type, (SELECT t.tenant_name FROM sparkingest.tenants AS t WHERE t.tenant_id = v.tenant_id), before, after FROM sparkingest.events AS v
    WHERE event_type LIKE 'limit.%' ORDER BY event_id;

-- Jobs of two tenants in two namespaces share it: the third run finds cores, but only one connection of two, and starts when there are more.
SELECT fixture.production_job('Acme', 'a', 8, 16, 25, sla => '{"priority": 5}', options => '{"limits": {"orders-db": 2}, "on_no_capacity": "wait"}'),
    fixture.production_job('Globex', 'g', 8, 16, 25, options => '{"limits": {"orders-db": 1}, "on_no_capacity": "wait"}');
SELECT options -> 'limits' AS limits FROM sparkingest.ingestion_jobs ORDER BY job_name;
SELECT * FROM pg_temp.load('orders-db', during => '[2026-03-02 09:00, 2026-03-02 10:00)');
SELECT * FROM pg_temp.run('a');
SELECT * FROM pg_temp.load('orders-db');
SELECT * FROM pg_temp.run('g');
SELECT * FROM pg_temp.run('g');
SELECT * FROM pg_temp.run('a');
SELECT * FROM pg_temp.load('orders-db');
-- All that a reservation holds is in its rows.
SELECT t.tenant_name, r.namespace, r.limited, h.quantity, h.starts_at = r.starts_at AND h.ends_at = r.ends_at AS same_time FROM sparkingest.reservations AS r
    JOIN sparkingest.reservation_limits AS h USING (reservation_id) JOIN sparkingest.tenants AS t ON t.tenant_id = r.tenant_id AND t.tenant_id = h.tenant_id
    ORDER BY r.starts_at, 1;
-- Beyond the window it waits, and says for what and until when.
SELECT sparkingest.alter_job(fixture.job('a'), '{"sla_requirements": {"sla_window_hours": 0.5, "priority": 5}}');
SELECT * FROM pg_temp.run('a');
SELECT v.cause, v.after ->> 'state' AS state FROM sparkingest.events AS v WHERE v.execution_id = fixture.latest('a') ORDER BY event_id;
-- A run that ends early, is cancelled, or is planned again gives it to others at once.
SELECT sparkingest.cancel_execution(e.execution_id) FROM sparkingest.job_executions AS e WHERE e.job_id = fixture.job('a') AND planned_start = '2026-03-02 10:00+00' AND state = 'scheduled';
SELECT * FROM pg_temp.load('orders-db');
SELECT sparkingest.plan() AS handled;
SELECT * FROM pg_temp.runs();
SELECT * FROM pg_temp.load('orders-db');

-- The reserved time moves with a reservation, onto its own old slots too (C5); where the limit is not free it does not move.
SELECT e.reservation_id AS moved FROM sparkingest.job_executions AS e WHERE e.execution_id = fixture.latest('a') \gset
SELECT starts_at FROM sparkingest.move_reservation(:'moved', '2026-03-02 11:40+00');
SELECT starts_at FROM sparkingest.move_reservation(:'moved', '2026-03-02 11:50+00');
SELECT * FROM fixture.refusal(format('SELECT sparkingest.move_reservation(%L, ''2026-03-02 10:35+00'')', :'moved'));
SELECT * FROM pg_temp.load('orders-db');
BEGIN;
SAVEPOINT s;
SELECT starts_at FROM sparkingest.move_reservation(:'moved', '2026-03-02 12:20+00');
ROLLBACK TO s;
SELECT * FROM pg_temp.load('orders-db');
SELECT sparkingest.cancel_execution(fixture.latest('a'));
SELECT * FROM pg_temp.load('orders-db');
ROLLBACK;
SELECT * FROM pg_temp.load('orders-db');

-- Less than is held: who has not started moves, low priority first, or waits, with the cause; the newest total counts (C9).
SELECT * FROM pg_temp.victims('orders-db', 2);
SELECT * FROM pg_temp.runs();
SELECT * FROM pg_temp.victims('orders-db', 1);
SELECT * FROM pg_temp.runs();
SELECT j.job_name, v.cause, v.after ->> 'state' AS state FROM sparkingest.events AS v JOIN sparkingest.ingestion_jobs AS j USING (job_id)
 WHERE v.cause LIKE 'limit "orders-db" was%' ORDER BY event_id;
SELECT sparkingest.plan() AS handled;
SELECT * FROM pg_temp.victims('orders-db', 0);
SELECT * FROM pg_temp.runs();
SELECT * FROM pg_temp.load('orders-db');
SELECT * FROM pg_temp.victims('orders-db', 4);
SELECT sparkingest.plan() AS handled;
SELECT * FROM pg_temp.runs();
SELECT * FROM pg_temp.load('orders-db');
-- A run that was claimed keeps what it holds, and is told of.
SET sparkingest.clock = '2026-03-02 10:00:00+00';
SELECT fixture.claim(e.execution_id) FROM sparkingest.job_executions AS e WHERE e.job_id = fixture.job('g') AND planned_start = '2026-03-02 10:00+00' AND state = 'scheduled' LIMIT 1;
SELECT * FROM pg_temp.victims('orders-db', 0);
SELECT cause FROM sparkingest.events WHERE event_type = 'reservation.over_committed';
SELECT book, detail FROM books.differences();
SELECT * FROM pg_temp.load('orders-db');
SELECT * FROM pg_temp.victims('orders-db', 4);
SET sparkingest.clock = '2026-03-02 09:00:00+00';

-- A job that asks for another number is planned anew; a change of other options moves nothing.
SELECT fixture.production_job('Acme', 'nightly', 8, 16, 25, cron => '0 2 * * *', options => '{"limits": {"own-db": 2, "orders-db": 1}}');
SELECT sparkingest.plan() AS handled;
SELECT * FROM pg_temp.load('own-db', 'Acme', '[2026-03-03 01:00, 2026-03-03 03:00)');
SELECT sparkingest.alter_job(fixture.job('nightly'), '{"options": {"limits": {"own-db": 3}, "auto_draft": false}}');
SELECT sparkingest.plan() AS handled;
SELECT * FROM pg_temp.load('own-db', 'Acme', '[2026-03-03 01:00, 2026-03-03 03:00)');
SELECT stage FROM sparkingest.ingestion_jobs WHERE job_name = 'nightly';
SELECT sparkingest.alter_job(fixture.job('nightly'), '{"options": {"limits": {"own-db": null}}}');
SELECT sparkingest.plan() AS handled;
SELECT * FROM pg_temp.load('own-db', 'Acme', '[2026-03-03 01:00, 2026-03-03 03:00)');

-- Reservations of applications, and find_slot, know them too.
SELECT starts_at FROM sparkingest.reserve(fixture.tenant('Acme'), 1, 1, '1 hour', '2026-03-04 10:00+00', limits => '{"own-db": 4}');
SELECT starts_at FROM sparkingest.reserve(fixture.tenant('Acme'), 1, 1, '1 hour', '2026-03-04 10:30+00', limits => '{"own-db": 4}');
SELECT reason, earliest FROM sparkingest.try_reserve(fixture.tenant('Acme'), 1, 1, '1 hour', '2026-03-04 10:00+00', '30 minutes', limits => '{"own-db": 2}');
SELECT * FROM fixture.refusal($$SELECT sparkingest.reserve(fixture.tenant('Acme'), 1, 1, '1 hour', '2026-03-04 10:00+00', '30 minutes', limits => '{"own-db": 2}')$$);
SELECT sparkingest.find_slot('vcpu-hours-ns', 1, 1, '1 hour', '2026-03-04 10:00+00', tenant_id => fixture.tenant('Acme'), limits => '{"own-db": 2}') AS at,
    sparkingest.find_slot('vcpu-hours-ns', 1, 1, '1 hour', '2026-03-04 10:00+00', tenant_id => fixture.tenant('Acme'), limits => '{"own-db": 1}') AS at,
    sparkingest.find_slot('vcpu-hours-ns', 1, 1, '1 hour', '2026-03-04 10:00+00') AS at;
-- Cores and the limit both: neither alone decides where it fits.
SELECT * FROM sparkingest.set_capacity('vcpu-hours-ns', 0, 0, '[2026-03-04 12:00, 2026-03-04 12:30)');
SELECT sparkingest.find_slot('vcpu-hours-ns', 1, 1, '1 hour', '2026-03-04 10:00+00', tenant_id => fixture.tenant('Acme'), limits => '{"own-db": 2}') AS at;
SELECT starts_at FROM sparkingest.reserve(fixture.tenant('Acme'), 1, 1, '1 hour', '2026-03-04 12:45+00', '0', limits => '{"own-db": 5, "orders-db": 1}');
SELECT sparkingest.find_slot('vcpu-hours-ns', 1, 1, '1 hour', '2026-03-04 10:00+00', tenant_id => fixture.tenant('Acme'), limits => '{"own-db": 2}') AS at;
-- A grid of minutes: slots of five minutes that a reservation touches are held whole, so that nothing is held twice.
INSERT INTO sparkingest.namespaces SELECT (jsonb_populate_record(n, '{"namespace": "minutes-ns", "slot_minutes": 2}')).* FROM sparkingest.namespaces AS n WHERE namespace = 'vcpu-hours-ns';
INSERT INTO sparkingest.pools (namespace) VALUES ('minutes-ns');
SELECT starts_at, ends_at FROM sparkingest.reserve(fixture.tenant('Acme'), 1, 1, '4 minutes', '2026-03-05 10:02+00', namespace => 'minutes-ns', limits => '{"own-db": 5}');
SELECT starts_at, ends_at FROM sparkingest.reserve(fixture.tenant('Acme'), 1, 1, '4 minutes', '2026-03-05 10:02+00', namespace => 'minutes-ns', limits => '{"own-db": 5}');
SELECT starts_at, ends_at FROM sparkingest.reserve(fixture.tenant('Acme'), 1, 1, '4 minutes', '2026-03-05 10:02+00', namespace => 'vcpu-hours-ns', limits => '{"own-db": 5}');
SELECT * FROM pg_temp.load('own-db', 'Acme', '[2026-03-05 09:55, 2026-03-05 10:40)');

-- Whoever changes the rows, the ledger follows: INSERT, UPDATE, DELETE, and what is rolled back.
SELECT reservation_id AS touched FROM sparkingest.reserve(fixture.tenant('Acme'), 1, 1, '1 hour', '2026-03-06 10:00+00', namespace => 'dedicated-cpu-ns', limits => '{"own-db": 4}') \gset
UPDATE sparkingest.reservations SET starts_at = starts_at + '1 hour', ends_at = ends_at + '1 hour' WHERE reservation_id = :'touched';
SELECT * FROM pg_temp.load('own-db', 'Acme', '[2026-03-06 10:00, 2026-03-06 13:00)');
SELECT * FROM fixture.refusal(format('UPDATE sparkingest.reservation_limits SET quantity = 6 WHERE reservation_id = %L', :'touched'));
UPDATE sparkingest.reservation_limits SET quantity = 5 WHERE reservation_id = :'touched';
SELECT * FROM pg_temp.load('own-db', 'Acme', '[2026-03-06 10:00, 2026-03-06 13:00)');
PREPARE enter(uuid, integer) AS INSERT INTO sparkingest.reservation_limits SELECT r.reservation_id, l.limit_id, r.tenant_id, $2, r.starts_at, r.ends_at
    FROM sparkingest.reservations AS r, sparkingest.limits AS l WHERE reservation_id = $1 AND limit_name = 'orders-db';
SELECT code, message FROM fixture.refusal(format('EXECUTE enter(%L, 5)', :'touched'));
BEGIN;
EXECUTE enter(:'touched', 3);
SELECT * FROM pg_temp.load('orders-db', during => '[2026-03-06 10:00, 2026-03-06 13:00)');
ROLLBACK;
SELECT * FROM pg_temp.load('orders-db', during => '[2026-03-06 10:00, 2026-03-06 13:00)');
BEGIN;
DELETE FROM sparkingest.reservations WHERE reservation_id = :'touched';
SELECT * FROM pg_temp.load('own-db', 'Acme', '[2026-03-06 10:00, 2026-03-06 13:00)');
ROLLBACK;
SELECT * FROM pg_temp.load('own-db', 'Acme', '[2026-03-06 10:00, 2026-03-06 13:00)');
SELECT * FROM sparkingest.verify_ledger();
UPDATE sparkingest.reservations SET status = 'released', released_at = sparkingest.clock() WHERE reservation_id = :'touched';
SELECT count(*) FROM sparkingest.reservation_limits WHERE reservation_id = :'touched';
SELECT * FROM pg_temp.load('own-db', 'Acme', '[2026-03-06 10:00, 2026-03-06 13:00)');
UPDATE sparkingest.limits SET quantity = 7 WHERE limit_name = 'own-db';
SELECT * FROM pg_temp.load('own-db', 'Acme', '[2026-03-06 10:00, 2026-03-06 13:00)');
SELECT * FROM sparkingest.verify_ledger();
BEGIN;
UPDATE sparkingest.limits SET quantity = 1 WHERE limit_name = 'own-db';
ROLLBACK;
SELECT sparkingest.rebuild_ledger();
SELECT * FROM pg_temp.load('own-db', 'Acme', '[2026-03-04 10:00, 2026-03-04 14:00)');
-- A limit that is new in the transaction that uses it.
BEGIN;
SELECT * FROM pg_temp.victims('fresh', 2, 'Acme');
SELECT starts_at FROM sparkingest.reserve(fixture.tenant('Acme'), 1, 1, '1 hour', '2026-03-07 10:00+00', limits => '{"fresh": 2}');
SELECT starts_at FROM sparkingest.reserve(fixture.tenant('Acme'), 1, 1, '1 hour', '2026-03-07 10:00+00', limits => '{"fresh": 1}');
SELECT * FROM pg_temp.victims('fresh', 3, 'Acme');
SELECT starts_at FROM sparkingest.reserve(fixture.tenant('Acme'), 1, 1, '1 hour', '2026-03-07 10:00+00', limits => '{"fresh": 1}');
SELECT * FROM sparkingest.verify_ledger();
COMMIT;
SELECT * FROM pg_temp.load('fresh', 'Acme', '[2026-03-07 10:00, 2026-03-07 13:00)');

-- The service's goes before a tenant's own of the same name, which cannot be set afterwards.
SELECT code, message, hint FROM fixture.refusal($$SELECT sparkingest.set_limit('orders-db', 100, fixture.tenant('Acme'))$$);
SELECT * FROM pg_temp.victims('both', 1, 'Acme');
SELECT * FROM pg_temp.victims('both', 2);
SELECT starts_at FROM sparkingest.reserve(fixture.tenant('Acme'), 1, 1, '1 hour', '2026-03-08 10:00+00', limits => '{"both": 2}');

-- A run that goes on beyond its reservation holds them as long as it is extended; where one is not free it is told so (C14).
SELECT fixture.production_job('Acme', 'long', 8, 16, 25, options => '{"limits": {"own-db": 4}, "on_no_capacity": "wait"}');
SELECT * FROM pg_temp.run('long', '2026-03-09 10:00+00');
SET sparkingest.clock = '2026-03-09 10:00:00+00';
SELECT fixture.claim(fixture.latest('long'));
SELECT fixture.start(fixture.latest('long'), '2026-03-09 10:00:00+00');
SELECT starts_at FROM sparkingest.reserve(fixture.tenant('Acme'), 1, 1, '1 hour', '2026-03-09 11:00+00', limits => '{"own-db": 4}');
SET sparkingest.clock = '2026-03-09 10:30:00+00';
SELECT sparkingest.plan() IS NOT NULL AS planned;
SELECT planned_end FROM sparkingest.job_executions WHERE execution_id = fixture.latest('long');
SELECT * FROM pg_temp.load('own-db', 'Acme', '[2026-03-09 09:55, 2026-03-09 12:10)');
SELECT book, detail FROM books.differences();
SET sparkingest.clock = '2026-03-09 11:00:00+00';
SELECT sparkingest.plan() IS NOT NULL AS planned;
SELECT cause FROM sparkingest.events WHERE execution_id = fixture.latest('long') AND event_type = 'execution.overrun' ORDER BY event_id;
SELECT * FROM pg_temp.load('own-db', 'Acme', '[2026-03-09 09:55, 2026-03-09 12:10)');
SELECT fixture.finish(fixture.latest('long'), 'succeeded', '2026-03-09 11:00:00+00');
SELECT * FROM pg_temp.load('own-db', 'Acme', '[2026-03-09 09:55, 2026-03-09 12:10)');
SET sparkingest.clock = '2026-03-02 09:00:00+00';

-- In use it cannot be dropped; a limit that was deleted all the same is never free, and says so.
SELECT code, message, hint FROM fixture.refusal($$SELECT sparkingest.drop_limit('orders-db')$$);
SELECT fixture.draft_job('Acme', 'orphan', options => '{"limits": {"both": 1}}') IS NOT NULL AS created;
DELETE FROM sparkingest.limits WHERE limit_name = 'both';
SELECT state, planned_start, waiting_reason FROM pg_temp.run('orphan');
SELECT code, message FROM fixture.refusal($$SELECT sparkingest.drop_limit('both')$$);
SELECT sparkingest.drop_job(fixture.job('orphan'));
SELECT * FROM pg_temp.victims('short-lived', 1);
SELECT sparkingest.drop_limit('short-lived');
SELECT event_type, before, after FROM sparkingest.events WHERE event_type LIKE 'limit.%' ORDER BY event_id DESC LIMIT 2;
SELECT code, message, hint FROM fixture.refusal($$SELECT sparkingest.drop_limit('short-lived')$$);

-- Bad values: nothing is changed.
SELECT statement, r.code, r.message, r.detail FROM (VALUES
    ('set_limit(NULL, 1)'), ('set_limit('''', 1)'), ('set_limit(''Upper'', 1)'), ('set_limit(''a.b'', 1)'), ('set_limit(''x'', NULL)'),
    ('set_limit(''x'', -1)'), ('set_limit(''x'', 1000001)'), ('set_limit(repeat(''x'', 64), 1)'),
    ('set_limit(''x'', 1, gen_random_uuid())'), ('drop_limit(NULL)'), ('limit_load(''nowhere'', ''[2026-03-02 09:00, 2026-03-02 10:00)'')'),
    ('limit_load(''orders-db'', ''[2026-03-02 09:00,)'')'), ('limit_load(''orders-db'', ''[2026-03-02 09:00, 2027-03-02 10:00)'')'), ('limit_load(''orders-db'', NULL)'))
    AS v (statement), LATERAL fixture.refusal('SELECT sparkingest.' || statement) AS r;
SELECT limits, r.code, r.message, r.detail FROM (VALUES ('[]'), ('1'), ('{"nowhere": 1}'), ('{"orders-db": 5}'), ('{"orders-db": 0}'), ('{"orders-db": -1}'),
    ('{"orders-db": 1.5}'), ('{"orders-db": "2"}'), ('{"orders-db": 1e30}'), ('{"orders-db": {"n": 1}}'), ('{"": 1}'), ('{"own-db": 2}')) AS v (limits),
    LATERAL fixture.refusal(format('SELECT fixture.draft_job(''Globex'', ''bad'', options => %L)', format('{"limits": %s}', limits))) AS r;
SELECT code, message FROM fixture.refusal($$SELECT sparkingest.try_reserve(fixture.tenant('Acme'), 1, 1, '1 hour', limits => '{"own-db": null}')$$);
SELECT code, message FROM fixture.refusal($$SELECT sparkingest.try_reserve(fixture.tenant('Acme'), 1, 1, '1 hour', limits => (SELECT jsonb_object_agg('l' || n, 1) FROM generate_series(1, 17) AS n))$$);
SELECT code, message, hint FROM fixture.refusal($$SELECT sparkingest.set_limit('l' || n, 1, fixture.tenant('Globex')) FROM generate_series(1, 21) AS n$$);

-- Who may: a tenant its own; it sees what the service has, and sums of it, but not who holds it (Q4).
SET client_min_messages = warning;
CREATE ROLE regress_limits IN ROLE sparkingest_tenant;
SELECT sparkingest.grant_tenant(fixture.tenant('Globex'), 'regress_limits');
SELECT fixture.tenant('Acme') AS acme, fixture.tenant('Globex') AS globex \gset
GRANT USAGE ON SCHEMA fixture TO regress_limits;
SET ROLE regress_limits;
SELECT limit_name, quantity FROM sparkingest.limits ORDER BY 1;
SELECT DISTINCT tenant_id = :'globex' AS own FROM sparkingest.reservation_limits;
SELECT * FROM sparkingest.set_limit('mine', 3, :'globex');
SELECT sum(allocated) > 0 AS held FROM sparkingest.limit_load('orders-db', '[2026-03-02 09:00, 2026-03-02 13:00)');
SELECT sparkingest.drop_limit('mine', :'globex');
SELECT r.code, r.message FROM (VALUES ('set_limit(''orders-db'', 1)'), ('drop_limit(''orders-db'')'), (format('set_limit(''x'', 1, %L)', :'acme')), (format('drop_limit(''own-db'', %L)', :'acme')),
    (format('limit_load(''own-db'', ''[2026-03-02 09:00, 2026-03-02 13:00)'', %L)', :'acme'))) AS v (statement), LATERAL fixture.refusal('SELECT sparkingest.' || statement) AS r;
RESET ROLE;
REVOKE USAGE ON SCHEMA fixture FROM regress_limits;
DROP ROLE regress_limits;
-- Rows that others change are told of.
UPDATE sparkingest.limits SET quantity = 6 WHERE limit_name = 'own-db';
SELECT event_type, cause, before ->> 'quantity' AS before, after ->> 'quantity' AS after FROM sparkingest.events ORDER BY event_id DESC LIMIT 1;
SELECT * FROM books.differences();
-- Too much at once: the ledger is made anew.
TRUNCATE sparkingest.reservation_limits;
SELECT sum(allocated) FROM sparkingest.limit_load('own-db', '[2026-03-02 09:00, 2026-03-08 13:00)', fixture.tenant('Acme'));
SELECT * FROM sparkingest.verify_ledger();
UPDATE sparkingest.reservations SET limited = false WHERE limited;
\i :end
