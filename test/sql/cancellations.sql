-- A purchase ends before its time: what it would have supplied is gone, who counted on it is planned anew (C9, M3).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
CREATE FUNCTION pg_temp.grants_of(purchase uuid) RETURNS TABLE (starts_at timestamptz, ends_at timestamptz, units bigint, vcpu_hours numeric, price numeric)
LANGUAGE sql AS $$
SELECT g.starts_at, g.ends_at, g.cpu_millicores / 4000, trim_scale(g.granted / 3600000.0), g.price FROM sparkingest.grants AS g WHERE g.purchase_id = purchase ORDER BY 1
$$;
CREATE FUNCTION pg_temp.cancelled(purchase uuid, at timestamptz DEFAULT NULL) RETURNS TABLE (job text, planned_start timestamptz, effect text) LANGUAGE sql AS $$
SELECT (SELECT j.job_name FROM sparkingest.ingestion_jobs AS j WHERE j.job_id = s.job_id), s.planned_start, s.effect
    FROM sparkingest.cancel_purchase(purchase, at) WITH ORDINALITY AS s (execution_id, job_id, tenant_id, planned_start, effect, n) ORDER BY n $$;
CREATE FUNCTION pg_temp.runs() RETURNS TABLE (job text, state text, namespace text, planned_start timestamptz, waiting_reason text) LANGUAGE sql AS $$
SELECT j.job_name, e.state, e.namespace, e.planned_start, e.waiting_reason FROM sparkingest.job_executions AS e
    JOIN sparkingest.ingestion_jobs AS j USING (job_id) WHERE NOT e.is_draft AND e.state <> 'cancelled' ORDER BY 1, e.scheduled_for $$;

-- Units: the period that runs ends there and costs its seconds, later ones never begin and cost nothing; the ledger knows at once.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 2, 'daily', '2026-03-02 09:00+00', '2026-03-05 09:00+00',
    '{"unit_price": 12, "currency": "EUR"}') AS units \gset
SELECT count(*) FROM sparkingest.capacity('dedicated-cpu-ns', '[2026-03-02 09:00+00, 2026-03-05 09:00+00)', fixture.tenant('Acme')) WHERE total_cpu_capacity = 8;
SELECT * FROM pg_temp.cancelled(:'units', '2026-03-03 15:00+00');
SELECT * FROM pg_temp.grants_of(:'units');
SELECT status, valid_until, cancelled_from, cancelled_at FROM sparkingest.resource_purchases WHERE purchase_id = :'units';
SELECT total_cpu_capacity AS cores, min(time_slot), count(*) FROM sparkingest.capacity('dedicated-cpu-ns', '[2026-03-02 09:00+00, 2026-03-05 09:00+00)', fixture.tenant('Acme')) GROUP BY 1 ORDER BY 2;
SELECT event_type, tenant_id = fixture.tenant('Acme') AS of_acme, actor = current_user AS by_me, fixture.masked(cause) AS cause, before, after
    FROM sparkingest.events WHERE event_type LIKE 'purchase.c%' ORDER BY event_id DESC LIMIT 1;
-- The same again is nothing new; another instant is refused, and now as well while it has not ended.
SELECT * FROM pg_temp.cancelled(:'units', '2026-03-03 15:00+00');
SELECT r.code, r.message, r.detail FROM unnest(ARRAY['''2026-03-03 16:00+00''', 'NULL', '''2026-03-02 08:00+00''']) AS at,
    LATERAL fixture.refusal(format('SELECT * FROM sparkingest.cancel_purchase(%L, %s)', :'units', at)) AS r;
SET sparkingest.clock = '2026-03-03 15:00:01+00';
SELECT * FROM pg_temp.cancelled(:'units');
SET sparkingest.clock = '2026-03-02 09:00:00+00';
SELECT count(*) FROM sparkingest.events WHERE event_type = 'purchase.cancelled';
-- What was sold is free again for others (M10).
SELECT sparkingest.purchase(sparkingest.create_tenant('Other'), 'dedicated_units', 100, 'hourly', '2026-03-03 15:00+00') IS NOT NULL AS bought;

