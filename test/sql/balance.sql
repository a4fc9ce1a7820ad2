-- vCPU-hours: held at admission, charged at the end, never below nothing (M3 to M7, M9).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

CREATE FUNCTION pg_temp.books_of(tenant text) RETURNS TABLE (period tstzrange, granted numeric, available numeric, held numeric, spent numeric) LANGUAGE sql AS
$$ SELECT period, granted, available, held, spent FROM sparkingest.balance(fixture.tenant(tenant)) $$;
CREATE FUNCTION pg_temp.entries_of(execution uuid) RETURNS TABLE (entry_type text, hours numeric, grant_ends timestamptz) LANGUAGE sql AS $$
SELECT b.entry_type, trim_scale(b.amount / 3600000.0), g.ends_at FROM sparkingest.balance_entries AS b JOIN sparkingest.grants AS g USING (grant_id)
 WHERE b.execution_id = execution ORDER BY b.entry_id $$;
SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
-- 4 cores for 25 minutes, planned with a fifth more (C14): 30 minutes, 2 vCPU-hours.
SELECT fixture.production_job('Acme', 'copy');

-- The draft run that led to the promotion was free (M9). Without a balance no production run is admitted (M4), and nothing is left behind.
SELECT count(*) AS entries FROM sparkingest.balance_entries;
SELECT * FROM fixture.refusal($$SELECT sparkingest.run_job(fixture.job('copy'))$$);
SELECT sparkingest.run_job(fixture.job('copy'));
SELECT state, count(*) FROM sparkingest.job_executions WHERE NOT is_draft GROUP BY 1;
SELECT status, count(*) FROM sparkingest.reservations GROUP BY 1;

-- One hour is not enough for two; two are, once.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1) IS NOT NULL AS bought;
SELECT * FROM fixture.refusal($$SELECT sparkingest.run_job(fixture.job('copy'))$$);
SET sparkingest.clock = '2026-03-02 09:00:01+00';
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1, valid_from => '2026-03-02 09:00:00+00') IS NOT NULL AS bought;
SELECT sparkingest.run_job(fixture.job('copy')) AS run \gset
SELECT state, namespace, planned_start, trim_scale(held / 3600000.0) AS held FROM sparkingest.job_executions WHERE execution_id = :'run';
SELECT * FROM pg_temp.books_of('Acme');
SELECT * FROM fixture.refusal($$SELECT sparkingest.run_job(fixture.job('copy'))$$);

-- Cancelled before its start: all of it comes back at once (J6).
SELECT sparkingest.cancel_execution(:'run');
SELECT * FROM pg_temp.books_of('Acme');
SELECT entry_type, hours FROM pg_temp.entries_of(:'run');
SELECT held, charged FROM sparkingest.job_executions WHERE execution_id = :'run';

-- Quicker than planned: the actual cost is charged, the rest returned, in one go.
SELECT sparkingest.run_job(fixture.job('copy')) AS run \gset
SELECT fixture.run(:'run', '12 minutes');
SELECT entry_type, hours FROM pg_temp.entries_of(:'run');
SELECT * FROM pg_temp.books_of('Acme');
SELECT billed_seconds, cpu_millicore_seconds, memory_mib_seconds, charge_to, trim_scale(charged / 3600000.0) AS hours
    FROM sparkingest.resource_consumption WHERE execution_id = :'run';
-- 1.2 hours are left: not enough for the next. Seconds count: 12 minutes and 1 ms are 721 s (M7).
SELECT * FROM fixture.refusal($$SELECT sparkingest.run_job(fixture.job('copy'))$$);
SET sparkingest.clock = '2026-03-02 09:00:02+00';
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 2, valid_from => '2026-03-02 09:00:00+00') IS NOT NULL AS bought;
SELECT sparkingest.run_job(fixture.job('copy')) AS run \gset
SELECT fixture.run(:'run', '12 minutes 1 millisecond');
SELECT billed_seconds, charged FROM sparkingest.resource_consumption WHERE execution_id = :'run';
-- At least a minute (M7).
SELECT sparkingest.run_job(fixture.job('copy')) AS run \gset
SELECT fixture.run(:'run', '3 seconds', 'failed', 1, 'user_code');
SELECT billed_seconds, charge_to, charged / 1000 AS core_seconds FROM sparkingest.resource_consumption WHERE execution_id = :'run';
-- What the platform broke is free (M7).
SELECT sparkingest.run_job(fixture.job('copy')) AS run \gset
SELECT fixture.run(:'run', '10 minutes', 'failed', NULL, 'node_lost', true);
SELECT billed_seconds, charge_to, charged FROM sparkingest.resource_consumption WHERE execution_id = :'run';
SELECT entry_type, hours FROM pg_temp.entries_of(:'run');

