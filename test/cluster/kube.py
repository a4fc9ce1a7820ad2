"""What cluster.py, runner.py and tests share: files, polling, kubectl.

Only the standard library: cluster.py must run before any package is installed.
"""
import grp
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEPLOY = HERE.parent.parent / "src" / "kube" / "deploy"
NAMESPACES = ("dedicated-cpu-ns", "vcpu-hours-ns", "draft-ingestion-ns")
SYSTEM_NAMESPACE = "sparkingest-system"


class Problem(Exception):
    """Something that the user can put right; its text says how."""


def main(run):
    """Runs a command line's function; a Problem becomes a line on standard error and exit code 1."""
    try:
        sys.exit(run())
    except Problem as problem:
        sys.exit(f"{Path(sys.argv[0]).name}: {problem}")
    except KeyboardInterrupt:
        sys.exit(130)


def poll(condition, seconds, what, every=0.1):
    """Waits until condition() gives something true and returns that; a Problem naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Problem(f"waited {seconds} s in vain for {what}")
        time.sleep(every)


def write(path, content, mode=0o644, group=None):
    """Replaces a file at once: readers see the old content or the new one."""
    path = Path(path)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    data = content if isinstance(content, bytes) else content.encode()
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        if group is not None:
            os.fchown(file.fileno(), -1, group)
        os.fchmod(file.fileno(), mode)
    new.replace(path)


def reader_group(name):
    """The id of the group that may read the dispatcher's credentials; None = only their owner."""
    if name is None:
        if os.geteuid() != 0:
            return None
        name = "postgres"
        if not any(name == entry.gr_name for entry in grp.getgrall()):
            return None
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise Problem(f'group "{name}" does not exist: give --group the group of the PostgreSQL server\'s user') from None


def kubeconfig(server, ca, user, context="sparkingest", tls_server_name=None, insecure=False):
    """A kubeconfig as JSON, which every reader of YAML takes; ca: a path, or None = the system's authorities."""
    cluster = {"server": server}
    if ca:
        cluster["certificate-authority"] = str(ca)
    if tls_server_name:
        cluster["tls-server-name"] = tls_server_name
    if insecure:
        cluster["insecure-skip-tls-verify"] = True
    return json.dumps({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [{"name": context, "cluster": cluster}],
        "users": [{"name": context, "user": user}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
    }, indent=2) + "\n"


class Kubectl:
    """kubectl with one kubeconfig."""

    def __init__(self, program, config, context=None):
        self.base = [str(program), "--kubeconfig", str(config)] + (["--context", context] if context else [])

    def try_run(self, *arguments, stdin=None):
        """The finished process, whatever its exit code."""
        try:
            return subprocess.run([*self.base, *arguments], input=stdin, capture_output=True, text=True, timeout=120)
        except FileNotFoundError:
            raise Problem(f"{self.base[0]} is not there: run test/cluster/build.sh") from None
        except subprocess.TimeoutExpired:
            raise Problem(f"kubectl {' '.join(arguments[:3])} gave no answer for 120 s: is the cluster up?") from None

    def __call__(self, *arguments, stdin=None):
        """Its standard output; a Problem with its words when it fails."""
        done = self.try_run(*arguments, stdin=stdin)
        if done.returncode != 0:
            raise Problem(f"kubectl {' '.join(arguments[:3])} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def json(self, *arguments, stdin=None):
        return json.loads(self(*arguments, "-o", "json", stdin=stdin))
