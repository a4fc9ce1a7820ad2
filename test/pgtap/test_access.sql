-- Two tenants, two login roles, an operator and a stranger: who sees and touches what (Q4, J12). Over every table that there is.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
BEGIN;
SELECT * FROM no_plan();
SET LOCAL client_min_messages = warning;
SET LOCAL sparkingest.clock = '2026-03-02 09:00:00+00';
CREATE ROLE regress_a LOGIN IN ROLE sparkingest_tenant;
CREATE ROLE regress_b LOGIN IN ROLE sparkingest_tenant;
CREATE ROLE regress_stranger LOGIN IN ROLE sparkingest_tenant;
CREATE ROLE regress_op LOGIN IN ROLE sparkingest_operator;
CREATE ROLE regress_reader LOGIN IN ROLE sparkingest_reader;
CREATE ROLE regress_half LOGIN; -- acts for a tenant, but is not in the group
GRANT USAGE ON SCHEMA fixture TO PUBLIC;

-- Both tenants have something in every table.
CREATE FUNCTION pg_temp.world(tenant text, role regrole) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    id uuid := sparkingest.create_tenant(tenant);
    run uuid;
BEGIN
    PERFORM sparkingest.grant_tenant(id, role);
    PERFORM sparkingest.purchase(id, 'vcpu_hours', 100, idempotency_key => 'k'), sparkingest.purchase(id, 'dedicated_units', 2, 'daily');
    PERFORM fixture.production_job(tenant, 'job of ' || tenant, cron => '0 2 * * *'), fixture.draft_job(tenant, 'draft of ' || tenant),
        fixture.production_job(tenant, 'after of ' || tenant, options => jsonb_build_object('after', 'job of ' || tenant));
    run := sparkingest.run_job(fixture.job('job of ' || tenant));
    PERFORM fixture.run(run, '10 minutes');
    PERFORM sparkingest.run_job(fixture.job('job of ' || tenant), '2026-03-02 20:00+00');
    PERFORM sparkingest.reserve(id, 1, 1, '5 minutes', '2026-03-02 15:00+00', namespace => 'vcpu-hours-ns'), sparkingest.reserve(id, 1, 1,
        '5 minutes', '2026-03-02 15:00+00', namespace => 'dedicated-cpu-ns');
    PERFORM sparkingest.set_capacity('draft-ingestion-ns', 200, 400, '[2026-03-03, 2026-03-04)');
    PERFORM n.* FROM unnest(ARRAY['own-db', 'idle']) AS l, LATERAL sparkingest.set_limit(l, 4, id) AS n;
    PERFORM sparkingest.reserve(id, 2, 2, '5 minutes', '2026-03-02 15:00+00', namespace => 'vcpu-hours-ns', limits => '{"own-db": 1}');
    PERFORM sparkingest.roll_up();
END
$$;
SELECT pg_temp.world('A', 'regress_a'), pg_temp.world('B', 'regress_b');
SELECT sparkingest.grant_tenant(fixture.tenant('A'), 'regress_half');

CREATE TEMPORARY TABLE tables AS SELECT c.oid, c.oid::regclass::text AS name, EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid
    AND a.attname = 'tenant_id') AS of_tenants,
    has_any_column_privilege('sparkingest_tenant', c.oid, 'SELECT') AS readable FROM pg_class AS c
        WHERE c.relnamespace = 'sparkingest'::regnamespace AND c.relkind IN ('r', 'p');
CREATE TEMPORARY TABLE ids AS SELECT t.tenant_name AS tenant, t.tenant_id, (SELECT job_id FROM sparkingest.ingestion_jobs AS j
    WHERE j.tenant_id = t.tenant_id AND stage = 'production' AND schedule_cron IS NOT NULL) AS job_id, (SELECT job_id FROM sparkingest.ingestion_jobs AS j
    WHERE j.tenant_id = t.tenant_id AND stage = 'draft') AS draft_id,
    (SELECT execution_id FROM sparkingest.job_executions AS e WHERE e.tenant_id = t.tenant_id AND state = 'scheduled'
        AND started_by = 'run_job') AS execution_id, (SELECT execution_id FROM sparkingest.job_executions AS e
        WHERE e.tenant_id = t.tenant_id AND is_draft AND e.job_id = fixture.job('job of ' || t.tenant_name)) AS draft_run,
    (SELECT reservation_id FROM sparkingest.reservations AS r WHERE r.tenant_id = t.tenant_id AND status = 'active'
        AND cpu_millicores = 1000 AND namespace = 'vcpu-hours-ns') AS reservation_id FROM sparkingest.tenants AS t;