SET sparkingest.clock = '2026-03-02 09:00:00+00';
-- Slower than planned: what was held, and then what is there; a charge is never more than was held for it.
SELECT sparkingest.create_tenant('Slow') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Slow'), 'vcpu_hours', 3) IS NOT NULL AS bought;
SELECT fixture.production_job('Slow', 'slow');
SELECT sparkingest.run_job(fixture.job('slow')) AS run \gset
SELECT fixture.run(:'run', '40 minutes');
SELECT entry_type, hours FROM pg_temp.entries_of(:'run');
SELECT * FROM pg_temp.books_of('Slow');
-- What goes beyond comes from any grant of the day, not only from those that were held.
SELECT sparkingest.purchase(fixture.tenant('Slow'), 'vcpu_hours', 9, 'yearly') IS NOT NULL AS bought;
SELECT sparkingest.purchase(fixture.tenant('Slow'), 'vcpu_hours', 2, 'daily') IS NOT NULL AS bought;
SELECT sparkingest.run_job(fixture.job('slow')) AS run \gset
SELECT fixture.run(:'run', '1 hour');
SELECT entry_type, hours, grant_ends FROM pg_temp.entries_of(:'run');
-- What nothing covers is not charged: no debt.
SELECT sparkingest.create_tenant('Broke') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Broke'), 'vcpu_hours', 2) IS NOT NULL AS bought;
SELECT fixture.production_job('Broke', 'broke');
SELECT sparkingest.run_job(fixture.job('broke')) AS run \gset
SELECT fixture.run(:'run', '1 hour');
SELECT * FROM pg_temp.books_of('Broke');
SELECT billed_seconds, trim_scale(charged / 3600000.0) AS hours FROM sparkingest.resource_consumption WHERE execution_id = :'run';

-- M5: priority first, then the earliest end, then the oldest; one line per grant touched.
SELECT sparkingest.create_tenant('Order') IS NOT NULL AS created;
SELECT fixture.production_job('Order', 'order', cpu_cores => 10, memory_gb => 20, minutes => 50);
SET sparkingest.clock = '2026-03-02 09:00:01+00';
SELECT sparkingest.purchase(fixture.tenant('Order'), 'vcpu_hours', 3, 'yearly') IS NOT NULL AS third;
SET sparkingest.clock = '2026-03-02 09:00:02+00';
SELECT sparkingest.purchase(fixture.tenant('Order'), 'vcpu_hours', 2, 'yearly', valid_from => '2026-03-02 09:00:00+00',
    options => '{"priority": 50}') IS NOT NULL AS first,
       sparkingest.purchase(fixture.tenant('Order'), 'vcpu_hours', 4, 'monthly', valid_from => '2026-03-02 09:00:00+00') IS NOT NULL AS second;
SET sparkingest.clock = '2026-03-02 09:00:03+00';
SELECT sparkingest.purchase(fixture.tenant('Order'), 'vcpu_hours', 9, 'yearly', valid_from => '2026-03-02 09:00:01+00') IS NOT NULL AS fourth;
SELECT sparkingest.run_job(fixture.job('order')) AS run \gset
SELECT granted, available, held FROM sparkingest.balance(fixture.tenant('Order'));
SELECT entry_type, hours, grant_ends FROM pg_temp.entries_of(:'run');
-- The charge takes the same way: 5.5 hours.
SELECT fixture.run(:'run', '33 minutes');
SELECT entry_type, hours, grant_ends FROM pg_temp.entries_of(:'run') OFFSET 4;
SET sparkingest.clock = '2026-03-02 09:00:00+00';

-- M6: memory is not free: 2 cores with 16 GiB are billed as 8.
SELECT sparkingest.create_tenant('Memory') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Memory'), 'vcpu_hours', 100) IS NOT NULL AS bought;
SELECT fixture.production_job('Memory', 'memory', cpu_cores => 2, memory_gb => 16);
SELECT sparkingest.run_job(fixture.job('memory')) AS run \gset
SELECT trim_scale(held / 3600000.0) AS held FROM sparkingest.job_executions WHERE execution_id = :'run';
SELECT fixture.run(:'run', '30 minutes');
SELECT trim_scale(cpu_millicore_seconds / 3600000.0) AS vcpu_hours, trim_scale(charged / 3600000.0) AS charged
    FROM sparkingest.resource_consumption WHERE execution_id = :'run';

