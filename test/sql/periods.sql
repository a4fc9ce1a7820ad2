-- Purchases that end in the calendar: a first part of a period is prorated by seconds, later periods are whole (M2). What they
-- cost, and what volume takes off.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant(name, zone) IS NOT NULL AS created
  FROM (VALUES ('Acme', 'UTC'), ('Berlin', 'Europe/Berlin'), ('Kolkata', 'Asia/Kolkata'), ('Lord Howe', 'Australia/Lord_Howe'),
      ('Apia', 'Pacific/Apia'), ('Santiago', 'America/Santiago'), ('Havana', 'America/Havana')) AS v (name, zone);
CREATE FUNCTION pg_temp.bought(purchase uuid) RETURNS TABLE (starts_at timestamptz, ends_at timestamptz, vcpu_hours numeric, cores numeric, price numeric)
LANGUAGE sql AS $$
SELECT g.starts_at, g.ends_at, trim_scale(g.granted / 3600000.0), trim_scale(g.cpu_millicores / 1000.0), g.price FROM sparkingest.grants AS g WHERE g.purchase_id = purchase ORDER BY 1
$$;

-- From the 5th to a first of a month: 27 days of March's 31, then whole months.
SELECT * FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 310, 'monthly', '2026-03-05 00:00+00', '2026-06-01 00:00+00'));
-- It may end with the part. What is left over of the last millicore-second is not granted.
SELECT * FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, 'yearly', '2026-12-31 23:59:58.5+00', '2027-01-01 00:00+00'));
SELECT granted FROM sparkingest.grants WHERE ends_at = '2027-01-01 00:00+00';
SELECT * FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, 'yearly', '2027-12-31 23:59:59.999999+00', '2029-01-01 00:00+00'));
-- A leap day is a part of its year and month.
SELECT * FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 366, 'yearly', '2028-02-29 00:00+00', '2029-01-01 00:00+00'));
SELECT * FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 29, 'monthly', '2028-02-29 00:00+00', '2028-03-01 00:00+00'));
-- A day of 23 hours, from three o'clock on; one of 25 hours, from the second two o'clock on.
SELECT * FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Berlin'), 'vcpu_hours', 23, 'daily', '2026-03-29 03:00+02', '2026-03-31 00:00+02'));
SELECT * FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Berlin'), 'vcpu_hours', 25, 'daily', '2026-10-25 02:00+01', '2026-10-26 00:00+01'));
SELECT * FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Berlin'), 'vcpu_hours', 743, 'monthly', '2026-03-31 00:00+02', '2026-05-01 00:00+02'));
-- Whole hours of the zone: at half past by UTC. Lord Howe's of 2 o'clock has an hour and a half.
SELECT * FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Kolkata'), 'vcpu_hours', 60, 'hourly', '2026-03-02 09:10+05:30', '2026-03-02 11:00+05:30'));
SELECT * FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Lord Howe'), 'vcpu_hours', 90, 'hourly', '2026-04-05 01:20+11', '2026-04-05 03:00+10:30'));
-- Samoa left out 30 December 2011; Santiago leaves out a midnight, Havana has one twice.
SELECT * FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Apia'), 'vcpu_hours', 24, 'daily', '2011-12-29 06:00-10', '2012-01-01 00:00+14'));
SELECT * FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Santiago'), 'vcpu_hours', 23, 'daily', '2026-09-06 02:00-03', '2026-09-08 00:00-03'));
SELECT * FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Havana'), 'vcpu_hours', 25, 'daily', '2026-10-31 12:00-04', '2026-11-02 00:00-05'));
-- An end that is both is counted from the start, as ever: whole, though the calendar would cut it (one o'clock is when the day begins).
SELECT * FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 10, 'monthly', '2026-02-01 00:00+00', '2026-04-01 00:00+00'));
SELECT * FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Santiago'), 'vcpu_hours', 23, 'daily', '2026-09-05 01:00-04', '2026-09-06 01:00-03'));
-- Where it is neither: the nearest of both.
SELECT r.code, r.message, r.detail FROM (VALUES ('monthly', '2026-03-05 00:00+00', '2026-04-06 00:00+00'), ('monthly', '2026-03-05 00:00+00', '2026-03-06 00:00+00'),
    ('monthly', '2026-03-05 00:00+00', '2026-04-28 00:00+00'), ('daily', '2026-03-05 10:00+00', '2026-03-07 00:00:01+00'),
    ('daily', '2026-03-05 10:00+00', '2026-03-05 10:00:01+00'), ('hourly', '2026-03-05 10:10+00', '2026-03-05 12:09:59.999999+00'),
    ('yearly', '2028-02-29 00:00+00', '2029-02-27 00:00+00')) AS v (period, start, until),
    LATERAL fixture.refusal(format('SELECT sparkingest.purchase(fixture.tenant(''Acme''), ''vcpu_hours'', 1, %L, %L, %L)', period, start, until)) AS r;
