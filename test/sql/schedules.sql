-- Schedules: five-field cron expressions in IANA zones (J1).
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

-- The times of a schedule, in its zone.
CREATE FUNCTION pg_temp.fires(cron text, after timestamptz DEFAULT '2026-03-02 09:00:00+00', n int DEFAULT 5, zone text
    DEFAULT 'UTC') RETURNS text LANGUAGE sql AS $$
SELECT string_agg(to_char(t AT TIME ZONE zone, 'Dy DD Mon YYYY HH24:MI'), ', ' ORDER BY t) FROM sparkingest.next_fire_times(cron, zone, after, n) AS t
$$;

-- By default the next five after now, in UTC.
SELECT * FROM sparkingest.next_fire_times('*/15 * * * *');
SELECT count(*) FROM sparkingest.next_fire_times('* * * * *', n => 1000);
-- Strictly after.
SELECT pg_temp.fires('0 9 * * *', '2026-03-02 09:00:00+00', 1) AS at_the_time, pg_temp.fires('0 9 * * *', '2026-03-02 08:59:59.999999+00', 1) AS just_before;

-- Fields: values, lists, ranges, steps, names, Sunday as 0 and 7.
SELECT cron, pg_temp.fires(cron, n => 4) AS fires FROM (VALUES ('30 2 * * *'), ('0,20,40 9-10 * * *'), ('1-10/4 12 * * *'),
    ('*/25 * * * *'), ('50/5 9 * * *'), ('0 0 1 */4 *'), ('0 12 * JAN,jul *'), ('0 12 * feb-apr mon'), ('0 0 * * 0'), ('0 0 * * 7'),
    ('0 0 * * sun'), ('0 0 * * 5-7'), ('0 0 * * fri-sun'), ('0 0 * * 1-7/3'),
    ('0 0 31 * *'), ('0 0 29 2 *'), ('59 23 31 12 *'), ('00 09 02 03 *'), ('5,5,5 9 * * *')) AS v (cron);
-- Day of month and weekday, both restricted, are alternatives; with a star in one of them the other decides.
SELECT cron, pg_temp.fires(cron, n => 6) AS fires FROM (VALUES ('0 0 13 * fri'), ('0 0 13 * *'), ('0 0 * * fri'), ('0 0 */10 * mon'),
    ('0 0 1-7 * */2')) AS v (cron);
-- 29 February and a weekday: over many years.
SELECT pg_temp.fires('0 0 29 2 *', '2026-03-02+00', 4) AS leap_days, pg_temp.fires('0 0 29 2 *', '2097-01-01+00', 2) AS over_2100;

-- Spring: what falls into the gap runs at the first instant after it, once; the day before and after at its time.
SELECT cron, pg_temp.fires(cron, '2026-03-28 00:00+01', 3, 'Europe/Berlin') AS fires FROM (VALUES ('30 2 * * *'), ('0 2 * * *'),
    ('59 2 * * *'), ('0 3 * * *')) AS v (cron);
SELECT * FROM sparkingest.next_fire_times('*/30 * * * *', 'Europe/Berlin', '2026-03-29 01:00+01', 5);
SELECT * FROM sparkingest.next_fire_times('15,45 2 * * *', 'Europe/Berlin', '2026-03-29 00:00+01', 2);
SELECT * FROM sparkingest.next_fire_times('30 2 * * *', 'Australia/Lord_Howe', '2026-10-03 00:00+10:30', 3);
-- A zone that changes at midnight: the day begins at 01:00.
SELECT * FROM sparkingest.next_fire_times('0 0 * * *', 'America/Santiago', '2026-09-04 12:00-04', 3);
-- Autumn: what happens twice runs once, at the first.
SELECT * FROM sparkingest.next_fire_times('30 2 * * *', 'Europe/Berlin', '2026-10-24 12:00+02', 2);
SELECT * FROM sparkingest.next_fire_times('*/30 * * * *', 'Europe/Berlin', '2026-10-25 01:30+02', 5);
SELECT * FROM sparkingest.next_fire_times('30 1 * * *', 'America/New_York', '2026-10-31 12:00-04', 2);
SELECT * FROM sparkingest.next_fire_times('*/20 * * * *', 'Australia/Lord_Howe', '2026-04-05 01:20+11', 5);
-- Asked in the middle of the second hour, it does not run again.
SELECT * FROM sparkingest.next_fire_times('30 2 * * *', 'Europe/Berlin', '2026-10-25 02:15+01', 1);
-- Odd offsets, no summer time, far east and west; a day that a zone left out.
SELECT zone, pg_temp.fires('0 6 * * *', '2026-03-02 09:00+00', 2, zone) AS local, (SELECT min(t)
    FROM sparkingest.next_fire_times('0 6 * * *', zone, '2026-03-02 09:00+00') AS t) AS instant
  FROM (VALUES ('Asia/Kathmandu'), ('Asia/Kolkata'), ('Pacific/Chatham'), ('Pacific/Kiritimati'), ('Etc/GMT+12'), ('America/St_Johns'),
      ('Africa/Casablanca'), ('utc')) AS v (zone);
