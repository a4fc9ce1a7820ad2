-- A tenant may create objects and set its search path as it likes: nothing of it is ever picked up by the extension, which
-- works with the rights of its owner.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
BEGIN;
SELECT * FROM no_plan();
SET LOCAL client_min_messages = warning;
SET LOCAL sparkingest.clock = '2026-03-02 09:00:00+00';
SELECT sparkingest.create_tenant('Acme') AS acme \gset
SELECT sparkingest.purchase(:'acme', 'vcpu_hours', 1000) IS NULL;
SELECT sparkingest.purchase(:'acme', 'dedicated_units', 2, 'daily') IS NULL;
SELECT fixture.production_job('Acme', 'production', cron => '0 2 * * *') IS NULL;
SELECT fixture.draft_job('Acme', 'draft') AS draft \gset
SELECT fixture.run(sparkingest.run_job(:'draft'), '10 minutes') IS NULL;
SELECT fixture.job('production') AS production, fixture.latest('draft') AS done \gset
CREATE ROLE regress_evil LOGIN IN ROLE sparkingest_tenant;
SELECT sparkingest.grant_tenant(:'acme', 'regress_evil') IS NULL;
GRANT CREATE ON SCHEMA public TO regress_evil;
GRANT TEMPORARY ON DATABASE test_pgtap TO regress_evil;
GRANT USAGE ON SCHEMA fixture TO PUBLIC;

-- Traps: operators and functions that the statements of the store use, tables and types by the names of its own.
SET LOCAL ROLE regress_evil;
DO $$
DECLARE
    t text;
    o text;
BEGIN
    CREATE TABLE public.sprung (what text, by_whom text);
    GRANT ALL ON public.sprung TO PUBLIC;
    FOREACH t IN ARRAY ARRAY['uuid', 'text', 'bigint', 'integer', 'numeric', 'timestamptz', 'boolean', 'tstzrange', 'oid'] LOOP
        EXECUTE format('CREATE FUNCTION public.trap_%1$s(%1$s, %1$s) RETURNS boolean LANGUAGE plpgsql AS ''BEGIN INSERT INTO public.sprung VALUES (''''operator %1$s'''', current_user); RETURN true; END''',
            t);
        FOREACH o IN ARRAY ARRAY['=', '<>', '<', '<=', '>', '>=', '&&'] LOOP
            EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %2$s, RIGHTARG = %2$s, FUNCTION = public.trap_%2$s)', o, t);
        END LOOP;
    END LOOP;
    EXECUTE $f$CREATE FUNCTION public.add_trap(bigint, bigint) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.sprung VALUES (''plus'', current_user); RETURN 0; END'$f$;
    CREATE OPERATOR public.+ (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = public.add_trap);
    CREATE OPERATOR public.- (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = public.add_trap);
    FOREACH t IN ARRAY ARRAY['now()', 'clock()', 'gen_random_uuid()', 'current_database()', 'lower(tstzrange)', 'upper(tstzrange)',
        'max(bigint)', 'sum(bigint)', 'count(bigint)', 'date_trunc(text, timestamptz, text)', 'tstzrange(timestamptz, timestamptz)',
        'can_see_tenant(uuid)', 'generate_series(integer, integer)'] LOOP
        EXECUTE format('CREATE FUNCTION public.%s RETURNS text LANGUAGE plpgsql AS %L', t,
            format('BEGIN INSERT INTO public.sprung VALUES (%L, current_user); RETURN NULL; END', t));
    END LOOP;
    CREATE TEMPORARY TABLE job_executions (execution_id uuid);
    CREATE TEMPORARY TABLE grants (grant_id uuid);
    CREATE TABLE public.tenants (tenant_id uuid);
    CREATE DOMAIN public.uuid_trap AS uuid;
    CREATE TYPE pg_temp.placement AS (x int);