-- M3: a run that is running when its period ends keeps its hold; a run after it needs a period of its own.
SELECT sparkingest.create_tenant('Edge') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Edge'), 'vcpu_hours', 5, 'hourly') IS NOT NULL AS bought;
SELECT fixture.production_job('Edge', 'edge');
SELECT sparkingest.run_job(fixture.job('edge'), at => '2026-03-02 09:50:00+00') AS run \gset
SELECT * FROM fixture.refusal($$SELECT sparkingest.run_job(fixture.job('edge'), at => '2026-03-02 10:00:00+00')$$);
SET sparkingest.clock = '2026-03-02 09:50:00+00';
SELECT fixture.claim(:'run');
SELECT fixture.start(:'run', '2026-03-02 09:50:10+00');
SET sparkingest.clock = '2026-03-02 10:05:00+00';
SELECT count(*) AS periods_now FROM sparkingest.balance(fixture.tenant('Edge'));
SELECT fixture.finish(:'run', 'succeeded', '2026-03-02 10:05:10+00');
SELECT period, granted, available, held, spent FROM sparkingest.balance(fixture.tenant('Edge'), '2026-03-02 09:59:59+00');
SET sparkingest.clock = '2026-03-02 09:00:00+00';

-- What is shown adds up to the last millionth, however it falls.
SELECT sparkingest.create_tenant('Thirds') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Thirds'), 'vcpu_hours', 7) IS NOT NULL AS bought;
SELECT fixture.production_job('Thirds', 'thirds', cpu_cores => 1.001, memory_gb => 2, minutes => 1.999);
SELECT sparkingest.run_job(fixture.job('thirds')) AS run \gset
SELECT fixture.run(:'run', '61 seconds');
SELECT sparkingest.run_job(fixture.job('thirds')) AS run \gset
SELECT granted, available, held, spent, available + held + spent = granted AS adds_up FROM sparkingest.balance(fixture.tenant('Thirds'));
SELECT sparkingest.usage(fixture.tenant('Thirds')) -> 'vcpu_hours' AS vcpu_hours;

-- An instant that is over: as it was then, whatever was held, charged, bought or has lapsed since; sealed or not.
SELECT sparkingest.create_tenant('Past') IS NOT NULL AS created;
SELECT fixture.production_job('Past', 'past');
SELECT sparkingest.purchase(fixture.tenant('Past'), 'vcpu_hours', 8, 'hourly') IS NOT NULL AS bought;
SET sparkingest.clock = '2026-03-02 09:10:00+00';
SELECT sparkingest.run_job(fixture.job('past')) AS run \gset
SET sparkingest.clock = '2026-03-02 09:40:00+00';
SELECT fixture.run(:'run', '15 minutes');
SET sparkingest.clock = '2026-03-02 09:50:00+00';
SELECT sparkingest.purchase(fixture.tenant('Past'), 'vcpu_hours', 5, 'daily', valid_from => '2026-03-02 09:00:00+00') IS NOT NULL AS bought_for_before;
CREATE FUNCTION pg_temp.past() RETURNS TABLE (at text, granted numeric, available numeric, held numeric, spent numeric, used jsonb) LANGUAGE sql AS $$
SELECT to_char(at, 'HH24:MI:SS'), b.granted, b.available, b.held, b.spent, sparkingest.usage(fixture.tenant('Past'), at) #> '{vcpu_hours,granted}' FROM unnest(ARRAY['2026-03-02 09:00:00+00', '2026-03-02 09:09:59+00', '2026-03-02 09:10:00+00', '2026-03-02 09:39:59+00',
    '2026-03-02 09:40:00+00', '2026-03-02 09:49:59+00', '2026-03-02 09:50:00+00', '2026-03-02 10:00:00+00']::timestamptz[]) AS at, sparkingest.balance(fixture.tenant('Past'), at) AS b $$;
SELECT * FROM pg_temp.past();
SET sparkingest.clock = '2026-03-02 10:10:00+00';
SELECT sparkingest.maintain() > 0 AS lapsed;
SELECT entry_type, amount / 3600000.0 AS hours FROM sparkingest.balance_entries WHERE tenant_id = fixture.tenant('Past') AND entry_type = 'lapse';
SELECT sparkingest.maintain() > 0 AS sealed;
SELECT * FROM pg_temp.past();
SET sparkingest.clock = '2026-03-02 09:00:00+00';

SELECT * FROM fixture.refusal($$SELECT * FROM sparkingest.balance(NULL)$$);
SELECT * FROM fixture.refusal($$SELECT * FROM sparkingest.balance(fixture.tenant('Acme'), NULL)$$);
SELECT * FROM fixture.refusal($$SELECT * FROM sparkingest.balance(fixture.tenant('Acme'), 'infinity')$$);
SELECT * FROM fixture.refusal($$SELECT * FROM sparkingest.balance(gen_random_uuid())$$);
\i :end