SELECT pg_temp.fires('0 12 * * *', '2011-12-29 00:00-10', 2, 'Pacific/Apia') AS no_30_december;

-- Against PostgreSQL's own calendar: every minute of a year on the local clock that a condition picks.
CREATE FUNCTION pg_temp.differences(cron text, zone text, condition text) RETURNS TABLE (fires bigint, wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($q$
        SELECT count(f.t), count(*) FILTER (WHERE f.t IS NULL OR c.t IS NULL)
          FROM (SELECT t FROM sparkingest.next_fire_times(%1$L, %2$L, '2025-12-31 23:59+00', 1000) AS t WHERE t < '2027-01-01 00:00+00') AS f
          FULL JOIN (SELECT min(t) AS t FROM generate_series('2026-01-01 00:00+00'::timestamptz, '2026-12-31 23:59+00', '1 minute') AS t,
              LATERAL (SELECT t AT TIME ZONE %2$L AS l) AS x WHERE %3$s GROUP BY x.l) AS c ON c.t = f.t
        $q$, cron, zone, condition);
END
$$;
SELECT zone, cron, d.* FROM (VALUES ('Europe/Berlin', '17 5 * * *', 'extract(hour FROM l) = 5 AND extract(minute FROM l) = 17'),
    ('Europe/Berlin', '30 1 * * *', 'extract(hour FROM l) = 1 AND extract(minute FROM l) = 30'),
    ('America/Sao_Paulo', '0 */6 1,15 * *', 'extract(hour FROM l)::int % 6 = 0 AND extract(minute FROM l) = 0 AND extract(day FROM l) IN (1, 15)'),
    ('Asia/Kolkata', '45 23 * 3-9 sat,sun',
        'extract(hour FROM l) = 23 AND extract(minute FROM l) = 45 AND extract(month FROM l) BETWEEN 3 AND 9 AND extract(dow FROM l) IN (0, 6)'),
    ('America/New_York', '0 12 13 * fri',
        'extract(hour FROM l) = 12 AND extract(minute FROM l) = 0 AND (extract(day FROM l) = 13 OR extract(dow FROM l) = 5)')) AS v (zone,
        cron, condition),
    LATERAL pg_temp.differences(cron, zone, condition) AS d;

-- Bad values.
SELECT arguments, r.code, r.message, r.detail FROM (VALUES ('NULL'), ('''* * * *'''), ('''* * * * *'', NULL'), ('''* * * * *'', ''Mars'''),
    ('''* * * * *'', after => NULL'), ('''* * * * *'', after => ''infinity'''), ('''* * * * *'', n => NULL'), ('''* * * * *'', n => 0'),
    ('''* * * * *'', n => 1001'), ('''* * * * *'', n => -1'), ('''x'', ''Mars''')) AS v (arguments),
    LATERAL fixture.refusal(format('SELECT * FROM sparkingest.next_fire_times(%s)', arguments)) AS r;
-- What never fires has no times, and no job can have it.
SELECT count(*) FROM sparkingest.next_fire_times('0 0 30 2 *');
\i :end
