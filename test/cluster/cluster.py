#!/usr/bin/env python3
"""Starts and stops a real Kubernetes API (etcd, kube-apiserver, kube-controller-manager) without containers, and installs
what sparkingest needs into it or into any other cluster.

  cluster.py start   --dir D                   needs build.sh to have run; writes D/admin.kubeconfig
  cluster.py install --dir D [--kubeconfig K]  CRD, namespaces, quotas, RBAC; writes D/sparkingest.kubeconfig
  cluster.py token   --dir D                   renews the token of D/sparkingest.kubeconfig
  cluster.py status  --dir D
  cluster.py stop    --dir D [--delete]

D holds all of a cluster: data, certificates, logs (NAME.log) and process ids (NAME.pid). Any number can run side by side.
A D that was stopped starts again with its data, ports and certificates.
"""
import argparse
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import certs
import install
from kube import HERE, Problem, kubeconfig, main, poll, write

ORDER = ("etcd", "kube-apiserver", "kube-controller-manager")
START_SECONDS = 90
STOP_SECONDS = 8


def free_ports(count):
    """Ports that nobody uses now; all are held until all are found."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def bin_dir():
    """The folder of the programs, as build.sh has left it."""
    done = subprocess.run([str(HERE / "build.sh")], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Problem("build.sh failed; see above")
    return Path(done.stdout.splitlines()[-1])


def pid_of(folder, name):
    """The id of a process of this cluster; None when it does not run."""
    try:
        pid = int((folder / f"{name}.pid").read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, ValueError):
        return None
    return pid if name in words and str(folder) in words and state != "Z" else None


def etcd_command(folder, ports):
    client, peer = f"https://127.0.0.1:{ports['etcd']}", f"http://127.0.0.1:{ports['etcd-peer']}"
    return ["--name=sparkingest", f"--data-dir={folder}/etcd", f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=sparkingest={peer}",
            f"--cert-file={folder}/etcd.crt", f"--key-file={folder}/etcd.key", f"--trusted-ca-file={folder}/ca.crt",
            "--client-cert-auth", "--unsafe-no-fsync", "--log-level=warn"]


def apiserver_command(folder, ports):
    return [f"--etcd-servers=https://127.0.0.1:{ports['etcd']}", f"--etcd-cafile={folder}/ca.crt",
            f"--etcd-certfile={folder}/etcd.crt", f"--etcd-keyfile={folder}/etcd.key", f"--secure-port={ports['api']}",
            "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
            f"--cert-dir={folder}", f"--tls-cert-file={folder}/server.crt", f"--tls-private-key-file={folder}/server.key",
            f"--client-ca-file={folder}/ca.crt", "--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={folder}/service-account.key",
            f"--service-account-signing-key-file={folder}/service-account.key", "--profiling=false"]


def controller_manager_command(folder, ports):
    controllers = ("namespace-controller", "resourcequota-controller", "garbage-collector-controller",
                   "serviceaccount-controller", "serviceaccount-token-controller")
    return [f"--kubeconfig={folder}/controller-manager.kubeconfig", f"--controllers={','.join(controllers)}", "--secure-port=0",
            "--leader-elect=false", "--use-service-account-credentials=true", f"--root-ca-file={folder}/ca.crt",
            f"--service-account-private-key-file={folder}/service-account.key", f"--cert-dir={folder}", "--profiling=false"]


COMMANDS = {"etcd": etcd_command, "kube-apiserver": apiserver_command, "kube-controller-manager": controller_manager_command}


class Cluster:
    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        self.state_file = self.folder / "state.json"

    def state(self):
        try:
            return json.loads(self.state_file.read_text())
        except FileNotFoundError:
            raise Problem(f"there is no cluster in {self.folder}: cluster.py start --dir {self.folder}") from None

    def running(self):
        return [name for name in ORDER if pid_of(self.folder, name)]

    def prepare(self):
        """Certificates, ports and kubeconfigs; those of an earlier start are kept."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        programs = bin_dir()
        certs.make(self.folder)
        ports = self.state()["ports"] if self.state_file.exists() else \
            dict(zip(("etcd", "etcd-peer", "api"), free_ports(3), strict=True))
        state = {"bin": str(programs), "ports": ports, "server": f"https://127.0.0.1:{ports['api']}"}
        write(self.state_file, json.dumps(state, indent=2) + "\n")
        for name in ("admin", "controller-manager"):
            user = {"client-certificate": f"{self.folder}/{name}.crt", "client-key": f"{self.folder}/{name}.key"}
            write(self.folder / f"{name}.kubeconfig", kubeconfig(state["server"], self.folder / "ca.crt", user), 0o600)
        return state

    def launch(self, name, state):
        log = open(self.folder / f"{name}.log", "ab")
        arguments = COMMANDS[name](self.folder, state["ports"])
        with log:
            process = subprocess.Popen([f"{state['bin']}/{name}", *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       cwd=self.folder, start_new_session=True)
        write(self.folder / f"{name}.pid", f"{process.pid}\n")
        return process

    def get(self, path, state):
        """Whether the API answers a request of the administrator with 200."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        context.load_cert_chain(self.folder / "admin.crt", self.folder / "admin.key")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(state["server"] + path, timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def wait_ready(self, processes, state):
        """The API is ready, and the controllers are at work: they have made the first service account."""
        deadline = time.monotonic() + START_SECONDS
        waiting = ["/readyz", "/api/v1/namespaces/default/serviceaccounts/default"]
        while waiting:
            for name, process in processes.items():
                if process.poll() is not None:
                    raise Problem(self.epitaph(name, f"{name} ended with exit code {process.returncode}"))
            if self.get(waiting[0], state):
                waiting.pop(0)
                continue
            if time.monotonic() > deadline:
                name = "kube-apiserver" if len(waiting) == 2 else "kube-controller-manager"
                raise Problem(self.epitaph(name, f"{name} was not ready after {START_SECONDS} s"))
            time.sleep(0.1)

    def epitaph(self, name, words):
        lines = (self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-15:]
        return "\n".join([f"{words}; the end of {self.folder}/{name}.log:", *("  " + line[:400] for line in lines)])

    def start(self, only=None):
        alive = self.running()
        if only in alive or (alive and not only):
            raise Problem(f"a cluster runs in {self.folder} already ({', '.join(alive)}): "
                          f"cluster.py stop --dir {self.folder}")
        began = time.monotonic()
        state = self.state() if only else self.prepare()
        processes = {}
        try:
            for name in [only] if only else ORDER:
                processes[name] = self.launch(name, state)
            self.wait_ready(processes, state)
        except BaseException:
            if not only:
                self.stop(seconds=1)
            raise
        print(f"cluster ready in {time.monotonic() - began:.1f} s: {state['server']}, KUBECONFIG={self.folder}/admin.kubeconfig")

    def stop(self, only=None, seconds=STOP_SECONDS):
        """Ends the processes, kube-apiserver before the etcd that it needs; those that do not go in time are killed."""
        stopped = []
        for name in reversed(ORDER):
            pid = pid_of(self.folder, name)
            if pid is None or (only and only != name):
                continue
            for number in (signal.SIGTERM, signal.SIGCONT):  # a stopped process must wake up to end
                os.kill(pid, number)
            try:
                poll(lambda name=name: pid_of(self.folder, name) is None, seconds, name, 0.05)
            except Problem:
                os.kill(pid, signal.SIGKILL)
                poll(lambda name=name: pid_of(self.folder, name) is None, STOP_SECONDS, f"{name} to be gone")
            (self.folder / f"{name}.pid").unlink()
            stopped.append(name)
        return stopped

    def delete(self):
        if self.folder.exists() and not self.state_file.exists():
            raise Problem(f"{self.folder} is not the folder of a cluster: it is not deleted")
        shutil.rmtree(self.folder, ignore_errors=True)

    def status(self):
        """Prints a line per process; 0 when all is well."""
        state = self.state()
        for name in ORDER:
            pid = pid_of(self.folder, name)
            print(f"{name:<24} {f'running, pid {pid}' if pid else 'not running'}, log {self.folder}/{name}.log")
        ready = self.get("/readyz", state)
        print(f"{state['server']:<24} {'ready' if ready else 'not ready'}")
        return 0 if ready and len(self.running()) == len(ORDER) else 1


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("start", "stop", "status", "install", "token"):
        one = commands.add_parser(name)
        one.add_argument("--dir", required=True, help="folder of the cluster")
        if name in ("start", "stop"):
            one.add_argument("--only", choices=ORDER, help="only this process of a cluster that was started before")
        if name == "stop":
            one.add_argument("--delete", action="store_true", help="delete the folder too")
        if name == "install":
            one.add_argument("--kubeconfig", help="administrator's kubeconfig (default: DIR/admin.kubeconfig)")
            one.add_argument("--context", help="context in it (default: its current-context)")
            one.add_argument("--prefix", default="", help="put before the name of each namespace (sparkingest.namespace_prefix)")
        if name in ("install", "token"):
            one.add_argument("--group", help="group that may read the token (default: postgres, if run by root)")
            one.add_argument("--duration", default="24h", help="how long the token is valid (default: 24h)")
    return parser.parse_args()


def run():
    options = parse()
    cluster = Cluster(options.dir)
    if options.command == "start":
        cluster.start(options.only)
    elif options.command == "stop":
        stopped = cluster.stop(options.only)
        if options.delete:
            cluster.delete()
        print(f"stopped {', '.join(stopped)}" if stopped else f"nothing ran in {cluster.folder}")
    elif options.command == "status":
        return cluster.status()
    elif options.command == "install":
        install.install(cluster.folder, options)
    else:
        install.renew_token(cluster.folder, options)
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    main(run)
