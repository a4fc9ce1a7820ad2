-- create_job refuses what is wrong by 22023, naming field and value; what is right at the edges it takes. Nothing that is
-- refused leaves a trace.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
-- A good call, of which one argument is replaced.
CREATE FUNCTION pg_temp.call(argument text, value text) RETURNS text LANGUAGE sql AS $$
SELECT format('SELECT sparkingest.create_job(%s)', string_agg(format('%s => %s', name, CASE WHEN name = argument
    THEN COALESCE(quote_literal(value), 'NULL') ELSE given END), ', '))
  FROM (VALUES ('tenant_id', 'fixture.tenant(''Acme'')'), ('job_name', '''orders'''), ('source_type', '''postgres'''), ('source_config',
      'fixture.source()'), ('destination_config', 'fixture.destination()'),
               ('resource_requirements', '''{"cpu_cores": 4, "memory_gb": 8}'''), ('schedule_cron', '''0 2 * * *'''), ('sla_requirements',
                   '''{}'''), ('time_zone', '''UTC'''), ('options', '''{}'''), ('idempotency_key', 'NULL')) AS v (name, given)
$$;
-- How each of the values of an argument is refused.
CREATE FUNCTION pg_temp.try(argument text, VARIADIC vals text[]) RETURNS TABLE (value text, code text, message text, detail text, hint text) LANGUAGE sql AS $$
SELECT left(v, 72), r.code, r.message, left(r.detail, 48), left(r.hint, 60) FROM unnest(vals) WITH ORDINALITY AS u (v, n),
    LATERAL fixture.refusal(pg_temp.call(argument, v)) AS r ORDER BY n
$$;
CREATE TEMPORARY TABLE before AS SELECT * FROM fixture.row_counts();
SET client_min_messages = warning;

SELECT value, code, message FROM pg_temp.try('tenant_id', NULL, '00000000-0000-0000-0000-000000000000');
SELECT value, code, message, detail FROM pg_temp.try('job_name', NULL, '', ' orders', 'orders ', E'or\nders', E'or\x7fders',
    repeat('ä', 201), repeat('ä', 200), '☃ ''"\; DROP');
SELECT value, code, message, detail FROM pg_temp.try('source_type', NULL, '', 'Postgres', 'oracle', 'postgres ', repeat('x', 5000));
SELECT value, code, message, detail FROM pg_temp.try('schedule_cron', '', ' ', '* * * *', '* * * * * *', '60 * * * *', '* 24 * * *',
    '* * 0 * *', '* * 32 * *', '* * * 13 *', '* * * 0 *', '* * * * 8', '*/0 * * * *', '*/-1 * * * *', '5-1 * * * *',
    '1-70 * * * *', '1,,2 * * * *', ', * * * *', '1- * * * *', '- * * * *', '1/2/3 * * * *', 'a * * * *', '1.5 * * * *', '@daily',
        '* * * foo *', '* * * * funday', '99999999999999999999 * * * *', '0x10 * * * *', '* * L * *', '* * 15W * *', '* * * * 5#2',
        '? * * * *', repeat('1,', 600) || '1 * * * *');
SELECT value, code, message FROM pg_temp.try('schedule_cron', '0 0 30 2 *', '0 0 31 4,6,9,11 *');
SELECT value, code, message FROM pg_temp.try('schedule_cron', NULL, '0 0 29 2 *', '0 0 31 2 mon', '*/7 0-23/2 1,15 JAN-mar SUN',
    '0 0 * * 7', E'  0\t0 *  * * ', '00 00 01 01 00', '*/90 * * * *', '5/10 * * * *');
SELECT value, code, message, detail FROM pg_temp.try('time_zone', '', 'Nowhere', 'UTC+3', '+03:00', 'Europe/Berlin/', 'posixrules');
SELECT value, code, message FROM pg_temp.try('idempotency_key', '', repeat('k', 201), repeat('ü', 200));

-- Sources: postgres.
SELECT value, code, message, detail FROM pg_temp.try('source_config', NULL, '[]', '"x"', '7', 'null', '{}',
    '{"host": "h", "database": "d"}', '{"database": "d", "table": "t"}', '{"host": "h", "table": "t"}',
    '{"host": "h", "database": "d", "table": "t", "query": "select 1"}', '{"host": "h", "database": "d", "table": "t", "colour": 1}',
        '{"host": "h", "database": "d", "table": "t", "Port": 1}', '{"host": null, "database": "d", "table": "t"}',
        '{"host": "h", "database": "d", "table": null}');
