-- Every number that can be given, as an argument or inside JSON, against two hundred nasty ones: what is inside its bounds
-- and a multiple of its step is taken and kept exactly; everything else is refused by 22023, naming the field.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

CREATE TEMPORARY TABLE nasty AS
SELECT DISTINCT value FROM (
    SELECT unnest(ARRAY['NaN', 'Infinity', '-Infinity', '0', '0.0', '0.00000000000000000001', '-0.00000000000000000001', '1e-16383',
        '-1e-16383', '9.99e131071', '-9.99e131071', '1e1000', '-1e1000', '0.5', '1.5', '2.5', '-0.5', '0.1', '0.2', '0.3', '0.7',
                        '0.0005', '0.0015', '0.0009765625', '0.00048828125', '0.33333333333333333333333333333333',
                            '0.9999999999999999999999999999', '1.0000000000000000000000000001', '99.9999999999999999999999',
                            '1000000.0000000000000001', '1048576.0009765625', '1048576.5',
                        '1.75', '2000', '2000.001', '4000', '4000.0009765625', '840', '840.001', '50400', '50401', '65535', '65536', '8.0',
                            '12.345', '1e2', '1.0e3', '100', '101', '-0', '1e308', '-1e308', '0.30000000000000004',
                            '0.1000000000000000055511151231257827', '0.999999', '0.9999995', '1.000001', '4.9406564584124654e-324'])::numeric
    UNION ALL SELECT v.sign * (v.delta + 10::numeric ^ k) FROM generate_series(-12, 20) AS k, (VALUES (1, 0::numeric), (1, 0.001), (1,
        -0.001), (-1, 0)) AS v (sign, delta)
    UNION ALL SELECT v.sign * (2::numeric ^ k + v.delta) FROM unnest(ARRAY[7, 8, 15, 16, 31, 32, 53, 63, 64, 127]) AS k, (VALUES (1, -1),
        (1, 0), (1, 1), (-1, 0)) AS v (sign, delta)) AS n (value);
SELECT count(*) >= 200 AS two_hundred FROM nasty;

CREATE TYPE pg_temp.verdict AS (field text, tried int, taken int, refused int, wrong text);
-- statement: %s stands for the number; stored: what is kept of it afterwards, or NULL.
CREATE FUNCTION pg_temp.probe(field text, statement text, stored text, lowest numeric, highest numeric, step numeric, rounds_up boolean
    DEFAULT false) RETURNS pg_temp.verdict LANGUAGE plpgsql AS $$
DECLARE
    answer pg_temp.verdict := (field, 0, 0, 0, NULL);
    number numeric;
    kept numeric;
    good boolean;
    said text;
    state text;
BEGIN
    FOR number IN SELECT value FROM nasty WHERE (statement NOT LIKE '%{%' OR value NOT IN ('NaN', 'Infinity', '-Infinity'))
                                              AND (statement NOT LIKE '%::int%' OR (value BETWEEN -2147483648 AND 2147483647
                                                  AND value = trunc(value))) ORDER BY value
    LOOP
        answer.tried := answer.tried + 1;
        good := number NOT IN ('NaN', 'Infinity', '-Infinity') AND number BETWEEN lowest AND highest AND (rounds_up OR number % step = 0);
        kept := NULL;
        BEGIN
            EXECUTE format(statement, number);
            IF stored IS NOT NULL THEN EXECUTE stored INTO kept; END IF;
            RAISE EXCEPTION 'taken' USING ERRCODE = 'ZZZZZ';
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, said = MESSAGE_TEXT;
        END;
        IF state = 'ZZZZZ' THEN
            answer.taken := answer.taken + 1;
        ELSE
            answer.refused := answer.refused + 1;
        END IF;
        IF (state = 'ZZZZZ') <> good OR kept <> number OR (state <> 'ZZZZZ' AND (state <> '22023'
            OR NOT (starts_with(said, 'invalid ' || field || ':')
            OR starts_with(said, 'invalid resource_requirements: must fit into a namespace')))) THEN
            answer.wrong := concat_ws('; ', answer.wrong, format('%s: %s', left(number::text, 30), CASE state WHEN 'ZZZZZ'
                THEN 'taken as ' || COALESCE(left(kept::text, 30), '?') ELSE state || ' ' || said END));
        END IF;
    END LOOP;
    RETURN answer;
