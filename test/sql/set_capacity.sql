-- Supply that shrinks: what no longer fits is found at once and re-planned with least harm (C9).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 100000) IS NOT NULL AS hours;
CREATE FUNCTION pg_temp.runs() RETURNS TABLE (job text, state text, namespace text, planned_start timestamptz, planned_end timestamptz,
    waiting_reason text) LANGUAGE sql AS $$
SELECT j.job_name, e.state, e.namespace, e.planned_start, e.planned_end, e.waiting_reason FROM sparkingest.job_executions AS e
    JOIN sparkingest.ingestion_jobs AS j USING (job_id)
 WHERE NOT e.is_draft AND e.state <> 'cancelled' ORDER BY 1, e.scheduled_for $$;
CREATE FUNCTION pg_temp.victims(namespace text, cores numeric, gib numeric, during tstzrange) RETURNS TABLE (job text,
    planned_start timestamptz, effect text) LANGUAGE sql AS $$
SELECT (SELECT j.job_name FROM sparkingest.ingestion_jobs AS j WHERE j.job_id = s.job_id), s.planned_start, s.effect
    FROM sparkingest.set_capacity(namespace, cores, gib, during) WITH ORDINALITY AS s (execution_id, job_id, tenant_id, planned_start,
    effect, n) ORDER BY n $$;

-- Nothing is planned: nobody is hit, and the total is what was set, slot by slot. The newest counts where two overlap.
SELECT * FROM pg_temp.victims('vcpu-hours-ns', 100, 200, '[2026-03-02 12:00, 2026-03-02 13:00)');
SELECT * FROM pg_temp.victims('vcpu-hours-ns', 3000, 5000, '[2026-03-02 12:30, 2026-03-02 12:40)');
SELECT * FROM pg_temp.victims('vcpu-hours-ns', 0, 0, '[2026-03-02 12:35, 2026-03-02 12:36)');
SELECT * FROM (SELECT time_slot, total_cpu_capacity AS cores, total_memory_capacity AS gib, lag(total_cpu_capacity) OVER (ORDER BY time_slot) AS before
                 FROM sparkingest.capacity('vcpu-hours-ns', '[2026-03-02 11:55, 2026-03-02 13:05)')) AS s WHERE cores IS DISTINCT FROM before;
-- A slot has what it has at its poorest instant: an end or a beginning inside it promises nothing more.
SELECT * FROM pg_temp.victims('draft-ingestion-ns', 0, 0, '[2026-03-02 12:00, 2026-03-02 12:12)');
SELECT * FROM pg_temp.victims('draft-ingestion-ns', 900, 900, '[2026-03-02 12:13, 2026-03-02 12:23)');
SELECT to_char(time_slot, 'HH24:MI') AS slot, total_cpu_capacity AS cores
    FROM sparkingest.capacity('draft-ingestion-ns', '[2026-03-02 11:55, 2026-03-02 12:30)');
SELECT * FROM pg_temp.victims('draft-ingestion-ns', 900, 900, '[2026-03-02 12:33, 2026-03-02 12:40)');
SELECT to_char(time_slot, 'HH24:MI') AS slot, total_cpu_capacity AS cores FROM sparkingest.capacity('draft-ingestion-ns', '[2026-03-02 12:25, 2026-03-02 12:45)');
-- Taken back by the same intervals: as it was.
SELECT * FROM pg_temp.victims('draft-ingestion-ns', 200, 400, '[2026-03-02 12:00, 2026-03-02 12:23)');
SELECT * FROM pg_temp.victims('draft-ingestion-ns', 200, 400, '[2026-03-02 12:33, 2026-03-02 12:40)');
SELECT DISTINCT total_cpu_capacity AS cores FROM sparkingest.capacity('draft-ingestion-ns', '[2026-03-02 11:55, 2026-03-02 12:45)');
-- A search goes around a maintenance hole.
SELECT sparkingest.find_slot('vcpu-hours-ns', 101, 1, '30 minutes', '2026-03-02 11:45+00') AS after_it;

-- Of what does not fit any more, late goes before early, low priority before high, and only as much as must.
SELECT fixture.production_job('Acme', name, 20, 40, 25, sla => format('{"priority": %s}', priority)::jsonb, options => '{"on_no_capacity": "wait"}')
  FROM (VALUES ('high', 10), ('low', 1), ('lowest', 0), ('normal', 5)) AS v (name, priority);
SELECT name, sparkingest.run_job(fixture.job(name), at) IS NOT NULL AS planned
  FROM (VALUES ('high', '2026-03-02 15:00+00'::timestamptz), ('low', '2026-03-02 15:00+00'), ('normal', '2026-03-02 15:00+00'), ('lowest',
      '2026-03-02 15:10+00')) AS v (name, at);
SELECT job, planned_start FROM pg_temp.runs();
SELECT * FROM pg_temp.victims('vcpu-hours-ns', 50, 100, '[2026-03-02 15:00, 2026-03-02 16:00)');
SELECT * FROM pg_temp.runs();
-- Room for one: two go, the more important stays.
SELECT * FROM pg_temp.victims('vcpu-hours-ns', 20, 40, '[2026-03-02 15:00, 2026-03-02 16:00)');
SELECT * FROM pg_temp.runs();
-- Each victim has an event with the cause, and their holds are still one each.
SELECT j.job_name, v.cause, v.before ->> 'state' AS before, v.after ->> 'state' AS after FROM sparkingest.events AS v
    JOIN sparkingest.ingestion_jobs AS j USING (job_id)
 WHERE v.cause LIKE 'capacity of%' ORDER BY v.event_id;
