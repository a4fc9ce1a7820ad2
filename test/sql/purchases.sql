-- Purchases: units and hours, expanded to one grant per period of the tenant's calendar (M1, M2, M10, J8).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant(name, zone) IS NOT NULL AS created
  FROM (VALUES ('Acme', 'UTC'), ('Berlin', 'Europe/Berlin'), ('Kolkata', 'Asia/Kolkata'), ('Lord Howe', 'Australia/Lord_Howe'), ('Apia',
      'Pacific/Apia')) AS v (name, zone);
CREATE FUNCTION pg_temp.grants_of(purchase uuid)
RETURNS TABLE (starts_at timestamptz, ends_at timestamptz, hours numeric, cores numeric, gib numeric, vcpu_hours numeric) LANGUAGE sql AS $$
SELECT g.starts_at, g.ends_at, trim_scale(extract(epoch FROM g.ends_at - g.starts_at) / 3600), trim_scale(g.cpu_millicores / 1000.0),
       trim_scale(g.memory_mib / 1024.0), trim_scale(g.granted / 3600000.0)
  FROM sparkingest.grants AS g WHERE g.purchase_id = purchase ORDER BY 1
$$;

-- The least that one can say: one month of hours from now.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 100) AS p \gset
SELECT resource_type, quantity, time_period, valid_from, valid_until, lending_limit, priority, unit_price, currency, status
    FROM sparkingest.resource_purchases WHERE purchase_id = :'p';
SELECT starts_at, ends_at, vcpu_hours, cores, gib FROM pg_temp.grants_of(:'p');
-- M1: a unit is 4 cores and 8 GiB.
SELECT sparkingest.purchase(tenant_id => fixture.tenant('Acme'), resource_type => 'dedicated_units', quantity => 3, time_period => 'daily',
    valid_from => '2026-03-10 00:00+00', options => '{"lending_limit": 2, "priority": -5, "unit_price": 12.345678, "currency": "EUR"}') AS p \gset
SELECT quantity, valid_from, valid_until, lending_limit, priority, unit_price, currency FROM sparkingest.resource_purchases WHERE purchase_id = :'p';
SELECT starts_at, ends_at, cores, gib, vcpu_hours FROM pg_temp.grants_of(:'p');

-- M2: the quantity is per period. Month ends do not drift: counted from the first start, clamped to each month.
SELECT starts_at, ends_at, vcpu_hours FROM pg_temp.grants_of(sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 7, 'monthly',
    '2027-08-31 10:00+00', '2028-03-31 10:00+00'));
SELECT starts_at, ends_at FROM pg_temp.grants_of(sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 7, 'yearly',
    '2028-02-29 00:00+00', '2032-02-29 00:00+00'));
-- Days and months are those of the tenant's zone; an hour is an hour.
SELECT starts_at, ends_at, hours FROM pg_temp.grants_of(sparkingest.purchase(fixture.tenant('Berlin'), 'vcpu_hours', 1, 'daily',
    '2026-03-28 00:00+01', '2026-03-31 00:00+02'));
SELECT starts_at, ends_at, hours FROM pg_temp.grants_of(sparkingest.purchase(fixture.tenant('Berlin'), 'vcpu_hours', 1, 'daily',
    '2026-10-24 00:00+02', '2026-10-27 00:00+01'));
SELECT starts_at AT TIME ZONE 'Europe/Berlin' AS from_local, ends_at AT TIME ZONE 'Europe/Berlin' AS until_local, hours
  FROM pg_temp.grants_of(sparkingest.purchase(fixture.tenant('Berlin'), 'vcpu_hours', 1, 'monthly', '2026-10-01 00:00+02', '2026-12-01 00:00+01'));
SELECT starts_at, ends_at, hours FROM pg_temp.grants_of(sparkingest.purchase(fixture.tenant('Berlin'), 'vcpu_hours', 1, 'hourly',
    '2026-10-25 00:00+00', '2026-10-25 03:00+00'));
SELECT starts_at, ends_at, hours FROM pg_temp.grants_of(sparkingest.purchase(fixture.tenant('Lord Howe'), 'vcpu_hours', 1, 'daily',
    '2026-04-04 00:00+11', '2026-04-06 00:00+10:30'));
SELECT starts_at, ends_at, hours FROM pg_temp.grants_of(sparkingest.purchase(fixture.tenant('Kolkata'), 'vcpu_hours', 1, 'daily', '2026-04-04 00:00+05:30'));
-- A day that would begin in the gap of spring begins as much later, and the next one in time again.
SELECT starts_at, ends_at, hours FROM pg_temp.grants_of(sparkingest.purchase(fixture.tenant('Berlin'), 'vcpu_hours', 1, 'daily',
    '2026-03-28 02:30+01', '2026-03-30 02:30+02'));
