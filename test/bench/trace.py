"""A trace for the quality bench: tenants, jobs and runs, all from a seed; the same seed gives the same trace.

What people ask for, when and for how long follows a public trace of a production cluster: alibaba/clusterdata,
cluster-trace-gpu-v2023/csv/openb_pod_list_default.csv (8,152 pods; here the 34 days from second 9,963,000 on). Taken from it:
  hours, weekdays   pods created per hour of day and per day of week. Its zone and weekday are not told: turned so that the
                    quietest hours are early morning and the two quiet days the weekend
  cores             quantiles of cpu_milli, up to 24 cores (95 %)
  memory            quantiles of memory_mib / cpu_milli, halved: its machines have twice the memory per core that a unit has
  minutes           quantiles of deletion_time - scheduled_time among pods of 3 minutes to 6 hours
Tenants, schedules, deadlines, priorities and the error of estimates are ours: the trace has none.
"""
import dataclasses
import datetime
import math
import random

HOUR_WEIGHTS = (330, 242, 146, 222, 204, 152, 149, 136, 270, 299, 424, 549, 465, 349, 430, 426, 537, 511, 453, 362, 434, 425, 315, 290)
DAY_WEIGHTS = (1332, 1109, 1223, 1451, 1512, 631, 862)  # Monday first
# Quantiles 0, 5, 10 ... 100 %.
CORES = (1, 3, 3, 3, 3, 4, 4, 8, 8, 10, 11, 11, 11, 12, 12, 12, 13, 15, 16, 24, 24)
GIB_PER_CORE = (0.75, 0.75, 0.87, 0.87, 0.87, 0.87, 1.0, 1.62, 1.82, 1.86, 1.86, 1.93, 1.93, 2.0, 2.06, 2.07, 2.12, 2.12, 2.24, 3.0, 5.33)
MINUTES = (3.0, 3.4, 4.0, 4.8, 5.9, 7.4, 9.0, 10.5, 12.9, 15.2, 17.6, 20.3, 24.3, 30.5, 36.9, 46.8, 60.9, 73.8, 109.1, 189.0, 360.0)

START = datetime.datetime(2026, 3, 2, tzinfo=datetime.timezone.utc)  # a Monday
DAY = 86400
UNIT_CORES, UNIT_GIB = 4, 8

# Where the shared and the draft namespace end: cores and GiB.
SHARED = (96, 192)
DRAFT = (16, 32)

# Shares of what a tenant's work needs that come by a schedule, and how a schedule repeats: cron's hour field and a weight.
SCHEDULED_SHARE = 0.45
REPEATS = (("*", 1), ("*/2", 1), ("*/4", 2), ("*/6", 2), (None, 6))  # None: daily
# Time from the scheduled time to finish_by, in planned runtimes, and how often; None has no deadline.
SLACKS = (((1.15, 1.6), 20), ((1.8, 4), 35), ((5, 12), 20), (None, 25))
PRIORITIES = {0: (0, 0, 5), 1: (0, 0, 5, 10), 2: (0, 5, 10)}  # who has less slack tends to have a higher one
WINDOWS = (24, 24, 12, 6)  # sla_window_hours
# Runtime by estimate: people ask for more than they need, and one in four underestimates.
ERROR_MEDIAN, ERROR_SIGMA, ERROR_RANGE = 0.8, 0.35, (0.3, 1.7)


@dataclasses.dataclass(frozen=True)
class Tenant:
    name: str
    units: int  # dedicated
    lent: int  # of them, at most
    has_hours: bool
    load: float  # cores wanted on average over the trace

    @property
    def own(self):
        return (self.units * UNIT_CORES, self.units * UNIT_GIB)


# 156 cores of units, 96 shared and 16 for drafts; what is wanted of them on average is 0.9 of all. Lenders have bought for
# their peaks; those who live on hours want a little more than the shared and the draft namespace have.
TENANTS = (
    Tenant("lender", 12, 10, False, 33),
    Tenant("lender with hours", 9, 6, True, 28),
    Tenant("owner", 10, 0, False, 31),
    Tenant("owner with hours", 8, 0, True, 35),
    Tenant("hours 1", 0, 0, True, 38),
    Tenant("hours 2", 0, 0, True, 29),
    Tenant("hours 3", 0, 0, True, 19),
    Tenant("hours 4", 0, 0, True, 13),
)


@dataclasses.dataclass(frozen=True)
class Job:
    number: int
    tenant: Tenant
    cores: int
    gib: int
    minutes: int  # the estimate
    cron: str | None
    finish_by: int | None  # minutes after the scheduled time
    priority: int
    window_hours: int

    @property
    def need(self):
        return (self.cores, self.gib)


@dataclasses.dataclass(frozen=True)
class Run:
    number: int
    job: Job
    at: int  # seconds after START: asked for, or scheduled
    takes: int  # seconds

    @property
    def deadline(self):
        return None if self.job.finish_by is None else self.at + self.job.finish_by * 60


@dataclasses.dataclass(frozen=True)
class Trace:
    days: int
    jobs: list
    runs: list  # by time

    @property
    def seconds(self):
        return self.days * DAY


