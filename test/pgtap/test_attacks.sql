-- Known ways of attacking an extension, one assertion each. The attacker acts for one tenant, may create in a schema of its own and in
-- temporary ones, and sets whatever a user may set; the victim is another tenant. (Operators and functions in the way of the
-- search path: test_search_path; what must not differ between tenants: test_walls.)
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
-- A session that logged in as a tenant's role, which has nothing to go back to.
CREATE ROLE regress_login LOGIN IN ROLE sparkingest_tenant;
\connect - regress_login
\set ON_ERROR_STOP off
\set VERBOSITY sqlstate
SET SESSION AUTHORIZATION postgres;
\set authorization :LAST_ERROR_SQLSTATE
SELECT set_config('session_authorization', 'postgres', false);
\set by_config :LAST_ERROR_SQLSTATE
SET ROLE sparkingest_operator;
\set operator :LAST_ERROR_SQLSTATE
ALTER SYSTEM SET sparkingest.clock = '2030-01-01';
\set by_file :LAST_ERROR_SQLSTATE
ALTER ROLE regress_login SET sparkingest.event_days = 1;
\set by_role :LAST_ERROR_SQLSTATE
SELECT sparkingest.my_tenants();
\set its_own :SQLSTATE
\set VERBOSITY default
\set ON_ERROR_STOP on
\connect - postgres
DROP ROLE regress_login;
BEGIN;
SELECT * FROM no_plan();
SELECT is(code, want, what) FROM (VALUES (:'authorization', '42501', 'a login does not become the owner'), (:'by_config', '42501', 'nor by set_config'), (:'operator', '42501', 'nor an operator'),
    (:'by_file', '42501', 'nor does it set what superusers set, for the server'), (:'by_role', '42501', 'or for itself'), (:'its_own', '00000', 'its own it may')) AS v (code, want, what);
