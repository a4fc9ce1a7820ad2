-- The manifest: what is reserved is what Kubernetes is asked for, exactly (C7), and it carries what the job says.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
SELECT sparkingest.create_tenant('Sizes') IS NOT NULL AS created;
CREATE FUNCTION pg_temp.asked(m jsonb, OUT millicores numeric, OUT mib numeric) LANGUAGE sql AS $$
SELECT sum(pods * rtrim(pod ->> 'coreRequest', 'm')::numeric), sum(pods * (rtrim(pod ->> 'memory',
    'm')::numeric + rtrim(pod ->> 'memoryOverhead', 'm')::numeric))
  FROM (VALUES (1, m #> '{spec,driver}'), ((m #>> '{spec,executor,instances}')::int, m #> '{spec,executor}')) AS p (pods, pod) $$;

-- C7: the sum over the pods is what the job asks for and what was reserved, for many sizes. Heap, overhead and cores are
-- what Spark's own defaults would be at least, and no pod has nothing.
CREATE TEMPORARY TABLE sizes AS
SELECT n, (200 + n * 37 + n * n % 113) / 1000.0 AS cores, (1792 + n * 29 + n * n % 97) / 1024.0 AS gib, CASE WHEN n % 3 = 0 AND n > 40
    THEN 1 + n % 2 END AS executors FROM generate_series(0, 400) AS n
UNION ALL VALUES (1000, 0.2, 1.75, NULL), (1001, 40, 80, NULL), (1002, 39.999, 79.9990234375, 17), (1003, 40, 80, 90), (1004, 0.3, 3, 2),
    (1005, 1, 80, NULL), (1006, 40, 1.75, NULL), (1007, 40, 80, 1), (1008, 7.777, 13.375, 5), (1009, 0.7, 6.125, 6);
SELECT count(sparkingest.create_job(fixture.tenant('Sizes'), 'size ' || n, 'postgres', fixture.source(), fixture.destination(),
    jsonb_strip_nulls(jsonb_build_object('cpu_cores', cores, 'memory_gb', gib, 'executors', executors, 'runtime_minutes', 1)),
    sla_requirements => '{"sla_window_hours": 800}')) FROM sizes;
SELECT count(sparkingest.run_job(job_id)) FROM sparkingest.ingestion_jobs;
CREATE TEMPORARY TABLE rendered AS SELECT s.n, s.cores, s.gib, s.executors, j.executors AS of_job, e.execution_id, e.reservation_id,
    sparkingest.render_manifest(e.execution_id) AS m
  FROM sizes AS s JOIN sparkingest.ingestion_jobs AS j ON j.job_name = 'size ' || s.n JOIN sparkingest.job_executions AS e USING (job_id);
SELECT count(*) AS manifests,
       count(*) FILTER (WHERE a.millicores <> cores * 1000 OR a.mib <> gib * 1024) AS asks_for_something_else,
       count(*) FILTER (WHERE (r.cpu_millicores, r.memory_mib) IS DISTINCT FROM (a.millicores::bigint, a.mib::bigint)) AS reserved_something_else,
       count(*) FILTER (WHERE (m #>> '{spec,executor,instances}')::int <> of_job OR executors <> of_job) AS other_executors
  FROM rendered LEFT JOIN sparkingest.reservations AS r USING (reservation_id), LATERAL pg_temp.asked(m) AS a WHERE r.status = 'active';
SELECT role, count(*) AS pods, count(*) FILTER (WHERE pod ->> 'coreRequest' <> pod ->> 'coreLimit') AS without_limit,
       count(*) FILTER (WHERE (pod ->> 'cores')::int <> greatest(1, floor(rtrim(pod ->> 'coreRequest', 'm')::numeric / 1000))) AS other_task_slots,
       count(*) FILTER (WHERE rtrim(pod ->> 'memoryOverhead', 'm')::int < greatest(384, floor(0.4 * rtrim(pod ->> 'memory',
           'm')::int))) AS less_overhead_than_spark,
       min(rtrim(pod ->> 'memory', 'm')::int) >= 512 AS heap, min(rtrim(pod ->> 'coreRequest', 'm')::int) >= 100 AS cpu
  FROM rendered, LATERAL (VALUES ('driver', m #> '{spec,driver}'), ('executor', m #> '{spec,executor}')) AS p (role, pod) GROUP BY role ORDER BY role;

-- All of a manifest but identifiers.
SELECT sparkingest.create_job(fixture.tenant('Acme'), 'all of it', 'postgres',
    '{"host": "db.example.com", "port": 5433, "database": "shop", "schema": "sales", "table": "Orders ''x''", "partition": {"column": "id", "num": 8}, "fetchsize": 5000, "incremental": {"column": "changed", "overlap": 300}, "credentials_secret": "shop-reader"}',
    '{"type": "s3", "bucket": "lake", "path": "orders", "format": "orc", "partition_by": ["month"], "credentials_secret": "lake-writer"}',
        '{"cpu_cores": 6, "memory_gb": 12, "executors": 2, "runtime_minutes": 10}',
    options => '{"spark_conf": {"spark.sql.shuffle.partitions": 50, "spark.hadoop.fs.s3a.endpoint": "http://minio:9000"}, "image": "example.com/spark:1"}') IS NOT NULL AS created;
SELECT sparkingest.run_job(fixture.job('all of it')) AS run \gset
CREATE FUNCTION pg_temp.readable(run uuid) RETURNS text LANGUAGE sql AS $$
SELECT regexp_replace(regexp_replace(regexp_replace(fixture.masked(jsonb_pretty(sparkingest.render_manifest(run) #- '{spec,arguments}')),
    'si-[0-9a-f]{32}', 'si-<id>', 'g'), '(instance": )"[^"]*"', '\1"<instance>"', 'g'), '"[0-9a-f]{64}"', '"<sha256>"') $$;
SELECT pg_temp.readable(:'run');
-- What the application reads; secrets are not in it.
CREATE FUNCTION pg_temp.spec(run uuid) RETURNS jsonb LANGUAGE sql AS $$
SELECT convert_from(decode(rpad(translate(a, '-_', '+/'), (length(a) + 3) / 4 * 4, '='), 'base64'), 'utf8')::jsonb
    FROM (SELECT sparkingest.render_manifest(run) #>> '{spec,arguments,1}' AS a) AS x $$;
SELECT fixture.masked(jsonb_pretty(pg_temp.spec(:'run')));
-- The same execution, the same manifest; what was claimed is fixed, whatever is set afterwards.
SELECT sparkingest.render_manifest(:'run') = sparkingest.render_manifest(:'run') AS the_same;
SELECT sparkingest.render_manifest(:'run') AS before \gset
SELECT fixture.claim(:'run');
SELECT sparkingest.set_namespace('draft-ingestion-ns', '{"spark_profile": {"image": "example.com/other:2", "spark_conf": {"spark.sql.ansi.enabled": "true"}}}');
SELECT sparkingest.render_manifest(:'run') = :'before'::jsonb AS as_claimed;
SELECT sparkingest.run_job(fixture.job('all of it')) AS next \gset
SELECT sparkingest.render_manifest(:'next') #> '{spec,sparkConf}' AS merged, sparkingest.render_manifest(:'next') #>> '{spec,image}' AS image;
SELECT fixture.start(:'run', sparkingest.clock());
SELECT fixture.finish(:'run', 'succeeded', sparkingest.clock() + '10 minutes');

-- Incremental: a run reads from the watermark of the last good production run; draft runs move nothing.
SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 100) IS NOT NULL AS hours;
SELECT sparkingest.set_namespace('draft-ingestion-ns', '{"tenant_cpu_cores": null, "tenant_memory_gb": null}');
SELECT sparkingest.run_job(fixture.job('all of it')) AS draft, sparkingest.run_job(fixture.job('all of it')) AS late_draft \gset
SELECT fixture.run(:'draft', '10 minutes', metrics => '{"cursor": "1999-01-01T00:00:00Z"}');
SELECT fixture.claim(:'late_draft');
SELECT fixture.start(:'late_draft', sparkingest.clock());
SELECT sparkingest.promote_job(fixture.job('all of it')) ->> 'status' AS status;
SELECT fixture.finish(:'late_draft', 'succeeded', sparkingest.clock() + '10 minutes', metrics => '{"cursor": "1999-12-31T00:00:00Z"}');
SELECT stage, watermark FROM sparkingest.ingestion_jobs WHERE job_name = 'all of it';
CREATE FUNCTION pg_temp.after(run uuid) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.spec(run) #>> '{source,incremental,after}' $$;
SELECT sparkingest.run_job(fixture.job('all of it')) AS run \gset
SELECT pg_temp.after(:'run') AS first_run;
SELECT fixture.run(:'run', '10 minutes', metrics => '{"cursor": "2026-03-01T00:00:00Z"}');
SELECT sparkingest.run_job(fixture.job('all of it')) AS run \gset
SELECT pg_temp.after(:'run') AS second_run, watermark FROM sparkingest.ingestion_jobs WHERE job_name = 'all of it';
-- A run that fails moves nothing, nor one that reports no cursor; a run that began earlier than the last does not move it back.
SELECT fixture.run(:'run', '10 minutes', 'failed', 1, 'user_code', metrics => '{"cursor": "2026-03-09T00:00:00Z"}');
SELECT fixture.run(sparkingest.run_job(fixture.job('all of it')), '10 minutes', metrics => '{"rows": 0}');
SELECT watermark FROM sparkingest.ingestion_jobs WHERE job_name = 'all of it';
-- Another table begins anew; another password does not.
SELECT sparkingest.alter_job(fixture.job('all of it'),
    '{"source_config": {"host": "db2.example.com", "database": "shop", "schema": "sales", "table": "Orders ''x''", "incremental": {"column": "changed", "overlap": 60}, "credentials_secret": "other"}}');
SELECT stage, watermark FROM sparkingest.ingestion_jobs WHERE job_name = 'all of it';
SELECT sparkingest.run_job(fixture.job('all of it')) AS run \gset
SELECT pg_temp.after(:'run') AS of_a_draft;
SELECT sparkingest.alter_job(fixture.job('all of it'),
    '{"source_config": {"host": "db2.example.com", "database": "shop", "schema": "sales", "table": "customers", "incremental": {"column": "changed"}}}');
SELECT stage, watermark FROM sparkingest.ingestion_jobs WHERE job_name = 'all of it';

-- Secrets become references to Kubernetes Secrets; each kind of source has its own.
CREATE TEMPORARY TABLE secrets AS SELECT name, sparkingest.run_job(sparkingest.create_job(fixture.tenant('Acme'), name, type, source, destination, '{}')) AS run
  FROM (VALUES ('jdbc', 'jdbc', '{"url": "jdbc:x:y", "table": "t", "credentials_secret": "a"}'::jsonb,
      '{"type": "file", "uri": "file:///x"}'::jsonb), ('s3 to file', 's3', '{"uri": "s3a://abc/x", "credentials_secret": "a"}',
      '{"type": "file", "uri": "file:///x"}'),
               ('s3 to s3', 's3', '{"uri": "s3a://abc/x", "credentials_secret": "a"}',
                   '{"type": "s3", "uri": "s3a://abc/y", "credentials_secret": "b"}'), ('none', 'file', '{"uri": "file:///in"}',
                   '{"type": "file", "uri": "file:///x"}')) AS v (name, type, source, destination);
SELECT name, sparkingest.render_manifest(run) #> '{spec,driver,envSecretKeyRefs}' AS driver,
    sparkingest.render_manifest(run) #> '{spec,driver,envSecretKeyRefs}' IS NOT DISTINCT
    FROM sparkingest.render_manifest(run) #> '{spec,executor,envSecretKeyRefs}' AS executors_too FROM secrets ORDER BY name;
SELECT arguments, r.code, r.message FROM (VALUES ('NULL'), ('gen_random_uuid()')) AS v (arguments),
    LATERAL fixture.refusal(format('SELECT sparkingest.render_manifest(%s)', arguments)) AS r;
\i :end
