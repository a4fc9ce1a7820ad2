-- Clock steps and outages (J1, J2, J3, J4): every time of a schedule that comes due ends launched, skipped, missed with its
-- reason, or waits; none vanishes, none is launched twice. What is due is counted without our cron, by PostgreSQL's calendar.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SET client_min_messages = warning;
SELECT name, sparkingest.purchase(sparkingest.create_tenant(name, zone), 'vcpu_hours', 1000000, 'yearly') IS NOT NULL AS bought
  FROM (VALUES ('London', 'UTC'), ('Berlin', 'Europe/Berlin')) AS v (name, zone);

-- Once an hour on the zone's clock, at a minute: the first instant at which it shows that time or a later one.
CREATE FUNCTION pg_temp.occurrences(zone text, minute integer, after timestamptz, until timestamptz) RETURNS SETOF timestamptz LANGUAGE sql AS $$
SELECT DISTINCT o.t FROM generate_series(date_trunc('hour', after AT TIME ZONE zone) - interval '1 day', until AT TIME ZONE zone + interval '1 day', '1 hour') AS h,
    LATERAL (SELECT min(t) AS t FROM generate_series(date_trunc('hour', after) - interval '3 days', until + interval '3 days', '15 minutes') AS t
              WHERE t AT TIME ZONE zone >= h + minute * interval '1 minute') AS o
 WHERE o.t > after AND o.t <= until
$$;

