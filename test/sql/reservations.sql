-- Reservations that applications make themselves: take, give back, move; all in the caller's transaction (C3 to C5, C12).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
SELECT sparkingest.create_tenant('Globex') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 100000) IS NOT NULL AS hours;
CREATE FUNCTION pg_temp.held() RETURNS TABLE (tenant text, namespace text, cores numeric, gib numeric, starts_at timestamptz,
    ends_at timestamptz) LANGUAGE sql AS $$
SELECT t.tenant_name, r.namespace, trim_scale(r.cpu_millicores / 1000.0), trim_scale(r.memory_mib / 1024.0), r.starts_at, r.ends_at
  FROM sparkingest.reservations AS r JOIN sparkingest.tenants AS t USING (tenant_id) WHERE r.status = 'active' ORDER BY 5, 1, 2, 3 $$;

-- The whole answer: where, when, and that it is neither borrowed nor a fallback.
SELECT reservation_id IS NOT NULL AS reserved, namespace, starts_at, ends_at, borrowed, draft_fallback, reason, earliest
  FROM sparkingest.reserve(tenant_id => fixture.tenant('Acme'), cpu_cores => 1200.5, memory_gb => 16.5, duration => '1 hour',
      not_before => '2026-03-02 10:00+00');
SELECT * FROM pg_temp.held();
-- No fit: reserve raises and says when; try_reserve answers. Neither takes anything.
SELECT * FROM fixture.refusal($$SELECT sparkingest.reserve(fixture.tenant('Acme'), 1000, 1, '30 minutes', '2026-03-02 10:00+00', '59 minutes')$$);
SELECT reservation_id, namespace, starts_at, borrowed, draft_fallback, reason, earliest FROM sparkingest.try_reserve(fixture.tenant('Acme'),
    1000, 1, '30 minutes', '2026-03-02 10:00+00', '59 minutes');
SELECT reservation_id, reason, earliest FROM sparkingest.try_reserve(fixture.tenant('Acme'), 2001, 1, '30 minutes', '2026-03-02 10:00+00');
SELECT * FROM fixture.refusal($$SELECT sparkingest.reserve(fixture.tenant('Acme'), 2001, 1, '30 minutes')$$);
SELECT starts_at FROM sparkingest.try_reserve(fixture.tenant('Acme'), 1000, 1, '30 minutes', '2026-03-02 10:00+00', '1 hour');
SELECT count(*) FROM pg_temp.held();

-- C4: it is part of the transaction, savepoints included. Reservation, purchase and rows of the application go together.
CREATE TEMPORARY TABLE orders (n int);
BEGIN;
INSERT INTO orders VALUES (1);
SELECT sparkingest.purchase(fixture.tenant('Globex'), 'vcpu_hours', 50) IS NOT NULL AS bought;
SELECT namespace, starts_at FROM sparkingest.reserve(fixture.tenant('Globex'), 10, 1, '10 minutes', '2026-03-02 12:00+00');
SAVEPOINT a;
SELECT namespace, starts_at FROM sparkingest.reserve(fixture.tenant('Globex'), 20, 1, '10 minutes', '2026-03-02 12:00+00');
SAVEPOINT b;
SELECT namespace, starts_at FROM sparkingest.reserve(fixture.tenant('Globex'), 30, 1, '10 minutes', '2026-03-02 12:00+00');
ROLLBACK TO b;
SELECT array_agg(cores) AS inside FROM pg_temp.held() WHERE tenant = 'Globex';
ROLLBACK TO a;
SELECT array_agg(cores) AS inside FROM pg_temp.held() WHERE tenant = 'Globex';
ROLLBACK;
SELECT count(*) AS orders, (SELECT count(*) FROM sparkingest.resource_purchases WHERE tenant_id = fixture.tenant('Globex')) AS purchases,
    (SELECT count(*) FROM pg_temp.held() WHERE tenant = 'Globex') AS reservations FROM orders;
-- A failed statement in between takes nothing with it but itself.
BEGIN;
SELECT sparkingest.purchase(fixture.tenant('Globex'), 'vcpu_hours', 50) IS NOT NULL AS bought;
SELECT starts_at FROM sparkingest.reserve(fixture.tenant('Globex'), 10, 1, '10 minutes', '2026-03-02 12:00+00');
SAVEPOINT a;
SELECT starts_at FROM sparkingest.reserve(fixture.tenant('Globex'), 5000, 1, '10 minutes', '2026-03-02 12:00+00');
ROLLBACK TO a;
COMMIT;
SELECT cores FROM pg_temp.held() WHERE tenant = 'Globex';
-- Twice in one statement: the second sees what the first took.
SELECT count(*) FILTER (WHERE (p).reservation_id IS NOT NULL) AS taken, count(*) AS asked, min((p).reason) AS reason
  FROM (SELECT sparkingest.try_reserve(fixture.tenant('Acme'), 600, 1, '5 minutes', '2026-03-02 13:00+00', '0') AS p FROM generate_series(1, 5)) AS s;
