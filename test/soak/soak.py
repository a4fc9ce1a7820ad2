"""The ledger under fire: sessions reserve, move, release, roll back to savepoints, are cancelled and terminated, at three
isolation levels, in a namespace that is nearly full, while the ledger is made anew under them. The oracle adds up what
committed sessions were told, independently of our views: no slot may ever hold more than there is, what was committed is
there, what was not is not, and at the end ledger, tables and oracle agree.

    soak.py [--attempts 100000] [--sessions 16] [--crashes 0] [--seed N]   (PGHOST, PGPORT, PGUSER: a server with sparkingest)

--crashes N kills a backend with signal 9 N times, so that the server goes through crash recovery; soak.py must run as the
server's user, or root. A server that is away is waited for. Prints one line, "soak: N passed, M failed"; exits 1 when
something failed.
"""
import argparse
import collections
import datetime
import multiprocessing
import os
import random
import signal
import sys
import threading
import time

import psycopg

NAMESPACE = "vcpu-hours-ns"
CORES, GIB = 40, 80
STEP = datetime.timedelta(minutes=5)
HOURS = 6
PATIENCE = 120
LEVELS = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
RESERVE = ("SELECT reservation_id, starts_at, ends_at FROM sparkingest.try_reserve(%s, %s, %s, %s, not_before => %s, "
           "sla_window => %s, namespace => %s)")
OWN = ("SELECT reservation_id, cpu_millicores / 1000, memory_mib / 1024, starts_at, ends_at FROM sparkingest.reservations "
       "WHERE tenant_id = %s AND status = 'active'")
# What the ledger must stand at any time; nothing of it changes what anybody may have.
DISTURBANCES = ("SELECT sparkingest.rebuild_ledger()",
                "SELECT sparkingest.maintain()",
                "UPDATE sparkingest.namespaces SET cpu_millicores = cpu_millicores WHERE namespace = 'draft-ingestion-ns'",
                "SELECT sparkingest.set_capacity('draft-ingestion-ns', 100, 200, tstzrange(sparkingest.clock() + '20 days', sparkingest.clock() + '21 days'))",
                f"SELECT count(*) FROM sparkingest.capacity('{NAMESPACE}', tstzrange(sparkingest.clock(), sparkingest.clock() + '30 days'))")


