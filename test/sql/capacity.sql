-- Capacity on the time axis: slots, totals that change with time, and the earliest fit (C1, C2, C8, C9).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
SELECT sparkingest.create_tenant('Globex') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 100000) IS NOT NULL AS hours;
CREATE FUNCTION pg_temp.slots(namespace text, during tstzrange, tenant_id uuid DEFAULT NULL)
RETURNS TABLE (time_slot timestamptz, total_cpu numeric, total_gib numeric, allocated_cpu numeric, allocated_gib numeric) LANGUAGE sql AS
$$ SELECT time_slot, total_cpu_capacity, total_memory_capacity, allocated_cpu, allocated_memory FROM sparkingest.capacity(namespace, during, tenant_id) $$;

-- The design's columns; three namespaces, a day ahead, from the slot that runs.
SELECT namespace, count(*) AS slots, min(time_slot) AS first, max(time_slot) AS last, min(slot_duration_minutes) AS minutes, min(total_cpu_capacity) AS cores,
       min(total_memory_capacity) AS gib, max(allocated_cpu) AS allocated_cpu, max(allocated_memory) AS allocated_gib
  FROM sparkingest.capacity_slots GROUP BY namespace ORDER BY namespace;
SELECT * FROM sparkingest.capacity('vcpu-hours-ns', '[2026-03-02 09:00, 2026-03-02 09:10)');
-- An interval touches the slots that it reaches into; bounds count.
SELECT during, (SELECT array_agg(to_char(time_slot, 'HH24:MI') ORDER BY time_slot) FROM sparkingest.capacity('draft-ingestion-ns', during)) AS slots
  FROM (VALUES ('[2026-03-02 09:01, 2026-03-02 09:02)'::tstzrange), ('[2026-03-02 09:00, 2026-03-02 09:05)'), ('[2026-03-02 09:00, 2026-03-02 09:05]'),
               ('(2026-03-02 09:04:59.999999, 2026-03-02 09:06)'), ('[2026-03-02 09:05, 2026-03-02 09:05]'),
                   ('[2026-03-02 08:00, 2026-03-02 08:05)')) AS v (during);
SELECT during, r.code, r.message, r.detail, r.hint FROM (VALUES ('NULL'), ($$'empty'$$), ($$'[2026-03-02 10:00,)'$$),
    ($$'(,2026-03-02 10:00]'$$), ($$'(2026-03-02 10:00,2026-03-02 10:00:00.000001)'$$),
    ($$'[2026-03-02 10:00,infinity)'$$), ($$'[2026-03-02 10:00,2026-04-06 09:00:00.000001)'$$), ($$'[2026-02-01 00:00,2026-04-01 00:00)'$$),
        ($$'[1700-01-01,1700-01-02)'$$)) AS v (during),
    LATERAL fixture.refusal(format('SELECT * FROM sparkingest.capacity(''vcpu-hours-ns'', %s)', during)) AS r;
SELECT * FROM fixture.refusal($$SELECT * FROM sparkingest.capacity('elsewhere', '[2026-03-02 10:00,2026-03-02 11:00)')$$);
SELECT * FROM fixture.refusal($$SELECT * FROM sparkingest.capacity(NULL, '[2026-03-02 10:00,2026-03-02 11:00)')$$);
SELECT * FROM fixture.refusal($$SELECT * FROM sparkingest.capacity('vcpu-hours-ns', '[2026-03-02 10:00,2026-03-02 11:00)', gen_random_uuid())$$);

-- C1: a reservation holds every slot that it touches, and both resources.
SELECT starts_at, ends_at FROM sparkingest.reserve(fixture.tenant('Acme'), 1500, 1000, '12 minutes', '2026-03-02 09:10+00', '0');
SELECT * FROM pg_temp.slots('vcpu-hours-ns', '[2026-03-02 09:05, 2026-03-02 09:30)');
-- 501 cores fit before it and after it; 500 anywhere. Neither 501 cores nor 3001 GiB fit across any of its slots.
SELECT cores, gib, duration, sparkingest.find_slot('vcpu-hours-ns', cores, gib, duration, '2026-03-02 09:00+00', '1 hour') AS earliest
  FROM (VALUES (501, 1, '10 minutes'::interval), (501, 1, '11 minutes'), (500, 3000, '11 minutes'), (1, 3001, '11 minutes'), (2000, 4000,
      '5 minutes'), (2000.001, 1, '5 minutes'), (1, 4000.0009765625, '5 minutes')) AS v (cores, gib, duration);
