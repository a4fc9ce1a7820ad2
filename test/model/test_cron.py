"""Schedules against a plain reference: 40 zones, 25 expressions, 2 years, every fire (J1). The reference goes by the
calendar of the zone, day by day and minute by minute, and asks Python's zoneinfo which instant a minute of the zone's clock is.
"""
import datetime
import zoneinfo

import psycopg
import pytest

DATABASE = "cron"
UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)
FIRST, LAST = datetime.date(2025, 6, 1), datetime.date(2027, 5, 31)
MINUTE, DAY = 60, 86400

ZONES = """Africa/Cairo Africa/Casablanca Africa/Johannesburg Africa/Lagos America/Asuncion America/Bogota America/Chicago
America/Halifax America/Havana America/Los_Angeles America/Mexico_City America/New_York America/Nuuk America/Phoenix
America/Santiago America/Sao_Paulo America/Scoresbysund America/St_Johns Antarctica/Troll Asia/Beirut Asia/Dhaka Asia/Dubai
Asia/Gaza Asia/Jerusalem Asia/Kathmandu Asia/Kolkata Asia/Shanghai Asia/Tehran Asia/Tokyo Atlantic/Azores Australia/Adelaide
Australia/Lord_Howe Australia/Sydney Europe/Berlin Europe/Dublin Europe/London Etc/UTC Pacific/Auckland Pacific/Chatham
Pacific/Kiritimati""".split()

EXPRESSIONS = ["0 0 * * *", "30 2 * * *", "0 3 * * *", "59 23 * * *", "*/30 * * * *", "0 * * * *", "17 */2 * * *", "*/20 0-4 * * *",
               "5,35 1-3 * * *", "0 9-17 * * mon-fri", "15 2 * * sun", "30 1 * * 0", "0 0 1 * *", "0 12 15 * *", "45 23 28-31 * *",
               "0 6 29 2 *", "0 0 31 * *", "0 2 13 * fri", "30 2 */7 * *", "0 0 * * 7", "10 4 1-7 * mon", "*/45 22-23 * 3,10 *",
               "0 1 * mar-apr,sep-nov *", "20 0/6 * 1-12/5 *", "59 1-2 * * sat-sun"]

MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
WEEKDAYS = "sun mon tue wed thu fri sat".split()


def values(field, least, most, names=()):
    """The set of a field; 7 is Sunday where there is one."""
    result = set()
    for element in field.split(","):
        span, _, step = element.partition("/")
        for i, name in enumerate(names):
            span = span.replace(name, str(i + (1 if least == 1 else 0)))
        if span == "*":
            low, high = least, most
        else:
            low, _, high = span.partition("-")
            low, high = int(low), int(high) if high else (most if step else int(low))
            if most == 7 and high == 0 < low:
                high = 7
        result |= set(range(low, high + 1, int(step or 1)))
    return result


def days_of(expression):
    """The days on which it fires, and the minutes of such a day."""
    minute, hour, day, month, weekday = expression.split()
    minutes = sorted(h * 60 + m for h in values(hour, 0, 23) for m in values(minute, 0, 59))
    weekdays = {w % 7 for w in values(weekday, 0, 7 if weekday != "*" else 6, WEEKDAYS)}
    days, months = values(day, 1, 31), values(month, 1, 12, MONTHS)
    at = FIRST
    while at <= LAST:
        by_day, by_weekday = at.day in days, (at.weekday() + 1) % 7 in weekdays
        both = day.startswith("*") or weekday.startswith("*")
        if at.month in months and ((by_day and by_weekday) if both else (by_day or by_weekday)):
            yield at, minutes
        at += datetime.timedelta(days=1)


def seconds(naive):
    return int((naive - EPOCH).total_seconds())


