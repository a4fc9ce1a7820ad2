-- tenant_metrics and statement, held against an oracle that reads executions, consumption and grants only, second by second.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SET client_min_messages = warning;
CREATE FUNCTION pg_temp.oracle(tenant uuid, lo timestamptz, hi timestamptz) RETURNS jsonb LANGUAGE sql AS $$
WITH zone AS (SELECT time_zone AS z FROM sparkingest.tenants WHERE tenant_id = tenant),
-- A second counts where it begins.
seconds AS (SELECT c.borrowed, n.purpose, c.billable_millicore_seconds / c.billed_seconds AS millicores, c.started_at + k * '1 second'::interval AS at
    FROM sparkingest.resource_consumption AS c JOIN sparkingest.namespaces AS n USING (namespace), generate_series(0, c.billed_seconds - 1) AS k
    WHERE c.tenant_id = tenant),
inside AS (SELECT s.*, extract(isodow FROM at AT TIME ZONE z) AS weekday, extract(hour FROM at AT TIME ZONE z) AS hour FROM seconds AS s, zone
    WHERE at >= lo AND at < hi),
lengths AS (SELECT extract(isodow FROM m AT TIME ZONE z) AS weekday, extract(hour FROM m AT TIME ZONE z) AS hour, count(*) * 60 AS seconds
    FROM zone, generate_series(lo, hi - '1 minute'::interval, '1 minute') AS m GROUP BY 1, 2),
cells AS (SELECT weekday, hour, round(sum(millicores) / max(l.seconds) / 1000, 4) AS cores, sum(millicores)::numeric / max(l.seconds) AS exact
    FROM inside JOIN lengths AS l USING (weekday, hour) GROUP BY 1, 2),
units AS (SELECT sum(g.cpu_millicores * extract(epoch FROM least(g.ends_at, hi) - greatest(g.starts_at, lo))) AS supplied FROM sparkingest.grants AS g
    WHERE g.tenant_id = tenant AND g.namespace IS NOT NULL AND g.starts_at < hi AND g.ends_at > lo),
own AS (SELECT COALESCE(sum(millicores), 0) AS used FROM inside WHERE purpose = 'dedicated' AND NOT borrowed),
ended AS (SELECT * FROM sparkingest.job_executions WHERE tenant_id = tenant AND NOT is_draft AND state IN ('succeeded', 'failed', 'timed_out', 'preempted', 'lost')
    AND finished_at >= lo AND finished_at < hi),
good AS (SELECT * FROM ended WHERE state = 'succeeded'),
money AS (SELECT p.currency, sum(p.unit_price * p.quantity * extract(epoch FROM least(g.ends_at, hi) - greatest(g.starts_at, lo)) / extract(epoch FROM g.ends_at - g.starts_at)) AS cost
    FROM sparkingest.resource_purchases AS p JOIN sparkingest.grants AS g USING (purchase_id) WHERE p.tenant_id = tenant AND g.starts_at < hi AND g.ends_at > lo AND p.currency IS NOT NULL GROUP BY 1)
SELECT jsonb_build_object(
    'resource_utilization', jsonb_build_object(
        'dedicated_units_usage_percent', (SELECT round(100 * used / supplied, 4) FROM own, units),
        'vcpu_hours_consumption_rate', (SELECT round(COALESCE(sum(c.charged), 0) / 3600000 / (extract(epoch FROM hi - lo) / 86400), 4) FROM sparkingest.resource_consumption AS c
            WHERE c.tenant_id = tenant AND c.ended_at >= lo AND c.ended_at < hi),
        'peak_usage_times', (SELECT COALESCE(jsonb_agg(jsonb_build_object('weekday', weekday, 'hour', hour, 'average_cores', cores) ORDER BY exact DESC, weekday, hour), '[]') FROM cells)),
    'job_performance', jsonb_build_object(
        'average_runtime', (SELECT round(avg(extract(epoch FROM finished_at - started_at)) / 60, 4) FROM good),
        'sla_compliance_rate', (SELECT round(100.0 * count(*) FILTER (WHERE sla_met) / NULLIF(count(sla_met), 0), 4) FROM ended),
        'failure_rate', (SELECT round(100.0 * count(*) FILTER (WHERE state <> 'succeeded') / NULLIF(count(*), 0), 4) FROM ended)),
    'cost_efficiency', jsonb_build_object(
        'cost_per_gb_processed', (SELECT CASE WHEN sum(bytes_out) > 0 THEN (SELECT COALESCE(jsonb_object_agg(currency, round(cost / (SELECT sum(bytes_out) FROM good) * 1073741824, 6)), '{}') FROM money) END FROM good),
        'idle_resource_percentage', (SELECT round(100 * greatest(supplied - used, 0) / supplied, 4) FROM own, units)))
$$;