SELECT held / 3600000 AS held, count(*) FROM sparkingest.job_executions WHERE state IN ('scheduled', 'waiting') GROUP BY 1;
-- Nothing at all for a day: what cannot start in its window waits, with the reason; it keeps its wish.
SELECT * FROM pg_temp.victims('vcpu-hours-ns', 0, 0, '[2026-03-02 14:00, 2026-03-04 16:00)');
SELECT * FROM pg_temp.runs();
SELECT count(*) FROM sparkingest.reservations WHERE status = 'active';
-- The hole goes away: the next tick places them again.
SELECT * FROM pg_temp.victims('vcpu-hours-ns', 2000, 4000, '[2026-03-02 14:00, 2026-03-04 16:00)');
SELECT sparkingest.plan() AS handled;
SELECT * FROM pg_temp.runs();

-- Work that was claimed is left alone and told of; so is what an application reserved itself.
SET sparkingest.clock = '2026-03-02 15:00:00+00';
SELECT fixture.claim(fixture.latest('high'));
SELECT sparkingest.create_tenant('App') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('App'), 'vcpu_hours', 100) IS NOT NULL AS hours;
SELECT (sparkingest.reserve(fixture.tenant('App'), 5, 5, '10 minutes', '2026-03-02 15:20+00')).reservation_id AS own \gset
SELECT * FROM pg_temp.victims('vcpu-hours-ns', 0, 0, '[2026-03-02 15:00, 2026-03-02 16:00)');
SELECT job, state, planned_start FROM pg_temp.runs();
SELECT t.tenant_name, (SELECT job_name FROM sparkingest.ingestion_jobs AS j WHERE j.job_id = v.job_id) AS job, v.cause,
    v.before - 'reservation_id' AS reservation, v.before ->> 'reservation_id' = :'own' AS its_own
  FROM sparkingest.events AS v JOIN sparkingest.tenants AS t USING (tenant_id) WHERE event_type = 'reservation.over_committed' ORDER BY t.tenant_name;
SELECT book, count(*) FROM books.differences() GROUP BY 1;
-- Nothing comes on top.
SELECT reason FROM sparkingest.try_reserve(fixture.tenant('App'), 0.001, 0.0009765625, '5 minutes', '2026-03-02 15:30+00', '0');
SELECT sparkingest.plan() AS handled;
SELECT sparkingest.release(:'own');
SELECT fixture.start(fixture.latest('high'), '2026-03-02 15:00:00+00');
SELECT fixture.finish(fixture.latest('high'), 'succeeded', '2026-03-02 15:10:00+00');
SET sparkingest.clock = '2026-03-02 09:00:00+00';

-- A dedicated namespace: the hole is over all of its pools.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 10, 'daily') IS NOT NULL AS units,
    sparkingest.purchase(fixture.tenant('App'), 'dedicated_units', 10, 'daily') IS NOT NULL AS units;
SELECT starts_at FROM sparkingest.reserve(fixture.tenant('Acme'), 40, 80, '1 hour', '2026-03-02 18:00+00', '0', 'dedicated-cpu-ns');
SELECT * FROM pg_temp.victims('dedicated-cpu-ns', 40, 80, '[2026-03-02 18:00, 2026-03-02 19:00)');
SELECT reason FROM sparkingest.try_reserve(fixture.tenant('App'), 1, 1, '1 hour', '2026-03-02 17:30+00', '0', 'dedicated-cpu-ns');
SELECT starts_at FROM sparkingest.try_reserve(fixture.tenant('App'), 1, 1, '1 hour', '2026-03-02 17:30+00', '2 hours', 'dedicated-cpu-ns');

-- Bad values, and who may.
SELECT arguments, r.code, r.message FROM (VALUES ('''elsewhere'', 1, 1, d'), ('NULL, 1, 1, d'), ('''vcpu-hours-ns'', NULL, 1, d'),
    ('''vcpu-hours-ns'', 1, NULL, d'), ('''vcpu-hours-ns'', 1, 1, NULL'),
    ('''vcpu-hours-ns'', -1, 1, d'), ('''vcpu-hours-ns'', ''NaN'', 1, d'), ('''vcpu-hours-ns'', 1, ''Infinity'', d'),
        ('''vcpu-hours-ns'', 1.00001, 1, d'), ('''vcpu-hours-ns'', 1, 1e99, d'),
    ('''vcpu-hours-ns'', 1, 1, ''empty'''), ('''vcpu-hours-ns'', 1, 1, ''[2026-03-02 12:00,)'''),
        ('''vcpu-hours-ns'', 1, 1, ''[2026-03-02 08:00,2026-03-02 09:00)''')) AS v (arguments),
    LATERAL fixture.refusal('SELECT * FROM sparkingest.set_capacity(' || replace(arguments, ' d', ' ''[2026-03-02 12:00, 2026-03-02 13:00)''') || ')') AS r;
SELECT event_type, after FROM sparkingest.events WHERE event_type = 'capacity.set' ORDER BY event_id DESC LIMIT 1;
\i :end
