-- Events by month: a reader that polls hears of each once whatever the clock says, reads no more than it must, and months go by age.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SET client_min_messages = warning;
CREATE FUNCTION pg_temp.months() RETURNS TABLE (partition text, indexes bigint, triggers bigint, walled_in boolean, row_count bigint) LANGUAGE plpgsql AS $$
BEGIN
    FOR partition, indexes, triggers, walled_in IN SELECT c.relname, (SELECT count(*) FROM pg_index AS x WHERE x.indrelid = c.oid), (SELECT count(*) FROM pg_trigger AS t WHERE t.tgrelid = c.oid),
        c.relrowsecurity AND NOT EXISTS (SELECT FROM aclexplode(c.relacl) AS a WHERE a.grantee <> c.relowner)
        FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = 'sparkingest.events'::regclass ORDER BY 1
    LOOP
        EXECUTE format('SELECT count(*) FROM sparkingest.%I', partition) INTO row_count;
        RETURN NEXT;
    END LOOP;
END
$$;
-- Time goes forward, back, and far back; transactions go on.
SELECT sparkingest.create_tenant('in March') IS NOT NULL AS created;
SELECT * FROM pg_temp.months();
SELECT sparkingest.maintain() IS NULL AS maintained;
SELECT * FROM pg_temp.months();
SET sparkingest.clock = '2026-04-01 00:00:00+00';
SELECT sparkingest.create_tenant('in April') IS NOT NULL AS created;
SET sparkingest.clock = '2026-03-31 23:59:59.999999+00';
SELECT sparkingest.create_tenant('in March again') IS NOT NULL AS created;
SET sparkingest.clock = '2025-01-15 12:00:00+00';
SELECT sparkingest.create_tenant('long ago') IS NOT NULL AS created;
SET sparkingest.clock = '2026-05-05 12:00:00+00';
SELECT sparkingest.create_tenant('in May') IS NOT NULL AS created;
SELECT partition, row_count FROM pg_temp.months() WHERE row_count > 0;
-- What came without a partition gets one, and readers the same as before.
CREATE FUNCTION pg_temp.heard(portion integer) RETURNS TABLE (tenant text, at timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    place text;
    next text;
BEGIN
    LOOP
        next := NULL;
        FOR next, tenant, at IN SELECT e.cursor, e.after ->> 'tenant_name', e.at FROM sparkingest.events_after(place, portion) AS e LOOP
            RETURN NEXT;
        END LOOP;
        EXIT WHEN next IS NULL;
        place := next;
    END LOOP;
END
$$;
SELECT * FROM pg_temp.heard(2);
SELECT sparkingest.maintain() IS NULL AS maintained;
SELECT partition, row_count FROM pg_temp.months() WHERE row_count > 0;
SELECT count(*) AS same_as_before FROM pg_temp.heard(1) AS h WHERE h.tenant IN ('in March', 'in April', 'in March again', 'long ago', 'in May');

-- 60,000 events of twelve months: from where it goes on, a reader reads these rows and no others, and of other months' indexes the way to the end.
CREATE TEMPORARY TABLE old_events AS SELECT '2025-06-01 00:00+00'::timestamptz + i * '6 minutes'::interval AS at, i / 100 AS xact, i FROM generate_series(1, 60000) AS i;
INSERT INTO sparkingest.events (at, event_type, actor, xact) SELECT at, 'test.event', 'test', xact::text::xid8 FROM old_events ORDER BY i;
SET sparkingest.clock = '2026-03-02 09:00:00+00';
SELECT sparkingest.maintain() IS NULL AS maintained;
SELECT count(*) AS months, sum(row_count) AS events FROM pg_temp.months();
VACUUM ANALYZE sparkingest.events;
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off; -- as the store plans it
PREPARE poll AS SELECT xact, at FROM sparkingest.events WHERE xact >= $1 AND xact < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xact, event_id LIMIT $2;
CREATE FUNCTION pg_temp.read_by(statement text, OUT scans bigint, OUT by_order bigint, OUT with_rows bigint, OUT rows_read bigint, OUT few_pages boolean) LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT json) ' || statement INTO plan;
    SELECT count(*), count(*) FILTER (WHERE node ->> 'Node Type' = 'Index Scan' AND node ->> 'Index Name' ~ 'xact_event_id'), count(*) FILTER (WHERE (node -> 'Actual Rows')::int > 0),
        sum((node -> 'Actual Rows')::int) INTO scans, by_order, with_rows, rows_read FROM jsonb_path_query(plan, 'strict $.**?(@."Relation Name" starts with "events")') AS node;
    few_pages := (plan #> '{0,Plan,Shared Hit Blocks}')::int + (plan #> '{0,Plan,Shared Read Blocks}')::int < 20 + 4 * scans;
END
$$;
SELECT * FROM pg_temp.read_by('EXECUTE poll (''550'', 100)');
SELECT by_order = scans AS all_by_order, few_pages FROM pg_temp.read_by('EXECUTE poll (''0'', 100)');
RESET enable_seqscan;
-- Who asks for a month reads that.
SELECT scans FROM pg_temp.read_by('SELECT count(*) FROM sparkingest.events WHERE at >= ''2026-01-01 00:00+00'' AND at < ''2026-02-01 00:00+00''');
RESET plan_cache_mode;

-- Kept for so many days, by whole months.
SET sparkingest.event_days = 60;
SELECT sparkingest.maintain() IS NULL AS maintained;
SELECT partition, row_count > 0 AS has_events FROM pg_temp.months();
SELECT * FROM sparkingest.history_dropped;
SELECT cause, actor FROM sparkingest.events WHERE event_type = 'history.dropped' ORDER BY event_id LIMIT 2;
SET sparkingest.event_days = 61;
SET sparkingest.clock = '2026-03-02 23:59:59.999999+00';
SELECT sparkingest.maintain() IS NULL AS maintained;
SELECT count(*) AS months FROM pg_temp.months();
SET sparkingest.event_days = 30;
SELECT sparkingest.maintain() IS NULL AS maintained;
SELECT min(partition) AS oldest FROM pg_temp.months();
SET sparkingest.clock = '2026-03-03 00:00:00+00';
SELECT sparkingest.maintain() IS NULL AS maintained;
SELECT min(partition) AS oldest FROM pg_temp.months();
RESET sparkingest.event_days;
DROP EXTENSION sparkingest;
CREATE EXTENSION sparkingest;
SELECT partition FROM pg_temp.months();
\i :end
