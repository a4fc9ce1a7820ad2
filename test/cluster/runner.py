#!/usr/bin/env python3
"""Plays Spark operator and kubelet for a cluster that has neither: runs the SparkApplications of some namespaces as
processes of this machine (spark-submit in local mode), and reports what the real ones would.

  runner.py --kubeconfig K [--namespaces A,B] --map local:///opt/sparkingest/ingest.py=src/spark/ingest.py

It runs with an administrator's kubeconfig, as any operating system user. SIGTERM stops the applications and ends it. After
kill -9 the next runner with the same --state-dir takes over what still runs. One line per change on standard output; the
first one with "runner ready" says that it is at work.
"""
import argparse
import fcntl
import os
import queue
import shutil
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

from api import Api, Refused, Unreachable
from kube import NAMESPACES, Problem, main
from kubelet import Kubelet
from node import Node
from spark_operator import APP_LABEL, Operator

RESYNC_SECONDS = 30
WATCH_SECONDS = 60
RETRY_SECONDS = 1


def say(item, words):
    print(f"{time.strftime('%H:%M:%S')} {item['metadata']['namespace']}/{item['metadata']['name']} {words}", flush=True)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--kubeconfig", help="administrator's kubeconfig (default: KUBECONFIG)")
    add("--context", help="context in it")
    add("--namespaces", default=",".join(NAMESPACES), help="namespaces to serve, without prefix (default: %(default)s)")
    add("--prefix", default="", help="put before each namespace (sparkingest.namespace_prefix)")
    add("--node", default="sparkingest-runner", help="name of the node that it plays (default: %(default)s)")
    add("--state-dir", required=True, help="what it must find again after a restart, and runner.pid")
    add("--log-dir", help="Spark's logs, NAMESPACE.POD.log (default: STATE_DIR/logs)")
    add("--map", action="append", default=[], metavar="URI=FILE", help="file here that stands for one of the image's; repeatable")
    add("--jars", default="", help="jar files for every application, separated by commas")
    add("--spark-submit", help="default: the one beside this Python, else on PATH")
    add("--max-running", type=int, default=4, help="drivers at a time; further ones stay Pending (default: %(default)s)")
    add("--max-heap-mib", type=int, default=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**21,
        help="most Java heap of one application (default: half of the machine's memory)")
    add("--secret-seconds", type=float, default=10,
        help="how long a driver waits for a missing Secret before it fails; -1 = for ever, as kubelet (default: %(default)s)")
    options = parser.parse_args()
    options.namespaces = [options.prefix + name for name in options.namespaces.split(",") if name]
    options.jars = [str(Path(jar).resolve()) for jar in options.jars.split(",") if jar]
    try:
        options.map = {uri: str(Path(file).resolve()) for uri, file in (entry.split("=", 1) for entry in options.map)}
    except ValueError:
        parser.error("--map: give URI=FILE")
    for file in (*options.map.values(), *options.jars):
        if not Path(file).exists():
            parser.error(f"{file} is not there")
    options.python = sys.executable
    beside = Path(sys.executable).parent / "spark-submit"
    options.spark_submit = options.spark_submit or (str(beside) if beside.exists() else shutil.which("spark-submit"))
    if not options.spark_submit or not shutil.which(options.spark_submit):
        parser.error("spark-submit is not there: use the Python of the venv that test/cluster/packages.sh makes, "
                     "or give --spark-submit")
    options.spark_submit = str(Path(shutil.which(options.spark_submit)).absolute())
    options.state_dir = Path(options.state_dir).resolve()
    options.log_dir = Path(options.log_dir).resolve() if options.log_dir else options.state_dir / "logs"
    return options


