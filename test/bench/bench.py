"""Measures and prints the table. Called by run, which documents the options, on a server that setup.sql prepared."""
import argparse
import dataclasses
import glob
import os
import platform
import re
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = ("commits", "slots", "spread", "latency", "search", "refused", "hours", "rebuild", "schedules", "waiting", "usage", "rollup", "statement", "flood")
CLIENTS = 32
THREADS = 2  # of pgbench
SLOW_COMMIT = 3  # ms: the disk on which slot rows were measured for the design, 290/s; ours commits in 0.1

TENANT = "'00000000-0000-4000-8000-00000000%d'"
HOUR = "date_trunc('hour', now())"
# What is looked for in a pool of 100 cores that is 90 % full for 30 days: an expression over i, and what it must answer.
SEARCHES = {
    "fits only at the end": ("50, 100, '1 hour', sla_window => '31 days'", f"BETWEEN {HOUR} + '29 days' AND {HOUR} + '31 days'"),
    "fits nowhere": ("10, 20, '4 hours', sla_window => '29 days'", "IS NULL"),
    "typical": (f"10, 20, '30 minutes', not_before => {HOUR} + i %% 8000 * interval '5 minutes', sla_window => '30 days'", "IS NOT NULL"),
}
CONSUMED = 10_000_000  # rows of resource_consumption, over MONTHS before this one
MONTHS = 24
WAITING = 10_000  # runs that wait
IN_AN_HOUR = 100_000  # executions; as many of one tenant in a month
FLOODED_LIMIT = 100  # calls per second that an operator lets the tenant make that floods
POOLS = {"a namespace": "'month-ns'", "a tenant's units": f"'dedicated-cpu-ns', tenant_id => {TENANT % 1003}"}
CALLS = 10000


@dataclasses.dataclass
class Line:
    """A row of the table. The value that is held against the target is the ratio, or else what was measured."""
    case: str
    clients: int
    measured: float
    unit: str
    baseline_name: str = ""
    baseline: float = 0
    target: float = 0
    at_most: bool = False
    by_ratio: bool = True

    def ratio(self):
        return self.measured / self.baseline if self.baseline else None

    def judged(self):
        return self.ratio() if self.by_ratio else self.measured

    def passed(self):
        if not self.target:
            return None
        return self.judged() <= self.target if self.at_most else self.judged() >= self.target

    def cells(self):
        def amount(value):
            return f"{value:,.0f}{self.unit}" if value >= 100 else f"{value:.1f}{self.unit}"
        target = ""
        if self.target:
            wanted = f"{self.target:g} ×" if self.by_ratio else amount(self.target).replace(".0", "")
            target = f"{'≤' if self.at_most else '≥'} {wanted}"
        return [self.case, str(self.clients), amount(self.measured),
                f"{self.baseline_name} {amount(self.baseline)}" if self.baseline else "",
                f"{self.ratio():.2f}" if self.baseline else "", target, {None: "", True: "pass", False: "FAIL"}[self.passed()]]


