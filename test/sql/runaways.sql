-- runaway_executions: what the database thinks runs, and what the last lists of the cluster showed.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SET client_min_messages = warning;
SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
SELECT fixture.draft_job('Acme', name, 1, 2, 10) IS NOT NULL AS job FROM (VALUES ('absent'), ('there'), ('ended there'), ('ended here'), ('just posted')) AS v (name);
CREATE TEMPORARY TABLE runs AS SELECT name, sparkingest.run_job(fixture.job(name)) AS id FROM (VALUES ('absent'), ('there'), ('ended there'), ('ended here'), ('just posted')) AS v (name);
CREATE FUNCTION pg_temp.posted(name text, at timestamptz) RETURNS void LANGUAGE sql AS $$
SELECT fixture.claim(id) FROM runs WHERE runs.name = posted.name;
SELECT fixture.move(id, 'submitted') FROM runs WHERE runs.name = posted.name;
UPDATE sparkingest.job_executions SET submitted_at = at WHERE execution_id = (SELECT id FROM runs WHERE runs.name = posted.name);
$$;
SELECT pg_temp.posted(name, CASE name WHEN 'just posted' THEN '2026-03-02 09:05:01+00'::timestamptz ELSE '2026-03-02 09:00:01+00' END) FROM runs WHERE name <> 'ended here';
SELECT fixture.claim(id), fixture.start(id, '2026-03-02 09:00:10+00') FROM runs WHERE name = 'ended here';
CREATE FUNCTION pg_temp.runaways() RETURNS TABLE (job text, object text, in_database text, in_cluster text, since timestamptz, listed_at timestamptz, remedy text) LANGUAGE sql AS $$
SELECT runs.name, CASE WHEN r.object_name LIKE 'si-%' THEN 'ours' ELSE r.object_name END, r.in_database, r.in_cluster, r.since, r.listed_at,
    regexp_replace(r.remedy, 'si-[0-9a-f]+-\d+', 'si-<id>') FROM sparkingest.runaway_executions() AS r LEFT JOIN runs ON runs.id = r.execution_id ORDER BY 3, 1, 2
$$;
-- Nothing was listed yet.
SELECT * FROM pg_temp.runaways();
-- A list that shows some of them.
INSERT INTO sparkingest.cluster_lists VALUES ('draft-ingestion-ns', '2026-03-02 09:05:00+00');
INSERT INTO sparkingest.cluster_objects SELECT 'draft-ingestion-ns', e.object_name, 'u', e.execution_id, CASE name WHEN 'ended there' THEN 'failed' ELSE 'running' END, '2026-03-02 09:03:00+00'
    FROM runs JOIN sparkingest.job_executions AS e ON e.execution_id = runs.id WHERE name IN ('there', 'ended there', 'ended here');
INSERT INTO sparkingest.cluster_objects VALUES ('draft-ingestion-ns', 'stranger', 'u', NULL, 'running', '2026-03-02 09:03:00+00'),
    ('draft-ingestion-ns', 'of-another-database', 'u', '01234567-0123-0123-0123-0123456789ab', 'completed', '2026-03-02 09:03:00+00'),
    ('draft-ingestion-ns', 'labelled-by-hand', 'u', (SELECT id FROM runs WHERE name = 'there'), 'running', '2026-03-02 09:03:00+00');
SELECT fixture.finish(id, 'failed', '2026-03-02 09:02:00+00', 1, 'user_code') FROM runs WHERE name = 'ended here';
SELECT * FROM pg_temp.runaways();
-- What ended in both is well; what a list first showed ended may have its end recorded any moment.
UPDATE sparkingest.cluster_objects SET object_state = 'failed', since = '2026-03-02 09:05:00+00';
DELETE FROM sparkingest.cluster_objects WHERE object_name NOT LIKE 'si-%';
SELECT job, in_database, in_cluster FROM pg_temp.runaways();
-- Undone by a restore: the execution is not posted yet, its object is there.
UPDATE sparkingest.job_executions SET state = 'waiting' WHERE execution_id = (SELECT id FROM runs WHERE name = 'there');
SELECT job, in_database, in_cluster, remedy FROM pg_temp.runaways() WHERE in_database = 'waiting';
UPDATE sparkingest.job_executions SET state = 'submitted' WHERE execution_id = (SELECT id FROM runs WHERE name = 'there');
\i :end