SELECT value, code, message, detail FROM pg_temp.try('source_config', VARIADIC ARRAY(SELECT jsonb_build_object('host', h, 'database', 'd', 'table', 't')::text
    FROM unnest(ARRAY['', 'a b', 'a/b', 'h:5432', '-h', 'h-', 'a..b', '.a', 'a_b', 'h;x', 'u@h', '256.1.1.1', '1.2.3', '01.2.3.4', '::g',
        '1::2::3', 'fe80::1%eth0', '[::1]', repeat('a', 64), repeat('a.', 127) || 'a', 'hé', E'h\n', '${env}', '$(x)']) AS h));
SELECT value, code, message FROM pg_temp.try('source_config', VARIADIC ARRAY(SELECT jsonb_build_object('host', h, 'database', 'd', 'table', 't')::text
    FROM unnest(ARRAY['h', 'DB.Example.com', 'a.b.', '10.0.0.1', '::1', '2001:db8::8a2e:370:7334', 'xn--bcher-kva.example', repeat('a', 63)]) AS h));
SELECT value, code, message, detail FROM pg_temp.try('source_config', VARIADIC ARRAY(SELECT jsonb_build_object('host', 'h', 'database', d, 'table', 't')::text
    FROM unnest(ARRAY['', 'a b', 'a/b', 'a?b', 'd?user=x', 'd&x', 'a#b', 'a;b', 'a%20b', 'a''b', 'a"b', 'a\b', E'a\tb', repeat('d', 129)]) AS d));
SELECT value, code, message, detail FROM pg_temp.try('source_config', VARIADIC ARRAY(SELECT '{"host": "h", "database": "d", "table": "t", ' || m || '}'
    FROM unnest(ARRAY['"port": 0', '"port": 65536', '"port": -1', '"port": 1.5', '"port": "5432"', '"port": 1e99', '"port": true',
        '"port": [5432]', '"schema": ""', '"schema": 5', '"fetchsize": 0', '"fetchsize": 1000001', '"fetchsize": 0.5',
        '"partition": {}', '"partition": "id"', '"partition": {"column": "id"}', '"partition": {"num": 4}',
            '"partition": {"column": "", "num": 4}', '"partition": {"column": "id", "num": 0}',
            '"partition": {"column": "id", "num": 1001}', '"partition": {"column": "id", "num": 2.5}',
            '"partition": {"column": "id", "num": 4, "lower": 1}',
        '"incremental": {}', '"incremental": {"column": 1}', '"incremental": {"column": "c", "overlap": -1}',
            '"incremental": {"column": "c", "overlap": "5"}', '"incremental": {"column": "c", "overlap": 1e13}',
            '"incremental": {"column": "c", "overlap": 0.0000001}', '"incremental": {"column": "c", "after": "x"}', '"incremental": []',
        '"credentials_secret": ""', '"credentials_secret": "Upper"', '"credentials_secret": "a b"', '"credentials_secret": "a_b"',
            '"credentials_secret": "-a"', '"credentials_secret": "a/b"', '"credentials_secret": 5',
            '"credentials_secret": "' || repeat('a', 254) || '"', '"credentials_secret": {"name": "x"}']) AS m));
SELECT value, code, message FROM pg_temp.try('source_config', VARIADIC ARRAY(SELECT '{"host": "h", "database": "d", "table": "t", ' || m || '}'
    FROM unnest(ARRAY['"port": 1', '"port": 65535', '"port": 5432.0', '"port": 54320e-1', '"port": null', '"schema": "public"',
        '"fetchsize": 1000000', '"partition": {"column": "id", "num": 1000}', '"incremental": {"column": "c"}',
        '"incremental": {"column": "c", "overlap": 0}', '"incremental": {"column": "c", "overlap": 3600.5}',
        '"credentials_secret": "a.b-c"']) AS m));
SELECT value, code, message, detail FROM pg_temp.try('source_config', VARIADIC ARRAY(SELECT jsonb_build_object('host', 'h', 'database', 'd',
    'query', q)::text FROM unnest(ARRAY['', '   ', E'\n\t', 'select 1;', E'select 1 ;\n', E'select \x01', repeat('x', 16385)]) AS q));
SELECT value, code, message FROM pg_temp.try('source_config', VARIADIC ARRAY(SELECT jsonb_build_object('host', 'h', 'database', 'd',
    'query', q)::text FROM unnest(ARRAY[E'select *\n\tfrom t\nwhere a = '';''', 'select "password" from users where token = ''x''',
    repeat('x', 16384)]) AS q));