SET LOCAL client_min_messages = error;
SET LOCAL sparkingest.clock = '2026-03-02 09:00:00+00';
CREATE ROLE regress_evil LOGIN IN ROLE sparkingest_tenant;
CREATE ROLE regress_victim LOGIN IN ROLE sparkingest_tenant;
CREATE ROLE regress_op LOGIN IN ROLE sparkingest_operator;
GRANT USAGE ON SCHEMA fixture TO PUBLIC;
CREATE SCHEMA evil AUTHORIZATION regress_evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
-- 1 to 6. Things that were there before CREATE EXTENSION.
CREATE FUNCTION pg_temp.created_after(preparation text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        DROP EXTENSION sparkingest CASCADE;
        DROP SCHEMA sparkingest;
        EXECUTE preparation;
        CREATE EXTENSION sparkingest;
        RAISE EXCEPTION 'it was created' USING ERRCODE = 'ZZZZZ';
    EXCEPTION WHEN OTHERS THEN
        RETURN SQLSTATE || ' ' || SQLERRM;
    END;
END
$$;
SELECT is(pg_temp.created_after('SET LOCAL search_path = pg_catalog'), 'ZZZZZ it was created', 'without anything before it is created');
SELECT is(pg_temp.created_after('CREATE SCHEMA sparkingest AUTHORIZATION regress_evil'), '55000 schema "sparkingest" is there already and belongs to role "regress_evil"',
    'a schema of the attacker''s is not taken');
SELECT is(pg_temp.created_after('CREATE SCHEMA sparkingest; GRANT CREATE ON SCHEMA sparkingest TO PUBLIC'), '55000 schema "sparkingest" is there already and lets others create in it',
    'nor one in which the attacker may create');
SELECT is(pg_temp.created_after($$CREATE SCHEMA sparkingest; CREATE FUNCTION sparkingest.reserve(tenant_id uuid, cpu_cores int) RETURNS text LANGUAGE sql AS 'SELECT 1::text'$$),
    '55000 schema "sparkingest" is there already and not empty', 'nor one with a function that would be called for ours');
SELECT is(pg_temp.created_after('CREATE SCHEMA sparkingest; CREATE OPERATOR sparkingest.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = uuid_ne)'),
    '55000 schema "sparkingest" is there already and not empty', 'nor one with an operator that would be meant for ours');
SELECT is(pg_temp.created_after('CREATE SCHEMA sparkingest; CREATE TABLE sparkingest.tenants (tenant_id uuid)'),
    '55000 schema "sparkingest" is there already and not empty', 'nor one with a table by the name of ours');
SELECT is(pg_temp.created_after('ALTER ROLE sparkingest_tenant LOGIN CREATEROLE'), '55000 role "sparkingest_tenant" is there already and may more than such a role',
    'nor are roles that may more than to be granted');
SELECT is(pg_temp.created_after($$CREATE FUNCTION pg_temp.format(text, VARIADIC text[]) RETURNS text LANGUAGE sql AS 'SELECT 1/0'; CREATE TEMPORARY TABLE clusters (x int); SET LOCAL search_path = pg_temp, public, pg_catalog$$),
    'ZZZZZ it was created', 'temporary objects and a search path are not in the script''s way');

SELECT sparkingest.create_tenant('Evil') AS evil, sparkingest.create_tenant('Victim') AS victim \gset
SELECT sparkingest.grant_tenant(:'evil', 'regress_evil'), sparkingest.grant_tenant(:'victim', 'regress_victim') \g /dev/null
SELECT sparkingest.purchase(t, 'vcpu_hours', 1000), sparkingest.purchase(t, 'dedicated_units', 2, 'daily') FROM unnest(ARRAY[:'evil', :'victim']::uuid[]) AS t \g /dev/null
SELECT fixture.production_job(t, 'job of ' || t, cron => '0 2 * * *') FROM unnest(ARRAY['Evil', 'Victim']) AS t \g /dev/null
SELECT fixture.draft_job('Victim', 'secret ' || i) FROM generate_series(1, 40) AS i \g /dev/null
SELECT sparkingest.plan() \g /dev/null
SELECT fixture.job('job of Evil') AS own_job, fixture.job('job of Victim') AS victims_job \gset
SELECT sparkingest.maintain() IS NULL AS maintained \g /dev/null
ANALYZE sparkingest.ingestion_jobs, sparkingest.job_executions, sparkingest.tenants, sparkingest.events;
SELECT isnt_empty($$SELECT staattnum FROM pg_statistic WHERE starelid = 'sparkingest.events_2026_03'::regclass$$, 'a month of events was analyzed');
SELECT is_empty($$SELECT s.starelid::regclass, a.attname FROM pg_statistic AS s JOIN pg_inherits AS i ON i.inhrelid = s.starelid JOIN pg_attribute AS a ON a.attrelid = i.inhparent AND a.attnum = s.staattnum
    WHERE has_column_privilege('sparkingest_tenant', i.inhparent, a.attnum, 'SELECT')$$, 'but not what tenants see of it, by which EXPLAIN would tell of others');
CREATE TEMPORARY TABLE seen (what text);
GRANT ALL ON seen TO PUBLIC;

-- 7 to 13. Conditions that tell of rows that row security hides.
SET LOCAL ROLE regress_evil;
CREATE FUNCTION evil.tell(x text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.0000001 AS $$ BEGIN INSERT INTO seen VALUES (x); RETURN true; END $$;
CREATE FUNCTION evil.tell(x text, y text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.0000001 AS $$ BEGIN INSERT INTO seen VALUES (x); RETURN x = y; END $$;
CREATE OPERATOR evil.@@@ (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.tell);
SELECT throws_ok($$CREATE FUNCTION evil.trusted(text) RETURNS boolean LANGUAGE sql LEAKPROOF AS 'SELECT true'$$, '42501', NULL, 'a function cannot call itself leakproof');
-- What is called IMMUTABLE may not write: it tells by a NOTICE, or here, since it would be caught, by an error.
ALTER FUNCTION evil.tell(text) VOLATILE;
ALTER FUNCTION evil.tell(text, text) VOLATILE;
SELECT count(*) IS NULL FROM sparkingest.ingestion_jobs WHERE evil.tell(job_name);
SELECT is_empty($$SELECT what FROM seen WHERE what ~ 'Victim|secret'$$, 'a cheap function in a condition sees no hidden row');
SELECT count(*) IS NULL FROM sparkingest.ingestion_jobs WHERE job_name OPERATOR(evil.@@@) 'x';
SELECT is_empty($$SELECT what FROM seen WHERE what ~ 'Victim|secret'$$, 'nor does a cheap operator');
SELECT count(*) IS NULL FROM sparkingest.ingestion_jobs AS j JOIN sparkingest.tenants AS t ON evil.tell(j.job_name, t.tenant_name);
SELECT is_empty($$SELECT what FROM seen WHERE what ~ 'Victim|secret'$$, 'nor a join');
SELECT count(*) IS NULL FROM (SELECT * FROM (SELECT job_name FROM sparkingest.ingestion_jobs) AS s WHERE evil.tell(job_name) ORDER BY evil.tell(job_name) LIMIT 1) AS x;
SELECT is_empty($$SELECT what FROM seen WHERE what ~ 'Victim|secret'$$, 'nor subqueries, ORDER BY and LIMIT');
SELECT lives_ok($$SELECT count(1 / (CASE WHEN job_name = 'secret 7' THEN 0 ELSE 1 END)) FROM sparkingest.ingestion_jobs WHERE 1 / (CASE WHEN job_name ~ '^secret' THEN 0 ELSE 1 END) = 1$$,
    'an error does not tell either');
SELECT lives_ok($$SELECT count(*) FROM sparkingest.ingestion_jobs WHERE job_name::uuid IS NULL AND job_name ~ '^secret'$$, 'nor a cast');
SELECT isnt_empty($$SELECT what FROM seen WHERE what ~ 'Evil'$$, 'the traps work on its own rows');

-- 14 to 16. What the planner knows of hidden rows.
CREATE FUNCTION pg_temp.estimate(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) SELECT FROM sparkingest.ingestion_jobs WHERE ' || condition INTO plan;
    RETURN regexp_replace(plan::text, '"(Filter|Index Cond|Recheck Cond)": "[^\n]*"', '', 'g');
END
$$;
SELECT is_empty($$SELECT tablename, attname FROM pg_stats WHERE schemaname = 'sparkingest'$$, 'statistics of columns are not shown');
SELECT is(pg_temp.estimate($$job_name = 'secret 7'$$), pg_temp.estimate($$job_name = 'nothing'$$), 'an estimate does not confirm a guessed name');
SELECT is(pg_temp.estimate('cpu_millicores > 3000'), pg_temp.estimate('cpu_millicores > 300000'), 'nor how the values of others are distributed');
SELECT is(pg_temp.estimate(format('tenant_id = %L', :'victim')), pg_temp.estimate(format('tenant_id = %L', gen_random_uuid())), 'nor a guessed tenant');

-- 17 to 21. Plans, cursors and sessions that pass from one role to another.
PREPARE whose AS SELECT string_agg(tenant_name, ',' ORDER BY tenant_name) FROM sparkingest.tenants;
CREATE FUNCTION evil.whose() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT string_agg(tenant_name, ',' ORDER BY tenant_name) FROM sparkingest.tenants); END $$;
CREATE TEMPORARY TABLE names (who text, n int, how text, names text);
GRANT ALL ON names TO PUBLIC;
CREATE FUNCTION pg_temp.ask(who text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 8 LOOP
        EXECUTE 'CREATE TEMPORARY TABLE answer AS EXECUTE whose';
        EXECUTE 'INSERT INTO names SELECT $1, $2, ''prepared'', string_agg FROM answer' USING who, i;
        DROP TABLE answer;
        EXECUTE 'INSERT INTO names VALUES ($1, $2, ''function'', evil.whose())' USING who, i;
    END LOOP;
END
$$;
SELECT pg_temp.ask('evil');
RESET ROLE;
GRANT CREATE ON SCHEMA evil TO PUBLIC;
SET LOCAL ROLE regress_victim;
SELECT pg_temp.ask('victim');
SET LOCAL ROLE regress_op;
SELECT pg_temp.ask('op');
SET LOCAL ROLE regress_evil;
SELECT pg_temp.ask('evil again');
SELECT set_eq($$SELECT DISTINCT who, names FROM names WHERE how = 'prepared'$$, $$VALUES ('evil', 'Evil'), ('victim', 'Victim'), ('op', 'Evil,Victim'), ('evil again', 'Evil')$$,
    'a prepared statement is planned anew for every role');
SELECT set_eq($$SELECT DISTINCT who, names FROM names WHERE how = 'function'$$, $$VALUES ('evil', 'Evil'), ('victim', 'Victim'), ('op', 'Evil,Victim'), ('evil again', 'Evil')$$,
    'and so is what a function keeps');
RESET ROLE;
SET LOCAL ROLE regress_victim;
DECLARE victims CURSOR FOR SELECT tenant_name FROM sparkingest.tenants;
SET LOCAL ROLE regress_evil;
CREATE FUNCTION pg_temp.fetched(cursor_name refcursor) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    LOOP
        FETCH cursor_name INTO name;
        EXIT WHEN NOT FOUND;
        RETURN NEXT name;
    END LOOP;
END
$$;
SELECT is_empty($$SELECT * FROM pg_temp.fetched('victims') AS name WHERE name <> 'Evil'$$, 'a cursor opened by the victim gives the attacker nothing of the victim''s');
DECLARE own CURSOR FOR SELECT tenant_name FROM sparkingest.tenants;
FETCH 0 FROM own;
SET LOCAL ROLE regress_victim;
SELECT is_empty($$SELECT string_agg(name, ',') AS names FROM pg_temp.fetched('own') AS name HAVING count(*) > 1$$, 'no cursor mixes the rows of two');
SET LOCAL ROLE regress_evil;
CREATE VIEW evil.peek AS SELECT tenant_name FROM sparkingest.tenants;
GRANT SELECT ON evil.peek TO regress_op;
RESET ROLE;
SET LOCAL ROLE regress_op;
SELECT is_empty($$SELECT * FROM evil.peek WHERE tenant_name <> 'Evil'$$, 'a view of the attacker''s shows an operator no more than the attacker may see');
RESET ROLE;

-- 22 to 60. Statements that are refused.
CREATE TEMPORARY TABLE attacks (n int GENERATED ALWAYS AS IDENTITY, what text, statement text, code text DEFAULT '42501');
INSERT INTO attacks (what, statement, code) VALUES
    ('row_security off', $$SET LOCAL row_security = off; SELECT count(*) FROM sparkingest.tenants$$, '42501'),
    ('row_security off by set_config', $$SELECT set_config('row_security', 'off', true); SELECT tenant_name FROM sparkingest.tenants$$, '42501'),
    ('set_config of role', $$SELECT set_config('role', 'sparkingest_operator', true)$$, '42501'),
    ('set_config of our clock', $$SELECT set_config('sparkingest.clock', '2030-01-01', true)$$, '42501'),
    ('set_config of a tenant that we might believe', $$SELECT set_config('sparkingest.tenant_id', 'x', true)$$, '42602'),
    ('session_replication_role, so that triggers do not fire', $$SET LOCAL session_replication_role = replica$$, '42501'),
    ('COPY out of a file''s table', $$COPY sparkingest.ingestion_jobs TO '/nowhere/x'$$, '42501'),
    ('COPY by a program', $$COPY (SELECT 1) TO PROGRAM 'id'$$, '42501'),
    ('COPY into a table', $$COPY sparkingest.balance_entries FROM '/dev/null'$$, '42501'),
    ('MERGE', $$MERGE INTO sparkingest.grants AS g USING (SELECT 1) AS x ON true WHEN MATCHED THEN UPDATE SET granted = 1000000000$$, '42501'),
    ('INSERT ... ON CONFLICT, to learn or change an answer', $$INSERT INTO sparkingest.idempotency_keys VALUES (gen_random_uuid(), 'run_job', 'k', '', '{}', now()) ON CONFLICT DO NOTHING$$, '42501'),
    ('a CTE that writes', $$WITH x AS (UPDATE sparkingest.tenants SET status = 'closed' RETURNING 1) SELECT * FROM x$$, '42501'),
    ('a DO block', 'DO $x$ BEGIN DELETE FROM sparkingest.events; END $x$', '42501'),
    ('SELECT FOR UPDATE, which others wait for', $$SELECT tenant_id FROM sparkingest.tenants FOR UPDATE$$, '42501'),
    ('SELECT FOR KEY SHARE', $$SELECT job_id FROM sparkingest.ingestion_jobs FOR KEY SHARE$$, '42501'),
    ('LOCK TABLE', $$LOCK TABLE sparkingest.reservations$$, '42501'),
    ('LOCK TABLE by a view', $$LOCK TABLE sparkingest.capacity_slots IN ROW SHARE MODE$$, '42501'),
    ('VACUUM FULL, which locks: by ALTER TABLE', $$ALTER TABLE sparkingest.reservations SET (fillfactor = 10)$$, '42501'),
    ('a foreign key, which locks and tells', $$CREATE TABLE evil.f (t uuid REFERENCES sparkingest.tenants)$$, '42501'),
    ('inheritance: rows of its own in our table', $$CREATE TABLE evil.g () INHERITS (sparkingest.grants)$$, '42501'),
    ('a trigger on our table', $$CREATE TRIGGER t BEFORE INSERT ON sparkingest.job_executions FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()$$, '42501'),
    ('our trigger on its own table', $$CREATE TEMPORARY TABLE own AS SELECT gen_random_uuid() AS reservation_id; CREATE TRIGGER t AFTER INSERT ON own FOR EACH ROW EXECUTE FUNCTION sparkingest.reservation_changed()$$, '42501'),
    ('our trigger by a call', $$SELECT sparkingest.grant_changed()$$, '42501'),
    ('a rule', $$CREATE RULE r AS ON INSERT TO sparkingest.events DO INSTEAD NOTHING$$, '42501'),
    ('a policy', $$CREATE POLICY mine ON sparkingest.tenants USING (true)$$, '42501'),
    ('row security away', $$ALTER TABLE sparkingest.tenants DISABLE ROW LEVEL SECURITY$$, '42501'),
    ('an event trigger', $$CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION evil.on_ddl()$$, '42501'),
    ('an index with a function of its own', $$CREATE INDEX ON sparkingest.tenants (evil.tell(tenant_name))$$, '42501'),
    ('statistics with an expression of its own', $$CREATE STATISTICS evil.s ON (evil.tell(tenant_name)) FROM sparkingest.tenants$$, '42501'),
    ('a publication', $$CREATE PUBLICATION p FOR TABLE sparkingest.events$$, '42501'),
    ('COMMENT', $$COMMENT ON FUNCTION sparkingest.clock() IS 'x'$$, '42501'),
    ('a function in our schema', $$CREATE FUNCTION sparkingest.usage(tenant_id text) RETURNS int LANGUAGE sql AS 'SELECT 1'$$, '42501'),
    ('another body for our function', $$CREATE OR REPLACE FUNCTION sparkingest.clock() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()'$$, '42501'),
    ('SECURITY DEFINER for our function', $$ALTER FUNCTION sparkingest.clock() SECURITY DEFINER SET search_path = evil$$, '42501'),
    ('our library by another entry', $$CREATE FUNCTION evil.plan() RETURNS int LANGUAGE c AS '$libdir/sparkingest', 'si_plan'$$, '42501'),
    ('ALTER EXTENSION', $$ALTER EXTENSION sparkingest ADD FUNCTION evil.whose()$$, '42501'),
    ('DROP EXTENSION', $$DROP EXTENSION sparkingest CASCADE$$, '42501'),
    ('REASSIGN OWNED', $$REASSIGN OWNED BY postgres TO regress_evil$$, '42501'),
    ('default privileges of the owner', $$ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT ALL ON TABLES TO regress_evil$$, '42501'),
    ('granting itself the other group', $$GRANT sparkingest_operator TO regress_evil$$, '42501'),
    ('becoming an operator', $$SET LOCAL ROLE sparkingest_operator$$, '42501'),
    ('moving our sequence', $$SELECT setval('sparkingest.events_event_id_seq', 1)$$, '42501'),
    ('reading our sequence, which counts what others do', $$SELECT last_value FROM sparkingest.events_event_id_seq$$, '42501'),
    ('system columns, which tell where others'' rows lie', $$SELECT ctid FROM sparkingest.tenants$$, '42501'),
    ('a whole row with what is not shown', $$SELECT e FROM sparkingest.events AS e$$, '42501'),
    ('SQL in the name of a namespace', $$SELECT * FROM sparkingest.capacity('x'' OR true --', '[2026-03-03,2026-03-04)')$$, '42704'),
    ('SQL in a zone', $$SELECT sparkingest.next_fire_times('0 2 * * *', 'UTC''; SELECT 1; --')$$, '22023'),
    ('SQL in a schedule', $$SELECT sparkingest.next_fire_times('0 2 * * *; DROP TABLE x')$$, '22023'),
    ('a schedule that never fires, to be searched for ever', $$SELECT sparkingest.alter_job(@job, '{"schedule_cron": "0 0 30 2 *"}')$$, '22023'),
    ('JSON nested a hundred thousand deep', $$SELECT sparkingest.calculate_estimate((repeat('[', 100000) || repeat(']', 100000))::jsonb)$$, '54001'),
    ('JSON nested as deep as goes in', $$SELECT sparkingest.calculate_estimate((repeat('{"a":', 3000) || '1' || repeat('}', 3000))::jsonb)$$, '22023'),
    ('a megabyte of keys', $$SELECT sparkingest.calculate_estimate((SELECT jsonb_object_agg('k' || i, i) FROM generate_series(1, 60000) AS i))$$, '22023'),
    ('a NUL in JSON', $$SELECT sparkingest.calculate_estimate('{"source_type": "a\u0000b"}')$$, '22P05'),
    ('half a surrogate in JSON', $$SELECT sparkingest.calculate_estimate('{"source_type": "\ud800"}')$$, '22P02'),
    ('bytes that are no UTF-8', $$SELECT sparkingest.next_fire_times(convert_from('\xc328', 'UTF8'))$$, '22021'),
    ('capacity beyond the horizon, to fill the ledger', $$SELECT sparkingest.reserve(@own, 1, 1, '5 min', '2027-03-02 09:00+00')$$, 'SI005'),
    ('a duration beyond all slots', $$SELECT sparkingest.reserve(@own, 1, 1, '400 days')$$, '22023'),
    ('an idempotency key that is a book', $$SELECT sparkingest.run_job(@job, idempotency_key => repeat('k', 1000000))$$, '22023'),
    ('a name that is a book', $$SELECT sparkingest.alter_job(@job, jsonb_build_object('job_name', repeat('n', 1000000)))$$, '22023'),
    ('a query that is a book', $$SELECT sparkingest.create_job(@own, 'q', 'postgres', jsonb_build_object('host', 'h', 'database', 'd', 'query', repeat('x', 1000000)), fixture.destination(), '{}')$$, '22023'),
    ('infinite time', $$SELECT sparkingest.usage(@own, 'infinity')$$, '22023'),
    ('writing where nothing is to be written', $$SET LOCAL transaction_read_only = on; SELECT sparkingest.reserve(@own, 1, 1, '5 min')$$, '25006');
GRANT SELECT ON attacks TO PUBLIC;
-- As after a login: nobody to go back to.
SET LOCAL SESSION AUTHORIZATION regress_evil;
CREATE FUNCTION evil.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
SELECT is((fixture.refusal(replace(replace(statement, '@own', quote_literal(:'evil')), '@job', quote_literal(:'own_job')))).code, code, what) FROM attacks ORDER BY n;
SELECT matches((fixture.refusal($$SECURITY LABEL ON TABLE sparkingest.tenants IS 'x'$$)).code, '^(42501|22023)$', 'SECURITY LABEL');

-- Names are data.
SELECT is((SELECT count(*) FROM sparkingest.create_job(:'evil', '''; DROP TABLE sparkingest.tenants; -- $(id) `id` %s %n', 'postgres', fixture.source(), fixture.destination(), '{}') AS id,
    sparkingest.run_job(id) AS run, sparkingest.render_manifest(run) AS m), 1::bigint, 'SQL, shell and format strings in a name are a name');
-- Settings that change how values are written do not change what a call is: the same key and body are the same (J8).
SELECT sparkingest.run_job(:'own_job', '2026-03-02 20:00+00', 'k') AS run \gset
SET LOCAL timezone = 'Asia/Kathmandu';
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL intervalstyle = 'sql_standard';
SET LOCAL extra_float_digits = -15;
SET LOCAL bytea_output = 'escape';
SET LOCAL transform_null_equals = on;
SET LOCAL standard_conforming_strings = off;
SET LOCAL quote_all_identifiers = on;
SET LOCAL array_nulls = off;
SELECT is(sparkingest.run_job(:'own_job', '2026-03-02 20:00+00', 'k'), :'run'::uuid, 'settings of form change no call');
SELECT (sparkingest.reserve(:'evil', 1.5, 1, '5 min', '2026-03-02 10:00+00', namespace => 'vcpu-hours-ns')).reservation_id AS taken \gset
SELECT is((SELECT cpu_millicores FROM sparkingest.reservations WHERE reservation_id = :'taken'), 1500::bigint, 'nor its amounts');
RESET standard_conforming_strings;
-- A tenant's session is not a restore: what pg_dump's scripts set does not have the ledger believe rows unseen.
SET LOCAL check_function_bodies = off;
SELECT isnt((sparkingest.reserve(:'evil', 1, 1, '5 min', '2026-03-02 11:00+00', namespace => 'vcpu-hours-ns')).reservation_id, NULL, 'check_function_bodies off: capacity is taken');
SELECT is((SELECT allocated_cpu FROM sparkingest.capacity('vcpu-hours-ns', '[2026-03-02 11:00+00,2026-03-02 11:05+00)')), 1::numeric, 'and counted');
RESET SESSION AUTHORIZATION;
SELECT sparkingest.purchase(:'victim', 'dedicated_units', 1, 'daily') IS NULL;
SELECT is_empty($$SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory' AND mode = 'ExclusiveLock' AND objsubid = 20505$$,
    'nor does an operator''s purchase seize the whole ledger then');
RESET check_function_bodies;

-- Locks: a user's advisory locks are others than ours, and a user cannot let ours go.
SET LOCAL ROLE regress_evil;
SELECT (sparkingest.reserve(:'evil', 1, 1, '5 min', '2026-03-02 12:00+00')).reservation_id IS NULL, sparkingest.run_job(:'own_job', '2026-03-02 21:00+00', 'lock') IS NULL;
SELECT is_empty($$SELECT classid, objid, objsubid FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory' AND objsubid IN (1, 2)$$, 'ours are not users'' advisory locks');
CREATE TEMPORARY TABLE held AS SELECT classid, objid, objsubid, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory';
SELECT pg_advisory_unlock_all(), (SELECT count(pg_advisory_unlock(classid::int8::bit(32)::int4, objid::int8::bit(32)::int4)) FROM held) IS NULL;
SELECT set_eq('SELECT classid, objid, objsubid, mode FROM held', $$SELECT classid, objid, objsubid, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'$$,
    'and are not let go by a user');
-- What others do is not shown by what shows what sessions do.
SELECT is_empty($$SELECT query FROM pg_stat_activity WHERE usename IS DISTINCT FROM current_user AND pid <> pg_backend_pid() AND query NOT IN ('<insufficient privilege>', '')$$, 'sessions of others show no statement');
-- An error in the middle leaves nothing behind.
SELECT throws_ok(format($$SELECT sparkingest.reserve(%L, 1, 1, '5 min', '2026-03-02 13:00+00', namespace => 'vcpu-hours-ns'), 1 / (g - 3) FROM generate_series(1, 5) AS g$$, :'evil'), '22012', NULL,
    'a statement that reserves twice fails');
SELECT is((SELECT allocated_cpu FROM sparkingest.capacity('vcpu-hours-ns', '[2026-03-02 13:00+00,2026-03-02 13:05+00)')), 0::numeric, 'and nothing is taken');
RESET ROLE;

-- Roles that go: a new one by the old name is somebody else (J12).
CREATE ROLE regress_gone IN ROLE sparkingest_tenant;
SELECT sparkingest.grant_tenant(:'victim', 'regress_gone');
DROP ROLE regress_gone;
CREATE ROLE regress_gone IN ROLE sparkingest_tenant;
SET LOCAL ROLE regress_gone;
SELECT is_empty('SELECT tenant_name FROM sparkingest.tenants', 'who takes the name of a role that was dropped gets nothing of its');
RESET ROLE;
-- Who lets another act as itself does not let it become an operator: membership goes one way.
GRANT regress_evil TO regress_op;
SET LOCAL ROLE regress_evil;
SELECT is((fixture.refusal($$SELECT sparkingest.create_tenant('x')$$)).code, '42501', 'a role is not what its members are');
RESET ROLE;
SELECT cmp_ok((SELECT count(*) FROM attacks), '>', 30::bigint, 'more than thirty');
SELECT is_empty('SELECT * FROM books.differences()', 'the books are right');
SELECT * FROM finish();
ROLLBACK;
