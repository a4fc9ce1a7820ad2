-- Unused vCPU-hours: they lapse with their period, or go on into the next one, up to a share, once (M3).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

CREATE FUNCTION pg_temp.books_of(tenant text) RETURNS TABLE (period tstzrange, granted numeric, available numeric, held numeric, spent numeric) LANGUAGE sql AS
$$ SELECT period, granted, available, held, spent FROM sparkingest.balance(fixture.tenant(tenant)) $$;
SELECT sparkingest.create_tenant(name, zone) IS NOT NULL AS created FROM (VALUES ('Acme', 'UTC'), ('None', 'UTC'), ('Zone', 'Europe/Berlin')) AS v (name, zone);
-- 10 hours a day, half of which may go on; the job takes 2 of them.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 10, 'daily', '2026-03-02 09:00+00', '2026-03-05 09:00+00',
    '{"rollover_share": 0.5, "unit_price": 1, "currency": "EUR"}') AS p \gset
SELECT sparkingest.purchase(fixture.tenant('None'), 'vcpu_hours', 10, 'daily', '2026-03-02 09:00+00', '2026-03-05 09:00+00') IS NOT NULL AS without;
SELECT fixture.production_job('Acme', 'copy', 4, 8, 25), fixture.production_job('Acme', 'other', 4, 8, 25);
SELECT fixture.run(sparkingest.run_job(fixture.job('copy')), '30 minutes');
SELECT * FROM pg_temp.books_of('Acme');
-- Not before the end.
SELECT sparkingest.maintain() IS NOT NULL AS done;
-- 8 are left: 5 go on, at once and only once. What has no share lapses.
SET sparkingest.clock = '2026-03-03 09:00:00+00';
SELECT sparkingest.maintain() IS NOT NULL AS done;
SELECT sparkingest.maintain() IS NOT NULL AS done;
SELECT * FROM pg_temp.books_of('Acme');
SELECT * FROM pg_temp.books_of('None');
SELECT event_type, actor, after FROM sparkingest.events WHERE event_type = 'purchase.rolled_over';
SELECT (SELECT price FROM sparkingest.grants AS r WHERE r.rolled_from = g.grant_id) AS price, g.price AS of_it FROM sparkingest.grants AS g
    WHERE purchase_id = :'p' AND starts_at = '2026-03-02 09:00+00';
-- It is drawn first. What is left of it does not go on again.
SELECT sparkingest.run_job(fixture.job('copy')) AS run \gset
SELECT * FROM pg_temp.books_of('Acme');
SELECT fixture.run(:'run', '30 minutes');
-- Runs over the end keep their holds.
SELECT sparkingest.run_job(fixture.job('copy'), at => '2026-03-04 08:50+00') AS run \gset
SELECT sparkingest.run_job(fixture.job('other'), at => '2026-03-04 08:55+00') AS second \gset
SELECT * FROM pg_temp.books_of('Acme');
SET sparkingest.clock = '2026-03-04 08:50:00+00';
SELECT fixture.claim(:'run');
SELECT fixture.start(:'run', '2026-03-04 08:50:00+00');
SET sparkingest.clock = '2026-03-04 08:55:00+00';
SELECT fixture.claim(:'second');
SELECT fixture.start(:'second', '2026-03-04 08:55:00+00');
SELECT fixture.finish(:'run', 'succeeded', '2026-03-04 09:05:00+00');
SET sparkingest.clock = '2026-03-04 09:10:00+00';
SELECT count(*) AS held_still FROM sparkingest.grant_balances WHERE ends_at = '2026-03-04 09:00+00' AND held > 0;
SELECT sparkingest.maintain() IS NOT NULL AS done;
SELECT * FROM pg_temp.books_of('Acme');
SELECT fixture.finish(:'second', 'succeeded', '2026-03-04 09:25:00+00');
SELECT sparkingest.maintain() IS NOT NULL AS done;
SELECT * FROM pg_temp.books_of('Acme');
-- What a run gives back after the end goes the same way, as far as the share allows; of 10 hours 8 are held, and 6 come back.
SELECT sparkingest.create_tenant('Late') IS NOT NULL AS created;
SET sparkingest.clock = '2026-03-02 09:00:00+00';
SELECT sparkingest.purchase(fixture.tenant('Late'), 'vcpu_hours', 10, 'daily', '2026-03-03 09:00+00', options => '{"rollover_share": 0.7}') IS NOT NULL AS hours;
SELECT fixture.production_job('Late', 'long', 4, 8, 100);
SELECT sparkingest.run_job(fixture.job('long'), at => '2026-03-04 08:50+00') AS run \gset
SET sparkingest.clock = '2026-03-04 08:50:00+00';
SELECT fixture.claim(:'run');
SELECT fixture.start(:'run', '2026-03-04 08:50:00+00');
SET sparkingest.clock = '2026-03-04 09:10:00+00';
SELECT sparkingest.maintain() IS NOT NULL AS done;
SELECT * FROM pg_temp.books_of('Late');
SELECT fixture.finish(:'run', 'succeeded', '2026-03-04 09:20:00+00');
SELECT sparkingest.maintain() IS NOT NULL AS done;
SELECT * FROM pg_temp.books_of('Late');
SELECT granted, available, held, spent FROM sparkingest.balance(fixture.tenant('Late'), '2026-03-04 08:59+00');
SELECT entry_type, amount / 3600000.0 AS hours FROM sparkingest.balance_entries WHERE tenant_id = fixture.tenant('Late') AND entry_type IN ('grant', 'lapse') ORDER BY entry_id;
-- After the last period, a day more.
SET sparkingest.clock = '2026-03-05 09:00:00+00';
SELECT sparkingest.maintain() IS NOT NULL AS done;
SELECT * FROM pg_temp.books_of('Acme');
SET sparkingest.clock = '2026-03-06 09:00:00+00';
SELECT sparkingest.maintain() IS NOT NULL AS done;
SELECT * FROM pg_temp.books_of('Acme');