-- Secrets do not belong into jobs, wherever somebody puts them.
SELECT value, code, message, hint FROM pg_temp.try('source_config', VARIADIC ARRAY(SELECT '{"host": "h", "database": "d", "table": "t", ' || m || '}'
    FROM unnest(ARRAY['"password": "x"', '"PassWord": "x"', '"db_password": "x"', '"user_pwd": 1', '"pwd": "x"', '"token": "x"',
        '"client_secret": "x"', '"api_key": "x"', '"access_key": "x"', '"credentials": "x"', '"private_key": "x"',
        '"partition": {"column": "id", "num": 4, "password": "x"}', '"schema": "postgresql://u:p@h/d"', '"schema": "x?password=p"',
        '"schema": "a;pwd=p"']) AS m));
SELECT value, code, message, detail FROM pg_temp.try('destination_config', '{"type": "s3", "uri": "s3a://key:secret@bucket/x"}',
    '{"type": "s3", "uri": "s3a://bucket/x?token=abc"}', '{"type": "file", "uri": "file:///x", "secret_key": "x"}',
    '{"type": "s3", "bucket": "b-1", "path": "p", "access_key": "AKIA"}');

-- Destinations.
SELECT value, code, message, detail FROM pg_temp.try('destination_config', NULL, '[]', '1', '{}', '{"type": "hdfs", "uri": "hdfs:///x"}',
    '{"type": 5}', '{"type": "file"}', '{"type": "s3"}', '{"type": "file", "uri": "file:///x", "bucket": "abc"}',
    '{"type": "s3", "bucket": "abc"}', '{"type": "s3", "path": "x"}',
    '{"type": "s3", "uri": "s3a://abc/x", "bucket": "abc", "path": "x"}', '{"type": "file", "uri": "file:///x", "format": "xml"}',
        '{"type": "file", "uri": "file:///x", "format": "Parquet"}', '{"type": "file", "uri": "file:///x", "mode": "truncate"}',
        '{"type": "file", "uri": "file:///x", "credentials_secret": "a"}');
SELECT value, code, message, detail FROM pg_temp.try('destination_config', VARIADIC ARRAY(SELECT jsonb_build_object('type', 'file', 'uri', u)::text
    FROM unnest(ARRAY['', '/lake', 'lake', 'file:/lake', 'file://lake', 'file:///', 'file:////x', 'file:///a//b', 'file:///a/../b',
        'file:///a/.', 'file:///../etc', E'file:///a\nb', 'file:///a\b', 'file:///a*', 'file:///a?b', 'file:///a[1]', 'file:///{a}',
        'http://x/y', 'FILE:///x', 'file:///' || repeat('x', 1100), 's3a://abc/x']) AS u));
SELECT value, code, message, detail FROM pg_temp.try('destination_config', VARIADIC ARRAY(SELECT jsonb_build_object('type', 's3', 'bucket',
    b, 'path', 'x')::text
    FROM unnest(ARRAY['', 'ab', 'Abc', 'a_b', 'abc.', '.abc', 'a..b', 'a.-b', 'a-.b', '-abc', 'abc-', '192.168.1.1', 'xn--abc', 'a b',
        'a/b', repeat('b', 64)]) AS b));
SELECT value, code, message FROM pg_temp.try('destination_config', '{"type": "s3", "bucket": "abc", "path": "x"}',
    '{"type": "s3", "bucket": "a.b-c.9", "path": "/x/y/"}', '{"type": "s3", "uri": "s3://abc/x"}',
    '{"type": "file", "uri": "file:///lake/Zoë $x", "mode": "error", "format": "json", "partition_by": []}');
SELECT value, code, message, detail FROM pg_temp.try('destination_config', '{"type": "s3", "uri": "s3a://abc"}',
    '{"type": "s3", "uri": "s3a://abc/"}', '{"type": "s3", "uri": "s3n://abc/x"}', '{"type": "s3", "uri": "s3a:///x"}',
    '{"type": "s3", "bucket": "abc", "path": ""}', '{"type": "s3", "bucket": "abc", "path": "/"}',
    '{"type": "s3", "bucket": "abc", "path": "a/../b"}', '{"type": "s3", "bucket": 5, "path": "x"}');
SELECT value, code, message, detail
    FROM pg_temp.try('destination_config', VARIADIC ARRAY(SELECT '{"type": "file", "uri": "file:///x", "partition_by": ' || p || '}'
    FROM unnest(ARRAY['"month"', '{}', '5', '[5]', '[null]', '[""]', '["a", "a"]', '["a/b"]', '["a=b"]', '["a\\b"]', '["a\nb"]', '[["a"]]',
        '["ingest_run"]', '["' || repeat('c', 129) || '"]', (SELECT json_agg('c' || n)::text FROM generate_series(1, 17) AS n)]) AS p));