DO $$ BEGIN PERFORM sparkingest.release(reservation_id) FROM sparkingest.reservations WHERE status = 'active'; END $$;

-- C5: a transaction may use again at once what it released itself; a rollback gives it back to the old owner.
SELECT (sparkingest.reserve(fixture.tenant('Acme'), 2000, 4000, '1 hour', '2026-03-02 10:00+00')).reservation_id AS all_of_it \gset
BEGIN;
SELECT sparkingest.release(:'all_of_it');
SELECT starts_at FROM sparkingest.reserve(fixture.tenant('Acme'), 2000, 4000, '1 hour', '2026-03-02 10:00+00', '0');
ROLLBACK;
SELECT * FROM pg_temp.held();
BEGIN;
SAVEPOINT a;
SELECT sparkingest.release(:'all_of_it');
ROLLBACK TO a;
SELECT reason FROM sparkingest.try_reserve(fixture.tenant('Acme'), 1, 1, '1 hour', '2026-03-02 10:00+00', '0');
COMMIT;
-- Released once; the second time there is nothing to do.
SELECT sparkingest.release(:'all_of_it');
SELECT sparkingest.release(:'all_of_it');
SELECT status, released_at FROM sparkingest.reservations WHERE reservation_id = :'all_of_it';
SELECT * FROM fixture.refusal($$SELECT sparkingest.release(gen_random_uuid())$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.release(NULL)$$);

-- Moving: its own old slots count as free, the length stays, the start rounds up.
SELECT (sparkingest.reserve(fixture.tenant('Acme'), 2000, 4000, '1 hour', '2026-03-02 10:00+00')).reservation_id AS mine \gset
SELECT (sparkingest.reserve(fixture.tenant('Acme'), 1, 1, '1 hour', '2026-03-02 14:00+00')).reservation_id AS small \gset
SELECT reservation_id = :'mine' AS same, namespace, starts_at, ends_at FROM sparkingest.move_reservation(:'mine', '2026-03-02 10:10+00');
SELECT starts_at, ends_at FROM sparkingest.move_reservation(:'mine', '2026-03-02 09:55:01+00');
SELECT starts_at, ends_at FROM sparkingest.move_reservation(:'mine', '2026-03-02 10:00+00');
SELECT * FROM fixture.refusal(format('SELECT sparkingest.move_reservation(%L, ''2026-03-02 13:05+00'')', :'mine'));
SELECT * FROM fixture.refusal(format('SELECT sparkingest.move_reservation(%L, ''2026-03-02 14:55+00'')', :'mine'));
SELECT starts_at, ends_at FROM sparkingest.move_reservation(:'mine', '2026-03-02 13:00+00');
SELECT starts_at, ends_at FROM sparkingest.move_reservation(:'mine', '2026-03-02 15:00+00');
BEGIN;
SELECT starts_at FROM sparkingest.move_reservation(:'mine', '2026-03-02 17:00+00');
ROLLBACK;
-- Into the slot that runs, as often as one likes: the length stays.
BEGIN;
SET LOCAL sparkingest.clock = '2026-03-02 09:02:30+00';
SELECT starts_at, ends_at FROM sparkingest.move_reservation(:'mine', '2026-03-02 09:00+00');
SELECT starts_at, ends_at FROM sparkingest.move_reservation(:'mine', '2026-03-02 09:00+00');
ROLLBACK;
SELECT * FROM pg_temp.held();
SELECT argument, r.code, r.message, r.detail FROM (VALUES ('NULL'), ('''infinity'''), ('''-infinity'''), ('''2026-03-01 08:59:59+00'''),
    ('''2026-03-02 08:55+00'''), ('''2026-04-06 09:00:01+00'''), ('''1800-01-01''')) AS v (argument),
    LATERAL fixture.refusal(format('SELECT sparkingest.move_reservation(%L, %s)', :'mine', argument)) AS r;
SELECT * FROM fixture.refusal($$SELECT sparkingest.move_reservation(gen_random_uuid(), '2026-03-02 13:00+00')$$);
SELECT sparkingest.release(:'small');
SELECT * FROM fixture.refusal(format('SELECT sparkingest.move_reservation(%L, ''2026-03-02 13:00+00'')', :'small'));
SELECT event_type, before ->> 'starts_at' AS before, after ->> 'starts_at' AS after FROM sparkingest.events
 WHERE event_type LIKE 'reservation.%' AND :'mine' IN (before ->> 'reservation_id', after ->> 'reservation_id') ORDER BY event_id;
SELECT sparkingest.release(:'mine');