class Bench:
    def __init__(self, options):
        self.options = options
        self.lines = []
        self.problems = []
        self.reserved = 0

    def note(self, *arguments, **keywords):
        self.lines.append(Line(*arguments, **keywords))
        print("  " + "  ".join(cell for cell in self.lines[-1].cells() if cell), file=sys.stderr, flush=True)

    def expect(self, what, is_so):
        if not is_so:
            self.problems.append(what)

    def psql(self, sql):
        done = subprocess.run([f"{self.options.bindir}/psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], input=sql, text=True,
                              capture_output=True, check=False)
        if done.returncode:
            sys.exit(f"bench: {done.stderr}")
        return done.stdout.strip()

    def milliseconds(self, call):
        """Of one call, on its own."""
        return float(self.psql(f"SELECT clock_timestamp() AS began \\gset\nSELECT count(*) FROM {call} AS x \\g /dev/null\n"
                               "SELECT extract(epoch FROM clock_timestamp() - :'began') * 1000;"))

    def pgbench(self, script, clients, log=None):
        """Transactions per second of scripts/SCRIPT.sql; with `log`, a list, adds the transactions' milliseconds to it.

        SCRIPT@N: with commits that take N ms, as they do on slower disks.
        """
        script, _, delay = script.partition("@")
        environment = dict(os.environ, PGOPTIONS=f"-c commit_delay={delay}000 -c commit_siblings=0" if delay else "")
        command = [f"{self.options.bindir}/pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, THREADS)),
                   "-T", str(self.options.seconds), "-f", f"{HERE}/scripts/{script}.sql"]
        prefix = f"{self.options.directory}/latency"
        done = subprocess.run(command + (["--log", f"--log-prefix={prefix}"] if log is not None else []), text=True,
                              env=environment, capture_output=True, check=False)
        if done.returncode or not re.search(r"failed transactions: 0 ", done.stdout):
            sys.exit(f"bench: {' '.join(command)}: {done.stdout}{done.stderr}")
        if script in ("reserve", "reserve_units", "spread", "turn_hours", "turn_units"):
            self.reserved += int(re.search(r"actually processed: (\d+)", done.stdout)[1])
        for name in glob.glob(f"{prefix}.*"):
            with open(name, encoding="ascii") as file:
                log.extend(int(line.split()[2]) / 1000 for line in file)
            os.remove(name)
        return float(re.search(r"^tps = ([0-9.]+)", done.stdout, re.M)[1])

    def rates(self, scripts, clients):
        """Medians by script. The scripts take turns, so that what disturbs one disturbs all."""
        seen = {script: [] for script in scripts}
        for _ in range(self.options.rounds):
            for script in scripts:
                seen[script].append(self.pgbench(script, clients))
        return {script: statistics.median(values) for script, values in seen.items()}

    def throughput(self, cases):
        for clients in (1, 8, CLIENTS):
            scripts = []
            if "commits" in cases or (clients == CLIENTS and "spread" in cases):
                scripts.append("insert")
            if "commits" in cases or (clients == CLIENTS and "slots" in cases):
                scripts += ["reserve_units", "reserve"] if "commits" in cases else ["reserve"]
            if clients == CLIENTS:
                slow = [f"{script}@{SLOW_COMMIT}" for script in ("reserve", "slot_rows")]
                scripts += [script for case, added in (("slots", ["slot_rows", *slow]), ("spread", ["spread"])) if case in cases
                            for script in added]
            rates = self.rates(scripts, clients) if scripts else {}
            if "commits" in cases:
                self.note("INSERT into a bare table", clients, rates["insert"], "/s")
                self.note("reserve, one hot pool (a tenant's units)", clients, rates["reserve_units"], "/s", "INSERT", rates["insert"], 0.6)
                self.note("reserve, one hot pool (shared; hours are held)", clients, rates["reserve"], "/s", "INSERT", rates["insert"], 0.6)
            if "slot_rows" in rates:
                self.note("reserve, one hot pool", clients, rates["reserve"], "/s", "slot rows", rates["slot_rows"])
                self.note(f"the same where a commit takes {SLOW_COMMIT} ms", clients, rates[slow[0]], "/s", "slot rows", rates[slow[1]], 30)
            if "spread" in rates:
                self.note("reserve, 200 pools", clients, rates["spread"], "/s", "INSERT", rates["insert"], 0.6)

    def percentile(self, script, clients=CLIENTS):
        """The 99th of a hundred, exactly: of all transactions of one measurement, the least that 99 % do not exceed."""
        log = []
        self.pgbench(script, clients, log)
        log.sort()
        return log[-(-len(log) * 99 // 100) - 1]

    def latency(self):
        seen = {"insert": [], "reserve": [], "held": []}
        for _ in range(self.options.rounds):
            seen["insert"].append(self.percentile("insert"))
            seen["reserve"].append(self.percentile("reserve"))
            with Holder(self.options.bindir) as holder:
                seen["held"].append(self.percentile("reserve"))
                self.expect("the holder's transaction was still open", holder.is_open())
        middle = {name: statistics.median(values) for name, values in seen.items()}
        self.note("p99 of reserve, one hot pool", CLIENTS, middle["reserve"], " ms", "INSERT", middle["insert"], 20, at_most=True, by_ratio=False)
        self.note("p99 of reserve, 90 % of the pool held uncommitted", CLIENTS, middle["held"], " ms", "alone", middle["reserve"], 2, at_most=True)

    def microseconds(self, expression):
        """Of one call, by a session that makes many."""
        took = self.psql(f"SET jit = off; SELECT count({expression}) FROM generate_series(1, 100) AS i \\g /dev/null\n"
                         f"SELECT clock_timestamp() AS began \\gset\n"
                         f"SELECT count({expression}) FROM generate_series(1, {CALLS}) AS i \\g /dev/null\n"
                         f"SELECT extract(epoch FROM clock_timestamp() - :'began') * 1000000 / {CALLS};")
        return float(took)

    def search(self):
        trivial = statistics.median(self.microseconds("sparkingest.clock()") for _ in range(self.options.rounds))
        for name, (what, answer) in SEARCHES.items():
            for pool, where in POOLS.items():
                namespace, *owner = where.split(", ")
                call = f"sparkingest.find_slot({', '.join([namespace, what.replace('%%', '%'), *owner])})"
                self.expect(f"{name} in {pool}", self.psql(f"SELECT bool_and(({call}) {answer}) FROM generate_series(1, 8000, 97) AS i") == "t")
                took = statistics.median(self.microseconds(call) for _ in range(self.options.rounds)) - trivial
                self.note(f"earliest fit in 30 days of {pool}, {name}", 1, took, " µs", target=100 if name == "typical" else 1000,
                          at_most=True, by_ratio=False)

    def refused(self):
        pools = {"refused_shared": "a full namespace", "refused_dedicated": "a tenant's full units"}
        rates = self.rates(["clock", *pools], CLIENTS)
        for script, pool in pools.items():
            self.note(f"refused try_reserve, {pool}", CLIENTS, rates[script], "/s", "clock()", rates["clock"], 20000, by_ratio=False)
        self.expect("what is full refused everything", self.psql(
            "SELECT count(*) FROM sparkingest.reservations WHERE namespace = 'full-ns' OR tenant_id = bench.tenant(1002)") == "2")

    def hours(self):
        """What holding and settling vCPU-hours adds: the same on units, which are paid for already."""
        rates = self.rates(["reserve_units", "reserve", "turn_units", "turn_hours"], CLIENTS)
        self.note("reserve, one tenant's vCPU-hours", CLIENTS, rates["reserve"], "/s", "its units", rates["reserve_units"], 0.75)
        self.note("reserve and release, one tenant's vCPU-hours", CLIENTS, rates["turn_hours"], "/s", "its units", rates["turn_units"])

    def rebuild(self):
        """From the tables, all at once: every pool is asked for by one session."""
        self.psql("SELECT bench.hold('dedicated-cpu-ns', bench.tenant(n), bench.tenant(n), 1000, 2048, at, at + '1 hour') "
                  f"FROM generate_series(1, 200) AS n, generate_series(1, 500) AS m, LATERAL (SELECT {HOUR} + m % 24 * interval '1 hour') AS t (at) "
                  "\\g /dev/null\nVACUUM ANALYZE sparkingest.reservations;")
        took = statistics.median(float(self.psql(
            "SELECT sparkingest.rebuild_ledger() \\g /dev/null\nSELECT clock_timestamp() AS began \\gset\n"
            "SELECT count(sparkingest.find_slot('dedicated-cpu-ns', 1, 2, '1 hour', tenant_id => bench.tenant(n))) "
            "FROM generate_series(1, 200) AS n \\g /dev/null\n"
            "SELECT extract(epoch FROM clock_timestamp() - :'began') * 1000;")) for _ in range(self.options.rounds))
        self.note("rebuilding 200 pools with 100,000 open reservations", 1, took, " ms", target=2000, at_most=True, by_ratio=False)

    def schedules(self):
        """Jobs as rows: all of them are planned a week ahead but for those that come due."""
        idle = []
        for jobs in (1000, 100000):
            self.psql(f"SELECT bench.schedules({jobs}) \\g /dev/null\nVACUUM ANALYZE sparkingest.ingestion_jobs;")
            idle.append(statistics.median(self.milliseconds("sparkingest.plan()") for _ in range(50 * self.options.rounds)))
        self.note("plan(), none of 100,000 schedules due", 1, idle[1], " ms", "of 1,000", idle[0], 1.5, at_most=True)
        made = "SELECT count(*) FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id) WHERE j.tenant_id = bench.tenant(1001)"
        took = []
        for number in range(self.options.rounds):
            self.psql("UPDATE sparkingest.ingestion_jobs SET plan_at = now() WHERE job_id IN "
                      f"(SELECT job_id FROM sparkingest.ingestion_jobs WHERE job_name LIKE 'nightly %' ORDER BY job_name LIMIT 10000 OFFSET {number * 10000})")
            before = int(self.psql(made))
            took.append(self.milliseconds("sparkingest.plan()"))
            self.expect("each of the schedules that were due is planned, once", int(self.psql(made)) - before == 10000)
        self.note("plan(), 10,000 of 100,000 schedules due", 1, statistics.median(took), " ms", target=5000, at_most=True, by_ratio=False)
        took = self.milliseconds("(SELECT sparkingest.run_job(j.job_id, now() + n % 1440 * interval '1 minute') FROM generate_series(1, 100000) AS n "
                                 "JOIN sparkingest.ingestion_jobs AS j ON j.job_name = 'nightly ' || n % 1000)")
        self.note("run_job(), 100,000 runs in one transaction", 1, took / 1000, " s", target=60, at_most=True, by_ratio=False)

    def waiting(self):
        """Runs of 1,000 jobs of 100 tenants, 400 at a time; then 800."""
        cores = "UPDATE sparkingest.namespaces SET cpu_millicores = {0} * 1000, memory_mib = {0} * 2048 WHERE namespace = 'vcpu-hours-ns'"
        self.psql(f"{cores.format(400)}; SELECT bench.waiting_jobs(); SELECT count(sparkingest.run_job(job_id)) FROM sparkingest.ingestion_jobs, "
                  f"generate_series(1, {WAITING // 1000 + 1}) WHERE job_name LIKE 'waiting %' \\g /dev/null\nVACUUM ANALYZE;")
        # The plan of all as it is; a scheduled run gives way to a waiting one.
        self.milliseconds("sparkingest.plan()")
        nothing = statistics.median(self.milliseconds("sparkingest.plan()") for _ in range(self.options.rounds))
        ended = []
        for _ in range(self.options.rounds):
            self.psql("SELECT sparkingest.cancel_execution(execution_id) FROM sparkingest.job_executions WHERE state = 'scheduled' LIMIT 1")
            ended.append(self.milliseconds("sparkingest.plan()"))
        before = int(self.psql("SELECT count(*) FROM sparkingest.events WHERE event_type = 'execution.replanned'"))
        self.psql(cores.format(800))
        took = self.milliseconds("sparkingest.plan()")
        moved = int(self.psql("SELECT count(*) FROM sparkingest.events WHERE event_type = 'execution.replanned'")) - before
        self.expect(f"most of the runs moved ({moved})", moved > WAITING * 0.8)
        self.note(f"plan(), {WAITING:,} waiting, {moved:,} moved", 1, took, " ms", target=5000, at_most=True, by_ratio=False)
        self.note(f"plan(), {WAITING:,} waiting, one run cancelled", 1, statistics.median(ended), " ms", target=50, at_most=True, by_ratio=False)
        self.note(f"plan(), {WAITING:,} waiting, nothing to do", 1, nothing, " ms")

    def load_history(self):
        """What history.sql prepares: jobs, months, and ways of filling them."""
        with open(f"{HERE}/history.sql", encoding="utf-8") as file:
            self.psql(file.read())

    def usage(self):
        """Two sessions load, each every other month."""
        began = time.monotonic()
        each = CONSUMED // MONTHS
        loads = ["".join(f"SELECT bench.consume({1000 + ago * each}, {each}, 10001, 1000, bench.month({ago}), bench.month({ago - 1})) \\g /dev/null\n"
                         for ago in range(first, MONTHS + 1, 2)) for first in (1, 2)]
        sessions = [subprocess.Popen([f"{self.options.bindir}/psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-c", "SET check_function_bodies = off", "-f", "-"],
                                     stdin=subprocess.PIPE, text=True) for _ in loads]
        for session, load in zip(sessions, loads):
            session.stdin.write(load)
            session.stdin.close()
        self.expect("two years of use were loaded", all([session.wait() == 0 for session in sessions]))
        self.psql("VACUUM ANALYZE sparkingest.resource_consumption, sparkingest.grants, sparkingest.balance_entries;")
        print(f"  {CONSUMED:,} rows in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        self.expect("no month is in the rest", self.psql("SELECT count(*) FROM sparkingest.resource_consumption_rest") == "0")
        call = "sparkingest.usage(bench.tenant(10001 + i % 1000))"
        took = statistics.median(self.microseconds(call) for _ in range(self.options.rounds))
        self.note(f"usage(), {CONSUMED // 1_000_000} million rows of consumption", 1, took / 1000, " ms", target=2, at_most=True, by_ratio=False)

    def rollup(self):
        """An hour of 100 tenants, from what their executions left for roll_up()."""
        hour = "'" + self.psql(f"SELECT {HOUR} - interval '2 hours'") + "'::timestamptz"
        self.psql(f"SELECT bench.consume(500000000, {IN_AN_HOUR}, 10001, 100, {hour}, {hour} + interval '1 hour'), bench.execute(500000000, {IN_AN_HOUR}) \\g /dev/null\n"
                  "VACUUM ANALYZE sparkingest.resource_consumption, sparkingest.job_executions;")
        seen = []
        for _ in range(self.options.rounds):
            seen.append(self.milliseconds("sparkingest.roll_up()"))
            self.expect("an hour was rolled up", self.psql(f"SELECT sum(executions), sum(ended) FROM sparkingest.usage_hourly WHERE hour = {hour}") == f"{IN_AN_HOUR}|{IN_AN_HOUR}")
            self.psql("DELETE FROM sparkingest.usage_hourly; DELETE FROM sparkingest.usage_load; INSERT INTO sparkingest.usage_changes "
                      "SELECT tenant_id, date_trunc('hour', finished_at) FROM sparkingest.job_executions WHERE execution_id >= bench.run(500000000);")
        self.note(f"roll_up() of an hour with {IN_AN_HOUR:,} executions", 1, statistics.median(seen), " ms", target=2000, at_most=True, by_ratio=False)

    def statement(self):
        """Last month of a tenant that used nothing before."""
        self.psql("SET check_function_bodies = off; INSERT INTO sparkingest.tenants (tenant_id, tenant_name, time_zone, created_at) VALUES (bench.tenant(20000), 'busy', 'UTC', now());\n"
                  f"SELECT bench.consume(600000000, {IN_AN_HOUR}, 10001, 50, bench.month(1), bench.month(0)) \\g /dev/null\n"
                  "UPDATE sparkingest.resource_consumption SET tenant_id = bench.tenant(20000) WHERE execution_id >= bench.run(600000000);\n"
                  "VACUUM ANALYZE sparkingest.resource_consumption;")
        call = "sparkingest.statement(bench.tenant(20000), (bench.month(1) AT TIME ZONE 'UTC')::date)"
        self.expect("the statement is about all of them", self.psql(f"SELECT executions FROM {call} WHERE kind = 'total' AND description = 'vCPU-hours'") == str(IN_AN_HOUR))
        took = statistics.median(self.milliseconds(call) for _ in range(self.options.rounds))
        self.note(f"statement() of a month with {IN_AN_HOUR:,} executions", 1, took, " ms", target=1000, at_most=True, by_ratio=False)

    def flood(self):
        """What 8 clients of others wait while 24 of one tenant do nothing but ask, whose limit an operator has set."""
        self.psql(f"SELECT sparkingest.set_tenant_limits(bench.tenant(1001), '{{\"calls_per_second\": {FLOODED_LIMIT}}}') \\g /dev/null\n"
                  "CREATE ROLE bench_flooder LOGIN; GRANT sparkingest_tenant TO bench_flooder;\n"
                  "SELECT sparkingest.grant_tenant(bench.tenant(1001), 'bench_flooder') \\g /dev/null")
        calls = {"others_reserve": "reserve", "others_run_job": "run_job"}
        seen = {(script, flooded): [] for script in calls for flooded in (False, True)}
        for _ in range(self.options.rounds):
            for script in calls:
                seen[script, False].append(self.percentile(script, 8))
                flood = subprocess.Popen([f"{self.options.bindir}/pgbench", "-n", "-U", "bench_flooder", "-c", "24", "-j", str(THREADS), "-T", "3600", "-f", f"{HERE}/scripts/flood.sql"],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                seen[script, True].append(self.percentile(script, 8))
                self.expect("the flood did not end before", flood.poll() is None)
                flood.terminate()
                flood.wait()
        for script, call in calls.items():
            self.note(f"p99 of others' {call} while a tenant floods with 24 clients", 8, statistics.median(seen[script, True]), " ms", "alone",
                      statistics.median(seen[script, False]), 3, at_most=True)

    def run(self):
        count = "SELECT count(*) FROM sparkingest.reservations"
        before = int(self.psql(count))
        self.throughput(self.options.cases)
        for case in ("latency", "search", "refused", "hours"):
            if case in self.options.cases:
                getattr(self, case)()
        self.expect("every reservation that was answered is there", int(self.psql(count)) - before == self.reserved)
        if "rebuild" in self.options.cases:
            self.rebuild()
        if "schedules" in self.options.cases:
            self.schedules()
        if "waiting" in self.options.cases:
            self.waiting()
        later = [case for case in ("usage", "rollup", "statement", "flood") if case in self.options.cases]
        if later:
            self.load_history()
        for case in later:
            getattr(self, case)()
        self.expect("verify_ledger() is empty", self.psql("SELECT count(*) FROM sparkingest.verify_ledger()") == "0")


class Holder:
    """A session that holds 90 % of the hot pool's next day and does not commit."""

    def __init__(self, bindir):
        self.session = subprocess.Popen([f"{bindir}/psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(self, sql):
        self.session.stdin.write(sql + "\n")
        return self.session.stdout.readline().strip()

    def __enter__(self):
        self.ask("BEGIN; SELECT bench.hold(namespace, NULL, bench.tenant(1001), cpu_millicores / 10 * 9, memory_mib / 10 * 9, "
                 f"{HOUR}, {HOUR} + '1 day') FROM sparkingest.namespaces WHERE namespace = 'vcpu-hours-ns';")
        return self

    def is_open(self):
        return self.ask("SELECT txid_current_if_assigned() IS NOT NULL;") == "t"

    def __exit__(self, *_):
        self.session.stdin.write("ROLLBACK;\n")
        self.session.stdin.close()
        self.session.wait()


def syncs_per_second(directory):
    with open(f"{directory}/sync", "wb", buffering=0) as file:
        file.write(bytes(8192))
        count, began = 0, time.monotonic()
        while time.monotonic() - began < 1:
            os.pwrite(file.fileno(), bytes(8192), 0)
            os.fdatasync(file.fileno())
            count += 1
    return count


def machine(bench):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    options = bench.options
    settings = bench.psql("SELECT string_agg(name || ' ' || setting, ', ' ORDER BY name) FROM pg_settings WHERE name IN "
                          "('fsync', 'synchronous_commit', 'full_page_writes', 'server_version')")
    return (f"{os.cpu_count()} cores ({model[1] if model else platform.machine()}), {memory:.0f} GiB, Linux {platform.release()}, "
            f"{syncs_per_second(options.directory):,} fdatasync/s of 8 KiB\nPostgreSQL: {settings}\n"
            f"medians of {options.rounds} measurements of {options.seconds} s; load {os.getloadavg()[0]:.1f} at the beginning")


def table(lines):
    rows = [["case", "clients", "measured", "baseline of this run", "ratio", "target", ""]] + [line.cells() for line in lines]
    widths = [max(len(row[i]) for row in rows) for i in range(7)]
    right = (1, 2, 3, 4)
    rows.insert(1, ["-" * (width - 1) + ":" if i in right else "-" * width for i, width in enumerate(widths)])
    for row in rows:
        yield "| " + " | ".join(cell.rjust(widths[i]) if i in right else cell.ljust(widths[i]) for i, cell in enumerate(row)) + " |"


def parse():
    parser = argparse.ArgumentParser(prog="run", description="see the head of test/bench/run")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--bindir", help=argparse.SUPPRESS)
    parser.add_argument("--directory", help=argparse.SUPPRESS)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    options = parser.parse_args()
    for case in options.cases:
        if case not in CASES:
            parser.error(f"unknown case \"{case}\": {', '.join(CASES)}")
    options.cases = options.cases or CASES
    return options


def main():
    options = parse()
    if options.check:
        return 0
    bench = Bench(options)
    head = machine(bench)
    bench.run()
    print(head, *table(bench.lines), sep="\n")
    for problem in bench.problems:
        print(f"FAILED: it is not so that {problem}")
    verdicts = [line.passed() for line in bench.lines if line.passed() is not None]
    failed = verdicts.count(False) + len(bench.problems)
    print(f"bench: {verdicts.count(True)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
