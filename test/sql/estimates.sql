-- calculate_estimate: the rules of the service design, exactly (M1, C14, Q3).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.calculate_estimate('{"source_type": "postgres"}');
SELECT type, gb, e ->> 'cpu_cores' AS cores, e ->> 'memory_gb' AS gib, e ->> 'runtime_minutes' AS minutes,
    e ->> 'runtime_minutes_p90' AS p90, e ->> 'recommended_units' AS units, e ->> 'confidence' AS confidence, e ->> 'reason' AS reason
  FROM (SELECT type, gb, sparkingest.calculate_estimate(jsonb_strip_nulls(jsonb_build_object('source_type', type, 'data_size_gb', gb))) AS e
      FROM (VALUES ('postgres', 0::numeric), ('postgres', NULL), ('postgres', 20), ('postgres', 20.001), ('mysql', 10), ('jdbc', 10),
      ('oracle', 10), ('Postgres', 10),
        ('s3', 0), ('s3', 10), ('file', 10), ('s3', 0.0001), ('postgres', 1000000), ('s3', 1000000)) AS v (type, gb)) AS s;
-- The rules again, by SQL, for many sizes: cores to the next thousandth, GiB to the next 1/1024, minutes exactly.
SELECT rule, count(*) AS sizes, count(*) FILTER (WHERE (e ->> 'cpu_cores')::numeric <> ceil((base_cpu + cpu * gb) * 1000) / 1000
    OR (e ->> 'memory_gb')::numeric <> ceil((base_memory + memory * gb) * 1024) / 1024
       OR (e ->> 'runtime_minutes')::numeric <> base_minutes + 2 * gb OR (e ->> 'runtime_minutes_p90')::numeric <> 1.2 * (base_minutes + 2 * gb)
       OR (e ->> 'recommended_units')::numeric <> greatest(ceil((base_cpu + cpu * gb) / 4), ceil((base_memory + memory * gb) / 8))) AS wrong
  FROM (VALUES ('postgres', 2, 0.1, 4, 0.2, 10), ('s3', 1, 0.05, 2, 0.1, 5)) AS r (rule, base_cpu, cpu, base_memory, memory, base_minutes),
      LATERAL (SELECT n * 0.625 AS gb FROM generate_series(0, 400) AS n) AS g,
       LATERAL (SELECT sparkingest.calculate_estimate(jsonb_build_object('source_type', rule, 'data_size_gb', gb)) AS e) AS x GROUP BY rule ORDER BY rule;
-- A job that leaves its resources out gets what the estimate says.
SELECT sparkingest.create_tenant('Acme') AS tenant \gset
SELECT sparkingest.create_job(:'tenant', 'j', 's3', '{"uri": "s3a://abc/in"}', '{"type": "file", "uri": "file:///out"}',
    '{"data_size_gb": 33.3}') IS NOT NULL AS created;
SELECT cpu_millicores / 1000.0 = (e ->> 'cpu_cores')::numeric AND memory_mib / 1024.0 = (e ->> 'memory_gb')::numeric
    AND estimated_runtime_minutes = (e ->> 'runtime_minutes')::numeric AS the_same
  FROM sparkingest.ingestion_jobs, sparkingest.calculate_estimate('{"source_type": "s3", "data_size_gb": 33.3}') AS e;
SELECT request, r.code, r.message, r.detail FROM (VALUES (NULL), ('[]'), ('5'), ('null'), ('{}'), ('{"source_type": null}'),
    ('{"source_type": ""}'), ('{"source_type": 5}'), ('{"source_type": "postgres", "size": 5}'),
    ('{"source_type": "postgres", "data_size_gb": "5"}'), ('{"source_type": "postgres", "data_size_gb": -0.001}'),
    ('{"source_type": "postgres", "data_size_gb": 1000000.001}'), (format('{"source_type": "%s"}', repeat('x', 101)))) AS v (request),
    LATERAL fixture.refusal(format('SELECT sparkingest.calculate_estimate(%L)', request)) AS r;
\i :end