-- C12: dedicated units first, where and when the tenant owns them; then the shared namespace, if its vCPU-hours cover the run.
SELECT sparkingest.purchase(fixture.tenant('Globex'), 'dedicated_units', 2, 'hourly', '2026-03-02 10:00+00') IS NOT NULL AS bought;
SELECT cores, hours, wanted, p.namespace, p.starts_at, p.reason, p.earliest
  FROM (VALUES (8, '30 minutes'::interval, '2026-03-02 10:00+00'::timestamptz), (1, '30 minutes', '2026-03-02 10:00+00'), (8, '30 minutes',
      '2026-03-02 10:00+00'), (9, '10 minutes', '2026-03-02 10:00+00'), (60, '1 hour', '2026-03-02 10:00+00')) AS v (cores, hours, wanted),
       LATERAL sparkingest.try_reserve(fixture.tenant('Globex'), cores, 1, hours, wanted, '0') AS p;
-- A namespace can be named; somebody else's units are out of reach, and the draft namespace is not for production.
SELECT namespace, starts_at FROM sparkingest.reserve(fixture.tenant('Globex'), 1, 1, '5 minutes', '2026-03-02 10:30+00', namespace => 'vcpu-hours-ns');
SELECT reason, earliest FROM sparkingest.try_reserve(fixture.tenant('Acme'), 1, 1, '5 minutes', '2026-03-02 10:30+00', namespace => 'dedicated-cpu-ns');
SELECT namespace, draft_fallback FROM sparkingest.reserve(fixture.tenant('Globex'), 1, 1, '5 minutes', '2026-03-02 10:30+00',
    namespace => 'draft-ingestion-ns');
SELECT * FROM fixture.refusal($$SELECT sparkingest.reserve(fixture.tenant('Globex'), 1, 1, '5 minutes', namespace => 'elsewhere')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.try_reserve(fixture.tenant('Globex'), 1, 1, '5 minutes', namespace => 'elsewhere')$$);
-- Without units or hours there is nothing to reserve.
SELECT sparkingest.create_tenant('Poor') IS NOT NULL AS created;
SELECT * FROM fixture.refusal($$SELECT sparkingest.reserve(fixture.tenant('Poor'), 1, 1, '5 minutes')$$);
SELECT reservation_id, reason, earliest FROM sparkingest.try_reserve(fixture.tenant('Poor'), 1, 1, '5 minutes');
-- What is more than there ever is is refused at once, with the most that there is; also where it is not for want of hours.
SELECT code, message, hint FROM (VALUES ($$2001, 1, '5 minutes'$$), ($$1, 4000.5, '5 minutes', namespace => 'vcpu-hours-ns'$$), ($$50, 1, '5 minutes', namespace => 'draft-ingestion-ns'$$)) AS v (a),
    LATERAL fixture.refusal(format('SELECT sparkingest.reserve(fixture.tenant(''Poor''), %s)', a));
SELECT reason, earliest FROM sparkingest.try_reserve(fixture.tenant('Globex'), 3000, 5000, '5 minutes');

-- Bad values name their argument.
SELECT arguments, r.code, r.message, left(r.detail, 50) AS detail FROM (VALUES
    ('NULL, 1, 1, ''5 min'''), ('t, NULL, 1, ''5 min'''), ('t, 1, NULL, ''5 min'''), ('t, 1, 1, NULL'), ('t, 1, 1, ''5 min'', NULL'),
        ('t, 1, 1, ''5 min'', sla_window => NULL'),
    ('t, 0, 1, ''5 min'''), ('t, -1, 1, ''5 min'''), ('t, 0.0001, 1, ''5 min'''), ('t, 1.0001, 1, ''5 min'''), ('t, ''NaN'', 1, ''5 min'''),
        ('t, ''Infinity'', 1, ''5 min'''), ('t, ''-Infinity'', 1, ''5 min'''), ('t, 1000001, 1, ''5 min'''), ('t, 1e300, 1, ''5 min'''),
    ('t, 1, 0, ''5 min'''), ('t, 1, -8, ''5 min'''), ('t, 1, 0.1, ''5 min'''), ('t, 1, ''NaN'', ''5 min'''), ('t, 1, 1e300, ''5 min'''),
    ('t, 1, 1, ''0'''), ('t, 1, 1, ''-5 min'''), ('t, 1, 1, ''1 month'''), ('t, 1, 1, ''35 days 1 second'''),
        ('t, 1, 1, ''178000000 years'''), ('t, 1, 1, ''1 day -24 hours'''),
    ('t, 1, 1, ''5 min'', ''infinity'''), ('t, 1, 1, ''5 min'', ''-infinity'''), ('t, 1, 1, ''5 min'', ''2026-04-06 09:00:01+00'''),
        ('t, 1, 1, ''5 min'', ''1500-01-01'''), ('t, 1, 1, ''5 min'', ''294000-01-01'''),
    ('t, 1, 1, ''5 min'', sla_window => ''-1 second'''), ('t, 1, 1, ''5 min'', sla_window => ''1 year'''),
        ('t, 1, 1, ''5 min'', sla_window => ''36 days''')) AS v (arguments),
    LATERAL fixture.refusal('SELECT sparkingest.try_reserve(' || replace(arguments, 't, ', 'fixture.tenant(''Acme''), ') || ')') AS r;
\i :end