SELECT r.code, r.message, r.detail FROM (VALUES ('Kolkata', 'daily', '2026-03-05 10:00+00', '2026-03-07 00:00+00'),
    ('Havana', 'daily', '2026-10-31 12:00-04', '2026-11-01 00:00-04')) AS v (tenant, period, start, until),
    LATERAL fixture.refusal(format('SELECT sparkingest.purchase(fixture.tenant(%L), ''vcpu_hours'', 1, %L, %L, %L)', tenant, period, start, until)) AS r;
-- At most so many periods, also in the calendar.
SELECT r.code, r.message FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, 'hourly', '2026-03-05 10:10+00', '2027-06-01 00:00+00')$$) AS r;
SELECT count(*) FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1000000, 'hourly', '2026-03-05 10:10+00',
    '2026-03-05 10:00+00'::timestamptz + 10000 * '1 hour'::interval));

-- Units are capacity: all of them, for a shorter time; only the price is prorated.
SELECT * FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 3, 'monthly', '2026-03-16 12:00+00', '2026-05-01 00:00+00',
    '{"unit_price": 310, "currency": "EUR"}'));
-- M10 looks at the part too.
SELECT r.code, r.message, r.detail FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Berlin'), 'dedicated_units', 98, 'daily', '2026-03-16 13:00+01', '2026-03-17 00:00+01')$$) AS r;
SELECT count(*), sum(ends_at - starts_at) FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Berlin'), 'dedicated_units', 98, 'hourly', '2026-03-16 03:20+01',
    '2026-03-16 13:00+01'));

-- Volume discounts are data: the largest step that the quantity reaches, by type and period. What was bought keeps its price.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 500, 'monthly', options => '{"unit_price": 0.05, "currency": "EUR"}') AS before_it \gset
SELECT sparkingest.set_discount('vcpu_hours', 'monthly', 100, 0.1), sparkingest.set_discount('vcpu_hours', 'monthly', 500, 0.15),
    sparkingest.set_discount('vcpu_hours', 'yearly', 1, 0.333333), sparkingest.set_discount('dedicated_units', 'monthly', 1, 1);
CREATE TEMPORARY TABLE volumes AS SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', q, 'monthly', options => '{"unit_price": 0.05, "currency": "EUR"}') AS purchase_id
    FROM unnest(ARRAY[99, 100, 499, 500, 1000000]) AS q;
SELECT quantity, unit_price, discount, currency, price FROM volumes JOIN sparkingest.resource_purchases USING (purchase_id), LATERAL pg_temp.bought(purchase_id) ORDER BY 1;
SELECT p.discount, g.price FROM sparkingest.resource_purchases AS p, LATERAL pg_temp.bought(purchase_id) AS g WHERE purchase_id = :'before_it';
-- Without a price there is nothing to take off.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 500, 'monthly') AS p \gset
SELECT discount, price FROM sparkingest.resource_purchases, LATERAL pg_temp.bought(purchase_id) WHERE purchase_id = :'p';
-- A statement adds them up: each is rounded once, half a millionth up.
SELECT count(*), sum(price) FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 7, 'yearly', '2026-05-02 00:00+00', '2030-01-01 00:00+00',
    '{"unit_price": 999999999999, "currency": "JPY"}'));
SELECT price FROM pg_temp.bought(sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, 'hourly', '2026-03-02 09:30+00', '2026-03-02 10:00+00',
    '{"unit_price": 0.000001, "currency": "EUR"}'));
