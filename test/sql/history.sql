-- resource_consumption by month: partitions made ahead and dropped by age, sums that outlive them, and queries that read no more
-- than their months.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SET client_min_messages = warning;
CREATE FUNCTION pg_temp.months() RETURNS TABLE (partition text, bounds text, indexes bigint, triggers text, row_count bigint) LANGUAGE plpgsql AS $$
BEGIN
    FOR partition, bounds, indexes, triggers IN SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), (SELECT count(*) FROM pg_index AS x WHERE x.indrelid = c.oid),
        (SELECT string_agg(t.tgname || ' ' || t.tgenabled::text, ', ') FROM pg_trigger AS t WHERE t.tgrelid = c.oid)
        FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = 'sparkingest.resource_consumption'::regclass ORDER BY 1
    LOOP
        EXECUTE format('SELECT count(*) FROM sparkingest.%I', partition) INTO row_count;
        RETURN NEXT;
    END LOOP;
END
$$;
SELECT sparkingest.create_tenant('Acme', 'Asia/Kolkata') IS NOT NULL AS created;
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'dedicated_units', 5, 'yearly') IS NOT NULL AS units;
SELECT fixture.production_job('Acme', 'job', options => '{"overlap_policy": "allow", "overlap_limit": 100}') AS status;
-- Runs of four months, recorded before anybody made a partition.
CREATE TEMPORARY TABLE runs AS SELECT sparkingest.run_job(fixture.job('job')) AS id, ended_at FROM (VALUES ('2025-12-31 23:59:59.999999+00'::timestamptz),
    ('2026-01-01 00:00:00+00'), ('2026-01-15 12:00:00+00'), ('2026-02-28 18:45:00+00'), ('2026-03-02 08:59:00+00')) AS v (ended_at);
SELECT count(fixture.claim(id)), count(fixture.start(id, ended_at - '30 minutes'::interval)), count(fixture.finish(id, 'succeeded', ended_at)) FROM runs;
SELECT * FROM pg_temp.months();
SELECT sparkingest.roll_up() > 0 AS rolled_up;
SELECT sparkingest.maintain() IS NULL AS maintained;
SELECT * FROM pg_temp.months();
SELECT sparkingest.maintain() IS NULL AS maintained;
SELECT count(*) FROM pg_temp.months();
-- Rows in the rest, of a month that nobody expected.
SELECT sparkingest.run_job(fixture.job('job')) AS odd \gset
SELECT fixture.claim(:'odd'), fixture.start(:'odd', '2025-07-01 10:00+00'), fixture.finish(:'odd', 'succeeded', '2025-07-01 11:00+00');
SELECT row_count FROM pg_temp.months() WHERE partition = 'resource_consumption_rest';
SELECT sparkingest.maintain() IS NULL AS maintained;
SELECT partition, row_count FROM pg_temp.months() WHERE row_count > 0;
SELECT sparkingest.roll_up() > 0 AS rolled_up;
SELECT * FROM sparkingest.verify_usage();

-- A month reads its partition; an execution is found by the index of each.
SET plan_cache_mode = force_generic_plan;
PREPARE month AS SELECT sum(charged) FROM sparkingest.resource_consumption WHERE tenant_id = $1 AND ended_at >= $2 AND ended_at < $3;
CREATE FUNCTION pg_temp.scanned(statement text) RETURNS TABLE (scans text) LANGUAGE plpgsql AS $$
BEGIN
    FOR scans IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || statement LOOP
        IF scans ~ ' on resource_consumption' AND scans !~ 'never executed' OR scans ~ 'Subplans Removed' THEN
            scans := regexp_replace(scans, '^ *(-> *)?| \(actual.*', '', 'g');
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT * FROM pg_temp.scanned(format('EXECUTE month (%L, ''2026-02-01 00:00+00'', ''2026-03-01 00:00+00'')', fixture.tenant('Acme')));
SELECT count(*) AS scans, count(*) FILTER (WHERE scans ~ 'Index Scan using') AS by_index FROM pg_temp.scanned(format('SELECT * FROM sparkingest.resource_consumption WHERE execution_id = %L', :'odd'));
RESET enable_seqscan; RESET enable_bitmapscan; RESET plan_cache_mode;

-- Dropped by age: two whole months before this one are kept. Sums stay, also when made anew; the months kept are right.
CREATE TEMPORARY TABLE before AS SELECT u.* FROM sparkingest.usage_hourly AS u;
SELECT count(*) AS executions, count(DISTINCT hour) AS hours FROM before;
SET sparkingest.history_months = 2;
SELECT sparkingest.maintain() IS NULL AS maintained;
SELECT partition, row_count FROM pg_temp.months();
SELECT * FROM sparkingest.history_dropped;
SELECT cause, actor FROM sparkingest.events WHERE event_type = 'history.dropped' ORDER BY event_id;
SELECT * FROM sparkingest.verify_usage();
UPDATE sparkingest.job_executions SET bytes_out = 1 WHERE execution_id IN (SELECT id FROM runs);
SELECT sparkingest.roll_up() > 0 AS rolled_up, sparkingest.rebuild_usage() > 0 AS rebuilt;
SELECT count(*) AS of_dropped_months, count(*) FILTER (WHERE b.tenant_id IS NULL) AS changed FROM sparkingest.usage_hourly AS u LEFT JOIN before AS b USING (tenant_id, hour, namespace, executions,
    billable_millicore_seconds, charged, ended, succeeded, bytes_out) WHERE hour < '2026-01-01 00:00+00';
SELECT hour, bytes_out FROM sparkingest.usage_hourly WHERE bytes_out > 0 ORDER BY 1;
SELECT * FROM sparkingest.verify_usage();
-- The first partitions of a new month are there before it begins; what old ones are dropped for is not made again.
SET sparkingest.clock = '2026-05-31 23:00:00+00';
SELECT sparkingest.maintain() IS NULL AS maintained;
SELECT partition, row_count FROM pg_temp.months();
RESET sparkingest.history_months;
DROP EXTENSION sparkingest;
CREATE EXTENSION sparkingest;
SELECT partition FROM pg_temp.months();
\i :end