-- Other sources.
SELECT r.code, r.message FROM (VALUES ('mysql', '{"host": "h", "database": "d", "table": "t", "schema": "s"}'), ('mysql',
    '{"host": "h", "database": "d", "table": "t"}'), ('jdbc', '{"url": "jdbc:oracle:thin:@//h/d", "table": "t"}'), ('jdbc',
    '{"url": "http://h", "table": "t"}'), ('jdbc', '{"url": "jdbc:", "table": "t"}'), ('jdbc', '{"url": "jdbc:x:", "table": "t"}'),
    ('jdbc', '{"table": "t"}'), ('jdbc', '{"url": "jdbc:x:y z", "table": "t"}'), ('jdbc',
        '{"url": "jdbc:sqlserver://h;user=u;password=p", "table": "t"}'), ('jdbc',
        '{"url": "jdbc:oracle:thin:scott/tiger@h:1521:x", "table": "t"}'), ('jdbc', '{"url": "jdbc:postgresql://u:p@h/d", "table": "t"}'),
        ('jdbc', '{"url": "jdbc:x:y", "driver": "com.x; rm", "table": "t"}'),
    ('s3', '{"bucket": "abc", "path": "in/*.parquet"}'), ('s3', '{"uri": "s3a://abc/in", "format": "avro"}'), ('s3',
        '{"bucket": "abc", "path": "in", "table": "t"}'), ('file', '{"uri": "file:///in/{a,b}/*.csv", "format": "csv"}'), ('file',
        '{"path": "/in"}'), ('file', '{"uri": "file:///in", "credentials_secret": "x"}')) AS v (type, config),
    LATERAL fixture.refusal(format('SELECT sparkingest.create_job(fixture.tenant(''Acme''), ''orders'', %L, %L, fixture.destination(), ''{}'')',
        type, config)) AS r;

-- Resources: what Kubernetes can be asked for. Pods need at least 0.1 cores and 896 MiB each.
SELECT value, code, message, detail FROM pg_temp.try('resource_requirements', NULL, '[]', '{"cpu": 4}', '{"cpu_cores": "4"}',
    '{"cpu_cores": 0}', '{"cpu_cores": -4}', '{"cpu_cores": 0.0004}', '{"cpu_cores": 4.0001}', '{"cpu_cores": 1e9}',
    '{"cpu_cores": 2000.001, "memory_gb": 4000}', '{"cpu_cores": 100, "memory_gb": 4000.5}', '{"memory_gb": 0}', '{"memory_gb": 7.9999}',
    '{"memory_gb": 1.5, "cpu_cores": 4}',
    '{"executors": 0}', '{"executors": -1}', '{"executors": 1001}', '{"executors": 1.5}', '{"executors": 40}',
        '{"executors": 3, "cpu_cores": 0.3}', '{"runtime_minutes": 0}', '{"runtime_minutes": -1}', '{"runtime_minutes": 0.0001}',
        '{"runtime_minutes": 1e7}', '{"runtime_minutes": true}', '{"data_size_gb": -1}', '{"data_size_gb": 1000001}',
        '{"data_size_gb": "10"}', '{"data_size_gb": 1000000}');
SELECT value, code, message FROM pg_temp.try('resource_requirements', '{}', '{"cpu_cores": 0.2, "memory_gb": 1.75}',
    '{"cpu_cores": 2000, "memory_gb": 4000}', '{"cpu_cores": 100.1, "memory_gb": 900, "executors": 1000}', '{"runtime_minutes": 0.001}',
    '{"data_size_gb": 0}', '{"data_size_gb": 0.00001}', '{"cpu_cores": 4e0, "memory_gb": 80E-1}');

-- SLA.
SELECT value, code, message, detail FROM pg_temp.try('sla_requirements', '[]', '{"deadline": 5}', '{"max_runtime_minutes": 0}',
    '{"max_runtime_minutes": 1.5}', '{"max_runtime_minutes": "5"}', '{"max_runtime_minutes": 50401}', '{"priority": 1001}',
    '{"priority": -1001}', '{"priority": 0.1}', '{"sla_window_hours": 0}', '{"sla_window_hours": -1}', '{"sla_window_hours": 841}',
    '{"sla_window_hours": 0.0001}',
    '{"tier": "gold"}', '{"tier": ""}', '{"tier": 1}', '{"start_by": 5}', '{"start_by": "soon"}', '{"start_by": "-5 minutes"}',
        '{"start_by": "1 month"}', '{"start_by": "10:00 tomorrow"}', '{"start_by": "841 hours"}', '{"start_by": ""}',
        '{"finish_by": "1 minute"}', '{"earliest_start": "25 hours"}', '{"earliest_start": "2 hours", "start_by": "1 hour"}',
        '{"earliest_start": "1 hour", "finish_by": "1 hour 30 minutes"}', '{"finish_by": "infinity"}');