END
$$;
SELECT sparkingest.create_tenant('Acme') AS tenant \gset
SELECT sparkingest.purchase(:'tenant', 'vcpu_hours', 1000000) IS NOT NULL AS hours;
SELECT count(*) AS affected FROM sparkingest.set_limit('many', 1000000);
CREATE FUNCTION pg_temp.job(argument text, member text) RETURNS text LANGUAGE sql AS $$
SELECT format('SELECT sparkingest.create_job(fixture.tenant(''Acme''), ''job'', ''postgres'', %s, fixture.destination(), %s, sla_requirements => %s, options => %s)',
    CASE argument WHEN 'source_config' THEN format('''{"host": "h", "database": "d", "table": "t", %s}''', member) ELSE 'fixture.source()' END,
    CASE argument WHEN 'resource_requirements' THEN format('''{%s}''', member) ELSE '''{"cpu_cores": 4, "memory_gb": 8, "runtime_minutes": 1}''' END,
    CASE argument WHEN 'sla_requirements' THEN format('''{%s}''', member) ELSE '''{}''' END,
    CASE argument WHEN 'options' THEN format('''{%s}''', member) ELSE '''{}''' END)
$$;

CREATE TEMPORARY TABLE probes AS SELECT * FROM (VALUES
    -- Arguments.
    (1, 'cpu_cores',
        'SELECT sparkingest.try_reserve(fixture.tenant(''Acme''), ''%s'', 1, ''5 minutes'', namespace => ''draft-ingestion-ns'')',
        'SELECT max(cpu_millicores) / 1000.0 FROM sparkingest.reservations', 0.001, 1000000, 0.001, false),
    (2, 'memory_gb',
        'SELECT sparkingest.try_reserve(fixture.tenant(''Acme''), 1, ''%s'', ''5 minutes'', namespace => ''draft-ingestion-ns'')',
        'SELECT max(memory_mib) / 1024.0 FROM sparkingest.reservations', 0.0009765625, 1048576, 0.0009765625, false),
    (3, 'cpu_cores', 'SELECT sparkingest.find_slot(''vcpu-hours-ns'', ''%s'', 1, ''5 minutes'')', NULL, 0.001, 1000000, 0.001, false),
    (4, 'memory_gb', 'SELECT sparkingest.find_slot(''vcpu-hours-ns'', 1, ''%s'', ''5 minutes'')', NULL, 0.0009765625, 1048576, 0.0009765625, false),
    (5, 'cpu_cores', 'SELECT * FROM sparkingest.set_capacity(''vcpu-hours-ns'', ''%s'', 1, ''[2026-03-03, 2026-03-04)'')',
        'SELECT cpu_millicores / 1000.0 FROM sparkingest.capacity_overrides', 0, 1000000, 0.001, false),
    (6, 'memory_gb', 'SELECT * FROM sparkingest.set_capacity(''vcpu-hours-ns'', 1, ''%s'', ''[2026-03-03, 2026-03-04)'')',
        'SELECT memory_mib / 1024.0 FROM sparkingest.capacity_overrides', 0, 1048576, 0.0009765625, false),
    (7, 'quantity', 'SELECT sparkingest.purchase(fixture.tenant(''Acme''), ''vcpu_hours'', ''%s''::numeric::int, ''daily'')',
        'SELECT quantity FROM sparkingest.resource_purchases WHERE time_period = ''daily''', 1, 1000000, 1, false),
    (8, 'n', 'SELECT count(*) FROM sparkingest.next_fire_times(''* * * * *'', n => ''%s''::numeric::int)', NULL, 1, 1000, 1, false),
    (16, 'n', 'SELECT count(*) FROM sparkingest.events_after(n => ''%s''::numeric::int)', NULL, 1, 10000, 1, false),
    (9, 'value', 'SELECT sparkingest.set_priority(''probe'', ''%s''::numeric::int)', 'SELECT value FROM sparkingest.priorities WHERE name = ''probe''', -1000, 1000, 1, false),
    (19, 'quantity', 'SELECT count(*) FROM sparkingest.set_limit(''probe'', ''%s''::numeric::int)', 'SELECT quantity FROM sparkingest.limits WHERE limit_name = ''probe''', 0, 1000000, 1,
        false),
    (17, 'cpu_cores',
        'SELECT sparkingest.reserve(fixture.tenant(''Acme''), ''%s'', 1, ''5 minutes'', namespace => ''vast-ns'')',
        'SELECT max(cpu_millicores) / 1000.0 FROM sparkingest.reservations', 0.001, 1000000, 0.001, false),
    (18, 'memory_gb',
        'SELECT sparkingest.reserve(fixture.tenant(''Acme''), 1, ''%s'', ''5 minutes'', namespace => ''vast-ns'')',
        'SELECT max(memory_mib) / 1024.0 FROM sparkingest.reservations', 0.0009765625, 1048576, 0.0009765625, false),
    -- Members of JSON.
    (10, 'options.priority',
        'SELECT sparkingest.purchase(fixture.tenant(''Acme''), ''vcpu_hours'', 1, ''daily'', options => ''{"priority": %s}'')',
        'SELECT priority FROM sparkingest.resource_purchases WHERE time_period = ''daily''', -1000, 1000, 1, false),
    (11, 'options.lending_limit',
        'SELECT sparkingest.purchase(fixture.tenant(''Acme''), ''dedicated_units'', 10, ''daily'', options => ''{"lending_limit": %s}'')',
        'SELECT lending_limit FROM sparkingest.resource_purchases WHERE time_period = ''daily''', 0, 10, 1, false),
    (12, 'options.unit_price',
        'SELECT sparkingest.purchase(fixture.tenant(''Acme''), ''vcpu_hours'', 1, ''daily'', options => ''{"unit_price": %s, "currency": "EUR"}'')',
        'SELECT unit_price FROM sparkingest.resource_purchases WHERE time_period = ''daily''', 0, 999999999999, 0.000001, false),
    (13, 'options.rollover_share',
        'SELECT sparkingest.purchase(fixture.tenant(''Acme''), ''vcpu_hours'', 1, ''daily'', options => ''{"rollover_share": %s}'')',
        'SELECT rollover_share FROM sparkingest.resource_purchases WHERE time_period = ''daily''', 0, 1, 0.000001, false),
    (14, 'share', 'SELECT sparkingest.set_discount(''vcpu_hours'', ''daily'', 1, ''%s'')', 'SELECT share FROM sparkingest.discounts', 0, 1,
        0.000001, false),
    (15, 'from_quantity', 'SELECT sparkingest.set_discount(''vcpu_hours'', ''daily'', ''%s''::numeric::int, 0.5)',
        'SELECT from_quantity FROM sparkingest.discounts', 1, 1000000, 1, false),
    (19, 'value', 'SELECT sparkingest.set_priority(''probe'', ''%s''::numeric::int)', 'SELECT value FROM sparkingest.priorities WHERE name = ''probe''',
        -1000, 1000, 1, false),
    (20, 'source_config.port', pg_temp.job('source_config', '"port": %s'),
        'SELECT (source_config ->> ''port'')::numeric FROM sparkingest.ingestion_jobs', 1, 65535, 1, false),
    (21, 'source_config.fetchsize', pg_temp.job('source_config', '"fetchsize": %s'),
        'SELECT (source_config ->> ''fetchsize'')::numeric FROM sparkingest.ingestion_jobs', 1, 1000000, 1, false),
    (22, 'source_config.partition.num', pg_temp.job('source_config', '"partition": {"column": "id", "num": %s}'), NULL, 1, 1000, 1, false),
    (23, 'source_config.incremental.overlap', pg_temp.job('source_config', '"incremental": {"column": "id", "overlap": %s}'), NULL, 0,
        1000000000000, 0.000001, false),
    (30, 'resource_requirements.cpu_cores', pg_temp.job('resource_requirements', '"memory_gb": 8, "cpu_cores": %s'),
        'SELECT cpu_millicores / 1000.0 FROM sparkingest.ingestion_jobs', 0.2, 2000, 0.001, false),
    (31, 'resource_requirements.memory_gb', pg_temp.job('resource_requirements', '"cpu_cores": 4, "memory_gb": %s'),
        'SELECT memory_mib / 1024.0 FROM sparkingest.ingestion_jobs', 1.75, 4000, 0.0009765625, false),
    (32, 'resource_requirements.executors', pg_temp.job('resource_requirements', '"cpu_cores": 2000, "memory_gb": 4000, "executors": %s'),
        'SELECT executors FROM sparkingest.ingestion_jobs', 1, 1000, 1, false),
    (33, 'resource_requirements.runtime_minutes',
        pg_temp.job('resource_requirements', '"cpu_cores": 4, "memory_gb": 8, "runtime_minutes": %s'),
        'SELECT estimated_runtime_minutes FROM sparkingest.ingestion_jobs', 0.001, 36000, 0.001, false),
    (34, 'resource_requirements.data_size_gb',
        pg_temp.job('resource_requirements', '"cpu_cores": 4, "memory_gb": 8, "runtime_minutes": 1, "data_size_gb": %s'), NULL, 0, 1000000,
        0.001, true),
    (40, 'sla_requirements.max_runtime_minutes', pg_temp.job('sla_requirements', '"max_runtime_minutes": %s'),
        'SELECT max_runtime_minutes FROM sparkingest.ingestion_jobs', 1, 50400, 1, false),
    (41, 'sla_requirements.priority', pg_temp.job('sla_requirements', '"priority": %s'), 'SELECT priority FROM sparkingest.ingestion_jobs',
        -1000, 1000, 1, false),
    (42, 'sla_requirements.sla_window_hours', pg_temp.job('sla_requirements', '"sla_window_hours": %s'),
        'SELECT sla_window_hours FROM sparkingest.ingestion_jobs', 0.001, 840, 0.001, false),
    (50, 'options.overlap_limit', pg_temp.job('options', '"overlap_policy": "allow", "overlap_limit": %s'), NULL, 1, 100, 1, false),
    (51, 'options.retry.max_attempts', pg_temp.job('options', '"retry": {"max_attempts": %s}'), NULL, 1, 10, 1, false),
    (52, 'options.retry.budget_per_day', pg_temp.job('options', '"retry": {"budget_per_day": %s}'), NULL, 0, 10000, 1, false),
    (53, 'options.retry.max_memory_gb', pg_temp.job('options', '"retry": {"max_memory_gb": %s}'), NULL, 0.0009765625, 1048576, 0.0009765625, false),
    (54, 'options.retry.backoff_minutes', pg_temp.job('options', '"retry": {"backoff_minutes": %s}'), NULL, 0, 1440, 0.001, true),
    (55, 'options.retry.max_backoff_minutes', pg_temp.job('options', '"retry": {"backoff_minutes": 0, "max_backoff_minutes": %s}'), NULL, 0, 1440, 0.001, true),
    (56, 'options.limits.many', pg_temp.job('options', '"limits": {"many": %s}'), NULL, 1, 1000000, 1, false),
    (60, 'request.data_size_gb', 'SELECT sparkingest.calculate_estimate(''{"source_type": "postgres", "data_size_gb": %s}'')', NULL, 0, 1000000, 0.001, true),
    (70, 'changes.tenant_cpu_cores', 'SELECT sparkingest.set_namespace(''vcpu-hours-ns'', ''{"tenant_cpu_cores": %s}'')',
        'SELECT tenant_cpu_millicores / 1000.0 FROM sparkingest.namespaces WHERE namespace = ''vcpu-hours-ns''', 0, 1000000, 0.001, false),
    (71, 'changes.tenant_memory_gb', 'SELECT sparkingest.set_namespace(''vcpu-hours-ns'', ''{"tenant_memory_gb": %s}'')',
        'SELECT tenant_memory_mib / 1024.0 FROM sparkingest.namespaces WHERE namespace = ''vcpu-hours-ns''', 0, 1048576, 0.0009765625,
        false),
    (80, 'limits.max_jobs', 'SELECT sparkingest.set_tenant_limits(fixture.tenant(''Acme''), ''{"max_jobs": %s}'')', 'SELECT max_jobs FROM sparkingest.tenants', 0, 1000000, 1, false),
    (81, 'limits.max_schedules', 'SELECT sparkingest.set_tenant_limits(fixture.tenant(''Acme''), ''{"max_schedules": %s}'')', 'SELECT max_schedules FROM sparkingest.tenants', 0, 1000000, 1,
        false),
    (82, 'limits.calls_per_second', 'SELECT sparkingest.set_tenant_limits(fixture.tenant(''Acme''), ''{"calls_per_second": %s}'')',
        'SELECT calls_per_second FROM sparkingest.tenants', 1, 100000, 1, false)
    ) AS v (n, field, statement, stored, lowest, highest, step, rounds_up);
