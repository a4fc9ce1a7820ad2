"""Runs the trace and prints the table. Called by quality, which documents the options, on a server with quality.sql."""
import argparse
import datetime
import heapq
import itertools
import json
import statistics
import subprocess
import sys
import time

from rivals import DRAFT_NS, Cluster, Design, Outcome, StrictOrder
from trace import DAY, DRAFT, SHARED, START, TENANTS, capacity, describe, generate

MINUTE = 60
PREPARED = -3600  # second at which everything has been bought, created and promoted
GONE = 30  # seconds from a request to stop until the pods are gone
FEWER_MISSES = 0.7  # of the design's


class Session:
    """One psql; asks and answers over pipes."""

    END = "--end--"

    def __init__(self, psql):
        self.psql = subprocess.Popen([psql, "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1"], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True, bufsize=1)
        self.ask("SET client_min_messages = warning; SET timezone = 'UTC'")

    def ask(self, sql):
        """Rows, of texts."""
        self.psql.stdin.write(f"{sql};\n\\echo {self.END}\n")
        self.psql.stdin.flush()
        rows = []
        for line in self.psql.stdout:
            if line.rstrip("\n") == self.END:
                return rows
            rows.append(line.rstrip("\n").split("\t"))
        raise SystemExit(f"quality: the server did not answer: {sql}")


def literal(value):
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