def instant(zone, local):
    """Unix seconds at which the zone's clock first shows a local time, or, when it leaves that out, a later one."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return seconds(first.replace(tzinfo=None))
    # In a gap: of the instants from before it until after it, the first that shows a later time.
    low = local.replace(tzinfo=zone, fold=1).astimezone(UTC) - datetime.timedelta(hours=1)
    high = first + datetime.timedelta(hours=1)
    while high - low > datetime.timedelta(seconds=1):
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).replace(tzinfo=None) >= local:
            high = middle
        else:
            low = middle
    return seconds(high.replace(tzinfo=None))


def calendar(zone):
    """Of each day: Unix seconds of its midnight when its clock runs from there for 24 hours without a jump, else None."""
    result = {}
    at = FIRST
    while at <= LAST:
        midnight = datetime.datetime.combine(at, datetime.time())
        next_midnight = midnight + datetime.timedelta(days=1)
        begin, end = instant(zone, midnight), instant(zone, next_midnight)
        plain = end - begin == DAY and begin == seconds(midnight) - int(midnight.replace(tzinfo=zone).utcoffset().total_seconds())
        result[at] = begin if plain and instant(zone, midnight + datetime.timedelta(hours=12)) - begin == DAY // 2 else None
        at += datetime.timedelta(days=1)
    return result


def reference(zone, days, begin, end):
    fires = set()
    for day, minutes in days:
        midnight = DAYS[zone.key][day]
        if midnight is not None:
            fires.update(midnight + m * MINUTE for m in minutes)
        else:
            local = datetime.datetime.combine(day, datetime.time())
            fires.update(instant(zone, local + datetime.timedelta(minutes=m)) for m in minutes)
    return sorted(f for f in fires if begin < f < end)


DAYS = {}

FIRES = """CREATE FUNCTION fires(cron text, zone text, after timestamptz, before timestamptz) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
DECLARE
    page timestamptz[];
BEGIN
    LOOP
        page := ARRAY(SELECT sparkingest.next_fire_times(cron, zone, after, 1000));
        RETURN QUERY SELECT extract(epoch FROM t)::bigint FROM unnest(page) AS t WHERE t < before;
        after := page[cardinality(page)];
        EXIT WHEN after IS NULL OR after >= before;
    END LOOP;
END $$"""


@pytest.fixture(scope="module")
def db():
    with psycopg.connect(dbname="postgres", autocommit=True) as control:
        control.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        control.execute(f"CREATE DATABASE {DATABASE}")
    with psycopg.connect(dbname=DATABASE, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION sparkingest")
        connection.execute(FIRES)
        yield connection


def test_J1_sizes():
    assert len(set(ZONES)) == 40 and len(set(EXPRESSIONS)) == 25


@pytest.mark.parametrize("name", ZONES)
def test_J1_fires_are_those_of_the_calendar(db, name):
    zone = zoneinfo.ZoneInfo(name)
    DAYS[name] = calendar(zone)
    # A day at both ends belongs to another date somewhere.
    begin = datetime.datetime.combine(FIRST, datetime.time(), UTC) + datetime.timedelta(days=1)
    end = datetime.datetime.combine(LAST, datetime.time(), UTC)
    with db.cursor() as cursor:
        cursor.execute("SELECT cron, ARRAY(SELECT f FROM fires(cron, %s, %s, %s) AS f) FROM unnest(%s::text[]) AS cron",
                       (name, begin, end, EXPRESSIONS))
        found = dict(cursor.fetchall())
    assert set(found) == set(EXPRESSIONS)
    for expression in EXPRESSIONS:
        wanted = reference(zone, days_of(expression), int(begin.timestamp()), int(end.timestamp()))
        if found[expression] != wanted:
            differ = sorted(set(found[expression]) ^ set(wanted))[:5] or ["order"]
            pytest.fail(f"{expression} in {name}: " + ", ".join(
                f"{datetime.datetime.fromtimestamp(t, zone)} {'is missing' if t in set(wanted) else 'is too much'}" for t in differ))