-- C2: starts round up to the grid, ends round up; work wanted in the slot that runs may begin in it.
SET sparkingest.clock = '2026-03-02 09:02:30+00';
SELECT wanted, (r.p).starts_at, (r.p).ends_at FROM (VALUES ('2026-03-02 09:00+00'::timestamptz), ('2026-03-02 09:02:30+00'),
    ('2026-03-02 09:05+00'), ('2026-03-02 09:05:00.000001+00'), ('2026-03-02 10:59:59+00')) AS v (wanted),
    LATERAL (SELECT sparkingest.try_reserve(fixture.tenant('Acme'), 1, 1, '5 minutes', wanted, '1 hour') AS p) AS r;
SELECT d AS duration, ends_at - starts_at AS reserved FROM (VALUES ('1 microsecond'::interval), ('5 minutes'), ('5 minutes 1 microsecond'),
    ('1 day'), ('35 days')) AS v (d),
    LATERAL sparkingest.try_reserve(fixture.tenant('Acme'), 0.001, 0.0009765625, d, '2026-03-02 11:00+00', '1 hour') AS r;
SET sparkingest.clock = '2026-03-02 09:00:00+00';
DO $$ BEGIN PERFORM sparkingest.release(reservation_id) FROM sparkingest.reservations; END $$;
SELECT count(*) AS taken FROM sparkingest.capacity_slots WHERE allocated_cpu > 0 OR allocated_memory > 0;

-- C8: the first start at which the whole length fits, inside the window, else none. Fill 10:00 to 11:00 but for a gap of 10 minutes.
SELECT starts_at, ends_at FROM sparkingest.reserve(fixture.tenant('Acme'), 2000, 1, '20 minutes', '2026-03-02 10:00+00');
SELECT starts_at, ends_at FROM sparkingest.reserve(fixture.tenant('Acme'), 2000, 1, '30 minutes', '2026-03-02 10:30+00');
SELECT duration, sla_window, sparkingest.find_slot('vcpu-hours-ns', 1, 1, duration, '2026-03-02 10:00+00', sla_window) AS earliest
  FROM (VALUES ('10 minutes'::interval, '24 hours'::interval), ('10 minutes 1 second', '24 hours'), ('10 minutes', '20 minutes'),
      ('10 minutes', '19 minutes 59 seconds'), ('15 minutes', '59 minutes'), ('15 minutes', '1 hour'), ('10 minutes', '0')) AS v (duration,
      sla_window);
-- find_slot takes nothing, however often.
SELECT count(DISTINCT sparkingest.find_slot('vcpu-hours-ns', 2000, 4000, '5 minutes', '2026-03-02 12:00+00')) FROM generate_series(1, 5);
SELECT count(*) FROM sparkingest.reservations WHERE status = 'active';
DO $$ BEGIN PERFORM sparkingest.release(reservation_id) FROM sparkingest.reservations; END $$;
-- The horizon.
SELECT sparkingest.find_slot('vcpu-hours-ns', 1, 1, '1 hour', '2026-04-06 09:00+00') AS at_its_end;
SELECT * FROM fixture.refusal($$SELECT sparkingest.find_slot('vcpu-hours-ns', 1, 1, '1 hour', '2026-04-06 09:00:00.000001+00')$$);
SET sparkingest.horizon_days = 36;
SELECT sparkingest.find_slot('vcpu-hours-ns', 1, 1, '1 hour', '2026-04-06 09:00:00.000001+00') AS further;
RESET sparkingest.horizon_days;
-- The past is not for sale: what is wanted there starts now.
SELECT sparkingest.find_slot('vcpu-hours-ns', 1, 1, '1 hour', '2026-03-02 07:00+00') AS not_in_the_past;
-- ... if the window lasts until then.
SELECT sparkingest.find_slot('vcpu-hours-ns', 1, 1, '1 hour', '2026-03-02 07:00+00', '2 hours') AS just_so;
SELECT sparkingest.find_slot('vcpu-hours-ns', 1, 1, '1 hour', '2026-03-02 07:00+00', '1 hour') AS window_is_over;

