-- roll_up: incremental and from scratch come to the same, whatever happens in between, on every clock.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SET client_min_messages = warning;
-- Half an hour off the full hours of UTC, and one whose clock is set by half an hour (on 2026-04-04 at 15:00 UTC).
SELECT sparkingest.create_tenant('Kolkata', 'Asia/Kolkata') IS NOT NULL AS kolkata, sparkingest.create_tenant('Lord Howe', 'Australia/Lord_Howe') IS NOT NULL AS howe;
SELECT sparkingest.purchase(fixture.tenant(name), 'vcpu_hours', 5000, 'yearly') IS NOT NULL AS bought FROM (VALUES ('Kolkata'), ('Lord Howe')) AS v (name);
SELECT name, fixture.production_job(name, 'job of ' || name, 2, 4, 10, options => '{"retry": {"max_attempts": 1}, "overlap_policy": "allow", "overlap_limit": 100}') AS status
    FROM (VALUES ('Kolkata'), ('Lord Howe')) AS v (name);
-- Kept beside it: what is in the two tables, and what they are when made anew.
CREATE VIEW pg_temp.sums AS SELECT (SELECT md5(string_agg(u::text, '|' ORDER BY u::text)) FROM sparkingest.usage_hourly AS u) || (SELECT md5(string_agg(u::text, '|' ORDER BY u::text))
    FROM sparkingest.usage_load AS u) AS sums;
CREATE FUNCTION pg_temp.same(OUT written integer, OUT again integer, OUT same boolean, OUT wrong bigint) LANGUAGE plpgsql AS $$
DECLARE
    kept text;
BEGIN
    written := sparkingest.roll_up();
    again := sparkingest.roll_up();
    SELECT sums INTO kept FROM pg_temp.sums;
    PERFORM sparkingest.rebuild_usage();
    SELECT kept IS NOT DISTINCT FROM sums INTO same FROM pg_temp.sums;
    SELECT count(*) INTO wrong FROM sparkingest.verify_usage();
END
$$;
SELECT * FROM pg_temp.same();

-- Hours are those of the tenant's clock: 09:00 UTC is 14:30 in Kolkata, in the hour that began at 08:30 UTC.
SELECT fixture.run(sparkingest.run_job(fixture.job('job of Kolkata')), '40 minutes');
SELECT * FROM pg_temp.same();
SELECT hour, executions, ended, succeeded, succeeded_millis FROM sparkingest.usage_hourly WHERE tenant_id = fixture.tenant('Kolkata') AND namespace = 'vcpu-hours-ns';
SELECT hour, ended_hour, millicore_seconds / 2000 AS seconds FROM sparkingest.usage_load WHERE tenant_id = fixture.tenant('Kolkata') AND place = 'shared' ORDER BY 1;

-- Recorded late, three hours after; then corrected, moved, removed. Each time the hours touched, and only they, are summed anew.
SET sparkingest.clock = '2026-03-02 14:10:00+00';
SELECT sparkingest.run_job(fixture.job('job of Kolkata')) AS late \gset
SELECT fixture.claim(:'late'), fixture.start(:'late', '2026-03-02 10:45:00+00'), fixture.finish(:'late', 'failed', '2026-03-02 11:15:00.5+00', 1, 'user_code');
SELECT t.tenant_name, c.hour, count(*) FROM sparkingest.usage_changes AS c JOIN sparkingest.tenants AS t USING (tenant_id) GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM pg_temp.same();
SELECT hour, ended_hour, millicore_seconds / 2000 AS seconds FROM sparkingest.usage_load WHERE ended_hour = '2026-03-02 10:30+00' ORDER BY 1;
BEGIN;
UPDATE sparkingest.resource_consumption SET ended_at = ended_at + '5 hours', started_at = started_at + '5 hours' WHERE execution_id = :'late';
SELECT * FROM pg_temp.same();
SELECT hour, executions, ended FROM sparkingest.usage_hourly WHERE tenant_id = fixture.tenant('Kolkata') AND hour > '2026-03-02 10:00+00' ORDER BY 1;
-- Also in the transaction that rolled up, and at the same time of day.
UPDATE sparkingest.resource_consumption SET billable_millicore_seconds = billable_millicore_seconds + billed_seconds WHERE execution_id = :'late';
SELECT * FROM pg_temp.same();
DELETE FROM sparkingest.resource_consumption WHERE execution_id = :'late';
SELECT * FROM pg_temp.same();
ROLLBACK;
SELECT count(*) AS noted FROM sparkingest.usage_changes;
SELECT * FROM pg_temp.same();
-- What a savepoint undoes is not noted, and what comes after it is.
BEGIN;
SAVEPOINT a;
UPDATE sparkingest.job_executions SET bytes_out = 7 WHERE execution_id = :'late';
ROLLBACK TO a;
UPDATE sparkingest.job_executions SET sla_met = false WHERE execution_id = :'late';
COMMIT;
SELECT count(*) AS noted FROM sparkingest.usage_changes;
SELECT * FROM pg_temp.same();
-- A run of many days; one of nothing is in use for the minute that it is billed.
SELECT sparkingest.run_job(fixture.job('job of Kolkata')) AS long, sparkingest.run_job(fixture.job('job of Kolkata')) AS brief \gset
SELECT fixture.claim(:'long'), fixture.start(:'long', '2026-02-20 10:45:00+00'), fixture.finish(:'long', 'succeeded', '2026-03-02 14:20:00+00');
SELECT fixture.claim(:'brief'), fixture.start(:'brief', '2026-03-02 13:29:30.4+00'), fixture.finish(:'brief', 'succeeded', '2026-03-02 13:29:30.4+00');
SELECT (again, same, wrong) FROM pg_temp.same();
SELECT count(*), sum(millicore_seconds) / 2000 AS seconds, max(millicore_seconds) / 2000 AS at_most FROM sparkingest.usage_load WHERE ended_hour = '2026-03-02 13:30+00';
SELECT hour, millicore_seconds / 2000 AS seconds FROM sparkingest.usage_load WHERE ended_hour = '2026-03-02 12:30+00' ORDER BY 1;

-- When the clock of Lord Howe goes back by half an hour, two of its hours overlap; each run is in one of them.
SET sparkingest.clock = '2026-04-04 16:00:00+00';
CREATE TEMPORARY TABLE howe AS SELECT sparkingest.run_job(fixture.job('job of Lord Howe')) AS id, n FROM generate_series(0, 11) AS n;
SELECT bool_and(fixture.claim(id)) AS claimed FROM howe;
SELECT count(fixture.start(id, '2026-04-04 13:50+00'::timestamptz + n * '10 minutes'::interval)) AS started FROM howe;
SELECT count(fixture.finish(id, 'succeeded', '2026-04-04 13:55+00'::timestamptz + n * '10 minutes'::interval)) AS finished FROM howe;
SELECT (again, same, wrong) FROM pg_temp.same();
SELECT hour, hour AT TIME ZONE 'Australia/Lord_Howe' AS there, executions FROM sparkingest.usage_hourly WHERE tenant_id = fixture.tenant('Lord Howe') AND hour > '2026-04-01' ORDER BY 1;
SELECT sum(executions) FROM sparkingest.usage_hourly WHERE tenant_id = fixture.tenant('Lord Howe') AND hour > '2026-04-01';
DROP VIEW pg_temp.sums;
\i :end