-- A third as much, to the second and the millionth; a slot that is not covered to its end has no units.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 1, 'hourly', '2026-03-10 12:00+00', NULL, '{"unit_price": 1, "currency": "EUR"}') AS third \gset
SELECT * FROM pg_temp.cancelled(:'third', '2026-03-10 12:18:00.000001+00');
SELECT price FROM pg_temp.grants_of(:'third');
SELECT to_char(max(time_slot), 'HH24:MI') AS last_slot FROM sparkingest.capacity('dedicated-cpu-ns', '[2026-03-10 12:00+00, 2026-03-10 13:00+00)', fixture.tenant('Acme')) WHERE total_cpu_capacity > 0;
-- Before it begins: all of it is void, and it never was.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 7, 'daily', '2026-03-10 00:00+00', '2026-03-12 00:00+00', '{"unit_price": 1, "currency": "EUR"}') AS future \gset
SELECT * FROM pg_temp.cancelled(:'future');
SELECT starts_at, ends_at, vcpu_hours, price FROM pg_temp.grants_of(:'future');
SELECT count(*) FROM sparkingest.balance(fixture.tenant('Acme'), '2026-03-10 00:00+00');

-- Victims: late before early, low priority before high; the rest keeps its place. They move to other units.
SELECT fixture.production_job('Acme', name, 4, 8, 50, sla => format('{"priority": %s}', priority)::jsonb, options => '{"on_no_capacity": "wait"}')
    FROM (VALUES ('early', 2), ('late', 1), ('later', 1)) AS v (name, priority);
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 1, 'daily', '2026-03-05 09:00+00', '2026-03-07 09:00+00') AS stays,
    sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 2, 'daily', '2026-03-05 09:00+00', '2026-03-07 09:00+00') AS goes \gset
SELECT name, sparkingest.run_job(fixture.job(name), at) IS NOT NULL AS planned FROM (VALUES ('early', '2026-03-06 04:00+00'::timestamptz), ('late', '2026-03-06 04:00+00'),
    ('later', '2026-03-06 04:05+00')) AS v (name, at);
SELECT * FROM pg_temp.runs();
SELECT * FROM pg_temp.cancelled(:'goes', '2026-03-06 00:00+00');
SELECT * FROM pg_temp.runs();
SELECT j.job_name, fixture.masked(v.cause) AS cause, v.before ->> 'state' AS before, v.after ->> 'state' AS after FROM sparkingest.events AS v
    JOIN sparkingest.ingestion_jobs AS j USING (job_id) WHERE v.cause LIKE 'purchase%' ORDER BY v.event_id;
-- Before the end, its units are as good as ever.
SELECT starts_at FROM sparkingest.try_reserve(fixture.tenant('Acme'), 12, 24, '1 hour', '2026-03-05 22:00+00', '0', 'dedicated-cpu-ns');
-- Without units they are paid by hours where there are enough, or wait.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 8, 'daily', '2026-03-06 00:00+00') IS NOT NULL AS hours;
SELECT * FROM pg_temp.cancelled(:'stays', '2026-03-06 00:00+00');
SELECT * FROM pg_temp.runs();
SELECT held / 3600000 AS hours, count(*) FROM sparkingest.job_executions WHERE state IN ('scheduled', 'waiting') GROUP BY 1 ORDER BY 1;
SELECT book, count(*) FROM books.differences() GROUP BY 1;

-- What runs, and what an application reserved itself, is left alone and told of.
SELECT sparkingest.create_tenant('Busy') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Busy'), 'dedicated_units', 3, 'daily', '2026-03-02 09:00+00') AS busy \gset
SELECT fixture.production_job('Busy', 'busy', 4, 8, 50, options => '{"on_no_capacity": "wait"}');
SELECT sparkingest.run_job(fixture.job('busy')) AS run \gset
SELECT fixture.claim(:'run');
SELECT fixture.start(:'run', '2026-03-02 09:00:00+00');
SELECT (sparkingest.reserve(fixture.tenant('Busy'), 1, 1, '10 minutes', '2026-03-02 12:00+00', '0', 'dedicated-cpu-ns')).reservation_id AS own \gset
-- Another tenant's reservation at that time is none of it.
SELECT sparkingest.purchase(fixture.tenant('Other'), 'dedicated_units', 1, 'daily', '2026-03-02 09:00+00') IS NOT NULL AS units,
    (sparkingest.reserve(fixture.tenant('Other'), 1, 1, '10 minutes', '2026-03-02 12:00+00', '0', 'dedicated-cpu-ns')).starts_at AS other;
