-- Dump and restore: every row comes back, numbers go on, and work goes on.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- A database of its own, since a dump sees what is committed.
\! dropdb --if-exists --force test_dump_source; dropdb --if-exists --force test_dump_target
CREATE DATABASE test_dump_source TEMPLATE template0;
\connect test_dump_source
SET client_min_messages = warning;
CREATE EXTENSION sparkingest;
\! pg_dump -s -n books -n fixture test_pgtap | psql -X -q -v ON_ERROR_STOP=1 test_dump_source
SET sparkingest.clock = '2026-03-02 09:00:00+00';
CREATE ROLE regress_dump IN ROLE sparkingest_tenant;
SELECT sparkingest.create_tenant('Acme', 'Europe/Berlin', 'k') AS acme \gset
SELECT sparkingest.grant_tenant(:'acme', 'regress_dump') IS NULL;
SELECT sparkingest.purchase(:'acme', 'vcpu_hours', 1000, idempotency_key => 'k') IS NULL;
SELECT sparkingest.purchase(:'acme', 'dedicated_units', 5, 'daily', '2026-03-02 09:00+00', '2026-03-12 09:00+00') IS NULL;
SELECT sparkingest.set_discount('vcpu_hours', 'monthly', 10, 0.125) IS NULL;
SELECT sparkingest.purchase(:'acme', 'vcpu_hours', 10, 'monthly', '2026-03-05 09:00+00', '2026-07-01 00:00+02',
    '{"unit_price": 1, "currency": "EUR"}') AS part \gset
SELECT count(*) IS NULL FROM sparkingest.cancel_purchase(:'part', '2026-04-17 00:00+02');
SELECT fixture.production_job('Acme', 'nightly', cron => '0 2 * * *') IS NULL;
SELECT sparkingest.plan() IS NULL;
SELECT fixture.run(sparkingest.run_job(fixture.job('nightly')), '10 minutes', metrics => '{"rows": 5, "cursor": "c"}') IS NULL;
SELECT (sparkingest.reserve(:'acme', 1, 1, '5 min', '2026-03-03 12:00+00', namespace => 'dedicated-cpu-ns')).starts_at IS NULL;
SELECT (sparkingest.reserve(:'acme', 1, 1, '5 min', '2026-03-03 12:00+00', namespace => 'vcpu-hours-ns')).starts_at IS NULL;
SELECT count(*) IS NULL FROM sparkingest.set_limit('orders-db', 3);
SELECT count(*) IS NULL FROM sparkingest.set_limit('own-db', 4, :'acme');
SELECT (sparkingest.reserve(:'acme', 1, 1, '5 min', '2026-03-03 12:00+00', namespace => 'vcpu-hours-ns', limits => '{"orders-db": 2, "own-db": 4}')).starts_at IS NULL;
SELECT sparkingest.set_capacity('vcpu-hours-ns', 500, 1000, '[2026-03-04, 2026-03-05)');
SELECT sparkingest.set_namespace('draft-ingestion-ns', '{"tenant_cpu_cores": 7, "spark_profile": {"image": "example.com/spark:7"}}') IS NULL;
SELECT sparkingest.set_cluster('default', '/etc/hostname', 'admin') IS NULL, sparkingest.enable_dispatch() IS NULL;
UPDATE sparkingest.sla_tiers SET high_ratio = 1.25 WHERE tier = 'standard';
INSERT INTO sparkingest.sla_tiers VALUES ('own', 1, 2, 1, 1, 1);
SELECT sparkingest.set_priority('low', -200) IS NULL, sparkingest.set_priority('urgent', 500) IS NULL;
SELECT sparkingest.maintain() IS NULL; -- makes partitions, which are no members of the extension
SELECT sparkingest.roll_up() IS NULL;
-- One run ended since: noted, and not yet in the sums.
SELECT fixture.run(sparkingest.run_job(fixture.job('nightly')), '12 minutes') IS NULL;
\! createdb -T template0 test_dump_target && pg_dump test_dump_source | psql -X -q -v ON_ERROR_STOP=1 test_dump_target >/dev/null || echo 'not ok - the dump is restored without an error'
SELECT string_agg(format('%s %s', table_name, md5), ',' ORDER BY table_name) AS before FROM fixture.digests() \gset
SELECT md5(string_agg((to_jsonb(e) - 'xact')::text, ',' ORDER BY event_id)) AS events FROM sparkingest.events AS e \gset