-- Less than the share: all of it, to the last millicore-second. A third of a month, in the zone's months; too late, nothing.
SET sparkingest.clock = '2026-02-28 23:00:00+00';
SELECT sparkingest.purchase(fixture.tenant('Zone'), 'vcpu_hours', 7, 'monthly', '2026-02-28 23:00+00', options => '{"rollover_share": 0.333333}') IS NOT NULL AS month,
    sparkingest.purchase(fixture.tenant('Zone'), 'vcpu_hours', 1, 'hourly', '2026-02-28 23:00+00', options => '{"rollover_share": 1}') IS NOT NULL AS hour,
    sparkingest.purchase(fixture.tenant('Zone'), 'vcpu_hours', 1, 'hourly', '2026-02-28 23:00+00', '2026-03-01 01:00+00', '{"rollover_share": 0.000001}') IS NOT NULL AS hours;
SET sparkingest.clock = '2026-03-01 00:59:59.999998+00';
SELECT sparkingest.maintain() IS NOT NULL AS done;
SELECT g.starts_at, g.ends_at, g.granted FROM sparkingest.grants AS g WHERE tenant_id = fixture.tenant('Zone') AND rolled_from IS NOT NULL ORDER BY 1, 3;
SET sparkingest.clock = '2026-03-31 22:00:00+00';
SELECT sparkingest.maintain() IS NOT NULL AS done;
SELECT g.starts_at, g.ends_at, g.granted FROM sparkingest.grants AS g WHERE tenant_id = fixture.tenant('Zone') AND rolled_from IS NOT NULL ORDER BY 1, 3;

-- The next period is the purchase's: after February the 31st is the last day again.
SELECT sparkingest.create_tenant('Months') IS NOT NULL AS created;
SET sparkingest.clock = '2026-01-31 00:00:00+00';
SELECT sparkingest.purchase(fixture.tenant('Months'), 'vcpu_hours', 1, 'monthly', '2026-01-31 00:00+00', '2026-03-31 00:00+00', '{"rollover_share": 1}') IS NOT NULL AS bought;
SET sparkingest.clock = '2026-02-28 00:00:00+00';
SELECT sparkingest.maintain() IS NOT NULL AS done;
SELECT period, available FROM pg_temp.books_of('Months');

-- A cancellation cuts what was rolled over too; what it cut off does not go on, what ended before it does, as far as it.
SELECT sparkingest.create_tenant('Ends') IS NOT NULL AS created;
SET sparkingest.clock = '2026-03-02 09:00:00+00';
SELECT sparkingest.purchase(fixture.tenant('Ends'), 'vcpu_hours', 10, 'daily', '2026-03-02 09:00+00', '2026-03-05 09:00+00', '{"rollover_share": 1}') AS p \gset
SET sparkingest.clock = '2026-03-03 10:00:00+00';
SELECT sparkingest.maintain() IS NOT NULL AS done;
SELECT count(*) FROM sparkingest.cancel_purchase(:'p', '2026-03-03 21:00+00');
SELECT starts_at, ends_at, granted / 3600000 AS hours, rolled_from IS NOT NULL AS rolled FROM sparkingest.grants WHERE purchase_id = :'p' ORDER BY 1, 4;
SET sparkingest.clock = '2026-03-03 22:00:00+00';
SELECT sparkingest.maintain() IS NOT NULL AS done;
SELECT * FROM pg_temp.books_of('Ends');
\i :end
