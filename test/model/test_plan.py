"""The plan of waiting work against what it promises (C1, C13, C15, C16). Tenants run jobs of some sizes and priorities in a small
namespace, applications reserve, runs are cancelled, time passes, and plan() is called now and then. A plain model of capacity in
Python says whether anything is over-committed; what was planned before and after each call says who moved and whether somebody
had the right to move him.
"""
import collections
import datetime

import hypothesis
import psycopg
import pytest
from hypothesis import stateful
from hypothesis import strategies as st

DATABASE = "plan"
UTC = datetime.timezone.utc
START = datetime.datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE, HOUR, DAY = (datetime.timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))
SLOT = 5 * MINUTE
CORES = 10
TENANTS = ("one", "two")
JOBS = [(tenant, cores, minutes, priority) for tenant in TENANTS for cores, minutes, priority in ((10, 25, 0), (4, 25, 0), (3, 60, 0), (6, 25, 7), (10, 10, "high"), (2, 25, "low"))]
AGING, AGING_DAYS = 5, 2  # sparkingest.aging and domain/order.h
PRIORITIES = {"low": -100, "high": 100}

Run = collections.namedtuple("Run", "tenant priority state since planned_start planned_end cores reason scheduled_for")


@pytest.fixture(scope="module", autouse=True)
def database(server):
    with psycopg.connect(dbname="postgres", autocommit=True) as db:
        db.execute(f"CREATE DATABASE {DATABASE}")
    yield
    with psycopg.connect(dbname="postgres", autocommit=True) as db:
        db.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