-- What the dispatcher does at a time: it claims what is due; what runs ends.
CREATE FUNCTION pg_temp.dispatch(job uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    id uuid;
BEGIN
    FOR n IN 1..2 LOOP -- what was late has another place then
        FOR id IN SELECT execution_id FROM sparkingest.job_executions WHERE job_id = job AND state = 'scheduled'
            AND planned_start <= sparkingest.clock() ORDER BY planned_start, scheduled_for
        LOOP
            IF NOT fixture.late(id) THEN
                PERFORM fixture.claim(id);
            END IF;
        END LOOP;
    END LOOP;
END $$;
CREATE FUNCTION pg_temp.finish(job uuid) RETURNS void LANGUAGE sql AS $$
SELECT fixture.start(execution_id, sparkingest.clock()), fixture.finish(execution_id, 'succeeded', sparkingest.clock())
  FROM sparkingest.job_executions WHERE job_id = job AND state = 'dispatching' $$;

-- Steps: "clock T", "plan", "dispatch", "finish", "pause", "resume", "minute N" (another schedule), and "until T": a tick and
-- a round of the dispatcher each hour, a minute past.
CREATE FUNCTION pg_temp.play(scenario text, tenant text, minute integer, options jsonb, VARIADIC steps text[],
    OUT due bigint, OUT launched bigint, OUT skipped bigint, OUT missed bigint, OUT cancelled bigint, OUT pending bigint, OUT lost bigint,
    OUT doubled bigint) LANGUAGE plpgsql AS $$
DECLARE
    zone text := (SELECT time_zone FROM sparkingest.tenants WHERE tenant_name = tenant);
    begun timestamptz := sparkingest.clock();
    latest timestamptz := sparkingest.clock();
    changed timestamptz := 'infinity';
    first_minute integer := minute;
    job uuid;
    step text;
    argument text;
BEGIN
    PERFORM fixture.production_job(tenant, scenario, 1, 2, 5, minute || ' * * * *', options => options);
    job := fixture.job(scenario);
    FOREACH step IN ARRAY steps LOOP
        argument := substr(step, strpos(step, ' ') + 1);
        CASE split_part(step, ' ', 1)
            WHEN 'clock' THEN PERFORM set_config('sparkingest.clock', argument, false);
            WHEN 'plan' THEN PERFORM sparkingest.plan();
            WHEN 'dispatch' THEN PERFORM pg_temp.dispatch(job);
            WHEN 'finish' THEN PERFORM pg_temp.finish(job);
            WHEN 'pause' THEN PERFORM sparkingest.pause_job(job);
            WHEN 'resume' THEN PERFORM sparkingest.resume_job(job);
            WHEN 'minute' THEN
                minute := argument;
                changed := sparkingest.clock();
                PERFORM sparkingest.alter_job(job, jsonb_build_object('schedule_cron', minute || ' * * * *'));
            WHEN 'until' THEN
                WHILE sparkingest.clock() < argument::timestamptz LOOP
                    PERFORM set_config('sparkingest.clock', (sparkingest.clock() + interval '1 hour')::text, false);
                    latest := GREATEST(latest, sparkingest.clock());
                    PERFORM sparkingest.plan();
                    PERFORM pg_temp.dispatch(job);
                    PERFORM pg_temp.finish(job);
                END LOOP;
        END CASE;
        latest := GREATEST(latest, sparkingest.clock());
    END LOOP;
    PERFORM sparkingest.plan();
    PERFORM pg_temp.dispatch(job);
    PERFORM pg_temp.finish(job);
    WITH expected AS (
        SELECT t FROM pg_temp.occurrences(zone, first_minute, begun, LEAST(changed, latest)) AS t
         UNION SELECT t FROM pg_temp.occurrences(zone, minute, changed, latest) AS t WHERE changed < latest
    ), ends AS (
        SELECT x.t, count(e.execution_id) FILTER (WHERE e.claimed_at IS NOT NULL) AS launched,
               count(e.execution_id) FILTER (WHERE e.claimed_at IS NULL AND e.state IN ('scheduled', 'waiting')) AS pending,
               count(e.execution_id) FILTER (WHERE EXISTS (SELECT FROM sparkingest.events AS v WHERE v.execution_id = e.execution_id
                   AND v.event_type = 'fire.skipped')) AS skipped,
               count(e.execution_id) FILTER (WHERE EXISTS (SELECT FROM sparkingest.events AS v WHERE v.execution_id = e.execution_id
                   AND v.event_type = 'fire.missed'))
               + (SELECT count(*) FROM sparkingest.events AS v WHERE v.job_id = job AND v.event_type IN ('fire.missed', 'fire.refused')
                   AND v.execution_id IS NULL AND x.t BETWEEN (v.after ->> 'first_fire')::timestamptz AND (v.after ->> 'last_fire')::timestamptz) AS missed,
               count(e.execution_id) FILTER (WHERE e.state = 'cancelled' AND e.stop_reason IN ('the job was changed', 'the job was paused')) AS cancelled
          FROM expected AS x LEFT JOIN sparkingest.job_executions AS e ON e.job_id = job AND e.scheduled_for = x.t AND e.started_by = 'schedule'
         GROUP BY x.t)
    SELECT count(*), count(*) FILTER (WHERE x.launched > 0), count(*) FILTER (WHERE x.skipped > 0), count(*) FILTER (WHERE x.missed > 0),
           count(*) FILTER (WHERE x.cancelled > 0 AND x.launched + x.skipped + x.missed + x.pending = 0), count(*) FILTER (WHERE x.pending > 0),
           count(*) FILTER (WHERE x.launched + x.skipped + x.missed + x.pending + x.cancelled = 0),
           count(*) FILTER (WHERE x.launched + x.skipped + x.missed + x.pending > 1)
      INTO due, launched, skipped, missed, cancelled, pending, lost, doubled FROM ends AS x;
    -- Nothing runs at a time that the schedule does not have.
    ASSERT NOT EXISTS (SELECT FROM sparkingest.job_executions AS e WHERE e.job_id = job AND e.started_by = 'schedule' AND e.claimed_at IS NOT NULL
        AND e.scheduled_for NOT IN (SELECT pg_temp.occurrences(zone, first_minute, begun, latest) UNION SELECT pg_temp.occurrences(zone, minute, begun, latest)));
    PERFORM sparkingest.drop_job(job);
END $$;

-- An hour back, while it runs on and while all that was missed is made up for.
SET sparkingest.clock = '2026-03-03 09:01:00+00';
SELECT * FROM pg_temp.play('an hour back', 'London', 0, '{}', 'until 2026-03-03 15:01+00', 'clock 2026-03-03 14:01+00', 'until 2026-03-03 20:01+00');
SET sparkingest.clock = '2026-03-04 09:01:00+00';
SELECT * FROM pg_temp.play('an hour back, all', 'London', 30, '{"misfire_policy": "all", "overlap_policy": "allow", "overlap_limit": 3}',
    'plan', 'clock 2026-03-04 12:01+00', 'dispatch', 'clock 2026-03-04 11:01+00', 'dispatch', 'plan', 'finish', 'until 2026-03-04 16:01+00');
-- A day forward, by policy.
SET sparkingest.clock = '2026-03-05 09:01:00+00';
SELECT * FROM pg_temp.play('a day forward', 'London', 0, '{}', 'until 2026-03-05 12:01+00', 'clock 2026-03-06 12:01+00', 'until 2026-03-06 15:01+00');
SET sparkingest.clock = '2026-03-07 09:01:00+00';
SELECT * FROM pg_temp.play('a day forward, all', 'London', 0, '{"misfire_policy": "all", "catchup_window": "1 day", "overlap_policy": "queue_one"}',
    'until 2026-03-07 12:01+00', 'clock 2026-03-08 12:01+00', 'until 2026-03-08 15:01+00');
SET sparkingest.clock = '2026-03-09 09:01:00+00';
SELECT * FROM pg_temp.play('a day forward, none', 'London', 0, '{"misfire_policy": "none"}',
    'until 2026-03-09 12:01+00', 'clock 2026-03-10 12:01+00', 'until 2026-03-10 15:01+00');
-- Over the change to summer time and back, ticking, and down meanwhile.
SET sparkingest.clock = '2026-03-28 20:01:00+00';
SELECT * FROM pg_temp.play('spring', 'Berlin', 30, '{}', 'until 2026-03-29 08:01+00');
SET sparkingest.clock = '2026-03-28 20:01:00+00';
SELECT * FROM pg_temp.play('down in spring', 'Berlin', 30, '{"misfire_policy": "all", "catchup_window": "2 days"}', 'clock 2026-03-29 05:01+00', 'plan', 'dispatch', 'finish');
SET sparkingest.clock = '2026-10-24 20:01:00+00';
SELECT * FROM pg_temp.play('autumn', 'Berlin', 30, '{"overlap_policy": "replace"}', 'until 2026-10-25 08:01+00');
-- Down for five days: what was planned is two days of it.
SET sparkingest.clock = '2026-04-01 09:01:00+00';
SELECT * FROM pg_temp.play('five days down', 'London', 0, '{}', 'plan', 'clock 2026-04-06 09:01+00', 'until 2026-04-06 12:01+00');
SET sparkingest.clock = '2026-04-10 09:01:00+00';
SELECT * FROM pg_temp.play('five days down, all', 'London', 0, '{"misfire_policy": "all", "catchup_window": "7 days", "overlap_policy": "queue_one"}',
    'plan', 'clock 2026-04-15 09:01+00', 'dispatch', 'plan', 'dispatch', 'finish');
SET sparkingest.clock = '2026-04-20 09:01:00+00';
SELECT * FROM pg_temp.play('five days down, none', 'London', 0, '{"misfire_policy": "none", "overlap_policy": "replace"}',
    'clock 2026-04-25 09:01+00', 'plan', 'dispatch', 'finish', 'until 2026-04-25 12:01+00');
-- Back and forth, and between the plan and the dispatcher.
SET sparkingest.clock = '2026-05-01 09:01:00+00';
SELECT * FROM pg_temp.play('back and forth', 'London', 0, '{}', 'until 2026-05-01 12:01+00', 'clock 2026-05-02 12:01+00', 'plan', 'clock 2026-05-01 12:01+00',
    'until 2026-05-01 15:01+00', 'clock 2026-05-03 15:01+00', 'until 2026-05-03 17:01+00');
SET sparkingest.clock = '2026-05-05 09:01:00+00';
SELECT * FROM pg_temp.play('during the plan', 'London', 0, '{"overlap_policy": "replace"}', 'plan', 'clock 2026-05-05 08:01+00', 'dispatch', 'clock 2026-05-05 11:01+00',
    'plan', 'clock 2026-05-05 10:01+00', 'dispatch', 'plan', 'finish', 'until 2026-05-05 14:01+00');
-- Edits: what is due is decided before, and what was launched before the clock stepped back is not launched again.
SET sparkingest.clock = '2026-05-10 09:01:00+00';
SELECT * FROM pg_temp.play('paused and resumed', 'London', 0, '{}', 'until 2026-05-10 12:01+00', 'clock 2026-05-10 10:31+00', 'pause', 'resume', 'until 2026-05-10 15:31+00');
SET sparkingest.clock = '2026-05-15 09:01:00+00';
SELECT * FROM pg_temp.play('changed', 'London', 0, '{}', 'until 2026-05-15 12:01+00', 'clock 2026-05-15 10:31+00', 'minute 15', 'plan', 'until 2026-05-15 15:31+00');
SET sparkingest.clock = '2026-05-17 09:01:00+00';
SELECT * FROM pg_temp.play('changed and back', 'London', 0, '{}', 'until 2026-05-17 12:01+00', 'clock 2026-05-17 10:31+00', 'minute 15', 'plan', 'minute 0', 'plan',
    'until 2026-05-17 15:31+00');
SET sparkingest.clock = '2026-05-20 09:01:00+00';
SELECT * FROM pg_temp.play('down, then changed', 'London', 0, '{"misfire_policy": "all", "catchup_window": "7 days", "overlap_policy": "allow", "overlap_limit": 100}',
    'clock 2026-05-20 14:01+00', 'minute 30', 'plan', 'dispatch', 'finish', 'until 2026-05-20 18:01+00');
SET sparkingest.clock = '2026-05-25 09:01:00+00';
SELECT * FROM pg_temp.play('down, then paused', 'London', 0, '{}', 'clock 2026-05-28 14:01+00', 'pause', 'resume', 'until 2026-05-28 18:01+00');
\i :end
