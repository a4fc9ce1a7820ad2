"""A cluster and a runner of their own for the tests of this folder."""
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from kube import HERE, Kubectl, poll

NAMESPACE = "draft-ingestion-ns"
GROUP = "sparkoperator.k8s.io"


def cluster_py(*arguments, check=True):
    done = subprocess.run([sys.executable, str(HERE / "cluster.py"), *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


class Setting:
    """The cluster, its runner, and applications whose main file is a script of the test."""

    def __init__(self, folder):
        self.folder = folder
        self.cluster = folder / "cluster"
        self.runner = None
        self.runner_log = folder / "runner.log"
        self.names = 0
        self.kubectl = None

    def start_cluster(self):
        cluster_py("start", "--dir", self.cluster)
        cluster_py("install", "--dir", self.cluster)
        programs = json.loads((self.cluster / "state.json").read_text())["bin"]
        self.kubectl = Kubectl(f"{programs}/kubectl", self.cluster / "admin.kubeconfig")

    def start_runner(self):
        before = self.runner_log.read_text().count("runner ready") if self.runner_log.exists() else 0
        with open(self.runner_log, "ab") as log:
            self.runner = subprocess.Popen(
                [sys.executable, str(HERE / "runner.py"), "--kubeconfig", str(self.cluster / "admin.kubeconfig"), "--state-dir",
                 str(self.folder / "runner"), "--secret-seconds", "2", "--max-running", "6"], stdout=log, stderr=log)
        poll(lambda: self.runner_log.read_text().count("runner ready") > before or self.runner.poll() is not None, 60,
             "the runner")
        assert self.runner.poll() is None, self.runner_log.read_text()

    def stop_runner(self, number=signal.SIGTERM):
        self.runner.send_signal(number)
        self.runner.wait(30)

    def post(self, script, executors=1, cores=1, memory="512m", secrets=None, arguments=()):
        """Posts an application that runs this script; returns its name."""
        self.names += 1
        name = f"app-{self.names}"
        (self.folder / f"{name}.py").write_text(script)
        pod = {"cores": cores, "coreRequest": f"{cores * 1000}m", "coreLimit": f"{cores * 1000}m", "memory": memory,
               "memoryOverhead": "384m", "labels": {"sparkingest.io/execution": name}}
        if secrets:
            pod["envSecretKeyRefs"] = secrets
        manifest = {
            "apiVersion": f"{GROUP}/v1beta2", "kind": "SparkApplication", "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"type": "Python", "pythonVersion": "3", "mode": "cluster", "image": "apache/spark:4.0.1",
                     "sparkVersion": "4.0.1", "mainApplicationFile": f"local://{self.folder}/{name}.py",
                     "arguments": list(arguments),
                     "restartPolicy": {"type": "Never"}, "timeToLiveSeconds": 86400, "sparkConf": {},
                     "driver": {**pod, "serviceAccount": "spark"}, "executor": {**pod, "instances": executors}}}
        self.kubectl("create", "-f", "-", stdin=json.dumps(manifest))
        return name

    def get(self, kind, name):
        done = self.kubectl.try_run("-n", NAMESPACE, "get", kind, name, "--ignore-not-found", "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    def application_state(self, name):
        status = (self.get("sparkapplication", name) or {}).get("status", {}).get("applicationState", {})
        return status.get("state", ""), status.get("errorMessage", "")

    def wait_for(self, name, *states, seconds=90):
        """Waits until the application is in one of the states; returns its error message."""
        state, message = poll(lambda: (lambda now: now if now[0] in states else None)(self.application_state(name)), seconds,
                              f"{name} to be {' or '.join(states)}; {self.runner_log.read_text()[-2000:]}")
        return message

    def pods(self, name):
        return self.kubectl.json("-n", NAMESPACE, "get", "pods", "-l", f"{GROUP}/app-name={name}")["items"]

    def end(self, name):
        """How the driver's container ended."""
        return self.get("pod", f"{name}-driver")["status"]["containerStatuses"][0]["state"]["terminated"]

    def quota_used(self):
        return self.kubectl.json("-n", NAMESPACE, "get", "resourcequota", "sparkingest")["status"]["used"]

    def wait_pid(self, name):
        """The process id that the script has written, as soon as it runs."""
        file = self.folder / f"{name}.pid"
        return int(poll(lambda: file.exists() and file.read_text(), 90, f"the process of {name}"))

    def close(self):
        if self.runner and self.runner.poll() is None:
            self.stop_runner()
        cluster_py("stop", "--dir", self.cluster)


def is_running(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.fixture(scope="session")
def setting():
    with tempfile.TemporaryDirectory(prefix="sparkingest-cluster-") as folder:
        setting = Setting(Path(folder))
        try:
            setting.start_cluster()
            setting.start_runner()
            yield setting
        finally:
            setting.close()
