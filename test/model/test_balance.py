"""Balances against a model of them in plain Python: dates are zoneinfo's, amounts are whole millicore-seconds, what is shown is Decimal. A
tenant buys, reserves, gives back early, in time or late, undoes some of it, and time goes by; after each step every grant has what
the model says (M3, M4, M5), and so it is told of any instant that is over.
"""
import datetime
import decimal

import hypothesis
import psycopg
import pytest
from hypothesis import strategies as st

from test_purchases import HOUR, MICROSECOND, MINUTE, SECOND, UTC, Calendar

DATABASE = "balances"
ZONE = "Europe/Berlin"
CLOCK = datetime.datetime(2026, 3, 28, 20, tzinfo=UTC)  # the night in which the clock is set
HOUR_MILLICORES = 3_600_000
CONNECTION = None


class Grant:
    def __init__(self, n, priority, starts, ends, granted):
        self.n, self.priority, self.starts, self.ends = n, priority, starts, ends
        self.granted, self.held, self.spent = granted, 0, 0

    def order(self):
        return self.priority, self.ends, self.n

    def available(self):
        return self.granted - self.held - self.spent

    def valid(self, at):
        return self.starts <= at < self.ends

    def amounts(self):
        return self.granted, self.held, self.spent


class Reservation:
    def __init__(self, key, starts, ends, millicores, parts):
        self.key, self.starts, self.ends, self.millicores, self.parts = key, starts, ends, millicores, parts

    def settle(self, now):
        """The time that it kept capacity from others is charged, at least a minute, from what is drawn on first."""
        kept = max(-(-(min(now, self.ends) - self.starts) // SECOND), 60) if now > self.starts else 0
        left = min(kept * self.millicores, sum(amount for _, amount in self.parts))
        for grant, amount in sorted(self.parts, key=lambda part: part[0].order()):
            charge = min(amount, left)
            left -= charge
            grant.held -= amount
            grant.spent += charge


def shown(amount):
    """Hours, in millionths, rounded up."""
    return decimal.Decimal(-(-amount * 10 // 36)) / 10**6


class World:
    def __init__(self, db):
        self.db, self.now, self.grants, self.reservations, self.past = db, CLOCK, [], [], []
        self.tenant = db.execute("SELECT sparkingest.create_tenant('Acme', %s)", (ZONE,)).fetchone()[0]

    def buy(self, quantity, period, priority, periods):
        edges = [self.now, *Calendar(ZONE, period).counted(self.now, periods)]
        self.db.execute("SELECT sparkingest.purchase(%s, 'vcpu_hours', %s, %s, %s, %s, jsonb_build_object('priority', %s::int))",
                        (self.tenant, quantity, period, self.now, edges[-1], priority))
        for starts, ends in zip(edges, edges[1:]):
            self.grants.append(Grant(len(self.grants), priority, starts, ends, quantity * HOUR_MILLICORES))

    def reserve(self, cores, gib, minutes, later):
        starts = max(self.now + later * 5 * MINUTE, self.now)
        starts += (CLOCK - starts) % (5 * MINUTE)
        millicores = max(cores, -(-gib * 1024 * 1000 // 2048))
        missing, parts = millicores * minutes * 60, []
        for grant in sorted(self.grants, key=Grant.order):
            part = min(grant.available(), missing) if grant.valid(starts) else 0
            if part > 0:
                parts.append((grant, part))
                missing -= part
        try:
            with self.db.transaction():
                key, at = self.db.execute("SELECT reservation_id, starts_at FROM sparkingest.reserve(%s, %s::numeric / 1000, %s, %s, %s, namespace => 'vcpu-hours-ns')",
                                          (self.tenant, cores, gib, minutes * MINUTE, starts)).fetchone()
        except psycopg.Error as error:
            assert error.sqlstate == "SI002" and missing > 0, error
            hypothesis.event("not covered")
            return
        assert missing == 0 and at == starts
        hypothesis.event("held of several grants" if len(parts) > 1 else "held")
        for grant, part in parts:
            grant.held += part
        self.reservations.append(Reservation(key, starts, starts + minutes * MINUTE, millicores, parts))

    def release(self, which):
        if self.reservations:
            reservation = self.reservations.pop(which % len(self.reservations))
            assert self.db.execute("SELECT sparkingest.release(%s)", (reservation.key,)).fetchone()[0]
            reservation.settle(self.now)
            hypothesis.event("released " + ("early" if self.now <= reservation.starts else "late" if self.now >= reservation.ends else "midway"))

    def undone(self, cores, gib, minutes, later):
        class Undo(Exception):
            pass
        reservations, amounts = list(self.reservations), [grant.amounts() for grant in self.grants]
        try:
            with self.db.transaction():
                self.reserve(cores, gib, minutes, later)
                raise Undo
        except Undo:
            self.reservations = reservations
            for grant, (grant.granted, grant.held, grant.spent) in zip(self.grants, amounts):
                pass

    def wait(self, steps, maintain):
        self.past.append((self.now, [(grant, grant.amounts()) for grant in self.grants]))
        self.now += steps * 7 * MINUTE + steps * MICROSECOND
        self.db.execute(f"SET sparkingest.clock = '{self.now.isoformat()}'")
        if not maintain:
            return
        self.db.execute("SELECT sparkingest.maintain()")
        for reservation in [r for r in self.reservations if r.ends <= self.now]:
            reservation.settle(self.now)
            self.reservations.remove(reservation)
        for grant in self.grants:
            if grant.ends <= self.now and grant.available() > 0:
                grant.granted -= grant.available()
                hypothesis.event("lapsed")

    def check(self):
        assert self.db.execute("SELECT granted, held, spent FROM sparkingest.grant_balances WHERE tenant_id = %s ORDER BY account_no", (self.tenant,)).fetchall() \
            == [grant.amounts() for grant in self.grants]
        assert self.db.execute("SELECT count(*) FROM sparkingest.verify_books()").fetchone()[0] == 0

    def told(self, at):
        return self.db.execute("SELECT granted, available, held, spent FROM sparkingest.balance(%s, %s)", (self.tenant, at)).fetchall()

    def check_told(self, at, state):
        expected = []
        for grant, (granted, held, spent) in sorted(state, key=lambda s: s[0].order()):
            if grant.valid(at):
                total, used = shown(granted), shown(spent)
                kept = min(shown(held), total - used)
                expected.append((total, total - kept - used, kept, used))
        assert self.told(at) == expected


STEPS = st.one_of(
    st.tuples(st.just("buy"), st.integers(1, 6), st.sampled_from(["hourly", "hourly", "daily"]), st.sampled_from([50, 100]), st.integers(1, 3)),
    st.tuples(st.sampled_from(["reserve", "reserve", "undone"]), st.sampled_from([1, 500, 1000, 2500, 4001]), st.sampled_from([1, 4, 7]),
              st.sampled_from([5, 30, 60, 120]), st.integers(0, 30)),
    st.tuples(st.just("release"), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.integers(1, 12), st.booleans()))


@hypothesis.settings(max_examples=60, deadline=None, print_blob=True, database=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(steps=st.lists(STEPS, min_size=4, max_size=14), data=st.data())
def check(steps, data):
    with CONNECTION.transaction(force_rollback=True):
        CONNECTION.execute(f"SET sparkingest.clock = '{CLOCK.isoformat()}'")
        world = World(CONNECTION)
        world.buy(5, "daily", 100, 1)
        for name, *arguments in steps:
            getattr(world, name)(*arguments)
            world.check()
        world.check_told(world.now, [(grant, grant.amounts()) for grant in world.grants])
        for then, state in world.past:
            until = min((t for t, _ in world.past if t > then), default=world.now)
            inside = data.draw(st.integers(0, (until - then) // SECOND - 2))
            world.check_told(then + inside * SECOND, state)
        assert CONNECTION.execute("SELECT count(*) FROM sparkingest.verify_ledger()").fetchone()[0] == 0


@pytest.fixture
def database():
    global CONNECTION
    with psycopg.connect(dbname="postgres", autocommit=True) as db:
        db.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        db.execute(f"CREATE DATABASE {DATABASE}")
    with psycopg.connect(dbname=DATABASE, autocommit=True, options="-c timezone=UTC -c client_min_messages=error") as db:
        db.execute("CREATE EXTENSION sparkingest")
        db.execute(f"SET sparkingest.clock = '{CLOCK.isoformat()}'")
        db.execute("SELECT sparkingest.maintain()")  # its partitions
        CONNECTION = db
        yield


def test_balances_are_what_their_model_says(database):
    check()