-- Neither gap nor overlap between grants, in many zones, for years: each begins where the one before it ends.
CREATE TEMPORARY TABLE chain AS
SELECT z.name AS zone, period, sparkingest.create_tenant(z.name || period, z.name) AS tenant_id, start,
    (start AT TIME ZONE z.name + n * step) AT TIME ZONE z.name AS until, n
  FROM (VALUES ('Europe/Berlin'), ('America/New_York'), ('Australia/Lord_Howe'), ('America/Santiago'), ('Africa/Casablanca'), ('Asia/Tehran')) AS z (name),
       (VALUES ('daily', '1 day'::interval, '2026-03-03 12:30:00+00'::timestamptz, 1500), ('monthly', '1 month',
           '2026-05-31 12:59:59.999999+00', 100)) AS p (period, step, start, n);
CREATE TEMPORARY TABLE bought AS SELECT period, sparkingest.purchase(tenant_id, 'vcpu_hours', 3, period, start, until) AS purchase_id FROM chain;
SELECT b.period, count(DISTINCT b.purchase_id) AS purchases, count(*) AS grants, count(*) FILTER (WHERE g.previous <> g.starts_at) AS torn,
       count(*) FILTER (WHERE g.granted = 3 * 3600000) AS full_quantity
  FROM bought AS b, LATERAL (SELECT *, lag(ends_at) OVER (ORDER BY starts_at) AS previous FROM sparkingest.grants WHERE purchase_id = b.purchase_id) AS g
 GROUP BY b.period ORDER BY 1;
-- Samoa left out 30 December 2011.
SELECT starts_at, ends_at, hours FROM pg_temp.grants_of(sparkingest.purchase(fixture.tenant('Apia'), 'vcpu_hours', 1, 'daily',
    '2011-12-29 00:00-10', '2012-01-01 00:00+14'));
-- The end of a purchase must be the end of a period; the message says which is next.
SELECT * FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, 'monthly', '2026-03-05', '2026-04-06')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, 'monthly', '2026-03-05', '2026-03-06')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, 'daily', '2026-03-05', '2026-03-05')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, 'daily', '2026-03-05', '2026-03-04')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, 'hourly', '2026-03-05', '2028-03-05')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, 'monthly', 'infinity')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, 'monthly', now(), 'infinity')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, 'monthly', '-infinity')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, 'monthly', '4713-01-01 BC')$$);

-- Bad values, one at a time.
SELECT arguments, r.code, r.message, r.detail FROM (VALUES
    ($$NULL, 'vcpu_hours', 1$$), ($$t, NULL, 1$$), ($$t, 'vcpu_hours', NULL$$), ($$t, 'vcpu_hours', 1, NULL$$),
    ($$t, 'gpu_hours', 1$$), ($$t, 'VCPU_HOURS', 1$$), ($$t, '', 1$$),
    ($$t, 'vcpu_hours', 0$$), ($$t, 'vcpu_hours', -1$$), ($$t, 'vcpu_hours', 1000001$$), ($$t, 'vcpu_hours', 2147483647$$), ($$t, 'vcpu_hours', -2147483648$$),
    ($$t, 'vcpu_hours', 1, 'weekly'$$), ($$t, 'vcpu_hours', 1, ''$$),
    ($$t, 'vcpu_hours', 1, options => '[]'$$), ($$t, 'vcpu_hours', 1, options => '"x"'$$), ($$t, 'vcpu_hours', 1, options => 'null'$$),
    ($$t, 'vcpu_hours', 1, options => '{"colour": 1}'$$), ($$t, 'vcpu_hours', 1, options => '{"priority": "high"}'$$),
    ($$t, 'vcpu_hours', 1, options => '{"priority": 1.5}'$$), ($$t, 'vcpu_hours', 1, options => '{"priority": 1001}'$$),
    ($$t, 'vcpu_hours', 1, options => '{"lending_limit": 1}'$$), ($$t, 'dedicated_units', 2, options => '{"lending_limit": 3}'$$),
    ($$t, 'dedicated_units', 2, options => '{"lending_limit": -1}'$$), ($$t, 'dedicated_units', 2, options => '{"lending_limit": 0.5}'$$),
    ($$t, 'vcpu_hours', 1, options => '{"unit_price": 1}'$$), ($$t, 'vcpu_hours', 1, options => '{"currency": "EUR"}'$$),
    ($$t, 'vcpu_hours', 1, options => '{"unit_price": -1, "currency": "EUR"}'$$),
        ($$t, 'vcpu_hours', 1, options => '{"unit_price": 0.0000001, "currency": "EUR"}'$$),
    ($$t, 'vcpu_hours', 1, options => '{"unit_price": 1e12, "currency": "EUR"}'$$),
        ($$t, 'vcpu_hours', 1, options => '{"unit_price": "1", "currency": "EUR"}'$$),
    ($$t, 'vcpu_hours', 1, options => '{"unit_price": 1, "currency": "eur"}'$$), ($$t, 'vcpu_hours', 1, options => '{"unit_price": 1, "currency": "EURO"}'$$),
    ($$t, 'vcpu_hours', 1, options => '{"unit_price": 1, "currency": 978}'$$), ($$gen_random_uuid(), 'vcpu_hours', 1$$)) AS v (arguments),
    LATERAL fixture.refusal('SELECT sparkingest.purchase(' || replace(arguments, 't, ', 'fixture.tenant(''Acme''), ') || ')') AS r;