SELECT sparkingest.create_tenant('Acme', 'America/New_York') IS NOT NULL AS acme, sparkingest.create_tenant('Nobody') IS NOT NULL AS nobody;
-- Every key is defined where psql shows it, and no other is.
SELECT string_agg(m[1], ' ' ORDER BY m[1]) AS defined, string_agg(m[1], ' ' ORDER BY m[1]) = (SELECT string_agg(k, ' ' ORDER BY k)
    FROM jsonb_each(sparkingest.tenant_metrics(fixture.tenant('Nobody'))) AS g (name, members), jsonb_object_keys(CASE jsonb_typeof(members) WHEN 'object' THEN members ELSE '{}' END) AS k) AS these
    FROM regexp_matches(obj_description('sparkingest.tenant_metrics'::regproc), '^([a-z_]{6,}): ', 'gn') AS m;
-- Nothing to divide by, but for the time that has passed.
SELECT jsonb_pretty(sparkingest.tenant_metrics(fixture.tenant('Nobody'))) AS nothing;
SELECT jsonb_pretty(sparkingest.tenant_metrics(fixture.tenant('Nobody'), '[2026-03-03, 2026-03-04)')) AS not_yet;
SELECT * FROM sparkingest.statement(fixture.tenant('Nobody'), '2026-03-01');

-- Ten days over the beginning of summer time (2026-03-08 in New York): units and hours with prices, one purchase without.
SET sparkingest.clock = '2026-03-02 05:00:00+00';
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 3, 'daily', '2026-03-02 05:00+00', '2026-03-12 04:00+00', '{"unit_price": 5.25, "currency": "EUR"}') IS NOT NULL AS units,
    sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 800, 'monthly', options => '{"unit_price": 0.0425, "currency": "USD"}') IS NOT NULL AS hours,
    sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 10, 'daily') IS NOT NULL AS gift,
    sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, 'hourly', '2026-03-01 04:30+00') IS NOT NULL AS still_february;
SELECT name, fixture.production_job('Acme', name, cores, gib, 25, sla => '{"max_runtime_minutes": 60, "finish_by": "30 minutes"}',
    options => '{"retry": {"max_attempts": 1}, "overlap_policy": "allow", "overlap_limit": 9}') AS status FROM (VALUES ('small', 4, 8), ('big', 30, 78)) AS v (name, cores, gib);
DO $$
DECLARE
    run uuid;
    starts timestamptz;
    takes interval;
BEGIN
    FOR n IN 1..40 LOOP
        PERFORM set_config('sparkingest.clock', ('2026-03-04 22:00+00'::timestamptz + n * '3 hours 17 minutes'::interval)::text, false);
        run := sparkingest.run_job(fixture.job(CASE n % 2 WHEN 0 THEN 'small' ELSE 'big' END));
        takes := (n * 7 % 45) * '1 minute'::interval + n * '1.2345 seconds'::interval;
        SELECT planned_start INTO starts FROM sparkingest.job_executions WHERE execution_id = run;
        IF n % 9 = 8 THEN
            PERFORM sparkingest.cancel_execution(run);
        ELSE
            PERFORM fixture.run(run, takes, CASE n % 7 WHEN 3 THEN 'failed' WHEN 4 THEN 'timed_out' WHEN 5 THEN 'failed' ELSE 'succeeded' END,
                CASE n % 7 WHEN 3 THEN 1 WHEN 5 THEN NULL ELSE 0 END, CASE n % 7 WHEN 3 THEN 'user_code' WHEN 5 THEN 'node_lost' END, n % 7 = 5,
                jsonb_build_object('bytes_out', n * 123456789::bigint));
        END IF;
    END LOOP;
END
$$;
SET sparkingest.clock = '2026-03-12 12:00:00+00';
SELECT n.purpose, e.is_draft, e.state, count(*), count(c.execution_id) AS metered FROM sparkingest.job_executions AS e JOIN sparkingest.namespaces AS n USING (namespace)
    LEFT JOIN sparkingest.resource_consumption AS c USING (execution_id) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT sparkingest.roll_up() > 0 AS rolled_up;
SELECT count(*) FROM sparkingest.verify_usage();
SELECT lo, hi, sparkingest.tenant_metrics(fixture.tenant('Acme'), tstzrange(lo, hi)) = pg_temp.oracle(fixture.tenant('Acme'), lo, hi) AS as_the_oracle
    FROM (VALUES ('2026-03-02 05:00+00'::timestamptz, '2026-03-12 05:00+00'::timestamptz), ('2026-03-07 05:00+00', '2026-03-09 04:00+00'),
    ('2026-03-08 06:00+00', '2026-03-08 09:00+00'), ('2026-03-05 20:00+00', '2026-03-05 21:00+00'), ('2026-03-01 00:00+00', '2026-03-12 12:00+00')) AS v (lo, hi);