def capacity():
    """Cores and GiB of each namespace; a tenant's units are a pool of their own in the dedicated one."""
    units = sum(tenant.units for tenant in TENANTS)
    return {"dedicated-cpu-ns": (units * UNIT_CORES, units * UNIT_GIB), "vcpu-hours-ns": SHARED, "draft-ingestion-ns": DRAFT}


def quantile(table, share):
    place = share * (len(table) - 1)
    low = int(place)
    high = min(low + 1, len(table) - 1)
    return table[low] + (table[high] - table[low]) * (place - low)


class Generator:
    def __init__(self, seed, days):
        self.random = random.Random(seed)
        self.days = days
        self.jobs = []
        self.runs = []

    def weighted(self, pairs):
        return self.random.choices([value for value, _ in pairs], [weight for _, weight in pairs])[0]

    def moment(self):
        """Second of the trace at which somebody asks."""
        day = self.random.choices(range(self.days), [DAY_WEIGHTS[i % 7] for i in range(self.days)])[0]
        return day * DAY + self.hour() * 3600 + self.random.randrange(3600)

    def hour(self):
        return self.random.choices(range(24), HOUR_WEIGHTS)[0]

    def cron(self):
        # Most schedules begin at the full hour.
        minute = 0 if self.random.random() < 0.5 else self.random.randrange(0, 60, 5)
        hours = self.weighted(REPEATS)
        # Daily work is laid away from the hours in which people ask for more. Schedules end with the trace.
        hour = min(self.random.randrange(24) for _ in range(2)) if hours is None else hours
        return f"{minute} {hour} {START.day}-{START.day + self.days - 1} {START.month} *"

    def job(self, tenant, cron):
        most = tenant.own if tenant.units else SHARED
        cores = min(round(quantile(CORES, self.random.random())), most[0] // 2)
        gib = min(max(math.ceil(cores * quantile(GIB_PER_CORE, self.random.random())), 2), most[1] // 2)
        minutes = max(round(quantile(MINUTES, self.random.random()) / ERROR_MEDIAN), 4)
        slack = self.weighted(SLACKS)
        finish_by = None
        if slack:
            finish_by = math.ceil(minutes * 1.2) * self.random.uniform(*slack)
            finish_by = math.ceil(finish_by) + 5  # one slot: nobody's start is exact
        window = max(self.random.choice(WINDOWS), math.ceil((finish_by or 0) / 60))
        ordinal = 0 if slack is None or slack[0] >= 5 else 2 if slack[0] < 1.5 else 1
        job = Job(len(self.jobs), tenant, cores, gib, minutes, cron, finish_by, self.random.choice(PRIORITIES[ordinal]), window)
        self.jobs.append(job)
        return job

    def run(self, job, at):
        """Adds a run; returns what it needs in core-seconds."""
        factor = min(max(self.random.lognormvariate(math.log(ERROR_MEDIAN), ERROR_SIGMA), ERROR_RANGE[0]), ERROR_RANGE[1])
        run = Run(len(self.runs), job, at, max(round(job.minutes * 60 * factor), 60))
        self.runs.append(run)
        return job.cores * run.takes

    def fires(self, cron):
        minute, hours = cron.split()[:2]
        for hour in range(24 * self.days):
            if hours == "*" or (hours.startswith("*/") and hour % 24 % int(hours[2:]) == 0) or hours == str(hour % 24):
                yield hour * 3600 + int(minute) * 60

    def scheduled(self, tenant, budget):
        while budget > 0:
            job = self.job(tenant, self.cron())
            fires = list(self.fires(job.cron))
            if len(fires) * job.cores * job.minutes * 60 > budget * 1.5 and job.cores * job.minutes > 60:
                self.jobs.pop()  # too often for its size
                budget *= 0.98
                continue
            budget -= sum(self.run(job, at) for at in fires)
        return budget

    def one_off(self, tenant, budget):
        jobs = []
        while budget > 0:
            # A definition is run about six times.
            if not jobs or self.random.random() < 1 / 6:
                jobs.append(self.job(tenant, None))
            budget -= self.run(self.random.choice(jobs), self.moment())

    def trace(self, load):
        for tenant in TENANTS:
            budget = tenant.load * load * self.days * DAY
            rest = self.scheduled(tenant, budget * SCHEDULED_SHARE)
            self.one_off(tenant, budget * (1 - SCHEDULED_SHARE) + rest)
        self.runs.sort(key=lambda run: (run.at, run.number))
        return Trace(self.days, self.jobs, self.runs)


def generate(seed, days, load=1.0):
    """Load 1 is what TENANTS say."""
    return Generator(seed, days).trace(load)


def describe(trace):
    cores = sum(need[0] for need in capacity().values())
    wanted = [0] * (trace.days * 24)
    for run in trace.runs:
        wanted[run.at // 3600] += run.job.cores * run.takes
    total = sum(wanted) / (cores * trace.seconds)
    due = sum(run.deadline is not None for run in trace.runs)
    scheduled = sum(run.job.cron is not None for run in trace.runs)
    return (f"{len(trace.runs):,} runs ({scheduled:,} by a schedule, {due:,} with a deadline) of {len(trace.jobs)} jobs and {len(TENANTS)} "
            f"tenants in {trace.days} days; {cores} cores, offered load {total:.0%}, busiest hour {max(wanted) / cores / 3600:.0%}")
