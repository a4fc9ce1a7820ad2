"""What the planner is compared with: strict order of arrival, and the design's algorithm. Plain simulators of seconds.

Pods are not plans: a run is posted when its scheduler says so, and starts when its namespace has room for all its pods
(Cluster). The same holds for what the planner posts.
"""
import collections
import heapq
import itertools

from trace import DAY, DRAFT, SHARED, capacity

SLOT = 300
DEDICATED_NS, SHARED_NS, DRAFT_NS = capacity()


def fits(need, free):
    return need[0] <= free[0] and need[1] <= free[1]


class Cluster:
    """Posted runs start as soon as their namespace has room, the first posted first; whoever does not fit is passed."""

    def __init__(self):
        self.free = {namespace: list(size) for namespace, size in capacity().items()}
        self.pending = {namespace: [] for namespace in self.free}

    def post(self, what, need, namespace):
        self.pending[namespace].append((what, need))

    def start(self):
        """What starts now, as it was posted."""
        for namespace, pending in self.pending.items():
            free = self.free[namespace]
            for item in list(pending):
                if fits(item[1], free):
                    pending.remove(item)
                    free[0] -= item[1][0]
                    free[1] -= item[1][1]
                    yield item[0]

    def withdraw(self, what, need, namespace):
        """Whether it was still pending."""
        if (what, need) not in self.pending[namespace]:
            return False
        self.pending[namespace].remove((what, need))
        return True

    def end(self, need, namespace):
        self.free[namespace][0] += need[0]
        self.free[namespace][1] += need[1]


class Outcome:
    """What became of each run: spans in which it held its cores, and what was refused."""

    def __init__(self):
        self.started = {}  # run number: second
        self.finished = {}
        self.refused = set()
        self.spans = []  # (start, end, cores), of attempts that were stopped as well
        self.reclaims = []  # seconds from an owner's request to its start, when its units were lent


class Simulator:
    """Events in order of time; of one second: ends, then arrivals, then posts."""

    def __init__(self, trace):
        self.cluster = Cluster()
        self.outcome = Outcome()
        self.events = []
        self.order = itertools.count()
        for run in trace.runs:
            self.at(run.at, 1, self.arrive, run)

    def at(self, second, rank, what, *args):
        heapq.heappush(self.events, (second, rank, next(self.order), what, args))

    def run(self):
        while self.events:
            now, _, _, what, args = heapq.heappop(self.events)
            what(now, *args)
            for run, namespace in list(self.cluster.start()):
                self.outcome.started[run.number] = now
                self.at(now + run.takes, 0, self.end, run, namespace)
        return self.outcome

    def post(self, _, run, namespace):
        self.cluster.post((run, namespace), run.job.need, namespace)

    def end(self, now, run, namespace):
        self.cluster.end(run.job.need, namespace)
        self.outcome.finished[run.number] = now
        self.outcome.spans.append((self.outcome.started[run.number], now, run.job.cores))
        self.ended(now, run)

    def arrive(self, now, run):
        raise NotImplementedError

    def ended(self, now, run):
        raise NotImplementedError


class StrictOrder(Simulator):
    """One queue for each pool; its head starts when the pool has room for it, and nobody before the head."""

    def __init__(self, trace):
        super().__init__(trace)
        self.queues = collections.defaultdict(collections.deque)
        self.free = {}

    @staticmethod
    def home(run):
        """The tenant's own units where they can ever take the run, else the shared namespace."""
        tenant = run.job.tenant
        return (DEDICATED_NS, tenant.name, tenant.own) if fits(run.job.need, tenant.own) else (SHARED_NS, None, SHARED)

    def arrive(self, now, run):
        namespace, owner, size = self.home(run)
        self.free.setdefault((namespace, owner), list(size))
        self.queues[namespace, owner].append(run)
        self.advance(now, namespace, owner)

    def advance(self, now, namespace, owner):
        free, queue = self.free[namespace, owner], self.queues[namespace, owner]
        while queue and fits(queue[0].job.need, free):
            run = queue.popleft()
            free[0] -= run.job.cores
            free[1] -= run.job.gib
            self.post(now, run, namespace)

    def ended(self, now, run):
        namespace, owner, _ = self.home(run)
        self.free[namespace, owner][0] += run.job.cores
        self.free[namespace, owner][1] += run.job.gib
        self.advance(now, namespace, owner)


class Slots:
    """A pool as the design has it: one row for each five minutes."""

    def __init__(self, size, seconds):
        self.rows = [list(size) for _ in range(seconds // SLOT + 1)]

    def find(self, need, first, last, length):
        """First slot of `length` neighbouring ones with room, to start at `last` at the latest."""
        start = first
        while start <= last:
            busy = next((i for i in range(start + length - 1, start - 1, -1) if not fits(need, self.rows[i])), None)
            if busy is None:
                return start
            start = busy + 1
        return None

    def add(self, need, first, end, sign):
        for row in self.rows[first:end]:
            row[0] += sign * need[0]
            row[1] += sign * need[1]


class Design(Simulator):
    """
    The design's CapacityManager and CrossNamespaceScheduler, in their favour where it leaves something open: a run holds all
    slots of its estimate, in the first namespace that has such slots inside sla_window_hours: its own units, the shared one, the
    draft one. What is planned stays planned; what nothing takes is refused. An early end gives the rest to whom comes later.
    """

    def __init__(self, trace):
        super().__init__(trace)
        self.seconds = trace.seconds + 4 * DAY
        self.pools = {}
        self.held = {}  # run number: pool, first slot, end

    def candidates(self, run):
        tenant = run.job.tenant
        if tenant.units:
            yield DEDICATED_NS, tenant.name, tenant.own
        if tenant.has_hours:
            yield SHARED_NS, None, SHARED
        yield DRAFT_NS, None, DRAFT

    def arrive(self, now, run):
        first = -(-now // SLOT)
        length = -(-run.job.minutes * 60 // SLOT)
        last = (now + run.job.window_hours * 3600) // SLOT
        for namespace, owner, size in self.candidates(run):
            pool = self.pools.setdefault((namespace, owner), Slots(size, self.seconds))
            start = pool.find(run.job.need, first, last, length)
            if start is not None:
                pool.add(run.job.need, start, start + length, -1)
                self.held[run.number] = (pool, start, start + length)
                self.at(start * SLOT, 2, self.post, run, namespace)
                return
        self.outcome.refused.add(run.number)

    def ended(self, now, run):
        pool, first, end = self.held.pop(run.number)
        pool.add(run.job.need, max(-(-now // SLOT), first), end, 1)