class Plan(stateful.RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.db = psycopg.connect(dbname=DATABASE, autocommit=True)
        self.db.execute("SET client_min_messages = error")
        self.db.execute("DROP EXTENSION IF EXISTS sparkingest CASCADE")
        self.db.execute("CREATE EXTENSION sparkingest")
        self.go_to(START)
        self.tenants = {}
        for name in TENANTS:
            self.tenants[name] = self.one("SELECT sparkingest.create_tenant(%s)", name)
            self.one("SELECT sparkingest.purchase(%s, 'vcpu_hours', 1000000)", self.tenants[name])
        self.jobs = [self.job(n, *spec) for n, spec in enumerate(JOBS)]
        # As promoted: what promotion itself does is tested elsewhere.
        self.db.execute("UPDATE sparkingest.ingestion_jobs SET stage = 'production', target_namespace = 'vcpu-hours-ns'")
        self.db.execute("SELECT sparkingest.set_capacity('vcpu-hours-ns', %s, %s, tstzrange(%s, %s))", (CORES, 2 * CORES, START, START + 60 * DAY))

    def job(self, n, tenant, cores, minutes, priority):
        return self.one("SELECT sparkingest.create_job(%s, %s, 'postgres', %s, %s, jsonb_build_object('cpu_cores', %s::int, 'memory_gb', %s::int, 'runtime_minutes', %s::int),"
                        " sla_requirements => jsonb_build_object('priority', %s::jsonb, 'sla_window_hours', 0.01), options => %s)", self.tenants[tenant], f"job {n}",
                        '{"host": "db.example.com", "database": "shop", "table": "orders"}', '{"type": "file", "uri": "file:///lake/orders"}', cores, 2 * cores, minutes,
                        f'"{priority}"' if isinstance(priority, str) else str(priority), '{"on_no_capacity": "wait", "overlap_policy": "allow", "overlap_limit": 100}')

    def one(self, statement, *values):
        return self.db.execute(statement, values).fetchone()[0]

    def go_to(self, now):
        self.now = now
        self.db.execute("SELECT set_config('sparkingest.clock', %s, false)", (now.isoformat(),))

    def runs(self):
        return {row[0]: Run(*row[1:]) for row in self.db.execute(
            "SELECT e.execution_id, e.tenant_id, j.priority, e.state, GREATEST(e.scheduled_for, e.created_at), e.planned_start, e.planned_end, e.cpu_millicores / 1000, e.plan_reason, e.scheduled_for"
            " FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id) WHERE e.state IN ('waiting', 'scheduled')")}

    def effective(self, run):
        days = max(0, min(AGING_DAYS, (self.now - run.since) // DAY))
        return run.priority + 24 * AGING * days

    def check_places(self):
        """C1: whatever is reserved fits, and everybody who waits has a place that is his."""
        used = collections.Counter()
        for start, end, cores in self.db.execute("SELECT starts_at, ends_at, cpu_millicores / 1000 FROM sparkingest.reservations WHERE status = 'active' AND namespace = 'vcpu-hours-ns'"):
            while start < end:
                used[start] += cores
                start += SLOT
        assert all(n <= CORES for n in used.values()), used
        assert self.db.execute("SELECT * FROM sparkingest.verify_ledger()").fetchall() == []
        bad = self.db.execute("SELECT e.execution_id FROM sparkingest.job_executions AS e LEFT JOIN sparkingest.reservations AS r USING (reservation_id) WHERE e.state = 'waiting'"
                              " AND (r.status = 'active' AND r.tentative AND r.starts_at = e.planned_start AND r.ends_at = e.planned_end AND r.starts_at >= e.scheduled_for - '5 minutes'::interval) IS NOT TRUE").fetchall()
        assert bad == []

    def same_as(self, before):
        """Nothing that is done beside the plan moves anybody."""
        after = self.runs()
        for execution, run in before.items():
            if execution in after:
                assert after[execution] == run
        self.check_places()

    @stateful.rule(job=st.sampled_from(range(len(JOBS))), ahead=st.sampled_from([0, 0, 0, 20, 100]))
    def run(self, job, ahead):
        before = self.runs()
        self.one("SELECT sparkingest.run_job(%s, %s)", self.jobs[job], self.now + ahead * MINUTE)
        self.same_as(before)

    @stateful.rule(job=st.sampled_from(range(len(JOBS))), n=st.integers(2, 6))
    def burst(self, job, n):
        for _ in range(n):
            self.run(job, 0)

    @stateful.rule(cores=st.integers(1, CORES), minutes=st.sampled_from([5, 30, 90]))
    def reserve(self, cores, minutes):
        before = self.runs()
        self.db.execute("SELECT sparkingest.try_reserve(%s, %s, %s, %s, sla_window => '2 hours')", (self.tenants["one"], cores, 2 * cores, minutes * MINUTE))
        self.same_as(before)

    @stateful.rule(nth=st.integers(0, 1000))
    def cancel(self, nth):
        before = self.runs()
        if before:
            gone = sorted(before, key=lambda e: (before[e].planned_start, before[e].planned_end, before[e].priority, before[e].tenant))[nth % len(before)]
            self.db.execute("SELECT sparkingest.cancel_execution(%s)", (gone,))
            self.same_as({execution: run for execution, run in before.items() if execution != gone})

    @stateful.rule(minutes=st.sampled_from([1, 5, 30, 24 * 60]))
    def pass_time(self, minutes):
        """Minute by minute at first, as ticks do; whoever's time has come has run."""
        for step in [minutes] if minutes > 60 else range(0, minutes, min(minutes, 4)):
            self.go_to(self.now + (minutes if minutes > 60 else min(4, minutes - step)) * MINUTE)
            for (execution,) in self.db.execute("SELECT execution_id FROM sparkingest.job_executions WHERE state = 'scheduled' AND planned_end <= %s", (self.now,)).fetchall():
                self.db.execute("SELECT sparkingest.cancel_execution(%s)", (execution,))
            self.db.execute("SELECT sparkingest.plan()")
            self.check_places()

    @stateful.rule()
    def plan(self):
        before = self.runs()
        event = self.one("SELECT COALESCE(max(event_id), 0) FROM sparkingest.events")
        self.db.execute("BEGIN")
        self.db.execute("SAVEPOINT s")
        self.one("SELECT sparkingest.plan()")
        first = self.runs()
        self.db.execute("ROLLBACK TO s")
        assert self.runs() == before
        self.one("SELECT sparkingest.plan()")
        after = self.runs()
        self.db.execute("COMMIT")
        assert after == first, "the same input gives the same plan"
        self.check_places()
        self.check_moves(before, after)
        twice = self.db.execute("SELECT execution_id FROM sparkingest.events WHERE event_id > %s AND event_type = 'execution.replanned' GROUP BY 1 HAVING count(*) > 1", (event,)).fetchall()
        assert twice == [], "who moves moves once"

    def check_moves(self, before, after):
        """Later is planned only whose place went to somebody who comes before him (C15, C16); firm ones stay where they are."""
        assert before.keys() == after.keys()
        for execution, was in before.items():
            run = after[execution]
            if was.state == "scheduled":
                assert run == was
                continue
            if run.planned_start == was.planned_start:
                assert run.reason == was.reason
                continue
            assert run.planned_start >= run.scheduled_for
            if run.planned_start < was.planned_start:
                assert run.reason in ("capacity is free", "less important work gave way", "work of a tenant that used more gave way") or "took its place" in run.reason
                continue
            assert "took its place" in run.reason
            takers = [other for key, other in after.items() if key != execution and other.planned_start != before[key].planned_start
                      and other.planned_start < was.planned_end and other.planned_end > was.planned_start]
            assert any(self.effective(other) > self.effective(run) or (self.effective(other) == self.effective(run) and other.tenant != run.tenant) for other in takers), (run, takers)

    def teardown(self):
        self.db.close()


Plan.TestCase.settings = hypothesis.settings(max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
TestPlan = Plan.TestCase