SELECT value, code, message FROM pg_temp.try('sla_requirements', '{"max_runtime_minutes": 1}', '{"max_runtime_minutes": 50400}',
    '{"priority": -1000, "sla_window_hours": 0.001}', '{"sla_window_hours": 840, "earliest_start": "35 days"}',
    '{"start_by": "0", "finish_by": "36 minutes"}', '{"start_by": "P1DT1H"}', '{"tier": null, "priority": null}');

-- Options.
SELECT value, code, message, detail FROM pg_temp.try('options', '[]', '{"on_capacity": 1}', '{"on_no_capacity": "panic"}',
    '{"on_no_capacity": 1}', '{"overlap_policy": "Forbid"}', '{"overlap_policy": "allow"}',
    '{"overlap_policy": "allow", "overlap_limit": 0}', '{"overlap_policy": "allow", "overlap_limit": 101}',
    '{"overlap_policy": "allow", "overlap_limit": 1.5}', '{"overlap_limit": 2}', '{"misfire_policy": "some"}',
    '{"catchup_window": "soon"}', '{"catchup_window": "-1 hour"}', '{"catchup_window": "8 days"}', '{"catchup_window": "1 month"}',
        '{"catchup_window": 60}', '{"catchup_window": "1.5 ms"}', '{"auto_draft": "yes"}', '{"auto_draft": 1}', '{"auto_promote": "true"}',
        '{"retry": 3}', '{"retry": {"max_attempts": 0}}', '{"retry": {"max_attempts": 11}}', '{"retry": {"max_attempts": 2.5}}',
        '{"retry": {"times": 2}}',
    '{"image": ""}', '{"image": "a b"}', '{"image": "-x"}', '{"image": "x:"}', '{"image": "a//b"}', '{"image": "a;b"}', '{"image": 5}',
        '{"image": "' || repeat('x', 513) || '"}');
SELECT value, code, message, detail FROM pg_temp.try('options', VARIADIC ARRAY(SELECT '{"spark_conf": ' || c || '}'
    FROM unnest(ARRAY['[]', '"x"', '{"": "1"}', '{"spark.executor.memory": "9g"}', '{"spark.executor.cores": 4}',
    '{"spark.driver.memoryOverhead": "1"}', '{"spark.executor.instances": 3}', '{"spark.dynamicAllocation.enabled": true}',
    '{"spark.kubernetes.namespace": "x"}', '{"spark.kubernetes.driver.pod.name": "x"}', '{"spark.master": "local"}',
    '{"spark.jars": "http://x"}', '{"spark.submit.pyFiles": "x"}', '{"spark.driver.extraJavaOptions": "-Dx"}',
    '{"spark.hadoop.fs.s3a.secret.key": "x"}', '{"spark.hadoop.fs.s3a.access.key": "x"}', '{"spark.SQL.x": 1}', '{"spark.sql.": 1}',
        '{"spark.sql.a b": 1}', '{"spark.sql.x": null}', '{"spark.sql.x": {}}', '{"spark.sql.x": [1]}', '{"spark.sql.x": "a\nb"}',
        '{"spark.sql.x": "' || repeat('x', 4097) || '"}', '{"spark.sql.' || repeat('x', 300) || '": 1}',
        (SELECT json_object_agg('spark.sql.x' || n, n)::text FROM generate_series(1, 101) AS n)]) AS c));
SELECT value, code, message FROM pg_temp.try('options', '{"retry": {}}', '{"retry": {"max_attempts": 10}}', '{"catchup_window": "0"}',
    '{"catchup_window": "7 days"}', '{"image": "spark"}', '{"spark_conf": {}}',
    '{"spark_conf": {"spark.sql.shuffle.partitions": 1e2, "spark.hadoop.fs.s3a.endpoint": "http://minio:9000"}}',
    '{"overlap_policy": "allow", "overlap_limit": 100}', '{"auto_draft": null}');

-- After all that: not a row more.
SELECT * FROM fixture.row_counts() EXCEPT SELECT * FROM before;
\i :end