def connect():
    """A connection; waits for a server that recovers."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return psycopg.connect(dbname="postgres", autocommit=True)
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


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
        self.committing = None  # what it will hold if the commit that is on its way succeeds
        self.wrong = []
        self.savepoints = 0
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
            row = self.db.execute("SELECT starts_at, ends_at FROM sparkingest.move_reservation(%s, %s)", (victim, to)).fetchone()
            told[victim] = (*told[victim][:2], *row)
            self.count["move"] += 1
        else:
            made = self.reserve()
            self.count["reserve" if made else "refused"] += 1
            if made:
                told[made[0]] = made[1]

    def step(self, told):
        """One or more operations in a savepoint, perhaps with others in it, which stands or is rolled back to."""
        self.attempts -= 1
        before = dict(told)
        undo = self.random.random() < 0.10
        self.savepoints += 1
        name = f"s{self.savepoints}"
        self.db.execute(f"SAVEPOINT {name}")
        try:
            self.one(told)
            if self.random.random() < 0.10:
                self.step(told)
        except psycopg.Error as error:
            if error.sqlstate != "SI001":  # a move that does not fit
                raise
            undo = True
        if undo:
            self.db.execute(f"ROLLBACK TO SAVEPOINT {name}")
            told.clear()
            told.update(before)
            self.count["undone"] += 1
        if undo or self.random.random() < 0.5:
            self.db.execute(f"RELEASE SAVEPOINT {name}")

    def transaction(self):
        told = dict(self.told)
        self.db.execute(f"BEGIN ISOLATION LEVEL {self.random.choice(LEVELS)}")
        for _ in range(self.random.choice((1, 1, 1, 2, 4))):
            self.step(told)
        if self.random.random() < 0.10:
            self.db.execute("ROLLBACK")
            self.count["rollback"] += 1
        else:
            self.committing = told
            self.db.execute("COMMIT")
            self.told, self.committing = told, None
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
        """After an error: what the tables say must be what was committed, or what was being committed."""
        while True:
            try:
                if self.db.closed:
                    self.db = connect()
                self.db.execute("ROLLBACK")
                rows = self.db.execute(OWN, (self.tenant,)).fetchall()
                break
            except psycopg.Error:  # the blow lands only now
                self.db.close()
        found = {row[0]: tuple(row[1:]) for row in rows}
        if found != self.told and found != self.committing:
            self.wrong.append(f"tenant {self.tenant} was told {self.told}, or {self.committing}, and has {found}")
        self.told, self.committing = found, None

    def run(self):
        while self.attempts > 0:
            thread = self.hit() if self.random.random() < 0.01 else None
            try:
                self.transaction()
            except psycopg.errors.SerializationFailure:
                self.count["serialization"] += 1
                self.recover()
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
        self.recover()
        return self.told, self.count, self.wrong


def work(arguments):
    os.environ["PGOPTIONS"] = "-c timezone=UTC -c synchronous_commit=on"  # what is acknowledged must survive a crash
    return Session(*arguments).run()


class Beside:
    """What goes on beside the sessions, each in a thread: looks at them, disturbs them, crashes the server."""

    def __init__(self, seed, crashes):
        self.random = random.Random(seed)
        self.stop, self.problems, self.count = threading.Event(), [], collections.Counter()
        self.crashes = crashes
        self.threads = [threading.Thread(target=f) for f in (self.watch, self.disturb, self.crash)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def again(self, pause, action):
        """Calls action(connection) until the end; a connection that breaks is made anew."""
        db = connect()
        while not self.stop.wait(pause):
            try:
                action(db)
            except psycopg.Error as error:
                if not db.closed and not self.crashes:
                    self.problems.append(f"{action.__name__}: {error}")
                db.close()
                db = connect()

    def watch(self):
        """Nobody is ever over-committed, by plain SQL over the committed rows."""
        sql = """SELECT s, sum(cpu_millicores) FROM sparkingest.reservations,
                 LATERAL generate_series(starts_at, ends_at - '5 min'::interval, '5 min') AS s
                 WHERE namespace = %s AND status = 'active' GROUP BY s HAVING sum(cpu_millicores) > %s OR sum(memory_mib) > %s"""

        def look(db):
            for row in db.execute(sql, (NAMESPACE, CORES * 1000, GIB * 1024)).fetchall():
                self.problems.append(f"over-committed at {row[0]}: {row[1]} millicores")
            for row in db.execute("SELECT * FROM sparkingest.verify_ledger()").fetchall():
                self.problems.append(f"verify_ledger while writing: {row}")
            self.count["look"] += 1
        self.again(0.4, look)

    def disturb(self):
        def disturbance(db):
            db.execute(self.random.choice(DISTURBANCES))
            self.count["disturbance"] += 1
        self.again(0.5, disturbance)

    def crash(self):
        while self.count["crash"] < self.crashes and not self.stop.wait(1 + self.random.random()):
            db = connect()
            try:
                pids = [row[0] for row in db.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND "
                                                     "pid <> pg_backend_pid()").fetchall()]
                started = db.execute("SELECT pg_postmaster_start_time()").fetchone()
                os.kill(self.random.choice(pids), signal.SIGKILL)
                while True:  # until we are thrown out ourselves: the crash happened
                    db.execute("SELECT pg_sleep(0.01)")
            except psycopg.Error:
                self.count["crash"] += 1
            after = connect().execute("SELECT pg_postmaster_start_time()").fetchone()
            if after != started:
                self.problems.append(f"the postmaster itself was started anew at {after[0]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=100000)
    parser.add_argument("--sessions", type=int, default=16)
    parser.add_argument("--crashes", type=int, default=0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    os.environ["PGOPTIONS"] = "-c timezone=UTC -c synchronous_commit=on"  # what is acknowledged must survive a crash
    print(f"soak: {options.attempts} attempts, {options.sessions} sessions, {options.crashes} crashes, --seed {options.seed}", flush=True)
    db = connect()
    db.execute("UPDATE sparkingest.namespaces SET cpu_millicores = %s, memory_mib = %s WHERE namespace = %s",
               (CORES * 1000, GIB * 1024, NAMESPACE))
    begin = db.execute("SELECT date_trunc('hour', sparkingest.clock()) + '2 hours'::interval").fetchone()[0]
    tenants = []
    for i in range(options.sessions):
        tenant = db.execute("SELECT sparkingest.create_tenant(%s)", (f"soak {options.seed} {i}",)).fetchone()[0]
        # Some have more hours than they can use, others are short of them all the time.
        db.execute("SELECT sparkingest.purchase(%s, 'vcpu_hours', %s)", (tenant, 4 + 4 * i))
        tenants.append(tenant)
    db.close()
    began = time.monotonic()
    with Beside(options.seed, options.crashes) as beside:
        with multiprocessing.get_context("spawn").Pool(options.sessions) as pool:
            results = pool.map(work, [(i, tenants[i], begin, options.attempts // options.sessions, options.seed)
                                      for i in range(options.sessions)], chunksize=1)
    seconds = time.monotonic() - began

    checks = []
    oracle = collections.defaultdict(lambda: [0, 0])
    count = collections.Counter()
    wrong = []
    for told, done, mistakes in results:
        count += done
        wrong += mistakes
        for cores, gib, starts, ends in told.values():
            for slot in slots(starts, ends):
                oracle[slot][0] += cores
                oracle[slot][1] += gib
    db = connect()
    checks.append(("never over-committed and consistent while writing", not beside.problems, beside.problems[:5]))
    checks.append(("what was committed is there, and nothing else", not wrong, wrong[:3]))
    over = [(slot, use) for slot, use in oracle.items() if use[0] > CORES or use[1] > GIB]
    checks.append(("what sessions were told fits", not over, over[:5]))
    shown = {row[0]: [row[1], row[2]] for row in db.execute(
        "SELECT time_slot, allocated_cpu, allocated_memory FROM sparkingest.capacity(%s, tstzrange(%s, %s)) WHERE allocated_cpu > 0",
        (NAMESPACE, begin - datetime.timedelta(hours=1), begin + datetime.timedelta(hours=3 * HOURS))).fetchall()}
    differ = [(slot, shown.get(slot), use) for slot, use in oracle.items() if shown.get(slot) != use]
    differ += [(slot, use, None) for slot, use in shown.items() if slot not in oracle]
    checks.append(("capacity() shows what sessions were told", not differ, differ[:5]))
    hours = [sum(cores * (ends - starts) / datetime.timedelta(hours=1) for cores, _, starts, ends in told.values()) for told, _, _ in results]
    books = [db.execute("SELECT sum(held), sum(spent), sum(granted) - sum(available) FROM sparkingest.balance(%s)", (tenant,)).fetchone()
             for tenant in tenants]
    differ = [(i, books[i], hours[i]) for i in range(options.sessions)
              if abs(float(books[i][0]) - hours[i]) > 0.001 or books[i][1] != 0 or books[i][2] != books[i][0]]
    checks.append(("balance() holds what sessions were told, and nothing else", not differ, differ[:5]))
    short = sum(1 for i, book in enumerate(books) if 4 + 4 * i - book[0] < 4)
    checks.append(("some tenants used up their hours", short > 0, [books]))
    left = db.execute("SELECT * FROM sparkingest.verify_books()").fetchall()
    checks.append(("verify_books() is empty", not left, left[:5]))
    left = db.execute("SELECT * FROM sparkingest.verify_ledger()").fetchall()
    checks.append(("verify_ledger() is empty", not left, left[:5]))
    fullest = max((use[0] for use in oracle.values()), default=0) * 100 // CORES
    checks.append(("the namespace was nearly full", fullest >= 95, [f"{fullest} %"]))
    checks.append(("it was looked at while writing", beside.count["look"] > 2, [beside.count]))
    checks.append(("all crashes happened", beside.count["crash"] >= options.crashes, [beside.count]))
    for name, good, detail in checks:
        if not good:
            print(f"FAILED: {name}: {detail}")
    good = sum(1 for check in checks if check[1])
    print(f"{dict(count)}, {dict(beside.count)}, {fullest} % full, {seconds:.0f} s")
    print(f"soak: {good} passed, {len(checks) - good} failed")
    return 0 if good == len(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
