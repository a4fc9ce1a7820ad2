-- Every change is an event, in the transaction that made it, with who, why, before and after: over every function that there is. One
-- that is not listed here, as reading or as writing, is red.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
-- Where pg_cron lives, first.
\connect home
SET client_min_messages = error;
BEGIN;
SELECT count(*) AS installed FROM sparkingest.install_schedules() \gset
SELECT count(*) AS told FROM sparkingest.events WHERE event_type = 'schedules.installed' AND actor = current_user AND after IS NOT NULL AND xact = pg_current_xact_id() \gset
ROLLBACK;
\connect test_pgtap
BEGIN;
SELECT * FROM no_plan();
SET LOCAL client_min_messages = error;
SET LOCAL sparkingest.clock = '2026-03-02 09:00:00+00';
GRANT USAGE ON SCHEMA fixture TO PUBLIC;
CREATE ROLE regress_acme IN ROLE sparkingest_tenant;
CREATE ROLE regress_other IN ROLE sparkingest_tenant;
CREATE ROLE regress_gone IN ROLE sparkingest_tenant;
CREATE ROLE regress_op IN ROLE sparkingest_operator;
SELECT sparkingest.create_tenant('Acme') AS acme \gset
SELECT sparkingest.grant_tenant(:'acme', r) FROM unnest(ARRAY['regress_acme', 'regress_gone']::regrole[]) AS r \g /dev/null
DROP ROLE regress_gone;
SELECT sparkingest.purchase(:'acme', 'vcpu_hours', 1000) AS purchase, sparkingest.purchase(:'acme', 'dedicated_units', 2, 'daily') AS units \gset
SELECT fixture.production_job('Acme', 'nightly', cron => '0 2 * * *'), fixture.production_job('Acme', 'paused', cron => '0 2 * * *'), fixture.draft_job('Acme', 'draft') \g /dev/null
SELECT sparkingest.pause_job(fixture.job('paused')), fixture.run(sparkingest.run_job(fixture.job('draft')), '10 minutes'), sparkingest.run_job(fixture.job('nightly'), '2026-03-02 20:00+00') AS run \gset
SELECT (sparkingest.reserve(:'acme', 1, 1, '5 min', '2026-03-02 15:00+00', namespace => 'vcpu-hours-ns')).reservation_id AS mine \gset
SELECT count(*) FROM sparkingest.set_limit('idle', 4, :'acme') \g /dev/null
SELECT sparkingest.set_cluster('default', '/etc/hostname') \g /dev/null
CREATE TEMPORARY TABLE ids AS SELECT * FROM (VALUES ('@acme', :'acme'::uuid), ('@nightly', fixture.job('nightly')), ('@paused', fixture.job('paused')), ('@draft', fixture.job('draft')),
    ('@done', fixture.latest('draft')), ('@run', :'run'), ('@mine', :'mine'), ('@purchase', :'purchase')) AS v (name, id);

-- What reads, and a call of it.
CREATE TEMPORARY TABLE reads (name text, call text);
INSERT INTO reads VALUES ('clock', '()'), ('can_see_tenant', '(@acme)'), ('my_tenants', '()'), ('usage', '(@acme)'), ('balance', '(@acme)'), ('capacity', '(''vcpu-hours-ns'', ''[2026-03-03,2026-03-04)'')'),
    ('find_slot', '(''vcpu-hours-ns'', 1, 1, ''5 min'')'), ('next_fire_times', '(''0 2 * * *'')'), ('calculate_estimate', '(''{"source_type": "s3"}'')'), ('render_manifest', '(@run)'), ('explain_job', '(@nightly)'), ('explain_execution', '(@run)'), ('health', '()'),
    ('verify_ledger', '()'), ('verify_books', '()'), ('verify_usage', '()'), ('runaway_executions', '()'), ('tenant_metrics', '(@acme)'), ('statement', '(@acme, ''2026-03-01'')'), ('uncommitted_holders', '()'), ('events_after', '()'),
    ('limit_load', '(''idle'', ''[2026-03-03,2026-03-04)'', @acme)');