-- What is at the edge is good.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1000000,
    options => '{"unit_price": 999999999999, "currency": "JPY", "lending_limit": null}') AS p \gset
SELECT quantity, unit_price, lending_limit FROM sparkingest.resource_purchases WHERE purchase_id = :'p';

-- J8. A start that was left out is the same in both calls, whatever the time.
SELECT sparkingest.purchase(fixture.tenant('Kolkata'), 'vcpu_hours', 5, idempotency_key => 'order 1') AS p \gset
SET sparkingest.clock = '2026-03-02 09:00:07+00';
SELECT sparkingest.purchase(fixture.tenant('Kolkata'), 'vcpu_hours', 5, idempotency_key => 'order 1') = :'p' AS same;
-- Nor does it matter how the client writes dates, or where it is.
SELECT sparkingest.purchase(fixture.tenant('Kolkata'), 'vcpu_hours', 6, valid_from => '2026-03-04 00:00+00', idempotency_key => 'order 2') AS p2 \gset
BEGIN;
SET LOCAL timezone = 'Asia/Tokyo';
SET LOCAL datestyle = 'German';
SELECT sparkingest.purchase(fixture.tenant('Kolkata'), 'vcpu_hours', 6, valid_from => '2026-03-04 09:00+09', idempotency_key => 'order 2') = :'p2' AS same;
ROLLBACK;
SELECT * FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Kolkata'), 'vcpu_hours', 6, idempotency_key => 'order 1')$$);
SELECT *
    FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Kolkata'), 'vcpu_hours', 5, idempotency_key => 'order 1', options => '{"priority": 1}')$$);
SELECT *
    FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Kolkata'), 'vcpu_hours', 5, valid_from => '2026-03-02 09:00:00+00', idempotency_key => 'order 1')$$);
-- Keys belong to a tenant.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 5, idempotency_key => 'order 1') <> :'p' AS another;
SELECT count(*) FROM sparkingest.resource_purchases WHERE tenant_id = fixture.tenant('Kolkata') AND quantity = 5;
SET sparkingest.clock = '2026-03-02 09:00:00+00';

-- M10: at no instant are more units sold than there physically are: 400 cores are 100 units, of which 3 are sold on 10 March.
SELECT sparkingest.purchase(fixture.tenant('Berlin'), 'dedicated_units', 97, 'daily', '2026-03-10 00:00+00',
    '2026-03-11 00:00+00') IS NOT NULL AS all_that_is_left;
SELECT * FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 1, 'hourly', '2026-03-10 23:00+00')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 101, 'hourly', '2026-03-20 23:00+00')$$);
-- Not only on the first day: a month from the 1st runs over the 10th.
SELECT * FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 1, 'monthly', '2026-03-01 00:00+00')$$);
-- Next to it there is room, and periods that only touch do not add up.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 100, 'daily', '2026-03-11 00:00+00') IS NOT NULL AS after_it;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 100, 'daily', '2026-03-09 00:00+00') IS NOT NULL AS before_it;
-- Two halves that meet in the middle of a third.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 60, 'hourly', '2026-05-01 10:00+00') IS NOT NULL AS first,
       sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 60, 'hourly', '2026-05-01 11:00+00') IS NOT NULL AS second;
SELECT * FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Berlin'), 'dedicated_units', 41, 'daily', '2026-05-01 00:00+00')$$);
SELECT sparkingest.purchase(fixture.tenant('Berlin'), 'dedicated_units', 40, 'daily', '2026-05-01 00:00+00') IS NOT NULL AS fits;

SELECT event_type, count(*) FROM sparkingest.events WHERE event_type LIKE 'purchase%' GROUP BY 1;
\i :end