class Planner:
    """Ours: the server decides, this is its users, its clock, its dispatcher and its cluster."""

    def __init__(self, trace, session):
        self.trace = trace
        self.session = session
        self.cluster = Cluster()
        self.outcome = Outcome()
        self.jobs = {}  # job id: Job
        self.ids = {}  # job number: its id
        self.tenant_ids = {}
        self.runs = {}  # run id, or job id and second of its schedule: Run
        self.live = {}  # execution id: Run, namespace; posted
        self.begun = {}  # execution id: second; running
        self.lent = set()  # run numbers whose owner had lent units when it asked
        self.events = []
        self.order = itertools.count()
        self.ticks = []  # milliseconds of plan()

    def at(self, second, rank, what, *args):
        heapq.heappush(self.events, (second, rank, next(self.order), what, args))

    def clock(self, second):
        return f"SET sparkingest.clock = '{START + datetime.timedelta(seconds=second)}'"

    def call(self, function, *args):
        return self.session.ask(f"SELECT * FROM {function}({', '.join(map(literal, args))})")

    def prepare(self):
        self.session.ask(self.clock(PREPARED))
        for namespace, size in capacity().items():
            self.call("quality.size", namespace, *size)
        self.call("quality.size", DRAFT_NS, *SHARED)  # for now: every job has its draft run
        for tenant in TENANTS:
            tenant_id = self.tenant_ids[tenant.name] = self.call("sparkingest.create_tenant", tenant.name)[0][0]
            # Bought from the first of the month, which no trace leaves.
            bought = ("monthly", START.replace(day=1))
            if tenant.units:
                self.call("sparkingest.purchase", tenant_id, "dedicated_units", tenant.units, *bought, None,
                          json.dumps({"lending_limit": tenant.lent}))
            if tenant.has_hours:
                self.call("sparkingest.purchase", tenant_id, "vcpu_hours", 1000000, *bought)
        for job in self.trace.jobs:
            sla = {"priority": job.priority, "sla_window_hours": job.window_hours}
            if job.finish_by is not None:
                sla["finish_by"] = f"{job.finish_by} minutes"
            job_id = self.ids[job.number] = self.call("quality.job", job.tenant.name, f"job {job.number}", job.cores, job.gib,
                                                      job.minutes, job.cron, json.dumps(sla))[0][0]
            self.jobs[job_id] = job
        self.call("quality.size", DRAFT_NS, *DRAFT)
        self.session.ask("ANALYZE")
        for run in self.trace.runs:
            self.at(run.at, 1, self.arrive, run)
            if run.job.cron is not None:
                self.runs[self.ids[run.job.number], run.at] = run
        # Schedules are known ahead: the plan may use the hour before.
        self.tick(PREPARED)

    def run(self):
        self.prepare()
        while self.events:
            now, _, _, what, args = heapq.heappop(self.events)
            self.session.ask(self.clock(now))
            what(now, *args)
            # What happens in the same second is one moment for the dispatcher.
            if not self.events or self.events[0][0] > now:
                self.dispatch(now)
        return self.outcome

    def tick(self, now):
        began = time.monotonic()
        self.session.ask("SELECT sparkingest.plan()")
        self.ticks.append((time.monotonic() - began) * 1000)
        if now % 600 == 0:
            self.session.ask("SELECT sparkingest.maintain()")
        for execution, state in self.call("quality.stopped"):
            self.at(now + GONE, 0, self.end, execution, state)
        # Until the last run has ended, or two days after the last arrival.
        if now < self.trace.seconds + 2 * DAY and (now < self.trace.seconds or len(self.outcome.finished) < len(self.trace.runs)):
            self.at((now // MINUTE + 1) * MINUTE, 3, self.tick)

    def arrive(self, now, run):
        tenant = run.job.tenant
        if tenant.lent and self.call("quality.lends", self.tenant_ids[tenant.name]) == [["t"]]:
            self.lent.add(run.number)
        if run.job.cron is not None:
            return
        execution, _ = self.call("quality.run", self.ids[run.job.number])[0]
        if execution:
            self.runs[execution] = run
        else:
            self.outcome.refused.add(run.number)

    def dispatch(self, now):
        for execution, run_id, job_id, scheduled, namespace in self.call("quality.claim"):
            second = int(scheduled) - int(START.timestamp())
            run = self.runs.get(run_id) or self.runs[job_id, second]
            self.live[execution] = (run, namespace)
            self.cluster.post(execution, run.job.need, namespace)
        for execution in list(self.cluster.start()):
            run, _ = self.live[execution]
            self.call("fixture.start", execution, START + datetime.timedelta(seconds=now))
            self.begun[execution] = now
            self.outcome.started[run.number] = now
            if run.number in self.lent:
                self.outcome.reclaims.append(now - run.at)
                self.lent.remove(run.number)
            self.at(now + run.takes, 0, self.end, execution, "succeeded")

    def end(self, now, execution, state):
        if execution not in self.live:
            return
        run, namespace = self.live.pop(execution)
        if execution in self.begun:
            self.cluster.end(run.job.need, namespace)
            self.outcome.spans.append((self.begun.pop(execution), now, run.job.cores))
        else:
            self.cluster.withdraw(execution, run.job.need, namespace)
        if state == "succeeded":
            self.outcome.finished[run.number] = now
        self.call("fixture.finish", execution, state, START + datetime.timedelta(seconds=now))


class Report:
    """The measures of one outcome."""

    def __init__(self, trace, outcome):
        self.due = [run for run in trace.runs if run.deadline is not None]
        self.missed = sum(outcome.finished.get(run.number, run.deadline + 1) > run.deadline for run in self.due)
        self.lost = len(trace.runs) - len(outcome.finished)
        waits = sorted(outcome.started[run.number] - run.at for run in trace.runs if run.number in outcome.finished)
        self.mean_wait = statistics.mean(waits) / 60
        self.p95_wait = waits[len(waits) * 95 // 100] / 60
        self.utilisation = self.used(trace, outcome) / self.offered(trace, outcome)
        self.reclaims = outcome.reclaims

    @staticmethod
    def used(trace, outcome):
        """Core-seconds within the days of the trace; the tail, with no new demand, says nothing."""
        return sum((min(end, trace.seconds) - min(start, trace.seconds)) * cores for start, end, cores in outcome.spans)

    @staticmethod
    def offered(trace, outcome):
        """Core-seconds that were there while some run had arrived and not ended."""
        spans = sorted((run.at, min(outcome.finished.get(run.number, run.at), trace.seconds)) for run in trace.runs)
        seconds, until = 0, 0
        for start, end in spans:
            seconds += max(end - max(start, until), 0)
            until = max(until, end)
        return seconds * sum(size[0] for size in capacity().values())

    def cells(self):
        reclaim = f"{statistics.mean(self.reclaims) / 60:.1f} of {len(self.reclaims)}" if self.reclaims else "none lent"
        return [f"{self.missed:,} of {len(self.due):,} ({self.missed / len(self.due):.1%})", f"{self.lost:,}", f"{self.utilisation:.1%}",
                f"{self.mean_wait:.1f}", f"{self.p95_wait:.1f}", reclaim]


MEASURES = ("deadlines missed", "refused or lost", "utilisation", "mean wait, minutes", "95th percentile of waits, minutes",
            "mean time to reclaim lent units, minutes")


def table(columns):
    """Columns of a name and its cells, as a table of Markdown."""
    rows = [["", *columns]] + [[measure, *(cells[i] for cells in columns.values())] for i, measure in enumerate(MEASURES)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rows.insert(1, ["-" * (width - bool(i)) + ":" * bool(i) for i, width in enumerate(widths)])
    for row in rows:
        yield "| " + " | ".join(cell.rjust(widths[i]) if i else cell.ljust(widths[i]) for i, cell in enumerate(row)) + " |"


def parse():
    parser = argparse.ArgumentParser(prog="quality", description="see the head of test/bench/quality")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=2)
    parser.add_argument("--load", type=float, default=1.0)
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--psql", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not 1 <= options.days <= 21 or not 0 < options.load <= 2:
        parser.error("--days must be 1 to 21 and --load above 0 and at most 2")
    return options


def main():
    options = parse()
    if options.check:
        return 0
    trace = generate(options.seed, options.days, options.load)
    print(f"seed {options.seed}: {describe(trace)}", flush=True)
    strict = Report(trace, StrictOrder(trace).run())
    design = Report(trace, Design(trace).run())
    if not options.psql:
        print(*table({"strict order": strict.cells(), "the design": design.cells()}), sep="\n")
        return 0
    began = time.monotonic()
    session = Session(options.psql)
    planner = Planner(trace, session)
    ours = Report(trace, planner.run())
    verdicts = (ours.missed <= design.missed * FEWER_MISSES, ours.utilisation >= design.utilisation)
    targets = ["at most 70 % of the design's: " + ("pass" if verdicts[0] else "FAIL"), "",
               "the design's: " + ("pass" if verdicts[1] else "FAIL"), "", "", ""]
    print(*table({"strict order": strict.cells(), "the design": design.cells(), "sparkingest": ours.cells(), "target": targets}), sep="\n")
    print(f"{time.monotonic() - began:.0f} s; plan() {statistics.mean(planner.ticks):.1f} ms on average, {max(planner.ticks):.0f} ms at most")
    problems = session.ask("SELECT * FROM books.differences()")
    for problem in problems:
        print("FAILED: the books:", *problem)
    failed = verdicts.count(False) + len(problems)
    print(f"quality: {verdicts.count(True)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