END
$$;
-- The calls are made without pgTAP, which would step on the traps itself; it hears of the outcome later.
CREATE TABLE public.outcome (call text, error text);
GRANT ALL ON public.outcome TO PUBLIC;
CREATE FUNCTION public.try(calls text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    call text;
BEGIN
    FOREACH call IN ARRAY calls LOOP
        BEGIN
            EXECUTE call;
            INSERT INTO public.outcome VALUES (call, NULL);
        EXCEPTION WHEN OTHERS THEN
            INSERT INTO public.outcome VALUES (call, SQLERRM);
        END;
    END LOOP;
END
$$;

-- Everything that a tenant may call.
SELECT pg_catalog.array_agg(pg_catalog.format(call, :'acme', :'production', :'draft', :'done')) AS calls FROM pg_catalog.unnest(ARRAY[
    $$SELECT sparkingest.usage(%1$L)$$, $$SELECT sparkingest.tenant_metrics(%1$L)$$, $$SELECT * FROM sparkingest.statement(%1$L, '2026-03-01')$$, $$SELECT * FROM sparkingest.balance(%1$L)$$,
        $$SELECT * FROM sparkingest.capacity('vcpu-hours-ns', '[2026-03-03,2026-03-04)', %1$L)$$,
        $$SELECT * FROM sparkingest.capacity_slots$$, $$SELECT * FROM sparkingest.planned_load$$, $$SELECT * FROM sparkingest.waiting_executions$$,
        $$SELECT * FROM sparkingest.explain_job(%2$L)$$, $$SELECT * FROM sparkingest.explain_execution(%4$L)$$,
        $$SELECT sparkingest.find_slot('dedicated-cpu-ns', 1, 1, '5 min', tenant_id => %1$L)$$,
    $$SELECT sparkingest.move_reservation((sparkingest.reserve(%1$L, 1, 1, '5 min', namespace => 'vcpu-hours-ns')).reservation_id, '2026-03-03')$$,
        $$SELECT * FROM sparkingest.set_limit('own-db', 2, %1$L)$$, $$SELECT * FROM sparkingest.set_limit('own-db', 3, %1$L)$$,
        $$SELECT sparkingest.release((sparkingest.reserve(%1$L, 1, 1, '5 min', limits => '{"own-db": 1}')).reservation_id)$$,
        $$SELECT * FROM sparkingest.limit_load('own-db', '[2026-03-03,2026-03-04)', %1$L)$$, $$SELECT sparkingest.drop_limit('own-db', %1$L)$$,
        $$SELECT sparkingest.release((sparkingest.try_reserve(%1$L, 1, 1, '5 min')).reservation_id)$$,
    $$SELECT sparkingest.create_job(%1$L, 'x', 'postgres', fixture.source(), fixture.destination(), '{}', '0 2 * * *', idempotency_key => 'k')$$,
        $$SELECT sparkingest.alter_job(%2$L, '{"schedule_cron": "0 3 * * *"}')$$, $$SELECT sparkingest.pause_job(%2$L)$$,
        $$SELECT sparkingest.resume_job(%2$L)$$,
    $$SELECT sparkingest.cancel_execution(sparkingest.run_job(%2$L))$$, $$SELECT sparkingest.evaluate_execution(%4$L)$$,
        $$SELECT sparkingest.promote_job(%3$L)$$, $$SELECT sparkingest.render_manifest(%4$L)$$,
        $$SELECT * FROM sparkingest.next_fire_times('0 2 * * *')$$, $$SELECT sparkingest.calculate_estimate('{"source_type": "s3"}')$$,
    $$SELECT sparkingest.drop_job(%2$L)$$, $$SELECT * FROM sparkingest.tenants$$, $$SELECT event_type FROM sparkingest.events$$,
        $$SELECT * FROM sparkingest.job_executions$$, $$SELECT * FROM sparkingest.events_after()$$, $$SELECT sparkingest.my_tenants()$$, $$SELECT sparkingest.can_see_tenant(%1$L)$$,
        $$SELECT sparkingest.clock()$$]) AS call \gset
SELECT COALESCE(pg_catalog.string_agg(p.proname, ', '), '') AS left_out FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = 'sparkingest'::pg_catalog.regnamespace
    AND pg_catalog.has_function_privilege('sparkingest_tenant', p.oid, 'EXECUTE') AND pg_catalog.strpos(:'calls', 'sparkingest.' || p.proname || '(') = 0 \gset
SET LOCAL search_path = public, pg_temp, pg_catalog, sparkingest;
SELECT public.try(:'calls');
SELECT pg_catalog.current_setting('search_path') AS path_after \gset
RESET ROLE;
-- And an operator with the same path, who runs the ticks.
SELECT public.try(ARRAY['SELECT sparkingest.plan()', 'SELECT sparkingest.maintain()', 'SELECT sparkingest.roll_up()',
    'SELECT sparkingest.rebuild_usage()', 'SELECT * FROM sparkingest.verify_usage()', 'SELECT * FROM sparkingest.runaway_executions()',
    'SELECT * FROM sparkingest.health()', $$SELECT sparkingest.set_capacity('vcpu-hours-ns', 1, 1, '[2026-03-03,2026-03-04)')$$,
    $$SELECT sparkingest.create_tenant('Globex')$$]);
SET LOCAL search_path = pg_catalog, public;
SELECT is((SELECT count(*) FROM public.outcome), 45::bigint, 'every call was made');
SELECT is(:'left_out'::text, '', 'of every function that a tenant may call');
SELECT is_empty('SELECT call, error FROM public.outcome WHERE error IS NOT NULL', 'and did what it does');
SELECT is_empty('SELECT DISTINCT what, by_whom FROM public.sprung', 'no trap was sprung');
SELECT is(:'path_after'::text, 'public, pg_temp, pg_catalog, sparkingest', 'the search path is the tenant''s again');
-- The traps are good: the tenant's own statements do step on them.
SET LOCAL ROLE regress_evil;
SET LOCAL search_path = public, pg_temp, pg_catalog;
SELECT '00000000-0000-0000-0000-000000000001'::pg_catalog.uuid = '00000000-0000-0000-0000-000000000002'::pg_catalog.uuid IS NULL;
SET LOCAL search_path = pg_catalog, public;
SELECT isnt_empty('SELECT * FROM public.sprung', 'the traps work');
SELECT * FROM finish();
ROLLBACK;
