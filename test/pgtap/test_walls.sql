-- Non-interference (Q4): what tenant A can find out is the same, byte for byte, whatever tenant B has. A's transcript is every row of
-- every relation that A can read, and the answer or refusal of every function that A can call, with its own ids, with B's, and with
-- values for every other argument; after each call that changed something, all relations again. It is made from the catalogue: a new
-- relation, column or function is in it by itself; a function with an argument of a new kind is red until values for it are here.
-- Ids of B stand for ids of nobody where there is no B. Masked is only what is random in A's own: ids that the calls make.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
BEGIN;
SELECT * FROM no_plan();
SET LOCAL client_min_messages = error;
SET LOCAL sparkingest.clock = '2026-03-02 09:00:00+00';
SET LOCAL timezone = 'UTC';
CREATE ROLE regress_a LOGIN IN ROLE sparkingest_tenant;
CREATE ROLE regress_b LOGIN IN ROLE sparkingest_tenant;
GRANT USAGE ON SCHEMA fixture TO PUBLIC;

-- A has something of everything.
CREATE FUNCTION pg_temp.make_a() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    id uuid := sparkingest.create_tenant('A', 'Europe/Berlin');
    job uuid;
BEGIN
    PERFORM sparkingest.grant_tenant(id, 'regress_a');
    PERFORM sparkingest.purchase(id, 'vcpu_hours', 100, idempotency_key => 'k'), sparkingest.purchase(id, 'dedicated_units', 2, 'daily');
    PERFORM fixture.production_job('A', 'nightly', cron => '0 2 * * *'), fixture.draft_job('A', 'draft'), fixture.production_job('A', 'follower', options => '{"after": "nightly"}'), sparkingest.plan();
    job := (SELECT j.job_id FROM sparkingest.ingestion_jobs AS j WHERE j.tenant_id = id AND job_name = 'nightly');
    PERFORM fixture.run(sparkingest.run_job(job), '10 minutes', metrics => '{"rows": 5, "cursor": "c"}');
    PERFORM sparkingest.run_job(job, '2026-03-02 20:00+00', 'k');
    -- Of two runs that fill its share of the draft namespace one has to wait.
    job := fixture.draft_job('A', 'tight', 40, 80, sla => '{"sla_window_hours": 0.1}');
    PERFORM sparkingest.run_job(job, '2026-03-02 23:00+00') FROM generate_series(1, 2);
    PERFORM sparkingest.reserve(id, 1, 1, '5 minutes', '2026-03-02 15:00+00', namespace => ns) FROM unnest(ARRAY['vcpu-hours-ns', 'dedicated-cpu-ns']) AS ns;
    PERFORM n.* FROM unnest(ARRAY['own-db', 'idle']) AS l, LATERAL sparkingest.set_limit(l, 4, id) AS n;
    PERFORM sparkingest.reserve(id, 1.5, 1, '5 minutes', '2026-03-02 15:00+00', namespace => 'vcpu-hours-ns', limits => '{"own-db": 1}');
    PERFORM sparkingest.roll_up(), sparkingest.maintain();
