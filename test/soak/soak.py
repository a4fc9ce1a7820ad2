"""The ledger under fire: sessions reserve, move, release, roll back to savepoints, are cancelled and terminated, at three
isolation levels, in a namespace that is nearly full. The oracle adds up what committed sessions were told, independently of
our views: no slot may ever hold more than there is, and at the end ledger, tables and oracle agree.

    soak.py [--attempts 100000] [--sessions 16] [--seed N]       (PGHOST, PGPORT, PGUSER: a server with sparkingest)

Prints one line, "soak: N passed, M failed"; exits 1 when something failed.
"""
import argparse
import collections
import datetime
import multiprocessing
import os
import random
import sys
import threading
import time

import psycopg

NAMESPACE = "vcpu-hours-ns"
CORES, GIB = 40, 80
STEP = datetime.timedelta(minutes=5)
HOURS = 6
LEVELS = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
RESERVE = ("SELECT reservation_id, starts_at, ends_at FROM sparkingest.try_reserve(%s, %s, %s, %s, not_before => %s, "
           "sla_window => %s, namespace => %s)")


def connect():
    return psycopg.connect(dbname="postgres", autocommit=True)


def slots(starts, ends):
    while starts < ends:
        yield starts
        starts += STEP


class Session:
    """One worker: told = {reservation: (cores, gib, start, end)} of what it holds, committed."""

    def __init__(self, number, tenant, begin, attempts, seed):
        self.random = random.Random(f"{seed}/{number}")
        self.tenant, self.begin, self.attempts = tenant, begin, attempts
        self.told = {}
        self.count = collections.Counter()
        self.db = connect()

    def reserve(self):
        cores = self.random.choice((1, 2, 4, 8))
        minutes = self.random.choice((5, 10, 30, 60, 90))
        not_before = self.begin + self.random.randrange(HOURS * 12) * STEP
        row = self.db.execute(RESERVE, (self.tenant, cores, cores * 2, datetime.timedelta(minutes=minutes), not_before,
                                        datetime.timedelta(hours=self.random.choice((0, 1, HOURS))), NAMESPACE)).fetchone()
        return (row[0], (cores, cores * 2, row[1], row[2])) if row[0] else None

    def one(self, told):
        """One operation inside a transaction; changes told as if it were committed."""
        kind = self.random.random()
        if told and kind < 0.30:
            victim = self.random.choice(list(told))
            self.db.execute("SELECT sparkingest.release(%s)", (victim,))
            del told[victim]
            self.count["release"] += 1
        elif told and kind < 0.45:
            victim = self.random.choice(list(told))
            to = self.begin + self.random.randrange(HOURS * 12) * STEP
            with self.db.transaction():  # a move that does not fit raises
                row = self.db.execute("SELECT starts_at, ends_at FROM sparkingest.move_reservation(%s, %s)", (victim, to)).fetchone()
                told[victim] = (*told[victim][:2], *row)
                self.count["move"] += 1
        else:
            made = self.reserve()
            self.count["reserve" if made else "refused"] += 1
            if made:
                told[made[0]] = made[1]

    def transaction(self):
        told = dict(self.told)
        self.db.execute(f"BEGIN ISOLATION LEVEL {self.random.choice(LEVELS)}")
        for _ in range(self.random.choice((1, 1, 1, 2, 4))):
            self.attempts -= 1
            before = dict(told)
            if self.random.random() < 0.10:
                self.db.execute("SAVEPOINT s")
                try:
                    self.one(told)
                except psycopg.Error as error:
                    if error.sqlstate != "SI001":
                        raise
                self.db.execute("ROLLBACK TO SAVEPOINT s")
                told = before
                self.count["savepoint"] += 1
                continue
            self.db.execute("SAVEPOINT s")
            try:
                self.one(told)
            except psycopg.Error as error:
                if error.sqlstate != "SI001":
                    raise
                self.db.execute("ROLLBACK TO SAVEPOINT s")
                told = before
        if self.random.random() < 0.10:
            self.db.execute("ROLLBACK")
            self.count["rollback"] += 1
        else:
            self.db.execute("COMMIT")
            self.told = told
            self.count["commit"] += 1

    def hit(self):
        """Cancels or terminates this session at a random instant of a transaction."""
        pid, terminate = self.db.info.backend_pid, self.random.random() < 0.5
        delay = self.random.random() * 0.004

        def strike():
            time.sleep(delay)
            with connect() as other:
                other.execute(f"SELECT pg_{'terminate' if terminate else 'cancel'}_backend(%s)", (pid,))
        thread = threading.Thread(target=strike)
        thread.start()
        return thread

    def recover(self):
        """After an error whose commit may or may not have happened: the tables tell what is ours."""
        while True:
            try:
                if self.db.closed:
                    self.db = connect()
                self.db.execute("ROLLBACK")
                rows = self.db.execute("SELECT reservation_id, cpu_millicores / 1000, memory_mib / 1024, starts_at, ends_at FROM "
                                       "sparkingest.reservations WHERE tenant_id = %s AND status = 'active'", (self.tenant,)).fetchall()
                break
            except psycopg.Error:  # the blow lands only now
                self.db.close()
        self.told = {row[0]: tuple(row[1:]) for row in rows}

    def run(self):
        while self.attempts > 0:
            thread = self.hit() if self.random.random() < 0.01 else None
            try:
                self.transaction()
            except psycopg.errors.SerializationFailure:
                self.db.execute("ROLLBACK")
                self.count["serialization"] += 1
            except psycopg.Error as error:
                if thread is None and not isinstance(error, (psycopg.errors.QueryCanceled, psycopg.OperationalError)):
                    raise
                self.count["hit"] += 1
                thread and thread.join()
                thread = None
                self.recover()
            if thread:
                thread.join()
                try:
                    self.db.execute("SELECT 1")
                except psycopg.Error:
                    self.recover()
        return self.told, self.count