-- No number is forgotten: every argument of every function is among them, as the catalogue has it.
SELECT f.proname, a.name, a.type FROM pg_proc AS f, LATERAL (SELECT u.name, u.o, format_type(f.proargtypes[u.o - 1], NULL) AS type FROM unnest(f.proargnames) WITH ORDINALITY AS u (name, o)
        WHERE u.o <= f.pronargs) AS a
    WHERE f.pronamespace = 'sparkingest'::regnamespace AND a.type IN ('smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision', 'money')
    AND NOT EXISTS (SELECT FROM probes AS p WHERE p.field = a.name AND p.statement LIKE format('%%sparkingest.%s(%%', f.proname));
SELECT p.* FROM probes AS v, LATERAL pg_temp.probe(v.field, v.statement, v.stored, v.lowest, v.highest, v.step, v.rounds_up) AS p WHERE v.statement !~ 'vast-ns' ORDER BY v.n;
-- Where the largest need fits, so that nothing is refused for want of room.
BEGIN;
INSERT INTO sparkingest.namespaces (namespace, cluster_name, purpose, cpu_millicores, memory_mib, slot_minutes, spark_profile)
    SELECT 'vast-ns', cluster_name, 'draft', 1000000000, 1073741824, 5, spark_profile FROM sparkingest.namespaces WHERE namespace = 'draft-ingestion-ns';
INSERT INTO sparkingest.pools (namespace) VALUES ('vast-ns');
SELECT p.* FROM probes AS v, LATERAL pg_temp.probe(v.field, v.statement, v.stored, v.lowest, v.highest, v.step, v.rounds_up) AS p WHERE v.statement ~ 'vast-ns' ORDER BY v.n;
ROLLBACK;

-- Lengths of time as well: every interval argument, whole or absurd.
SELECT i AS length, (SELECT r.code FROM fixture.refusal(format('SELECT sparkingest.try_reserve(%L, 1, 1, %L)', :'tenant', i)) AS r) AS as_duration,
       (SELECT r.code FROM fixture.refusal(format('SELECT sparkingest.try_reserve(%L, 1, 1, ''5 min'', sla_window => %L)', :'tenant', i)) AS r) AS as_window
  FROM unnest(ARRAY['0', '1 microsecond', '-1 microsecond', '35 days', '35 days 1 microsecond', '840 hours', '841 hours', '1 month -1 day',
      '-1 month 60 days', '178000000 years', '2147483647 days', '-2147483648 days', '2562047788 hours', '106751991 days 14:00:54.775807',
      '9223372036854 seconds', '1 day -86400 seconds']::interval[]) AS i;
\i :end