-- What writes, who may, and the event: with values before where there was something, and after where there is.
CREATE TEMPORARY TABLE writes (name text, call text, by_whom text, event_type text, has_before boolean, has_after boolean, actor text);
INSERT INTO writes (name, call, by_whom, event_type, has_before, has_after) VALUES
    ('create_tenant', '(''New'')', 'regress_op', 'tenant.created', false, true),
    ('set_tenant_status', '(@acme, ''suspended'')', 'regress_op', 'tenant.status', true, true),
    ('set_tenant_limits', '(@acme, ''{"max_jobs": 7}'')', 'regress_op', 'tenant.limits', true, true),
    ('grant_tenant', '(@acme, ''regress_other'')', 'regress_op', 'tenant.granted', false, true),
    ('revoke_tenant', '(@acme, ''regress_acme'')', 'regress_op', 'tenant.revoked', true, false),
    ('purchase', '(@acme, ''vcpu_hours'', 1)', 'regress_op', 'purchase.created', false, true),
    ('set_discount', '(''vcpu_hours'', ''monthly'', 1000, 0.1)', 'regress_op', 'discount.set', true, true),
    ('cancel_purchase', '(@purchase, ''2026-03-20 00:00+00'')', 'regress_op', 'purchase.cancelled', true, true),
    ('set_capacity', '(''vcpu-hours-ns'', 1000, 2000, ''[2026-03-05,2026-03-06)'')', 'regress_op', 'capacity.set', true, true),
    ('set_limit', '(''idle'', 5, @acme)', 'regress_acme', 'limit.set', true, true),
    ('drop_limit', '(''idle'', @acme)', 'regress_acme', 'limit.dropped', true, false),
    ('set_namespace', '(''draft-ingestion-ns'', ''{"tenant_cpu_cores": 7, "spark_profile": {"image": "example.com/spark:7"}}'')', 'regress_op', 'namespace.changed', true, true),
    ('set_priority', '(''urgent'', 500)', 'regress_op', 'priority.set', true, true),
    ('set_cluster', '(''default'', ''/etc/passwd'', ''other'')', 'postgres', 'cluster.configured', true, true),
    ('enable_dispatch', '()', 'regress_op', 'cluster.dispatch', true, true),
    ('create_job', '(@acme, ''x'', ''postgres'', fixture.source(), fixture.destination(), ''{}'')', 'regress_acme', 'job.created', false, true),
    ('alter_job', '(@nightly, ''{"schedule_cron": "0 3 * * *"}'')', 'regress_acme', 'job.altered', true, true),
    ('pause_job', '(@nightly)', 'regress_acme', 'job.paused', true, true),
    ('resume_job', '(@paused)', 'regress_acme', 'job.resumed', true, true),
    ('drop_job', '(@nightly)', 'regress_acme', 'job.dropped', true, true),
    ('run_job', '(@nightly)', 'regress_acme', 'execution.state', false, true),
    ('cancel_execution', '(@run, ''enough'')', 'regress_acme', 'execution.state', true, true),
    ('evaluate_execution', '(@done)', 'regress_acme', 'execution.evaluated', false, true),
    ('promote_job', '(@draft)', 'regress_acme', 'job.promoted', true, true),
    ('move_reservation', '(@mine, ''2026-03-03 12:00+00'')', 'regress_acme', 'reservation.moved', true, true),
    ('release', '(@mine)', 'regress_acme', 'reservation.released', true, false),
    ('plan', '()', 'regress_op', 'execution.state', false, true),
    ('maintain', '()', 'regress_op', 'tenant.revoked', true, false);
UPDATE writes SET actor = CASE WHEN name IN ('plan', 'maintain') THEN name ELSE by_whom END;
-- What writes without an event: the rows themselves say who and when, or they follow from others.
CREATE TEMPORARY TABLE silent (name text, tables text[]);
INSERT INTO silent VALUES ('reserve', ARRAY['reservations']), ('try_reserve', ARRAY['reservations']), ('roll_up', ARRAY['usage_changes', 'usage_hourly', 'usage_load', 'worker_status']), ('rebuild_usage', ARRAY['usage_hourly', 'usage_load']), ('rebuild_ledger', '{}'),
    ('install_schedules', '{}'), ('disable_dispatch', '{}');
GRANT SELECT ON ids, reads, writes, silent TO PUBLIC;
SELECT set_eq($$SELECT proname::text FROM pg_proc WHERE pronamespace = 'sparkingest'::regnamespace AND prorettype <> 'trigger'::regtype$$,
    'SELECT name FROM reads UNION ALL SELECT name FROM writes UNION ALL SELECT name FROM silent', 'every function is listed, as reading or as writing');

