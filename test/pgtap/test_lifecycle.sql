-- Created, dropped, created again: nothing is left, and it can be where it was.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
BEGIN;
SELECT * FROM no_plan();
SET LOCAL client_min_messages = warning;
SELECT lives_ok('DROP EXTENSION sparkingest', 'it can be dropped, without CASCADE');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace = 'sparkingest'::regnamespace UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'sparkingest'::regnamespace UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'sparkingest'::regnamespace$$, 'nothing is left in its schema');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE probin LIKE '%sparkingest' AND pronamespace <> 'fixture'::regnamespace$$, 'nor a function elsewhere');
SELECT is_empty($$SELECT polname FROM pg_policy WHERE polname = 'own_rows'$$, 'no policy is left');
SELECT has_role('sparkingest_operator', 'roles stay, for other databases');
SELECT has_role('sparkingest_tenant', 'both of them');
SELECT lives_ok('CREATE EXTENSION sparkingest', 'it can be created again, with the roles there');
SELECT results_eq('SELECT namespace, purpose, cpu_millicores / 1000, memory_mib / 1024, tenant_cpu_millicores / 1000, tenant_memory_mib / 1024 FROM sparkingest.namespaces ORDER BY 1',
    $$VALUES ('dedicated-cpu-ns', 'dedicated', 400::bigint, 800::bigint, NULL::bigint, NULL::bigint), ('draft-ingestion-ns', 'draft', 200, 400, 40, 80), ('vcpu-hours-ns', 'shared', 2000, 4000, NULL, NULL)$$,
        'it brings three namespaces');
SELECT results_eq('SELECT cluster_name, dispatch FROM sparkingest.clusters', $$VALUES ('default', 'disabled')$$, 'one cluster, to which nothing is posted');
SELECT results_eq('SELECT * FROM sparkingest.sla_tiers ORDER BY tier', $$VALUES ('standard', 1.2, 1.5, 1.2, 1, 1), ('strict', 1.1, 1.3, 1.2, 3, 3)$$,
    'two tiers');
SELECT results_eq('SELECT * FROM sparkingest.priorities ORDER BY value', $$VALUES ('low', -100), ('normal', 0), ('high', 100), ('critical', 1000)$$,
    'four names of priorities');
SELECT is((SELECT count(*) FROM fixture.row_counts() WHERE table_name NOT IN ('namespaces', 'clusters', 'sla_tiers', 'priorities', 'pools')
    AND row_count > 0), 0::bigint, 'and nothing else');
SELECT throws_ok('CREATE EXTENSION sparkingest', '42710', NULL, 'not twice');
-- Somebody's objects that rest on it are not dropped by the way.
CREATE VIEW public.mine AS SELECT * FROM sparkingest.tenants;
SELECT throws_ok('DROP EXTENSION sparkingest', '2BP01', NULL, 'what rests on it must be named');
DROP VIEW public.mine;
SELECT lives_ok('DROP EXTENSION sparkingest', 'and then it goes');
SELECT throws_ok('CREATE EXTENSION sparkingest SCHEMA public', '0A000', NULL, 'no other schema');
CREATE ROLE regress_user;
GRANT CREATE ON DATABASE test_pgtap TO regress_user;
SET LOCAL ROLE regress_user;
SELECT throws_ok('CREATE EXTENSION sparkingest', '42501', NULL, 'only superusers create it');
RESET ROLE;
-- The slot length is a setting of the moment of creation.
SET LOCAL sparkingest.slot_minutes = 15;
SELECT lives_ok('CREATE EXTENSION sparkingest', 'with a grid of a quarter of an hour');
SELECT is((SELECT array_agg(DISTINCT slot_minutes) FROM sparkingest.namespaces), ARRAY[15], 'all namespaces have it');
SET LOCAL sparkingest.clock = '2026-03-02 09:00:00+00';
SELECT sparkingest.create_tenant('Acme') AS acme \gset
SELECT is((SELECT sparkingest.purchase(:'acme', 'vcpu_hours', 100) IS NULL), false, 'a tenant buys');
SELECT results_eq(format('SELECT starts_at, ends_at FROM sparkingest.reserve(%L, 1, 1, ''16 minutes'', ''2026-03-02 09:01+00'')', :'acme'),
    $$VALUES ('2026-03-02 09:15+00'::timestamptz, '2026-03-02 09:45+00'::timestamptz)$$, 'and reserves on that grid');
SELECT is_empty('SELECT * FROM books.differences()', 'the books are right');
SELECT * FROM finish();
ROLLBACK;
