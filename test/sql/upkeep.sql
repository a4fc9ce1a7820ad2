-- maintain, the product's clock, and the settings.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1000, idempotency_key => 'old') IS NOT NULL AS hours;

-- maintain releases what applications reserved and is over; what belongs to a run is the run's.
SELECT (sparkingest.reserve(fixture.tenant('Acme'), 1, 1, '5 minutes')).starts_at, (sparkingest.reserve(fixture.tenant('Acme'), 1, 1, '10 minutes')).ends_at;
SELECT fixture.draft_job('Acme', 'run', 1, 2, 1) IS NOT NULL AS created;
SELECT sparkingest.run_job(fixture.job('run')) AS run \gset
SELECT fixture.claim(:'run');
SET sparkingest.clock = '2026-03-02 09:04:59.999999+00';
SELECT sparkingest.maintain();
SET sparkingest.clock = '2026-03-02 09:05:00+00';
SELECT sparkingest.maintain();
SELECT sparkingest.maintain();
SELECT r.status, r.ends_at, e.state FROM sparkingest.reservations AS r LEFT JOIN sparkingest.job_executions AS e USING (reservation_id)
    ORDER BY r.ends_at, e.state;
SELECT fixture.start(:'run', '2026-03-02 09:00:00+00');
SELECT fixture.finish(:'run', 'succeeded', '2026-03-02 09:01:00+00');
-- ... and forgets idempotency keys after 30 days.
SET sparkingest.clock = '2026-03-20 09:00:00+00';
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, idempotency_key => 'new') AS new \gset
SET sparkingest.clock = '2026-04-01 09:00:00+00';
SELECT sparkingest.maintain();
SELECT idempotency_key FROM sparkingest.idempotency_keys ORDER BY 1;
SET sparkingest.clock = '2026-04-01 09:00:01+00';
SELECT sparkingest.maintain();
SELECT idempotency_key FROM sparkingest.idempotency_keys ORDER BY 1;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, idempotency_key => 'new') = :'new' AS still_known;

-- The clock: real, frozen, shifted; a wrong one is refused and the old one stays.
SELECT sparkingest.clock();
SET sparkingest.clock = 'tomorrow-ish';
SET sparkingest.clock = 'infinity';
SET sparkingest.clock = '+1 fortnight';
SELECT sparkingest.clock();
SET sparkingest.clock = '+2 days';
SELECT sparkingest.clock() - clock_timestamp() BETWEEN '1 day 23:59:59' AND '2 days 00:00:01' AS two_days_ahead;
SET sparkingest.clock = '-1 hour';
SELECT clock_timestamp() - sparkingest.clock() BETWEEN '00:59:59' AND '01:00:01' AS an_hour_behind;
SET sparkingest.clock = '';
SELECT sparkingest.clock() - clock_timestamp() BETWEEN '-1 second' AND '1 second' AS real;
SET sparkingest.clock = '2026-03-02 09:00:00+00';
-- Only superusers set it, since decisions and charges go by it.
CREATE ROLE regress_operator IN ROLE sparkingest_operator;
SET ROLE regress_operator;
SET sparkingest.clock = '2030-01-01 00:00:00+00';
SET sparkingest.horizon_days = 400;
SET sparkingest.slot_minutes = 1;
RESET ROLE;
DROP ROLE regress_operator;
-- Settings: no more, no fewer, each with a unit or a shape in words.
SELECT name, setting, unit, context, short_desc FROM pg_settings WHERE name LIKE 'sparkingest.%' AND name NOT IN ('sparkingest.clock',
    'sparkingest.database') ORDER BY 1;
SET sparkingest.no_such_setting = 1;
\i :end