SELECT * FROM pg_temp.cancelled(:'busy', '2026-03-02 09:30+00');
SELECT t.tenant_name, v.before ->> 'reservation_id' = :'own' AS its_own FROM sparkingest.events AS v JOIN sparkingest.tenants AS t USING (tenant_id)
    WHERE event_type = 'reservation.over_committed' ORDER BY v.event_id;
SELECT book, detail LIKE '%units of Busy%' OR detail LIKE 'ledger%' AS of_busy, count(*) FROM books.differences() GROUP BY 1, 2;
SELECT reason IS NOT NULL AS refused FROM sparkingest.try_reserve(fixture.tenant('Busy'), 0.001, 0.0009765625, '5 minutes', '2026-03-02 12:00+00', '0', 'dedicated-cpu-ns');
SELECT sparkingest.plan() AS handled;
SELECT sparkingest.release(:'own');
SELECT fixture.finish(:'run', 'succeeded', '2026-03-02 09:50:00+00');

-- Hours: nothing of them is available from then on. What is held of a period that will not be is held of others, or the run waits.
SELECT sparkingest.create_tenant('Hours') IS NOT NULL AS created;
SELECT fixture.production_job('Hours', name, 4, 8, 50, sla => format('{"priority": %s}', priority)::jsonb, options => '{"on_no_capacity": "wait"}')
    FROM (VALUES ('before', 0), ('over', 0), ('after', 0), ('first', 5), ('runs', 0)) AS v (name, priority);
SELECT sparkingest.purchase(fixture.tenant('Hours'), 'vcpu_hours', 10, 'daily', '2026-03-02 09:00+00', '2026-03-05 09:00+00', '{"unit_price": 3, "currency": "EUR"}') AS hours \gset
SELECT sparkingest.purchase(fixture.tenant('Hours'), 'vcpu_hours', 5, 'daily', '2026-03-03 09:00+00') IS NOT NULL AS others;
SELECT name, sparkingest.run_job(fixture.job(name), at) IS NOT NULL AS planned
    FROM (VALUES ('before', '2026-03-02 10:00+00'::timestamptz), ('over', '2026-03-03 08:30+00'), ('after', '2026-03-04 04:00+00'), ('first', '2026-03-04 04:30+00')) AS v (name, at);
SELECT (sparkingest.reserve(fixture.tenant('Hours'), 1, 1, '1 hour', '2026-03-04 06:00+00', '0', 'vcpu-hours-ns')).starts_at AS own;
SELECT * FROM pg_temp.cancelled(:'hours', '2026-03-03 09:00+00');
SELECT * FROM pg_temp.runs() WHERE job IN ('before', 'over', 'after', 'first');
-- Of the periods that will not be nothing is left but the hour that the application holds: a tenth of the price.
SELECT g.starts_at, g.ends_at, b.granted / 3600000 AS granted, b.held / 3600000 AS held, g.price FROM sparkingest.grants AS g
    JOIN sparkingest.grant_balances AS b USING (grant_id) WHERE g.purchase_id = :'hours' ORDER BY 1;
SELECT sum(available) AS until_then FROM sparkingest.balance(fixture.tenant('Hours'), '2026-03-03 08:59:59.999999+00');
SELECT granted, available, held FROM sparkingest.balance(fixture.tenant('Hours'), '2026-03-04 04:00+00');
SELECT event_type, (SELECT job_name FROM sparkingest.ingestion_jobs AS j WHERE j.job_id = v.job_id) AS job,
    fixture.masked(after::text) AS after FROM sparkingest.events AS v WHERE tenant_id = fixture.tenant('Hours') AND (event_type IN ('purchase.cancelled', 'execution.keeps_hold', 'reservation.keeps_hold') OR cause LIKE 'purchase%')
    ORDER BY event_id;