CREATE FUNCTION pg_temp.statement(name text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    i record;
BEGIN
    FOR i IN SELECT * FROM ids ORDER BY length(ids.name) DESC LOOP
        call := replace(call, i.name, quote_literal(i.id) || '::uuid');
    END LOOP;
    RETURN format('SELECT count(*) FROM sparkingest.%I%s', name, call);
END
$$;
SELECT fixture.fingerprint() AS before \gset
CREATE FUNCTION pg_temp.after_reading(name text, call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE pg_temp.statement(name, call);
    RETURN fixture.fingerprint();
END
$$;
SELECT is(pg_temp.after_reading(name, call), :'before', name || ' writes nothing') FROM reads;

-- The events of a call, made as whoever may; all is undone.
CREATE FUNCTION pg_temp.events_of(w writes, OUT n bigint, OUT event text, OUT others text, OUT after_undoing bigint) LANGUAGE plpgsql AS $$
DECLARE
    last bigint := (SELECT COALESCE(max(event_id), 0) FROM sparkingest.events);
BEGIN
    BEGIN
        EXECUTE format('SET LOCAL ROLE %I', w.by_whom);
        EXECUTE pg_temp.statement(w.name, w.call);
        RESET ROLE;
        SELECT count(*), string_agg(DISTINCT format('%s %s %s %s', e.event_type, e.actor, e.before IS NOT NULL AND e.before <> '{}', e.after IS NOT NULL AND e.after <> '{}'), ',')
            FILTER (WHERE e.event_type = w.event_type), string_agg(DISTINCT e.actor, ',') FILTER (WHERE e.actor <> w.actor OR e.xact <> pg_current_xact_id() OR e.before = e.after)
            INTO n, event, others FROM sparkingest.events AS e WHERE e.event_id > last;
        RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZZZZ';
    EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
        after_undoing := (SELECT count(*) FROM sparkingest.events AS e WHERE e.event_id > last);
    END;
END
$$;
CREATE TEMPORARY TABLE made AS SELECT w.*, e.* FROM writes AS w, pg_temp.events_of(w) AS e;
SELECT is(event, format('%s %s %s %s', event_type, actor, left(has_before::text, 1), left(has_after::text, 1)), name || ': event, actor, before, after') FROM made WHERE name NOT IN ('plan', 'cancel_execution', 'run_job');
SELECT matches(event, format('(^|,)%s %s %s %s(,|$)', event_type, actor, left(has_before::text, 1), left(has_after::text, 1)), name || ': event, actor, before, after') FROM made WHERE name IN ('plan', 'cancel_execution', 'run_job');
SELECT is_empty('SELECT name, others FROM made WHERE others IS NOT NULL', 'all of the call''s events are its caller''s, of its transaction, and tell of a difference');
SELECT is_empty('SELECT name FROM made WHERE after_undoing > 0', 'and are gone when it is rolled back');
SELECT is(:told::bigint, CASE WHEN :installed > 0 THEN 1 END::bigint, 'install_schedules, where pg_cron lives: event, actor, after');
-- The opposite of what was done first.
SELECT sparkingest.enable_dispatch() \g /dev/null
SELECT is((SELECT event FROM pg_temp.events_of(ROW('disable_dispatch', '()', 'regress_op', 'cluster.dispatch', true, true, 'regress_op')::writes)), 'cluster.dispatch regress_op t t', 'disable_dispatch: event, actor, before, after');
-- What changes nothing is no event.
SELECT is((SELECT n FROM pg_temp.events_of(ROW(name, call, by_whom, '', true, true, by_whom)::writes)), 0::bigint, name || call || ' changes nothing: no event') FROM (VALUES
    ('set_tenant_status', '(@acme, ''active'')', 'regress_op'), ('set_tenant_limits', '(@acme, ''{"max_jobs": null}'')', 'regress_op'), ('grant_tenant', '(@acme, ''regress_acme'')', 'regress_op'), ('revoke_tenant', '(@acme, ''regress_other'')', 'regress_op'),
    ('pause_job', '(@paused)', 'regress_acme'), ('resume_job', '(@nightly)', 'regress_acme'), ('enable_dispatch', '()', 'regress_op')) AS v (name, call, by_whom);
-- What is silent touches what it says.
CREATE FUNCTION pg_temp.touched(name text, call text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    tables text[];
    before jsonb := (SELECT jsonb_object_agg(table_name, md5) FROM fixture.digests());
BEGIN
    BEGIN
        EXECUTE pg_temp.statement(name, call);
        tables := ARRAY(SELECT d.table_name FROM fixture.digests() AS d WHERE d.md5 <> before ->> d.table_name ORDER BY 1);
        RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZZZZ';
    EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
        RETURN tables;
    END;
END
$$;
SELECT is(pg_temp.touched(name, call), (SELECT tables FROM silent AS s WHERE s.name = v.name), name || ' writes no more than it says') FROM (VALUES ('reserve', '(@acme, 1, 1, ''5 min'')'),
    ('try_reserve', '(@acme, 1, 1, ''5 min'')'), ('roll_up', '()'), ('install_schedules', '()')) AS v (name, call);

-- What a superuser changes without the functions is an event too.
CREATE FUNCTION pg_temp.told(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    last bigint := (SELECT max(event_id) FROM sparkingest.events);
    event text;
BEGIN
    BEGIN
        EXECUTE statement;
        SELECT string_agg(format('%s %s %s: %s -> %s', e.event_type, e.actor, e.cause, e.before ->> 'high_ratio', e.after ->> 'high_ratio'), ',' ORDER BY e.event_id) INTO event
            FROM sparkingest.events AS e WHERE e.event_id > last;
        RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZZZZ';
    EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
        RETURN event;
    END;
END
$$;
SELECT is(pg_temp.told($$UPDATE sparkingest.sla_tiers SET high_ratio = 1.25 WHERE tier = 'standard'$$), 'setting.changed postgres sla_tiers: 1.2 -> 1.25', 'a change of a tier');
SELECT is(pg_temp.told($$INSERT INTO sparkingest.sla_tiers VALUES ('own', 1, 2, 1, 1, 1)$$), 'setting.changed postgres sla_tiers:  -> 1', 'a new one');
SELECT is(pg_temp.told($$DELETE FROM sparkingest.sla_tiers WHERE tier = 'strict'$$), 'setting.changed postgres sla_tiers: 1.1 -> ', 'one that goes');
SELECT is(pg_temp.told($$DELETE FROM sparkingest.priorities WHERE name = 'low'$$), 'setting.changed postgres priorities:  -> ', 'a name of a priority');
SELECT is(pg_temp.told($$INSERT INTO sparkingest.discounts VALUES ('vcpu_hours', 'monthly', 5, 0.1)$$), 'setting.changed postgres discounts:  -> ', 'a discount');
SELECT is(pg_temp.told($$UPDATE sparkingest.namespaces SET spark_profile = '{}' WHERE purpose = 'draft'$$), 'setting.changed postgres namespaces:  -> ', 'a namespace');
SELECT is(pg_temp.told($$UPDATE sparkingest.tenants SET tenant_name = 'Acme!' WHERE tenant_name = 'Acme'$$), 'setting.changed postgres tenants:  -> ', 'a tenant');
SELECT is(pg_temp.told($$DELETE FROM sparkingest.tenant_roles WHERE role = 'regress_acme'::regrole$$), 'setting.changed postgres tenant_roles:  -> ', 'who acts for it');

-- Rows are only added: nobody whom we know may change or remove one, and a reader can do without.
SELECT is_empty($$SELECT r, p FROM unnest(ARRAY['sparkingest_operator', 'sparkingest_reader', 'sparkingest_tenant', 'public']) AS r, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS p
    WHERE has_table_privilege(r, 'sparkingest.events', p)$$, 'nobody writes events but the functions');
SELECT is_empty($$SELECT r FROM unnest(ARRAY['sparkingest_operator', 'sparkingest_reader', 'sparkingest_tenant']) AS r, pg_class AS c WHERE c.oid = 'sparkingest.events'::regclass AND pg_has_role(r, c.relowner, 'MEMBER')$$,
    'nor is any of the roles its owner');

-- Kept as long as is set.
SELECT is((SELECT count(*) FROM sparkingest.events WHERE at < '2026-03-02 09:00+00'), 0::bigint, 'all events are new');
UPDATE sparkingest.events SET at = at - '70 days'::interval WHERE event_type = 'tenant.created'; -- the 22nd of December
SELECT sparkingest.maintain() \g /dev/null
SELECT is((SELECT count(*) FROM sparkingest.events WHERE event_type = 'tenant.created'), 1::bigint, 'without a setting for ever');
SET LOCAL sparkingest.event_days = 61;
SELECT sparkingest.maintain() \g /dev/null
SELECT is((SELECT count(*) FROM sparkingest.events WHERE event_type = 'tenant.created'), 1::bigint, 'or until all of its month is so old');
SET LOCAL sparkingest.event_days = 59;
SELECT count(*) - 1 AS left_over FROM sparkingest.events \gset
SELECT sparkingest.maintain() \g /dev/null
SELECT is((SELECT count(*) FROM sparkingest.events WHERE event_type <> 'history.dropped'), :left_over::bigint, 'and no longer');
SELECT is((SELECT cause FROM sparkingest.events WHERE event_type = 'history.dropped'), 'events_2025_12', 'which an event tells');

-- By cursor: each event once, in order, in whatever portions; of a tenant its own.
UPDATE sparkingest.events SET xact = (event_id % 4 + 5)::text::xid8;
SELECT sparkingest.create_tenant('Others'), sparkingest.create_tenant('Still others') \g /dev/null
UPDATE sparkingest.events SET xact = '6' WHERE event_type = 'tenant.created';
CREATE FUNCTION pg_temp.heard(portion integer) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    at text;
    next text;
    lines text[];
BEGIN
    LOOP
        SELECT array_agg(format('%s %s %s %s', e.at, e.event_type, e.actor, e.after) ORDER BY e.n), (array_agg(e.cursor ORDER BY e.n DESC))[1] INTO lines, next
            FROM sparkingest.events_after(at, portion) WITH ORDINALITY AS e (cursor, at, event_type, tenant_id, job_id, execution_id, actor, cause, before, after, n);
        EXIT WHEN next IS NULL;
        RETURN QUERY SELECT unnest(lines);
        at := next;
    END LOOP;
END
$$;
SELECT results_eq(format('SELECT * FROM pg_temp.heard(%s)', portion), $$SELECT format('%s %s %s %s', e.at, e.event_type, e.actor, e.after) FROM sparkingest.events AS e ORDER BY xact, event_id$$,
    format('in portions of %s: all events in order', portion)) FROM unnest(ARRAY[1, 2, 3, 7, 10000]) AS portion;
CREATE TEMPORARY TABLE own_events AS SELECT row_number() OVER (ORDER BY xact, event_id) AS n, format('%s %s %s %s', e.at, e.event_type, e.actor, e.after) AS line FROM sparkingest.events AS e WHERE tenant_id = :'acme';
GRANT SELECT ON own_events TO PUBLIC;
SET LOCAL ROLE regress_acme;
SELECT results_eq(format('SELECT * FROM pg_temp.heard(%s)', portion), 'SELECT line FROM own_events ORDER BY n', format('a tenant in portions of %s: its own', portion)) FROM unnest(ARRAY[1, 3, 10000]) AS portion;
SELECT is((fixture.refusal(format('SELECT sparkingest.events_after(%L)', position))).code, '22023', format('no cursor: %L', position))
    FROM unnest(ARRAY['', 'x', '5', '5.', '.5', '-1.0', '5.-1', '5.1x', '99999999999999999999.0', '5.99999999999', ' 5.1', '5.1;']) AS position;
SELECT is((fixture.refusal(format('SELECT sparkingest.events_after(n => %s)', n))).code, '22023', format('n = %s', n)) FROM unnest(ARRAY['0', '-1', '10001', 'NULL']) AS n;
SET LOCAL ROLE regress_other;
SELECT is_empty('SELECT * FROM sparkingest.events_after()', 'who acts for nobody hears nothing');
RESET ROLE;
UPDATE sparkingest.events SET xact = pg_current_xact_id();
SELECT is_empty('SELECT * FROM sparkingest.events_after()', 'nobody hears of what is not settled');
SELECT is_empty('SELECT * FROM books.differences()', 'the books are right');
SELECT * FROM finish();
ROLLBACK;