END
$$;
-- B does all that A does and more, under the same names and with the same keys, but takes no capacity of the days that A asks about:
-- how full a pool is, everybody may see (below).
CREATE FUNCTION pg_temp.make_b(status text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    id uuid := sparkingest.create_tenant('B', 'Asia/Tokyo');
    job uuid;
    run uuid;
BEGIN
    PERFORM sparkingest.grant_tenant(id, 'regress_b');
    PERFORM sparkingest.purchase(id, 'vcpu_hours', 1000, idempotency_key => 'k'), sparkingest.purchase(id, 'dedicated_units', 7, 'daily', '2026-03-20 00:00+00');
    PERFORM fixture.production_job('B', 'nightly', cron => '0 2 1 * *'), fixture.draft_job('B', 'draft'), fixture.draft_job('B', 'taken'), fixture.production_job('B', 'follower', options => '{"after": "nightly"}'), sparkingest.plan();
    job := (SELECT j.job_id FROM sparkingest.ingestion_jobs AS j WHERE j.tenant_id = id AND job_name = 'nightly');
    PERFORM fixture.run(sparkingest.run_job(job), '10 minutes', metrics => '{"rows": 99, "cursor": "z"}');
    PERFORM fixture.run(sparkingest.run_job(job), '3 minutes', 'failed', 1, 'user_code');
    PERFORM sparkingest.cancel_execution(e.execution_id) FROM sparkingest.job_executions AS e WHERE e.tenant_id = id AND e.started_by = 'dependency' AND e.state = 'scheduled';
    PERFORM sparkingest.run_job(job, '2026-03-20 20:00+00', 'k');
    PERFORM sparkingest.create_job(id, 'mine', 'postgres', fixture.source(), fixture.destination(), '{}', idempotency_key => 'k');
    PERFORM sparkingest.reserve(id, 1, 1, '5 minutes', '2026-03-20 15:00+00', namespace => ns) FROM unnest(ARRAY['vcpu-hours-ns', 'dedicated-cpu-ns']) AS ns, generate_series(1, 3);
    PERFORM n.* FROM unnest(ARRAY['own-db', 'idle', 'of-b']) AS l, LATERAL sparkingest.set_limit(l, 9, id) AS n;
    PERFORM sparkingest.reserve(id, 1, 1, '5 minutes', '2026-03-20 15:00+00', namespace => 'vcpu-hours-ns', limits => '{"own-db": 7, "of-b": 1}');
    PERFORM sparkingest.roll_up();
    PERFORM sparkingest.set_tenant_status(id, status);
END
$$;

-- Ids of both by what they are; of nobody where B is not there.
CREATE TEMPORARY TABLE ids (whose text, kind text, id uuid);
CREATE FUNCTION pg_temp.note_ids() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tenant text;
BEGIN
    DELETE FROM ids;
    -- As if that had happened in transactions that are over: events_after() tells of it.
    UPDATE sparkingest.events SET xact = '5';
    FOREACH tenant IN ARRAY ARRAY['A', 'B'] LOOP
        INSERT INTO ids SELECT tenant, k.kind, COALESCE(CASE k.kind
            WHEN 'tenant_id' THEN fixture.tenant(tenant)
            WHEN 'job_id' THEN (SELECT j.job_id FROM sparkingest.ingestion_jobs AS j WHERE j.tenant_id = fixture.tenant(tenant) AND job_name = 'nightly')
            WHEN 'draft_id' THEN (SELECT j.job_id FROM sparkingest.ingestion_jobs AS j WHERE j.tenant_id = fixture.tenant(tenant) AND job_name = 'draft')
            WHEN 'execution_id' THEN (SELECT e.execution_id FROM sparkingest.job_executions AS e WHERE e.tenant_id = fixture.tenant(tenant)
                AND state = 'scheduled' AND started_by = 'run_job' AND NOT is_draft)
            WHEN 'draft_run_id' THEN (SELECT e.execution_id FROM sparkingest.job_executions AS e WHERE e.tenant_id = fixture.tenant(tenant) AND is_draft AND state = 'succeeded'
                AND e.job_id = (SELECT j.job_id FROM sparkingest.ingestion_jobs AS j WHERE j.tenant_id = fixture.tenant(tenant) AND job_name = 'nightly'))
            WHEN 'reservation_id' THEN (SELECT r.reservation_id FROM sparkingest.reservations AS r WHERE r.tenant_id = fixture.tenant(tenant)
                AND namespace = 'vcpu-hours-ns' AND cpu_millicores = 1000 LIMIT 1)
            WHEN 'purchase_id' THEN (SELECT p.purchase_id FROM sparkingest.resource_purchases AS p WHERE p.tenant_id = fixture.tenant(tenant) AND resource_type = 'vcpu_hours')
            WHEN 'grant_id' THEN (SELECT g.grant_id FROM sparkingest.grants AS g WHERE g.tenant_id = fixture.tenant(tenant) AND resource_type = 'vcpu_hours') END, gen_random_uuid())
            FROM unnest(ARRAY['tenant_id', 'job_id', 'draft_id', 'execution_id', 'draft_run_id', 'reservation_id', 'purchase_id', 'grant_id']) AS k (kind);
    END LOOP;
END
$$;
GRANT SELECT ON ids TO PUBLIC;

-- Values of arguments, by name or else by type; the first is the usual one.
CREATE FUNCTION pg_temp.values_of(argument text, of_type text, whose text) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    found text[];
BEGIN
    IF of_type = 'uuid' THEN
        found := ARRAY(SELECT quote_literal(id) FROM ids WHERE ids.whose = values_of.whose AND CASE argument WHEN 'job_id' THEN kind IN ('job_id', 'draft_id')
            WHEN 'execution_id' THEN kind IN ('execution_id', 'draft_run_id') ELSE kind = argument END ORDER BY kind DESC);
        RETURN CASE WHEN cardinality(found) > 0 THEN found || 'NULL'::text END;
    END IF;
    RETURN CASE argument
        WHEN 'namespace' THEN ARRAY['''vcpu-hours-ns''', '''dedicated-cpu-ns''', '''draft-ingestion-ns''', '''nowhere''', 'NULL']
        WHEN 'cpu_cores' THEN ARRAY['1', '0.001', '3000', '''NaN''', 'NULL']
        WHEN 'memory_gb' THEN ARRAY['1', '0', '5000', 'NULL']
        WHEN 'job_name' THEN ARRAY['''mine''', '''nightly''', '''taken''', '''''']
        WHEN 'source_type' THEN ARRAY['''postgres''', '''nothing''']
        WHEN 'source_config' THEN ARRAY['fixture.source()', '''{}''']
        WHEN 'destination_config' THEN ARRAY['fixture.destination()', '''{}''']
        WHEN 'resource_requirements' THEN ARRAY['''{}''', '''{"cpu_cores": 10000}''']
        WHEN 'schedule_cron' THEN ARRAY['''0 3 * * *''', '''x''', 'NULL']
        WHEN 'time_zone' THEN ARRAY['''UTC''', '''Asia/Tokyo''', '''Mars''']
        WHEN 'sla_requirements' THEN ARRAY['''{}''', '''{"tier": "strict"}''']
        WHEN 'options' THEN ARRAY['''{}''', '''{"auto_draft": true}''']
        WHEN 'changes' THEN ARRAY['''{"schedule_cron": "0 4 * * *"}''', '''{"job_name": "taken"}''', '''{"x": 1}''']
        WHEN 'request' THEN ARRAY['''{"source_type": "postgres"}''', '''{}''']
        WHEN 'idempotency_key' THEN ARRAY['NULL', '''k''', '''new''']
        WHEN 'reason' THEN ARRAY['''enough''', 'NULL']
        WHEN 'month' THEN ARRAY['''2026-03-01''', '''2026-03-15''', 'NULL']
        WHEN 'limit_name' THEN ARRAY['''idle''', '''own-db''', '''of-b''', '''x'' ', 'NULL']
        WHEN 'quantity' THEN ARRAY['2', '4', '0', '-1', 'NULL']
        WHEN 'limits' THEN ARRAY['NULL', '''{"own-db": 4}''', '''{"of-b": 1}''', '''{"own-db": 5}''']
        WHEN 'n' THEN ARRAY['5', '0']
        WHEN 'position' THEN ARRAY['NULL', '''x''', '''5.2''']
        WHEN 'duration' THEN ARRAY['''30 min''', '''0''', '''30 days''']
        WHEN 'sla_window' THEN ARRAY['''24 hours''', '''0''']
        WHEN 'not_before' THEN ARRAY['''2026-03-02 10:00+00''', '''2026-03-03 10:00+00''', '''infinity''']
        WHEN 'starts_at' THEN ARRAY['''2026-03-03 12:00+00''', '''2020-01-01''']
        WHEN 'during' THEN ARRAY['''[2026-03-02 09:00+00,2026-03-04 09:00+00)''', '''empty''', '''(,)''']
        WHEN 'at' THEN ARRAY['''2026-03-02 12:00+00''', '''2026-03-03 12:00+00''', '''infinity''']
        WHEN 'after' THEN ARRAY['''2026-03-02 12:00+00''', 'NULL'] END;
END
$$;
-- Calls: the usual values, with each other value of one argument at a time; of A's ids, and of B's.
CREATE FUNCTION pg_temp.calls(whose text) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
DECLARE
    f record;
    usual text[];
    other text;
    given text[];
BEGIN
    FOR f IN SELECT p.oid, p.proname, p.pronargs, COALESCE((SELECT array_agg(a ORDER BY o) FILTER (WHERE p.proargmodes IS NULL OR p.proargmodes[o] = 'i')
            FROM unnest(p.proargnames) WITH ORDINALITY AS u (a, o)), '{}') AS names, ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) AS t) AS types
        FROM pg_proc AS p WHERE p.pronamespace = 'sparkingest'::regnamespace AND has_function_privilege(p.oid, 'EXECUTE') ORDER BY p.proname
    LOOP
        usual := '{}';
        FOR i IN 1 .. f.pronargs LOOP
            given := pg_temp.values_of(f.names[i], f.types[i], whose);
            IF given IS NULL THEN
                RAISE EXCEPTION 'no values for argument % % of %', f.names[i], f.types[i], f.proname;
            END IF;
            usual := usual || format('%I => %s::%s', f.names[i], given[1], f.types[i]);
        END LOOP;
        RETURN NEXT format('sparkingest.%I(%s)', f.proname, array_to_string(usual, ', '));
        FOR i IN 1 .. f.pronargs LOOP
            FOREACH other IN ARRAY (pg_temp.values_of(f.names[i], f.types[i], whose))[2:] LOOP
                RETURN NEXT format('sparkingest.%I(%s)', f.proname, array_to_string(usual[:i - 1] || format('%I => %s::%s', f.names[i], other, f.types[i]) || usual[i + 1:], ', '));
            END LOOP;
        END LOOP;
    END LOOP;
END
$$;

-- Ids by what they are; exact: A's own stay as they are, and ids that the calls made become one word; else all ids do.
CREATE FUNCTION pg_temp.masked(line text, exact boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    known record;
    a_uuid text;
BEGIN
    FOR a_uuid IN SELECT m[1] FROM regexp_matches(line, '"(eyJ[A-Za-z0-9_-]{60,})"', 'g') AS m LOOP -- what a run is told
        line := replace(line, a_uuid, convert_from(decode(rpad(translate(a_uuid, '-_', '+/'), (length(a_uuid) + 3) / 4 * 4, '='), 'base64'), 'UTF8'));
    END LOOP;
    FOR known IN SELECT kind, id FROM ids WHERE whose = 'B' LOOP
        line := replace(replace(line, known.id::text, '<' || known.kind || ' of B>'), replace(known.id::text, '-', ''), '<' || known.kind || ' of B>');
    END LOOP;
    FOR a_uuid IN SELECT DISTINCT m[1] FROM regexp_matches(line, '[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}', 'g') AS m LOOP
        IF NOT exact OR NOT EXISTS (SELECT FROM own WHERE replace(own.id::text, '-', '') = replace(a_uuid, '-', '')) THEN
            line := replace(line, a_uuid, '<id>');
        END IF;
    END LOOP;
    -- What is hashed has ids in it.
    RETURN CASE WHEN exact THEN line ELSE regexp_replace(line, '[0-9a-f]{64}', '<hash>', 'g') END;
END
$$;
-- Every id that A had before the calls.
CREATE TEMPORARY TABLE own (id uuid);
CREATE INDEX ON own (replace(id::text, '-', ''));
GRANT ALL ON own TO PUBLIC;

-- All that A reads, in order.
CREATE FUNCTION pg_temp.relations() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'sparkingest'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT a.attisdropped
            -- Of system columns, too, that an index or a row's place could tell by; tableoid and xmin are PostgreSQL's own numbers.
            AND (a.attnum > 0 OR a.attname = 'ctid') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
        GROUP BY c.oid ORDER BY c.relname
    LOOP
        RETURN QUERY EXECUTE format('SELECT %L || row_to_json(t)::text FROM (SELECT %s FROM sparkingest.%I) AS t', r.relname || ': ', r.columns, r.relname);
    END LOOP;
END
$$;
CREATE FUNCTION pg_temp.answer(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
    message text;
    detail text;
    hint text;
    before text;
    state text;
BEGIN
    BEGIN
        EXECUTE format('SELECT COALESCE(string_agg(to_jsonb(r)::text, chr(10)), ''nothing'') FROM %s AS r', call) INTO answer;
        -- Writers: what A sees now.
        IF call !~ 'sparkingest\.(my_tenants|clock|can_see_tenant|usage|balance|capacity|limit_load|find_slot|next_fire_times|calculate_estimate|render_manifest|explain_job|explain_execution|events_after)\(' THEN
            SELECT string_agg(line, chr(10) ORDER BY line) INTO state FROM (SELECT pg_temp.masked(l, false) AS line FROM pg_temp.relations() AS l) AS lines;
        END IF;
        RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZZZZ';
    EXCEPTION WHEN OTHERS THEN
        IF SQLSTATE = 'ZZZZZ' THEN
            RETURN format('%s%s', answer, ', and then ' || md5(state));
        END IF;
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        RETURN format('%s %s, detail %s, hint %s', SQLSTATE, message, detail, hint);
    END;
END
$$;
CREATE FUNCTION pg_temp.transcript(exact boolean) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM own;
    INSERT INTO own SELECT DISTINCT m[1]::uuid FROM pg_temp.relations() AS l, regexp_matches(l, '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}', 'g') AS m;
    RETURN QUERY SELECT pg_temp.masked(l, exact) AS line FROM pg_temp.relations() AS l ORDER BY 1;
    RETURN QUERY SELECT format('%s: %s', pg_temp.masked(call, exact), pg_temp.masked(pg_temp.answer(call), exact)) FROM (SELECT pg_temp.calls('A') UNION ALL SELECT pg_temp.calls('B')) AS c (call);
END
$$;
CREATE TEMPORARY TABLE transcripts (world text, n bigint, line text);
GRANT ALL ON transcripts TO PUBLIC;
-- Lines that the one has and the other has not, in short.
CREATE FUNCTION pg_temp.differences(one text, other text, but text DEFAULT '^$') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT left(format('%s: %s', CASE WHEN bool_or(t.world = one) THEN one ELSE other END, t.line), 600) FROM transcripts AS t WHERE t.world IN (one, other) AND t.line !~ but
        GROUP BY t.line HAVING count(*) FILTER (WHERE t.world = one) <> count(*) FILTER (WHERE t.world = other) ORDER BY 1 $$;

-- One after the other: A without B, and with B beside it.
SELECT pg_temp.make_a();
SELECT pg_temp.note_ids();
SET LOCAL ROLE regress_a;
INSERT INTO transcripts SELECT 'alone', row_number() OVER (), l FROM pg_temp.transcript(true) AS l;
RESET ROLE;
SAVEPOINT alone;
SELECT pg_temp.make_b('active');
CREATE TEMPORARY TABLE ids_of_a ON COMMIT DROP AS SELECT * FROM ids WHERE whose = 'A';
SELECT pg_temp.note_ids();
SELECT is_empty('SELECT kind FROM ids JOIN ids_of_a AS a USING (kind) WHERE ids.whose = ''A'' AND ids.id <> a.id', 'A is the same as before');
SET LOCAL ROLE regress_a;
INSERT INTO transcripts SELECT 'beside B', row_number() OVER (), l FROM pg_temp.transcript(true) AS l;
RESET ROLE;
SELECT is_empty($$SELECT pg_temp.differences('alone', 'beside B')$$, 'A cannot tell whether B is there');
SELECT is((SELECT string_agg(line, chr(10) ORDER BY n) FROM transcripts WHERE world = 'beside B'), (SELECT string_agg(line, chr(10) ORDER BY n) FROM transcripts WHERE world = 'alone'),
    'nor by the order of anything');
-- B says nothing of A's either: the walls have two sides.
SELECT sparkingest.set_tenant_status(fixture.tenant('B'), status) FROM (VALUES ('suspended'), ('closed')) AS v (status);
SET LOCAL ROLE regress_a;
INSERT INTO transcripts SELECT 'B closed', row_number() OVER (), l FROM pg_temp.transcript(true) AS l;
RESET ROLE;
SELECT is_empty($$SELECT pg_temp.differences('alone', 'B closed')$$, 'nor what state B is in');

-- What B takes of a pool in A's days shows in what is free there, without a name, and in nothing else.
ROLLBACK TO SAVEPOINT alone;
SELECT pg_temp.make_b('active');
SELECT pg_temp.note_ids();
SELECT sparkingest.reserve(fixture.tenant('B'), 7, 7, '1 hour', '2026-03-02 12:00+00', namespace => 'vcpu-hours-ns') IS NULL;
SET LOCAL ROLE regress_a;
INSERT INTO transcripts SELECT 'B works', row_number() OVER (), l FROM pg_temp.transcript(true) AS l;
RESET ROLE;
SELECT is_empty($$SELECT pg_temp.differences('alone', 'B works', '^(capacity_slots: |planned_load: .*"tenant_id":null|sparkingest\.capacity\(namespace => ''vcpu-hours-ns''::text, during => .*tenant_id => NULL)|, and then ')$$,
    'what B takes shows in totals of the pool only');
SELECT isnt_empty($$SELECT pg_temp.differences('alone', 'B works')$$, 'and it does show there');

-- Worlds from the beginning: what A is given (numbers, order, places of rows) does not depend on who was there before.
ROLLBACK TO SAVEPOINT alone;
CREATE FUNCTION pg_temp.whole_world(b_first boolean) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    lines text[];
BEGIN
    BEGIN
        IF b_first THEN
            PERFORM pg_temp.make_b('active');
        END IF;
        PERFORM pg_temp.make_a();
        PERFORM pg_temp.note_ids();
        SET LOCAL ROLE regress_a;
        lines := ARRAY(SELECT pg_temp.transcript(false));
        RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZZZZ';
    EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
        RETURN QUERY SELECT unnest(lines);
    END;
END
$$;
SELECT sparkingest.revoke_tenant(fixture.tenant('A'), 'regress_a');
UPDATE sparkingest.tenants SET tenant_name = 'before A';
INSERT INTO transcripts SELECT 'only A', row_number() OVER (), l FROM pg_temp.whole_world(false) AS l;
INSERT INTO transcripts SELECT 'A after B', row_number() OVER (), l FROM pg_temp.whole_world(true) AS l;
SELECT is_empty($$SELECT pg_temp.differences('only A', 'A after B')$$, 'A cannot tell whether B was there before');

-- The walk goes where it should: everything that A can read and call, and it does find what is not hidden.
SELECT is_empty($$SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'sparkingest'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND has_any_column_privilege('sparkingest_tenant', c.oid, 'SELECT')
    AND NOT EXISTS (SELECT FROM transcripts AS t WHERE world = 'alone' AND starts_with(t.line, c.relname || ': '))$$, 'every relation is in the transcript, with rows');
SELECT is_empty($$SELECT proname FROM pg_proc WHERE pronamespace = 'sparkingest'::regnamespace AND has_function_privilege('sparkingest_tenant', oid, 'EXECUTE')
    AND NOT EXISTS (SELECT FROM transcripts AS t WHERE world = 'alone' AND starts_with(t.line, format('sparkingest.%I(', proname)) AND t.line !~ '\): [0-9A-Z]{5} ')$$, 'every function is in it, with an answer');
SELECT cmp_ok((SELECT count(*) FROM transcripts WHERE world = 'alone' AND line ~ '^sparkingest'), '>', 200::bigint, 'hundreds of calls were made');
SELECT cmp_ok((SELECT count(*) FROM transcripts WHERE world = 'alone' AND line ~ ', and then '), '>', 25::bigint, 'dozens of them changed something');
SELECT is((SELECT count(*) FROM transcripts WHERE line ~ ': (XX|0A|2F|P0)...? '), 0::bigint, 'none failed by an error of ours');
SELECT is_empty('SELECT * FROM books.differences()', 'the books are right');
SELECT * FROM finish();
ROLLBACK;