def work(arguments):
    os.environ["PGOPTIONS"] = "-c timezone=UTC"
    return Session(*arguments).run()


def watch(db, stop, problems, looks):
    """While they run: nobody is ever over-committed, by plain SQL over the committed rows."""
    sql = """SELECT s, sum(cpu_millicores) FROM sparkingest.reservations,
             LATERAL generate_series(starts_at, ends_at - '5 min'::interval, '5 min') AS s
             WHERE namespace = %s AND status = 'active' GROUP BY s HAVING sum(cpu_millicores) > %s OR sum(memory_mib) > %s"""
    while not stop.wait(0.5):
        for row in db.execute(sql, (NAMESPACE, CORES * 1000, GIB * 1024)).fetchall():
            problems.append(f"over-committed at {row[0]}: {row[1]} millicores")
        for row in db.execute("SELECT * FROM sparkingest.verify_ledger()").fetchall():
            problems.append(f"verify_ledger while writing: {row}")
        looks.append(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=100000)
    parser.add_argument("--sessions", type=int, default=16)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    print(f"soak: {options.attempts} attempts, {options.sessions} sessions, --seed {options.seed}", flush=True)
    db = connect()
    db.execute("UPDATE sparkingest.namespaces SET cpu_millicores = %s, memory_mib = %s WHERE namespace = %s",
               (CORES * 1000, GIB * 1024, NAMESPACE))
    begin = db.execute("SELECT date_trunc('hour', sparkingest.clock()) + '2 hours'::interval").fetchone()[0]
    tenants = []
    for i in range(options.sessions):
        tenant = db.execute("SELECT sparkingest.create_tenant(%s)", (f"soak {options.seed} {i}",)).fetchone()[0]
        db.execute("SELECT sparkingest.purchase(%s, 'vcpu_hours', 1000000)", (tenant,))
        tenants.append(tenant)
    stop, problems, looks = threading.Event(), [], []
    watcher = threading.Thread(target=watch, args=(connect(), stop, problems, looks))
    watcher.start()
    began = time.monotonic()
    try:
        with multiprocessing.get_context("spawn").Pool(options.sessions) as pool:
            results = pool.map(work, [(i, tenants[i], begin, options.attempts // options.sessions, options.seed)
                                      for i in range(options.sessions)], chunksize=1)
    finally:
        stop.set()
        watcher.join()
    seconds = time.monotonic() - began

    checks = []
    oracle = collections.defaultdict(lambda: [0, 0])
    count = collections.Counter()
    for told, done in results:
        count += done
        for cores, gib, starts, ends in told.values():
            for slot in slots(starts, ends):
                oracle[slot][0] += cores
                oracle[slot][1] += gib
    checks.append(("never over-committed and consistent while writing", not problems, problems[:5]))
    over = [(slot, use) for slot, use in oracle.items() if use[0] > CORES or use[1] > GIB]
    checks.append(("what sessions were told fits", not over, over[:5]))
    shown = {row[0]: [row[1], row[2]] for row in db.execute(
        "SELECT time_slot, allocated_cpu, allocated_memory FROM sparkingest.capacity(%s, tstzrange(%s, %s)) WHERE allocated_cpu > 0",
        (NAMESPACE, begin - datetime.timedelta(hours=1), begin + datetime.timedelta(hours=3 * HOURS))).fetchall()}
    differ = [(slot, shown.get(slot), use) for slot, use in oracle.items() if shown.get(slot) != use]
    differ += [(slot, use, None) for slot, use in shown.items() if slot not in oracle]
    checks.append(("capacity() shows what sessions were told", not differ, differ[:5]))
    left = db.execute("SELECT * FROM sparkingest.verify_ledger()").fetchall()
    checks.append(("verify_ledger() is empty", not left, left[:5]))
    fullest = max((use[0] for use in oracle.values()), default=0) * 100 // CORES
    checks.append(("the namespace was nearly full", fullest >= 95, [f"{fullest} %"]))
    checks.append(("it was looked at while writing", len(looks) > 2, [len(looks)]))
    for name, good, detail in checks:
        if not good:
            print(f"FAILED: {name}: {detail}")
    good = sum(1 for check in checks if check[1])
    print(f"{dict(count)}, {fullest} % full, {seconds:.0f} s, {len(looks)} looks")
    print(f"soak: {good} passed, {len(checks) - good} failed")
    return 0 if good == len(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