def claim(folder):
    """Writes runner.pid; one runner at a time may use a folder. The file must stay open."""
    folder.mkdir(parents=True, exist_ok=True)
    file = open(folder / "runner.pid", "a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise Problem(f"a runner uses {folder} already: kill {file.read().strip()}, or give another --state-dir") from None
    file.truncate(0)
    print(os.getpid(), file=file, flush=True)
    return file


class Runner:
    """One thread decides; others only tell it what to look at."""

    def __init__(self, options):
        self.options = options
        self.stopping = threading.Event()
        self.queue = queue.SimpleQueue()  # may be used in a signal handler
        self.pid_file = claim(options.state_dir)
        options.log_dir.mkdir(parents=True, exist_ok=True)
        cache = options.state_dir / "discovery.json"
        cache.unlink(missing_ok=True)
        self.api = Api(options.kubeconfig, options.context, cache)
        self.node = Node(self.api, options.node)
        self.operator = Operator(self.api, options.node, say)
        self.kubelet = Kubelet(self.api, options, lambda *name: self.queue.put(("pod", *name)), say)
        self.seen = {}  # (namespace, name) of a pod: its version at the last look
        self.due = {}  # (what, namespace, name): monotonic time of the next look

    def follow(self, what, kind, namespace, fields=None):
        """Thread: puts every object that is there or changes into the queue; begins anew after any trouble."""
        while not self.stopping.is_set():
            try:
                items, version = kind.list(namespace, fields=fields)
                while not self.stopping.is_set():
                    for item in items:
                        self.queue.put((what, item["metadata"]["namespace"], item["metadata"]["name"]))
                    items = []
                    for event, item in kind.watch(version, WATCH_SECONDS, namespace, fields):
                        version = item["metadata"]["resourceVersion"]
                        if event != "BOOKMARK":
                            self.queue.put((what, item["metadata"]["namespace"], item["metadata"]["name"]))
            except (Refused, Unreachable):
                self.stopping.wait(RETRY_SECONDS)

    def look(self, what, namespace, name):
        """One look at one object; returns the seconds until the next, None = when it changes."""
        try:
            if what == "app":
                return self.operator.reconcile(namespace, name)
            pod = self.api.pods.get(namespace, name)
            seconds = self.kubelet.reconcile(namespace, name, pod)
            app = pod["metadata"].get("labels", {}).get(APP_LABEL) if pod else name.removesuffix("-driver")
            version = pod and pod["metadata"]["resourceVersion"]
            if app and (pod is None or self.seen.get((namespace, name)) != version):
                self.due.setdefault(("app", namespace, app), 0)
            self.seen[namespace, name] = version
            if pod is None:
                del self.seen[namespace, name]
            return seconds
        except Unreachable:
            return RETRY_SECONDS
        except Refused as refused:
            if refused.code != 409:
                print(f"{time.strftime('%H:%M:%S')} {namespace}/{name} {what}: {refused}", flush=True)
            return RETRY_SECONDS
        except Exception:  # one bad object never stops the others
            print(f"{time.strftime('%H:%M:%S')} {namespace}/{name} {what}:\n{traceback.format_exc()}", flush=True)
            return 10 * RETRY_SECONDS

    def resync(self):
        """Looks at everything, also at what was missed."""
        for namespace in self.options.namespaces:
            for what, kind in (("app", self.api.apps), ("pod", self.api.pods)):
                for item in kind.list(namespace)[0]:
                    self.due.setdefault((what, namespace, item["metadata"]["name"]), 0)
        for namespace, name in self.kubelet.known():
            self.due.setdefault(("pod", namespace, name), 0)

    def gather(self):
        """Waits until there is something to do; what is due is in self.due with a time that has passed."""
        wait = max(0, min([1.0, *(at - time.monotonic() for at in self.due.values())]))
        try:
            self.due[self.queue.get(timeout=wait)] = 0
            while True:
                self.due[self.queue.get_nowait()] = 0
        except queue.Empty:
            pass

    def run(self):
        for namespace in self.options.namespaces:
            for what, kind in (("app", self.api.apps), ("pod", self.api.pods)):
                threading.Thread(target=self.follow, args=(what, kind, namespace), daemon=True).start()
        print(f"runner ready: {', '.join(self.options.namespaces)}; logs in {self.options.log_dir}", flush=True)
        next_resync = time.monotonic() + RESYNC_SECONDS
        while not self.stopping.is_set():
            self.gather()
            now = time.monotonic()
            try:
                self.node.beat(now)
                if now >= next_resync:
                    next_resync = now + RESYNC_SECONDS
                    self.resync()
            except (Unreachable, Refused):
                pass  # the next one makes up for it
            for key in [key for key, at in self.due.items() if at <= now]:
                if self.stopping.is_set():
                    break
                del self.due[key]
                seconds = self.look(*key)
                if seconds is not None:
                    self.due.setdefault(key, time.monotonic() + seconds)
        try:
            self.kubelet.shut_down(10)
        except (Unreachable, Refused) as trouble:
            print(f"stopped, but the API was not told: {trouble}", flush=True)
        print("runner stopped", flush=True)

    def stop(self, *_):
        self.stopping.set()
        self.queue.put(("app", "", ""))


def run():
    options = parse()
    if options.kubeconfig is None and "KUBECONFIG" not in os.environ:
        raise Problem("give --kubeconfig, or set KUBECONFIG")
    runner = Runner(options)
    signal.signal(signal.SIGTERM, runner.stop)
    signal.signal(signal.SIGINT, runner.stop)
    runner.run()
    return 0


if __name__ == "__main__":
    main(run)