SELECT book, count(*) FROM books.differences() GROUP BY 1;
-- What is held of the period that runs is kept to the end of the run, also when that comes after the end of the purchase.
SELECT sparkingest.purchase(fixture.tenant('Hours'), 'vcpu_hours', 10, 'daily', '2026-03-06 00:00+00') AS hours \gset
SELECT sparkingest.run_job(fixture.job('runs'), '2026-03-06 06:00+00') AS run, sparkingest.run_job(fixture.job('over'), '2026-03-06 03:00+00') IS NOT NULL AS ends_before \gset
SELECT * FROM pg_temp.cancelled(:'hours', '2026-03-06 06:30+00');
SELECT r.code, r.message FROM fixture.refusal($$SELECT sparkingest.run_job(fixture.job('before'), '2026-03-06 06:30+00')$$) AS r;
SELECT (sparkingest.reserve(fixture.tenant('Hours'), 1, 1, '1 hour', '2026-03-06 05:00+00', '0', 'vcpu-hours-ns')).starts_at AS still_good_before_it;
SET sparkingest.clock = '2026-03-06 06:00:00+00';
SELECT fixture.run(:'run', '45 minutes');
SELECT held, charged / 3600000.0 AS charged FROM sparkingest.job_executions WHERE execution_id = :'run';
SET sparkingest.clock = '2026-03-06 06:46:00+00';
SELECT count(*) FROM sparkingest.balance(fixture.tenant('Hours'));
SET sparkingest.clock = '2026-03-02 09:00:00+00';
-- The running period of hours costs what it cost: they could have been used up. What is left lapses at once when it is over at once.
SELECT sparkingest.purchase(fixture.tenant('Hours'), 'vcpu_hours', 10, 'daily', options => '{"unit_price": 3, "currency": "EUR"}') AS now_on \gset
SET sparkingest.clock = '2026-03-02 21:00:00+00';
SELECT * FROM pg_temp.cancelled(:'now_on');
SELECT ends_at, vcpu_hours, price FROM pg_temp.grants_of(:'now_on');
-- Now, again: it has ended.
SELECT * FROM pg_temp.cancelled(:'now_on');
SET sparkingest.clock = '2026-03-02 09:00:00+00';

-- Half an hour of one at a millionth is half a millionth: one.
SELECT sparkingest.create_tenant('Cent') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Cent'), 'vcpu_hours', 1, 'daily', '2026-03-03 09:00+00', options => '{"unit_price": 0.000001, "currency": "EUR"}') AS p \gset
SELECT (sparkingest.reserve(fixture.tenant('Cent'), 1, 1, '30 minutes', '2026-03-03 12:00+00', '0', 'vcpu-hours-ns')).starts_at AS held;
SELECT * FROM pg_temp.cancelled(:'p');
SELECT vcpu_hours, price FROM pg_temp.grants_of(:'p');

-- Bad values, and who may.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, 'daily', '2026-03-01 12:00+00') AS p,
    sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, 'hourly', '2026-03-02 08:00+00') AS old \gset
SELECT arguments, r.code, r.message, r.detail FROM (VALUES ('NULL'), ('gen_random_uuid()'), (':p, ''infinity'''), (':p, ''2026-03-02 08:58:59+00'''), (':p, ''2026-03-02 12:00+00'''),
    (':p, ''2027-03-02 12:00+00'''), (':old'), (':old, ''2026-03-02 07:00+00''')) AS v (arguments), LATERAL fixture.refusal('SELECT * FROM sparkingest.cancel_purchase(' ||
    replace(replace(arguments, ':p', quote_literal(:'p')), ':old', quote_literal(:'old')) || ')') AS r;
-- A clock that is half a minute behind is not the past.
SELECT * FROM pg_temp.cancelled(:'p', '2026-03-02 08:59:30+00');
SELECT ends_at FROM pg_temp.grants_of(:'p');
-- A tenant that may start nothing may still end what it has.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, 'daily') AS p \gset
SELECT sparkingest.set_tenant_status(fixture.tenant('Acme'), 'suspended');
SELECT * FROM pg_temp.cancelled(:'p');
SELECT ends_at = starts_at AS void FROM pg_temp.grants_of(:'p');
\i :end