-- Dedicated pools are somebody's: supply is what is bought, in slots that it covers wholly.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 2, 'hourly', '2026-03-02 10:02+00') IS NOT NULL AS bought;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 3, 'hourly', '2026-03-02 10:45+00') IS NOT NULL AS bought;
SELECT * FROM (SELECT *, lag(total_cpu) OVER (ORDER BY time_slot) AS before
    FROM pg_temp.slots('dedicated-cpu-ns', '[2026-03-02 09:55, 2026-03-02 12:00)', fixture.tenant('Acme'))) AS s WHERE total_cpu IS DISTINCT
    FROM before;
SELECT DISTINCT total_cpu, total_gib FROM pg_temp.slots('dedicated-cpu-ns', '[2026-03-02 09:55, 2026-03-02 12:00)', fixture.tenant('Globex'));
SELECT DISTINCT total_cpu, total_gib FROM pg_temp.slots('dedicated-cpu-ns', '[2026-03-02 09:55, 2026-03-02 12:00)');
SELECT cores, sparkingest.find_slot('dedicated-cpu-ns', cores, 1, '15 minutes', '2026-03-02 09:00+00',
    tenant_id => fixture.tenant('Acme')) AS earliest FROM (VALUES (8), (8.001), (12), (20), (20.001)) AS v (cores);
SELECT sparkingest.find_slot('dedicated-cpu-ns', 1, 1, '15 minutes', '2026-03-02 09:00+00', tenant_id => fixture.tenant('Globex')) AS nothing_bought;
SELECT * FROM fixture.refusal($$SELECT sparkingest.find_slot('dedicated-cpu-ns', 1, 1, '15 minutes')$$);
-- A run of work must lie inside what is bought to its end.
SELECT sparkingest.find_slot('dedicated-cpu-ns', 1, 1, '100 minutes', '2026-03-02 10:00+00', tenant_id => fixture.tenant('Acme')) AS until_the_end,
       sparkingest.find_slot('dedicated-cpu-ns', 1, 1, '101 minutes', '2026-03-02 10:00+00', tenant_id => fixture.tenant('Acme')) AS over_the_end;

-- A tenant sees its share of a common pool, and the whole without names (Q4).
SELECT starts_at FROM sparkingest.reserve(fixture.tenant('Acme'), 5, 6, '5 minutes', '2026-03-02 13:00+00', namespace => 'vcpu-hours-ns');
SELECT sparkingest.purchase(fixture.tenant('Globex'), 'vcpu_hours', 10) IS NOT NULL AS bought;
SELECT starts_at FROM sparkingest.reserve(fixture.tenant('Globex'), 7, 8, '5 minutes', '2026-03-02 13:00+00', namespace => 'vcpu-hours-ns');
SELECT 'whole', * FROM pg_temp.slots('vcpu-hours-ns', '[2026-03-02 13:00, 2026-03-02 13:05)')
UNION ALL SELECT 'Acme', * FROM pg_temp.slots('vcpu-hours-ns', '[2026-03-02 13:00, 2026-03-02 13:05)', fixture.tenant('Acme'))
UNION ALL SELECT 'Globex', * FROM pg_temp.slots('vcpu-hours-ns', '[2026-03-02 13:00, 2026-03-02 13:05)', fixture.tenant('Globex'));
-- The draft namespace has a cap per tenant (S2): 40 of 200 cores, 80 of 400 GiB.
SELECT cores, gib, sparkingest.find_slot('draft-ingestion-ns', cores, gib, '5 minutes', sla_window => '1 hour',
    tenant_id => fixture.tenant('Acme')) IS NOT NULL AS for_a_tenant,
       sparkingest.find_slot('draft-ingestion-ns', cores, gib, '5 minutes', sla_window => '1 hour') IS NOT NULL AS for_nobody
  FROM (VALUES (40, 80), (40.001, 80), (40, 80.0009765625), (200, 400), (200.001, 400)) AS v (cores, gib);

-- slot_minutes is of the namespaces that exist; the setting is for new ones.
SET sparkingest.slot_minutes = 15;
SELECT DISTINCT slot_duration_minutes FROM sparkingest.capacity('vcpu-hours-ns', '[2026-03-02 13:00, 2026-03-02 14:00)');
RESET sparkingest.slot_minutes;
SET sparkingest.slot_minutes = 7;
SET sparkingest.slot_minutes = 0;
\i :end