GRANT SELECT ON tables, ids TO PUBLIC;
CREATE FUNCTION pg_temp.rows_of(relation text, tenant uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s WHERE tenant_id IS NOT DISTINCT FROM %L::uuid', relation, tenant) INTO n;
    RETURN n;
END
$$;
-- Partitions that are made where default privileges give too much.
ALTER DEFAULT PRIVILEGES IN SCHEMA sparkingest GRANT ALL ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA sparkingest GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO regress_a, regress_reader;
SELECT sparkingest.maintain(); -- seals entries, which gives balance_chains rows
ALTER DEFAULT PRIVILEGES IN SCHEMA sparkingest REVOKE ALL ON TABLES FROM PUBLIC, regress_a, regress_reader;
CREATE TEMPORARY TABLE partitions AS SELECT inhrelid::regclass::text AS name FROM pg_inherits JOIN pg_class AS c ON c.oid = inhrelid
    WHERE c.relnamespace = 'sparkingest'::regnamespace AND c.relkind = 'r';
GRANT SELECT ON partitions TO PUBLIC;
CREATE TEMPORARY TABLE expected AS SELECT name, (SELECT tenant_id FROM ids WHERE tenant = 'A') AS a, pg_temp.rows_of(name, (SELECT tenant_id
    FROM ids WHERE tenant = 'A')) AS of_a, pg_temp.rows_of(name, (SELECT tenant_id FROM ids WHERE tenant = 'B')) AS of_b,
    pg_temp.rows_of(name, NULL) AS of_nobody
  FROM tables WHERE of_tenants AND readable;
GRANT SELECT ON expected TO PUBLIC;
SELECT is_empty('SELECT name FROM expected WHERE of_a = 0 OR of_b = 0', 'both tenants have rows in every table, so that the next tests prove something');
SELECT is((SELECT array_agg(format('%s %s', split_part(name, '_20', 1), n) ORDER BY name) FROM (SELECT name, (xpath('//n/text()', query_to_xml('SELECT count(*) AS n FROM ' || name, true, false, '')))[1]::text::int > 0 AS n
    FROM partitions WHERE name ~ '2026_03') AS p), ARRAY['sparkingest.events t', 'sparkingest.resource_consumption t'], 'what they have is in partitions that were just made');
SELECT isnt_empty($$SELECT name FROM expected WHERE of_nobody > 0 AND name = 'sparkingest.events'$$, 'and some events concern the service');

SET LOCAL ROLE regress_a;
SELECT is_empty($$SELECT name FROM expected WHERE pg_temp.rows_of(name, a) <> of_a$$, 'a tenant sees all its rows');
SELECT is_empty($$SELECT name FROM expected WHERE pg_temp.rows_of(name, (SELECT tenant_id FROM ids WHERE tenant = 'B')) <> 0$$, 'and none of another''s');
SELECT is_empty($$SELECT name FROM expected WHERE pg_temp.rows_of(name, NULL) <> 0$$, 'nor what concerns the service');
SELECT is((SELECT count(*) FROM sparkingest.tenants), 1::bigint, 'it does not know who else there is');
SELECT is((SELECT count(DISTINCT tenant_id) FROM sparkingest.consumption_seconds), 1::bigint, 'nor by a view');
SELECT throws_ok(format('SELECT count(*) FROM %s', name), '42501', NULL, 'a tenant cannot read ' || name) FROM tables WHERE NOT readable
    AND name <> 'sparkingest.namespaces' ORDER BY name;
SELECT throws_ok('SELECT spark_profile FROM sparkingest.namespaces', '42501', NULL, 'nor how a namespace is run');
CREATE FUNCTION pg_temp.from_partition(name text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format(statement, name);
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
EXCEPTION WHEN insufficient_privilege THEN
    RETURN 'refused';
END
$$;
SELECT is(pg_temp.from_partition(name, 'SELECT * FROM %s'), CASE WHEN name ~ '_rest' THEN 'refused' ELSE '0' END, 'no row of a partition by itself, whatever default privileges gave: ' || name) FROM partitions ORDER BY name;
SELECT ok(pg_temp.from_partition(name, statement) IN ('0', 'refused'), format(statement, name)) FROM partitions,
    unnest(ARRAY['DELETE FROM %s', 'UPDATE %s SET tenant_id = tenant_id', 'INSERT INTO %s DEFAULT VALUES', 'TRUNCATE %s', 'LOCK TABLE %s IN EXCLUSIVE MODE']) AS statement ORDER BY name;
SELECT throws_ok(format('INSERT INTO %s DEFAULT VALUES', name), '42501', NULL, 'a tenant cannot insert into ' || name) FROM tables ORDER BY name;
SELECT throws_ok(format('DELETE FROM %s', name), '42501', NULL, 'nor delete from ' || name) FROM tables ORDER BY name;
SELECT throws_ok(format('TRUNCATE %s', name), '42501', NULL, 'nor truncate ' || name) FROM tables ORDER BY name;
SELECT throws_ok('UPDATE sparkingest.grants SET held = 0', '42501', NULL, 'nor give itself hours');
-- A function with side effects in a condition is not asked about rows that are hidden.
CREATE TEMPORARY TABLE seen (name text);
CREATE FUNCTION pg_temp.tell(name text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN INSERT INTO seen VALUES (name); RETURN true; END $$;
SELECT count(*) IS NULL FROM sparkingest.ingestion_jobs WHERE pg_temp.tell(job_name);
SELECT is_empty($$SELECT name FROM seen WHERE name LIKE '%B'$$, 'a leaky condition sees nothing of another''s');
SET LOCAL row_security = off;
SELECT throws_ok('SELECT count(*) FROM sparkingest.ingestion_jobs', '42501', NULL, 'row security cannot be turned off');
SET LOCAL row_security = on;
-- Totals of pools have no names (Q4).
SELECT ok((SELECT allocated_cpu >= 2 FROM sparkingest.capacity('vcpu-hours-ns', '[2026-03-02 15:00+00, 2026-03-02 15:05+00)')),
    'a tenant sees how full a pool is');
SELECT is((SELECT count(*) FROM sparkingest.capacity_slots WHERE namespace = 'vcpu-hours-ns'), 288::bigint, 'also by the view');

-- Every call on what is another's is refused in the words for what is not there.
CREATE TEMPORARY TABLE calls AS SELECT call, row_number() OVER () AS n FROM unnest(ARRAY['usage(@tenant_id)', 'tenant_metrics(@tenant_id)', 'statement(@tenant_id, ''2026-03-01'')', 'balance(@tenant_id)',
    'capacity(''vcpu-hours-ns'', ''[2026-03-03,2026-03-04)'', @tenant_id)',
    'find_slot(''vcpu-hours-ns'', 1, 1, ''5 min'', tenant_id => @tenant_id)',
    'set_limit(''own-db'', 5, @tenant_id)', 'limit_load(''own-db'', ''[2026-03-02,2026-03-03)'', @tenant_id)', 'drop_limit(''idle'', @tenant_id)',
        'reserve(@tenant_id, 1, 1, ''5 min'')', 'try_reserve(@tenant_id, 1, 1, ''5 min'')', 'release(@reservation_id)',
        'move_reservation(@reservation_id, ''2026-03-03'')',
        'create_job(@tenant_id, ''x'', ''postgres'', fixture.source(), fixture.destination(), ''{}'')',
    'alter_job(@job_id, ''{}'')', 'pause_job(@job_id)', 'resume_job(@job_id)', 'drop_job(@job_id)', 'run_job(@job_id)',
        'promote_job(@draft_id)', 'cancel_execution(@execution_id)', 'evaluate_execution(@draft_run)',
        'render_manifest(@execution_id)', 'explain_job(@job_id)', 'explain_execution(@execution_id)']) AS call;
GRANT SELECT ON calls TO PUBLIC;
CREATE FUNCTION pg_temp.called(call text, of_tenant text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    statement text := 'SELECT sparkingest.' || call;
    field text;
    value uuid;
BEGIN
    FOREACH field IN ARRAY ARRAY['tenant_id', 'job_id', 'draft_id', 'execution_id', 'draft_run', 'reservation_id'] LOOP
        EXECUTE format('SELECT %I FROM ids WHERE tenant = $1', field) INTO value USING of_tenant;
        statement := replace(statement, '@' || field, quote_literal(COALESCE(value, gen_random_uuid())));
    END LOOP;
    RETURN statement;
END
$$;
SELECT is((fixture.refusal(pg_temp.called(call, 'B'))).code, '42501', 'another''s: ' || call) FROM calls ORDER BY n;
SELECT is((fixture.refusal(pg_temp.called(call, 'B'))).message, (fixture.refusal(pg_temp.called(call, 'nobody'))).message,
    'in the same words as nobody''s: ' || call) FROM calls ORDER BY n;
SELECT is((fixture.refusal(pg_temp.called(call, 'A'))).code, NULL, 'its own: ' || call) FROM calls ORDER BY n;
-- Nor is more looked at when it is there than when it is not: how long a refusal takes does not tell.
CREATE FUNCTION pg_temp.scans(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := (SELECT jsonb_object_agg(relname, seq_scan + COALESCE(idx_scan, 0)) FROM pg_stat_xact_user_tables WHERE schemaname = 'sparkingest');
BEGIN
    PERFORM fixture.refusal(call);
    RETURN (SELECT string_agg(format('%s %s', relname, seq_scan + COALESCE(idx_scan, 0) - (before ->> relname)::bigint), ', ' ORDER BY relname) FROM pg_stat_xact_user_tables
        WHERE schemaname = 'sparkingest' AND seq_scan + COALESCE(idx_scan, 0) <> (before ->> relname)::bigint);
END
$$;
SELECT is(pg_temp.scans(pg_temp.called(call, 'B')), pg_temp.scans(pg_temp.called(call, 'nobody')), 'at no greater cost: ' || call) FROM calls ORDER BY n;
SELECT isnt(pg_temp.scans(pg_temp.called('pause_job(@job_id)', 'B')), NULL, 'which is counted');
-- What only operators may.
SELECT is((fixture.refusal('SELECT sparkingest.' || call)).code, '42501', 'not a tenant''s: ' || call)
    FROM unnest(ARRAY['create_tenant(''x'')', 'set_tenant_status(gen_random_uuid(), ''active'')', 'set_tenant_limits(gen_random_uuid(), ''{}'')',
    'grant_tenant(gen_random_uuid(), ''regress_a'')', 'revoke_tenant(gen_random_uuid(), ''regress_b'')',
    'purchase(gen_random_uuid(), ''vcpu_hours'', 1)', 'cancel_purchase(gen_random_uuid())',
        'set_discount(''vcpu_hours'', ''daily'', 1, 0.1)', 'set_limit(''x'', 1)', 'drop_limit(''x'')',
    'set_capacity(''vcpu-hours-ns'', 1, 1, ''[2026-03-03,2026-03-04)'')', 'plan()', 'maintain()', 'roll_up()', 'rebuild_usage()', 'verify_usage()', 'runaway_executions()', 'health()',
        'set_namespace(''vcpu-hours-ns'', ''{}'')', 'set_cluster(''default'', ''/x'')', 'set_priority(''low'', 1)', 'enable_dispatch()', 'disable_dispatch()',
        'install_schedules()']) AS call;

SET LOCAL ROLE regress_stranger;
SELECT is_empty($$SELECT name FROM expected WHERE pg_temp.rows_of(name, a) <> 0$$, 'a stranger in the group sees nothing');
SELECT is((fixture.refusal(pg_temp.called(call, 'A'))).code, '42501', 'nor may a stranger: ' || call) FROM calls WHERE call ~ '@' ORDER BY n;
SET LOCAL ROLE regress_half;
SELECT throws_ok('SELECT count(*) FROM sparkingest.tenants', '42501', NULL, 'without the group role the schema is closed');

SET LOCAL ROLE regress_op;
SELECT is_empty($$SELECT name FROM expected WHERE pg_temp.rows_of(name, a) <> of_a OR pg_temp.rows_of(name, (SELECT tenant_id FROM ids WHERE tenant = 'B')) <> of_b OR pg_temp.rows_of(name, NULL) <> of_nobody$$,
    'an operator sees everything');
SELECT is((fixture.refusal(pg_temp.called(call, 'B'))).code, NULL, 'an operator may: ' || call) FROM calls ORDER BY n;
SELECT is((fixture.refusal(pg_temp.called(call, 'nobody'))).code, '42704', 'and is told what is not there: ' || call) FROM calls ORDER BY n;
SELECT throws_ok(format('DELETE FROM %s', name), '42501', NULL, 'an operator cannot delete from ' || name) FROM tables ORDER BY name;
SELECT throws_ok(format('INSERT INTO %s DEFAULT VALUES', name), '42501', NULL, 'nor insert into ' || name) FROM tables ORDER BY name;
SELECT throws_ok('UPDATE sparkingest.job_executions SET state = ''succeeded''', '42501', NULL, 'nor move a state');

-- A reader sees what an operator sees and changes nothing, not even by being let act for a tenant.
SET LOCAL ROLE regress_reader;
SELECT is_empty($$SELECT name FROM expected WHERE pg_temp.rows_of(name, a) <> of_a OR pg_temp.rows_of(name, (SELECT tenant_id FROM ids WHERE tenant = 'B')) <> of_b OR pg_temp.rows_of(name, NULL) <> of_nobody$$,
    'a reader sees everything');
SELECT lives_ok(format('SELECT count(*) FROM %s', name), 'a reader reads ' || name) FROM tables WHERE name !~ '_rest$' ORDER BY name;
SELECT throws_ok(format('SELECT count(*) FROM %s', name), '42501', NULL, 'but through its table ' || name) FROM tables WHERE name ~ '_rest$' ORDER BY name;
CREATE TEMPORARY VIEW reading AS SELECT call, n, call ~ '^(usage|tenant_metrics|statement|balance|capacity|limit_load|find_slot|render_manifest|explain_job|explain_execution)' AS reads FROM calls;
SELECT is((fixture.refusal(pg_temp.called(call, 'B'))).code, CASE WHEN NOT reads THEN '42501' END, 'a reader and ' || call) FROM reading ORDER BY n;
SELECT is((fixture.refusal(pg_temp.called(call, 'nobody'))).code, '42704', 'and is told what is not there: ' || call) FROM reading WHERE reads ORDER BY n;
SELECT lives_ok('SELECT * FROM sparkingest.' || call, 'a reader asks ' || call) FROM unnest(ARRAY['health()', 'verify_ledger()', 'uncommitted_holders()']) AS call;
SELECT throws_ok(format('DELETE FROM %s', name), '42501', NULL, 'a reader cannot delete from ' || name) FROM tables ORDER BY name;
SELECT throws_ok(format('INSERT INTO %s DEFAULT VALUES', name), '42501', NULL, 'nor insert into ' || name) FROM tables ORDER BY name;
RESET ROLE;
GRANT sparkingest_tenant TO regress_reader;
SELECT sparkingest.grant_tenant(fixture.tenant('A'), 'regress_reader');
SET LOCAL ROLE regress_reader;
SELECT is((fixture.refusal(pg_temp.called(call, 'B'))).code, '42501', 'who reads all and acts for A may not, of B: ' || call) FROM reading WHERE NOT reads ORDER BY n;
SELECT is((fixture.refusal(pg_temp.called(call, 'A'))).code, NULL, 'but of A: ' || call) FROM reading ORDER BY n;

-- Acting for a tenant is inherited, as privileges are.
SET LOCAL ROLE regress_a;
SELECT is(sparkingest.my_tenants(), ARRAY(SELECT tenant_id FROM ids WHERE tenant = 'A'), 'whose a role''s tenants are');
RESET ROLE;
CREATE ROLE regress_group NOLOGIN;
CREATE ROLE regress_member IN ROLE regress_group, sparkingest_tenant;
CREATE ROLE regress_deep IN ROLE regress_member;
CREATE ROLE regress_aloof NOINHERIT IN ROLE regress_group;
CREATE ROLE regress_both IN ROLE regress_deep, regress_b;
SELECT sparkingest.grant_tenant(fixture.tenant('A'), 'regress_group') IS NULL;
GRANT USAGE ON SCHEMA sparkingest TO regress_aloof;
GRANT EXECUTE ON FUNCTION sparkingest.my_tenants, sparkingest.can_see_tenant TO regress_aloof;
CREATE FUNCTION pg_temp.tenants_of(role text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    asked text;
    seen text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    asked := (SELECT string_agg(i.tenant, ' ' ORDER BY i.tenant) FROM unnest(sparkingest.my_tenants()) AS m JOIN ids AS i ON i.tenant_id = m);
    seen := (SELECT string_agg(i.tenant, ' ' ORDER BY i.tenant) FROM ids AS i WHERE sparkingest.can_see_tenant(i.tenant_id));
    RESET ROLE;
    RETURN format('%s, %s', asked, seen);
END
$$;
SELECT is(pg_temp.tenants_of(role), format('%1$s, %1$s', tenants), role) FROM (VALUES ('regress_member', 'A'), ('regress_deep', 'A'), ('regress_both', 'A B'), ('regress_aloof', '')) AS v (role, tenants);

-- Whoever did something is named, though the extension's owner does the writing.
RESET ROLE;
SET LOCAL ROLE regress_a;
SELECT lives_ok('SELECT sparkingest.pause_job(job_id) FROM ids WHERE tenant = ''A''', 'a tenant pauses its job');
RESET ROLE;
SELECT is((SELECT actor FROM sparkingest.events WHERE event_type = 'job.paused' AND tenant_id = fixture.tenant('A')
    ORDER BY event_id DESC LIMIT 1), 'regress_a', 'and is named in the event');
SELECT is(current_user::text, session_user::text, 'nobody is left with rights that are not theirs');
SELECT is_empty('SELECT * FROM books.differences()', 'the books are right');
SELECT * FROM finish();
ROLLBACK;