\connect test_dump_target
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
SELECT * FROM no_plan();
CREATE TEMPORARY TABLE digests AS SELECT now.table_name, now.md5 = before.md5 AS the_same FROM fixture.digests() AS now
    JOIN (SELECT split_part(s, ' ', 1) AS table_name, split_part(s, ' ', 2) AS md5
    FROM string_to_table(:'before', ',') AS s) AS before USING (table_name) WHERE table_name NOT IN ('worker_status', 'cluster_lists', 'cluster_objects') AND table_name !~ '^events_';
SELECT is_empty($$SELECT table_name FROM digests WHERE NOT the_same AND table_name NOT IN ('clusters', 'namespaces', 'priorities', 'sla_tiers')$$,
    'every row of every table of users'' data is as it was');
SELECT is((SELECT md5(string_agg((to_jsonb(e) - 'xact')::text, ',' ORDER BY event_id)) FROM sparkingest.events AS e), :'events', 'and every event');
SELECT is((SELECT array_agg(e.event_type) FROM sparkingest.events_after() AS e), (SELECT array_agg(event_type::text ORDER BY event_id) FROM sparkingest.events),
    'which readers hear of, as nothing is at work');
SELECT is((SELECT count(*) FROM sparkingest.usage_changes), 1::bigint, 'what roll_up has not seen yet is noted still, and nothing else is');
SELECT is_empty('SELECT * FROM sparkingest.verify_usage()', 'what was metered is right');
SELECT is((SELECT count(*) FROM sparkingest.resource_consumption_2026_03), 3::bigint, 'months are where they were');
SELECT is((SELECT array_agg(DISTINCT tableoid::regclass::text) FROM sparkingest.events), ARRAY['sparkingest.events_2026_03'], 'also of events');
SELECT is((SELECT count(*) FROM pg_class AS c, pg_inherits AS i WHERE i.inhrelid = c.oid AND i.inhparent = 'sparkingest.events'::regclass AND c.relrowsecurity
    AND EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND t.tgname = 'restored' AND t.tgparentid <> 0)), 4::bigint, 'as they were: walled in, with their trigger');
SELECT is_empty($$SELECT table_name FROM digests WHERE NOT the_same AND table_name IN ('namespaces', 'priorities', 'sla_tiers')$$,
    'and what operators changed of the rows that are there from the beginning');
SELECT results_eq('SELECT kubeconfig, kube_context, dispatch, dispatch_reason FROM sparkingest.clusters', $$VALUES ('/etc/hostname', 'admin', 'fenced',
    'restored from a dump: see to it that no other server posts there')$$, 'but nothing is posted from here until somebody says so');
SELECT matches((SELECT detail FROM sparkingest.health() WHERE component = 'cluster default'), '^dispatch is fenced, restored from a dump.*: call sparkingest.enable_dispatch\(\)$', 'as health() tells');
SELECT is_empty('SELECT * FROM books.differences()', 'the books are right');
SET sparkingest.clock = '2026-03-02 09:30:00+00';
SELECT lives_ok(call, call) FROM unnest(ARRAY[$$SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1)$$,
    $$SELECT sparkingest.run_job(fixture.job('nightly'))$$,
    $$SELECT sparkingest.set_capacity('vcpu-hours-ns', 400, 800, '[2026-03-04, 2026-03-05)')$$,
    $$SELECT sparkingest.purchase(sparkingest.create_tenant('Globex'), 'dedicated_units', 1, 'daily')$$,
        $$SELECT sparkingest.reserve(fixture.tenant('Globex'), 1, 1, '5 min')$$, 'SELECT sparkingest.plan()',
        'SELECT sparkingest.maintain()', 'SELECT sparkingest.roll_up()']) AS call;
SELECT is((SELECT sparkingest.create_tenant('Acme', 'Europe/Berlin', 'k')), fixture.tenant('Acme'), 'idempotency keys are still known');
SELECT is((SELECT cpu_millicores FROM sparkingest.capacity_overrides ORDER BY override_id DESC LIMIT 1), 400000::bigint,
    'the newest override is still the newest');
GRANT USAGE ON SCHEMA fixture TO PUBLIC;
SET ROLE regress_dump;
SELECT is((SELECT count(*) FROM sparkingest.tenants), 1::bigint, 'the tenant''s role still acts for it');
RESET ROLE;
SELECT is_empty('SELECT * FROM books.differences()', 'the books are right');
SELECT * FROM finish();
\connect test_pgtap
SET client_min_messages = warning;
\! dropdb --force test_dump_source; dropdb --force test_dump_target
DROP ROLE regress_dump;