SELECT jsonb_pretty(m #- '{resource_utilization,peak_usage_times}') AS metrics, jsonb_array_length(m #> '{resource_utilization,peak_usage_times}') AS cells,
    m #> '{resource_utilization,peak_usage_times,0}' AS busiest FROM sparkingest.tenant_metrics(fixture.tenant('Acme')) AS m;
-- Widened to whole hours, cut off at the present; the last 30 days unless stated.
SELECT sparkingest.tenant_metrics(fixture.tenant('Acme'), '[2026-03-05 20:10+00, 2026-03-05 20:40+00)')
    = sparkingest.tenant_metrics(fixture.tenant('Acme'), '[2026-03-05 20:00+00, 2026-03-05 21:00+00)') AS whole_hours,
    sparkingest.tenant_metrics(fixture.tenant('Acme')) = sparkingest.tenant_metrics(fixture.tenant('Acme'), '[2026-02-10 12:00+00, 2026-03-20 00:00+00)') AS last_30_days;
SELECT sparkingest.tenant_metrics(fixture.tenant('Acme'), '[2026-03-05 20:10+00, 2026-03-05 21:00+00]')
    <> sparkingest.tenant_metrics(fixture.tenant('Acme'), '[2026-03-05 20:10+00, 2026-03-05 21:00+00)') AS a_closed_end_is_another_hour;

-- The month on the tenant's clock.
SELECT line, kind, description, namespace, executions, quantity, unit_price, amount, currency, used, charged FROM sparkingest.statement(fixture.tenant('Acme'), '2026-03-17');
SELECT s.lines = e.lines AS all_runs, s.used = e.used AS used, s.charged = e.charged AS charged FROM
    (SELECT sum(executions) AS lines, sum(used) AS used, sum(charged) AS charged FROM sparkingest.statement(fixture.tenant('Acme'), '2026-03-01') WHERE kind IN ('charge', 'dedicated', 'draft', 'platform')) AS s,
    (SELECT sum(n) AS lines, sum(round(used, 6)) AS used, sum(round(charged, 6)) AS charged FROM (SELECT count(*) AS n, sum(c.billable_millicore_seconds) / 3600000 AS used, sum(c.charged) / 3600000 AS charged
        FROM sparkingest.resource_consumption AS c WHERE c.ended_at >= '2026-03-01 05:00+00' AND c.ended_at < '2026-04-01 04:00+00' GROUP BY c.job_id, c.namespace, c.charge_to) AS g) AS e;
SELECT line, kind, description, executions, used, charged FROM sparkingest.statement(fixture.tenant('Acme'), '2026-02-28');
-- Idle units are those that the metrics call idle.
SELECT round(100 * used / quantity, 4) = (sparkingest.tenant_metrics(fixture.tenant('Acme'), '[2026-03-01 05:00+00, 2026-04-01 04:00+00)')
    #>> '{cost_efficiency,idle_resource_percentage}')::numeric AS the_same FROM sparkingest.statement(fixture.tenant('Acme'), '2026-03-01') WHERE kind = 'dedicated_idle';
COPY (SELECT line, kind, quantity, amount, currency FROM sparkingest.statement(fixture.tenant('Acme'), '2026-03-01') WHERE kind IN ('purchase', 'total')) TO STDOUT WITH (FORMAT csv, HEADER);
SELECT arguments, r.code, r.message FROM (VALUES ('tenant_metrics(NULL)'), ('tenant_metrics(gen_random_uuid())'), ('tenant_metrics(fixture.tenant(''Acme''), ''empty'')'),
    ('tenant_metrics(fixture.tenant(''Acme''), ''[2026-01-01,)'')'), ('statement(fixture.tenant(''Acme''), NULL)'), ('statement(fixture.tenant(''Acme''), ''infinity'')'),
    ('statement(gen_random_uuid(), ''2026-03-01'')')) AS v (arguments), LATERAL fixture.refusal(format('SELECT sparkingest.%s', arguments)) AS r;
-- A part of a period and a discount are in the price, and so in the statement.
SELECT sparkingest.create_tenant('Cut', 'Europe/Berlin') AS cut, sparkingest.set_discount('vcpu_hours', 'monthly', 100, 0.1) \gset
SELECT sparkingest.purchase(:'cut', 'vcpu_hours', 100, 'monthly', '2026-05-16 22:00+00', '2026-06-30 22:00+00', '{"unit_price": 2, "currency": "EUR"}') IS NOT NULL AS bought;
SELECT month, s.amount, (SELECT sum(g.price) FROM sparkingest.grants AS g WHERE g.tenant_id = :'cut' AND date_trunc('month', g.starts_at AT TIME ZONE 'Europe/Berlin') = month) AS prices
    FROM (VALUES ('2026-05-01'::date), ('2026-06-01')) AS m (month), LATERAL sparkingest.statement(:'cut', month) AS s WHERE s.kind = 'purchase';
\i :end