SELECT sparkingest.set_discount('vcpu_hours', 'monthly', 500, NULL);
SELECT sparkingest.set_discount('vcpu_hours', 'monthly', 100, 0.2);
SELECT resource_type, time_period, from_quantity, share FROM sparkingest.discounts ORDER BY 1, 2, 3;
SELECT before, after, actor = current_user AS by_me FROM sparkingest.events WHERE event_type = 'discount.set' ORDER BY event_id;
SELECT arguments, r.code, r.message FROM unnest(ARRAY['NULL, ''monthly'', 1, 0.1', '''vcpu_hours'', NULL, 1, 0.1', '''vcpu_hours'', ''monthly'', NULL, 0.1', '''gpu'', ''monthly'', 1, 0.1',
    '''vcpu_hours'', ''weekly'', 1, 0.1', '''vcpu_hours'', ''monthly'', 0, 0.1', '''vcpu_hours'', ''monthly'', 1000001, 0.1', '''vcpu_hours'', ''monthly'', 1, -0.1',
    '''vcpu_hours'', ''monthly'', 1, 1.000001', '''vcpu_hours'', ''monthly'', 1, ''NaN''']) AS arguments, LATERAL fixture.refusal('SELECT sparkingest.set_discount(' || arguments || ')') AS r;

-- Rollover is a matter of vCPU-hours (M3).
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 5, options => '{"rollover_share": 0.25}') AS p \gset
SELECT rollover_share FROM sparkingest.resource_purchases WHERE purchase_id = :'p';
SELECT arguments, r.code, r.message FROM unnest(ARRAY['''vcpu_hours'', 1, options => ''{"rollover_share": 1.000001}''', '''vcpu_hours'', 1, options => ''{"rollover_share": -0.1}''',
    '''vcpu_hours'', 1, options => ''{"rollover_share": "0.1"}''', '''dedicated_units'', 1, options => ''{"rollover_share": 0}''']) AS arguments,
    LATERAL fixture.refusal('SELECT sparkingest.purchase(fixture.tenant(''Acme''), ' || arguments || ')') AS r;

-- Purchases that overlap add up, and what begins later counts from then.
SELECT sparkingest.create_tenant('Sum') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Sum'), 'vcpu_hours', 10, 'daily', '2026-03-02 09:00+00') IS NOT NULL AS today,
    sparkingest.purchase(fixture.tenant('Sum'), 'vcpu_hours', 5, 'daily', '2026-03-02 00:00+00') IS NOT NULL AS since_midnight,
    sparkingest.purchase(fixture.tenant('Sum'), 'vcpu_hours', 100, 'daily', '2026-03-02 12:00+00') IS NOT NULL AS from_noon,
    sparkingest.purchase(fixture.tenant('Sum'), 'dedicated_units', 1, 'daily', '2026-03-02 09:00+00') IS NOT NULL AS unit,
    sparkingest.purchase(fixture.tenant('Sum'), 'dedicated_units', 2, 'daily', '2026-03-02 12:00+00') IS NOT NULL AS two_more;
SELECT at, (SELECT COALESCE(sum(available), 0) FROM sparkingest.balance(fixture.tenant('Sum'), at)) AS available,
    sparkingest.usage(fixture.tenant('Sum'), at) #>> '{dedicated_units,units}' AS units
  FROM unnest(ARRAY['2026-03-01 23:59:59.999999+00', '2026-03-02 00:00+00', '2026-03-02 09:00+00', '2026-03-02 11:59:59.999999+00', '2026-03-02 12:00+00',
      '2026-03-03 00:00+00', '2026-03-03 09:00+00', '2026-03-03 12:00+00']::timestamptz[]) AS at;
-- 4 cores for 4 hours cost 16 hours: now there are 15, at noon there is enough.
SELECT reason IS NOT NULL AS refused FROM sparkingest.try_reserve(fixture.tenant('Sum'), 4, 8, '4 hours', '2026-03-02 09:00+00', '0', 'vcpu-hours-ns');
SELECT starts_at FROM sparkingest.try_reserve(fixture.tenant('Sum'), 4, 8, '4 hours', '2026-03-02 12:00+00', '0', 'vcpu-hours-ns');
SELECT starts_at FROM sparkingest.try_reserve(fixture.tenant('Sum'), 12, 24, '1 hour', '2026-03-02 09:00+00', '12 hours', 'dedicated-cpu-ns');
\i :end
