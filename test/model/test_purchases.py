"""Purchases against a model of them in plain Python: its calendar is zoneinfo's, its numbers are whole or Fractions. A tenant in
some zone buys a few times, around the days on which clocks are set and calendars jump, and cancels some of it; each purchase must
become the grants that the model expects, to the microsecond, the millicore-second and the millionth of a price, or be refused
where it expects that. At any instant a tenant has what its grants say together (M1, M2, C9).
"""
import datetime
import decimal as decimals
import fractions
import json
import zoneinfo

import hypothesis
import psycopg
import pytest
from hypothesis import strategies as st

DATABASE = "purchases"
UTC = datetime.timezone.utc
CLOCK = datetime.datetime(2005, 1, 1, tzinfo=UTC)  # everything is still to come
SECOND, MINUTE, HOUR, DAY = (datetime.timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
MICROSECOND = datetime.timedelta(microseconds=1)
PERIODS = ("hourly", "daily", "monthly", "yearly")
MOST = {"hourly": 40, "daily": 40, "monthly": 30, "yearly": 8}  # periods in an example
MILLICORE_SECONDS = 3_600_000
MILLION = decimals.Decimal(10**6)
DISCOUNTS = {("vcpu_hours", "monthly"): [(10, "0.1"), (1000, "0.15"), (500000, "0.333333")],
             ("dedicated_units", "monthly"): [(1, "0.05"), (3, "0")], ("vcpu_hours", "yearly"): [(1, "1")],
             ("dedicated_units", "daily"): [(2, "0.000001")]}
# Zones, with days on which something happens in them.
DAYS = {"UTC": "2024-02-29 2027-12-31 2088-02-29", "Europe/Berlin": "2026-03-29 2026-10-25 2028-02-29", "America/New_York": "2026-03-08 2026-11-01",
        "Australia/Lord_Howe": "2026-04-04 2026-10-03", "America/Havana": "2026-03-08 2026-11-01", "America/Santiago": "2026-04-04 2026-09-06",
        "Pacific/Apia": "2011-12-30 2011-12-31", "Asia/Kolkata": "2026-01-01", "Asia/Kathmandu": "2026-06-30", "America/St_Johns": "2006-10-29 2011-11-06",
        "Africa/Casablanca": "2026-02-15 2026-03-22", "Asia/Tehran": "2022-03-22 2022-09-21", "Asia/Beirut": "2026-03-29 2026-10-24",
        "Asia/Pyongyang": "2015-08-14 2018-05-04", "America/Caracas": "2007-12-09 2016-05-01", "Antarctica/Troll": "2026-03-29 2026-10-25",
        "Europe/Dublin": "2026-03-29 2026-10-25", "Asia/Gaza": "2026-03-28 2026-10-24", "Pacific/Chatham": "2026-04-04 2026-09-26"}


class Calendar:
    def __init__(self, zone, period):
        self.zone, self.period = zoneinfo.ZoneInfo(zone), period

    def local(self, instant):
        return instant.astimezone(self.zone).replace(tzinfo=None)

    def instant(self, local):
        """Of a local time as PostgreSQL reads it: twice there = the second, leapt over = by the offset before."""
        first = local.replace(tzinfo=self.zone).astimezone(UTC)
        return local.replace(tzinfo=self.zone, fold=1).astimezone(UTC) if self.local(first) == local else first

    def later(self, local, n):
        """n periods later on the local clock; the 31st is the last day of a shorter month."""
        if self.period == "daily":
            return local + n * DAY
        months = local.year * 12 + local.month - 1 + n * (12 if self.period == "yearly" else 1)
        for day in range(local.day, 27, -1):
            try:
                return local.replace(year=months // 12, month=months % 12 + 1, day=day)
            except ValueError:
                pass
        return local.replace(year=months // 12, month=months % 12 + 1)

    def counted(self, start, n):
        """The first n boundaries after a start, counted from it; a day that was left out is none."""
        if self.period == "hourly":
            return [start + k * HOUR for k in range(1, n + 1)]
        return sorted({self.instant(self.later(self.local(start), k)) for k in range(1, n + 1)})

    def boundaries(self, first, last):
        """Of the calendar, from before one instant until after another."""
        if self.period == "hourly":
            quarter = first.replace(minute=0, second=0, microsecond=0) - 2 * HOUR
            result = []
            while not result or result[-1] <= last:
                if self.local(quarter).minute == 0 and self.local(quarter).second == 0:
                    result.append(quarter)
                quarter += 15 * MINUTE
            return result
        local = self.local(first).replace(hour=0, minute=0, second=0, microsecond=0)
        local = local if self.period == "daily" else local.replace(day=1) if self.period == "monthly" else local.replace(month=1, day=1)
        k, result = -2, set()
        while k < 1 or max(result) <= last:
            result.add(self.instant(self.later(local, k)))
            k += 1
        result.add(self.instant(self.later(local, k)))  # the next may be the same, where a day was left out
        return sorted(result)


class Purchase:
    def __init__(self, zone, kind, period, quantity, start, until, unit_price):
        self.calendar, self.kind, self.period, self.quantity = Calendar(zone, period), kind, period, quantity
        self.start, self.until, self.unit_price = start, until, unit_price
        self.grants = self.expand()  # [begin, end, granted, price], None = refused

    def discount(self):
        steps = [share for least, share in DISCOUNTS.get((self.kind, self.period), []) if least <= self.quantity]
        return fractions.Fraction(steps[-1]) if steps else fractions.Fraction(0)

    def grant(self, begin, end, part):
        granted = int(self.quantity * MILLICORE_SECONDS * part) if self.kind == "vcpu_hours" else 0
        price = self.unit_price and rounded(fractions.Fraction(self.unit_price) * self.quantity * (1 - self.discount()) * part)
        return [begin, end, granted, price]

    def expand(self):
        counted = self.calendar.counted(self.start, MOST[self.period] + 3)
        if self.until is None:
            return [self.grant(self.start, counted[0], 1)]
        if self.until in counted:
            edges = [self.start] + [b for b in counted if b <= self.until]
            return [self.grant(*pair, 1) for pair in zip(edges, edges[1:])]
        boundaries = self.calendar.boundaries(self.start, self.until)
        if self.until not in boundaries or self.until <= self.start:
            return None
        before = max(b for b in boundaries if b <= self.start)
        edges = [self.start] + [b for b in boundaries if self.start < b <= self.until]
        part = fractions.Fraction((edges[1] - self.start) // MICROSECOND, (edges[1] - before) // MICROSECOND)
        return [self.grant(begin, end, part if begin == self.start else 1) for begin, end in zip(edges, edges[1:])]

    def cancel(self, at):
        for grant in self.grants:
            begin, end, _, price = grant
            if end <= at:
                continue
            grant[1] = max(begin, at)
            if begin >= at:
                grant[2] = 0  # what will not begin lapses
            if price is not None and (self.kind == "dedicated_units" or begin >= at):
                grant[3] = rounded(price * fractions.Fraction((grant[1] - begin) // MICROSECOND, (end - begin) // MICROSECOND))


def rounded(price):
    """To a millionth, half up."""
    return fractions.Fraction((price * 10**6 * 2 + 1) // 2, 10**6)


@st.composite
def purchases(draw):
    """A zone, and a few purchases in it around one day."""
    zone = draw(st.sampled_from(sorted(DAYS)))
    day = datetime.datetime.fromisoformat(draw(st.sampled_from(DAYS[zone].split()))).replace(tzinfo=UTC)
    result = []
    for _ in range(draw(st.integers(1, 3))):
        kind, period = draw(st.sampled_from(["vcpu_hours", "dedicated_units"])), draw(st.sampled_from(PERIODS))
        calendar = Calendar(zone, period)
        start = day + draw(st.sampled_from([15 * MINUTE, SECOND, MICROSECOND])) * draw(st.integers(-150, 150)) + draw(st.integers(-30, 30)) * HOUR
        if draw(st.booleans()):  # at the beginning of some local period
            other = Calendar(zone, draw(st.sampled_from(PERIODS)))
            start = draw(st.sampled_from(other.boundaries(start, start)))
        n = draw(st.integers(1, MOST[period]))
        until = draw(st.sampled_from(["one period", "counted", "calendar", "calendar", "calendar", "anything"]))
        if until == "one period":
            end = None
        elif until == "counted":
            end = calendar.counted(start, n)[-1]
        else:
            end = calendar.boundaries(start, calendar.counted(start, n)[-1])[-2 if until == "calendar" else -1]
        if until == "anything":
            end += draw(st.sampled_from([MICROSECOND, SECOND, 30 * MINUTE, HOUR, DAY])) * draw(st.integers(-3, 3))
        quantity = draw(st.integers(1, 30) if kind == "dedicated_units" else st.one_of(st.integers(1, 20), st.integers(1, 1_000_000)))
        price = draw(st.none() | st.integers(0, 10**9).map(lambda n: fractions.Fraction(n, 10**6)) | st.just(fractions.Fraction(999_999_999_999)))
        result.append(Purchase(zone, kind, period, quantity, start, end, price))
    return zone, result


def buy(db, tenant, purchase):
    """The id, or None when it is refused as the model says it must be."""
    options = {} if purchase.unit_price is None else {"unit_price": 0, "currency": "EUR"}
    text = json.dumps(options).replace('"unit_price": 0', f'"unit_price": {decimal(purchase.unit_price)}')
    try:
        with db.transaction():
            return db.execute("SELECT sparkingest.purchase(%s, %s, %s, %s, %s, %s, %s)", (
                tenant, purchase.kind, purchase.quantity, purchase.period, purchase.start, purchase.until, text)).fetchone()[0]
    except psycopg.errors.InvalidParameterValue as error:
        assert purchase.grants is None, error
        assert "invalid valid_until" in str(error)
        return None


def decimal(value):
    return "0" if value is None else f"{value.numerator * 10**6 // value.denominator // 10**6}.{value.numerator * 10**6 // value.denominator % 10**6:06}"


def grants_of(db, purchase_id):
    return [[begin, end, granted, None if price is None else fractions.Fraction(price)] for begin, end, granted, price in db.execute(
        "SELECT starts_at, ends_at, granted, price FROM sparkingest.grants WHERE purchase_id = %s ORDER BY 1", (purchase_id,))]


def check_totals(db, tenant, bought, instants):
    for at in instants:
        valid = [(p, g) for p in bought for g in p.grants if g[0] <= at < g[1]]
        hours, units = db.execute(
            "SELECT COALESCE(sum(available), 0), (sparkingest.usage(%s, %s) #>> '{dedicated_units,units}')::int FROM sparkingest.balance(%s, %s)",
            (tenant, at, tenant, at)).fetchone()
        assert units == sum(p.quantity for p, g in valid if p.kind == "dedicated_units")
        # A balance is shown in millionths of an hour, rounded up.
        assert hours == sum(-(-g[2] * 10 // 36) for p, g in valid if p.kind == "vcpu_hours") / MILLION


@hypothesis.settings(max_examples=250, deadline=None, print_blob=True, database=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(world=purchases(), data=st.data())
def check(world, data):
    zone, wanted = world
    db = CONNECTION
    with db.transaction(force_rollback=True):
        tenant = db.execute("SELECT sparkingest.create_tenant('Acme', %s)", (zone,)).fetchone()[0]
        bought = []
        for purchase in wanted:
            key = buy(db, tenant, purchase)
            hypothesis.event("refused" if key is None else f"{purchase.period} bought")
            if key is None:
                continue
            assert purchase.grants is not None, "it must be refused"
            assert grants_of(db, key) == purchase.grants
            bought.append(purchase)
            if data.draw(st.integers(0, 3)) == 0:
                first, last = purchase.grants[0][0], purchase.grants[-1][1]
                at = data.draw(st.sampled_from([first - DAY, first, last - MICROSECOND, *(g[0] for g in purchase.grants)]) | st.datetimes(
                    (first - HOUR).replace(tzinfo=None), (last - MICROSECOND).replace(tzinfo=None)).map(lambda d: d.replace(tzinfo=UTC)))
                assert db.execute("SELECT * FROM sparkingest.cancel_purchase(%s, %s)", (key, at)).fetchall() == []
                purchase.cancel(at)
                hypothesis.event("cancelled")
                assert grants_of(db, key) == purchase.grants
        edges = sorted({edge for p in bought for g in p.grants for edge in g[:2]})
        if edges:
            some = data.draw(st.lists(st.sampled_from(edges), max_size=4))
            check_totals(db, tenant, bought, [e - d for e in some for d in (MICROSECOND, 0 * DAY)])
        assert db.execute("SELECT count(*) FROM wrong_entries").fetchone()[0] == 0


@pytest.fixture
def database():
    global CONNECTION
    with psycopg.connect(dbname="postgres", autocommit=True) as db:
        db.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        db.execute(f"CREATE DATABASE {DATABASE}")
    with psycopg.connect(dbname=DATABASE, autocommit=True, options="-c timezone=UTC -c client_min_messages=error") as db:
        db.execute("CREATE EXTENSION sparkingest")
        db.execute(f"SET sparkingest.clock = '{CLOCK}'")
        for (kind, period), steps in DISCOUNTS.items():
            for least, share in steps:
                db.execute("SELECT sparkingest.set_discount(%s, %s, %s, %s)", (kind, period, least, share))
        # Every grant has its entry, one of hours with them and one for what lapsed, and no other but of its terms.
        db.execute("CREATE TEMPORARY VIEW wrong_entries AS SELECT g.grant_id FROM sparkingest.grants AS g LEFT JOIN sparkingest.balance_entries AS b "
                   "USING (grant_id) GROUP BY g.grant_id HAVING COALESCE(sum(CASE b.entry_type WHEN 'grant' THEN b.amount ELSE -b.amount END), 0) "
                   "<> g.granted OR count(*) FILTER (WHERE b.entry_type = 'grant') > 1 OR bool_or(b.entry_type NOT IN ('grant', 'lapse', 'terms'))")
        CONNECTION = db
        yield
        assert db.execute("SELECT count(*) FROM sparkingest.verify_ledger()").fetchone()[0] == 0


def test_purchases_are_what_their_model_says(database):
    check()
