"""Lending and reclaim against a model of them in plain Python: owners and borrowers reserve, give back, and time goes by. An owner starts
when it would start had it lent nothing, but for those who run on its units and need time to end (C11); a borrower where what is lent
is idle first (C10, C12). Nobody is moved in vain, and no pool holds or lends more than it has, in any slot.
"""
import datetime
import random

import psycopg
import pytest

from conftest import SEED

DATABASE = "lending"
UTC = datetime.timezone.utc
CLOCK = datetime.datetime(2026, 3, 2, 9, tzinfo=UTC)
STEP = datetime.timedelta(minutes=5)
MINUTES = datetime.timedelta(minutes=10)  # sparkingest.reclaim_min_run_minutes
GRACE = datetime.timedelta(seconds=30)  # sparkingest.reclaim_grace_seconds
LENDERS = {"lender": (4, 3), "other": (2, 2)}  # units, and how many of them are lent
BORROWERS = ("borrower", "rival")
SLOTS = 60
ROUNDS, STEPS = 8, 60


def slot_of(at):
    return (at - CLOCK) // STEP


def slot_after(at):
    return -((CLOCK - at) // STEP)


class Row:
    def __init__(self, key, owner, tenant, cores, starts, ends, borrowed):
        self.key, self.owner, self.tenant, self.cores, self.borrowed = key, owner, tenant, cores, borrowed
        self.starts, self.ends = slot_of(starts), slot_of(ends)
        self.began = starts

    def place(self):
        return self.key, self.owner, self.starts, self.ends

    def slots(self):
        return range(self.starts, self.ends)


class World:
    def __init__(self, db, chance):
        self.db, self.chance, self.now = db, chance, CLOCK
        self.set_clock()
        self.tenants = {}
        for name in (*LENDERS, *BORROWERS):
            self.tenants[name] = db.execute("SELECT sparkingest.create_tenant(%s)", (name,)).fetchone()[0]
        for name, (units, lent) in LENDERS.items():
            db.execute("SELECT sparkingest.purchase(%s, 'dedicated_units', %s, options => jsonb_build_object('lending_limit', %s::int))",
                       (self.tenants[name], units, lent))
        for name in BORROWERS:
            db.execute("SELECT sparkingest.purchase(%s, 'vcpu_hours', 100000)", (self.tenants[name],))
        db.execute("SELECT sparkingest.set_capacity('vcpu-hours-ns', 0, 0, tstzrange(%s, %s))", (CLOCK, CLOCK + datetime.timedelta(days=20)))

    def set_clock(self):
        self.db.execute(f"SET sparkingest.clock = '{self.now.isoformat()}'")

    def rows(self):
        return [Row(*row) for row in self.db.execute(
            "SELECT r.reservation_id, o.tenant_name, t.tenant_name, r.cpu_millicores / 1000, r.starts_at, r.ends_at, r.borrowed "
            "FROM sparkingest.reservations AS r JOIN sparkingest.pools AS p USING (pool_id) JOIN sparkingest.tenants AS o ON o.tenant_id = p.tenant_id "
            "JOIN sparkingest.tenants AS t ON t.tenant_id = r.tenant_id WHERE r.status = 'active' ORDER BY r.reservation_id")]

    def stays_until(self, row):
        """The slot from which an owner may have what is borrowed now; None = at once."""
        if row.began > self.now:
            return None
        gone = max(self.now, row.began + MINUTES) + GRACE
        return min(row.ends, max(slot_after(gone), slot_of(self.now) + 1))

    def used(self, rows, owner, slot):
        return sum(row.cores for row in rows if row.owner == owner and slot in row.slots())

    def owner_has(self, rows, owner, slot):
        """What an owner has left of its units when it takes back what it can."""
        held = 0
        for row in rows:
            until = self.stays_until(row) if row.borrowed else row.ends
            if row.owner == owner and until is not None and slot in range(row.starts, until):
                held += row.cores
        return LENDERS[owner][0] * 4 - held

    def is_lent(self, rows, owner, slot):
        units, lent = LENDERS[owner]
        borrowed = [row for row in rows if row.borrowed]
        return min(units * 4 - self.used(rows, owner, slot), lent * 4 - self.used(borrowed, owner, slot))

    @staticmethod
    def earliest(free, cores, first, length, window):
        for start in range(first, first + window + 1):
            if all(free(slot) >= cores for slot in range(start, start + length)):
                return start
        return None

    def reserve(self, name):
        cores, length, window = self.chance.randint(1, 12), self.chance.randint(1, 10), self.chance.choice((0, 2, 6, 20))
        first = slot_of(self.now) + 1 + self.chance.choice((0, 0, 0, 1, 2, 5, 20))
        rows = self.rows()
        before = {row.key: row.place() for row in rows}
        key, starts = self.db.execute("SELECT reservation_id, starts_at FROM sparkingest.try_reserve(%s, %s, %s, %s, %s, %s)",
                                      (self.tenants[name], cores, 2 * cores, length * STEP, CLOCK + first * STEP, window * STEP)).fetchone()
        if name in LENDERS:
            expected = self.earliest(lambda slot: self.owner_has(rows, name, slot), cores, first, length, window)
            room = self.earliest(lambda slot: LENDERS[name][0] * 4 - self.used(rows, name, slot), cores, first, length, window)
        else:
            starts_of = [self.earliest(lambda slot, owner=owner: self.is_lent(rows, owner, slot), cores, first, length, window) for owner in LENDERS]
            expected = room = min((start for start in starts_of if start is not None), default=None)
        assert (starts and slot_of(starts)) == expected, (name, cores, first, length, window)
        after = {row.key: row.place() for row in self.rows() if row.key != key}
        if room == expected:
            assert after == before, "nobody is moved in vain"
        else:
            changed = {row.key for row in rows if after.get(row.key) != before[row.key]}
            assert changed and all(row.borrowed and row.owner == name for row in rows if row.key in changed)

    def check(self):
        rows = self.rows()
        for owner, (units, lent) in LENDERS.items():
            for slot in range(slot_of(self.now), slot_of(self.now) + SLOTS):
                assert self.used(rows, owner, slot) <= units * 4
                assert self.used([row for row in rows if row.borrowed], owner, slot) <= lent * 4
        for row in rows:
            assert row.borrowed == (row.owner != row.tenant)
        assert self.db.execute("SELECT * FROM sparkingest.verify_ledger()").fetchall() == []
        assert self.db.execute("SELECT * FROM sparkingest.verify_books()").fetchall() == []

    def go(self):
        act = self.chance.random()
        if act < 0.35:
            self.reserve(self.chance.choice(list(LENDERS)))
        elif act < 0.75:
            self.reserve(self.chance.choice(BORROWERS))
        elif act < 0.85:
            rows = self.rows()
            if rows:
                self.db.execute("SELECT sparkingest.release(%s)", (self.chance.choice(rows).key,))
        else:
            self.now += datetime.timedelta(minutes=self.chance.randint(1, 12))
            self.set_clock()
            self.db.execute("SELECT sparkingest.maintain()")
        self.check()


@pytest.fixture
def db():
    with psycopg.connect(dbname="postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE}")
    with psycopg.connect(dbname=DATABASE, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection


@pytest.mark.parametrize("number", range(ROUNDS))
def test_owners_and_borrowers(db, number):
    chance = random.Random(SEED + number)
    db.execute("CREATE EXTENSION sparkingest")
    world = World(db, chance)
    for _ in range(STEPS):
        world.go()
    told = db.execute("SELECT count(*) FROM sparkingest.events WHERE actor = 'sparkingest' AND cause LIKE '%%takes them back'").fetchone()[0]
    print(f"{told} borrowers gave way")
