"""The part of kubelet, of a container runtime, and of the driver's own requests for executors.

A driver's pod becomes one spark-submit in local mode; an executor's pod is an object that holds quota and nothing else,
since the driver's process does the executors' work too. What is reported of a pod is what kubelet would report.
"""
import base64
import json
import os
import re
import time
from pathlib import Path

import spark_pods
from api import Refused
from container import Container
from shim import now

EXECUTOR_RETRY_SECONDS = 5  # how often Spark asks again for executors that the quota refused
LOOK_AGAIN_SECONDS = 0.2
SIGTERM_EXIT, NOT_STARTED_EXIT = 143, 128
LOST = 137, "ContainerStatusUnknown", "The container could not be located when the pod was terminated"


class MissingSecret(Exception):
    """A reference that cannot be resolved yet; its text is kubelet's."""


def expand(text, values):
    """$(NAME) in arguments, as kubelet expands it: unknown names stay, $$ is a $."""
    def one(found):
        if found[0] == "$$":
            return "$"
        return values.get(found[1], found[0])
    return re.sub(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_]*)\)", one, text)


def terminated(code, reason, message, started, finished=None):
    """The state of a container that has ended."""
    return {"terminated": {"exitCode": code, "reason": reason, "message": message or None, "startedAt": started,
                           "finishedAt": finished or now()}}


def is_over(pod):
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


class Kubelet:
    """options: node, namespaces, state_dir, log_dir, spark_submit, python, map, jars, max_running, max_heap_mib,
    secret_seconds. changed(namespace, name) is called from other threads when a pod is to be looked at."""

    def __init__(self, api, options, changed, log):
        self.api, self.options, self.changed, self.log = api, options, changed, log
        self.containers = {}  # uid: Container
        self.names = {}  # uid: (namespace, name) of those
        self.waits_for_secret = {}  # uid: since when
        self.queued = {}  # uid: (namespace, name) of drivers that wait for one of max_running to end, oldest first

    def known(self):
        return set(self.names.values())

    def reconcile(self, namespace, name, pod):
        """One look at a pod, None = it is gone; returns the seconds until the next look, None = when something changes."""
        uid = pod["metadata"]["uid"] if pod else None
        later = [self.drop(old) for old, known in list(self.names.items()) if known == (namespace, name) and old != uid]
        if pod and pod["spec"].get("nodeName") == self.options.node:
            if pod["metadata"].get("labels", {}).get("spark-role") == "executor":
                later.append(self.executor(pod))
            elif spark_pods.SUBMIT in pod["metadata"].get("annotations", {}):
                later.append(self.driver(pod))
        return min((seconds for seconds in later if seconds is not None), default=None)

    def drop(self, uid):
        """A pod that was removed behind our back: its process goes at once."""
        container = self.containers[uid]
        if container.alive():
            container.stop(0)
            return LOOK_AGAIN_SECONDS
        self.forget(uid)
        return None

    def forget(self, uid):
        self.waits_for_secret.pop(uid, None)
        self.queued.pop(uid, None)
        self.names.pop(uid, None)
        container = self.containers.pop(uid, None)
        if container:
            container.remove()

    # Executors

    def executor(self, pod):
        if pod["metadata"].get("deletionTimestamp"):
            self.api.pods.delete(pod, now=True)
        elif pod.get("status", {}).get("phase") == "Pending":
            self.report(pod, "Running", {"running": {"startedAt": now()}})

    def ensure_executors(self, driver, submit):
        """What the driver asks for while it runs; those that the quota refuses it asks for again."""
        if not submit["executors"]:
            return None
        there = {pod["metadata"]["labels"].get("spark-exec-id") for pod in self.executors(driver)}
        for number in range(1, submit["executors"] + 1):
            if str(number) in there:
                continue
            try:
                self.api.pods.create(spark_pods.executor_pod(driver, submit, number))
            except Refused as refused:
                if refused.reason == "AlreadyExists":
                    continue
                self.log(driver, f"executor {number} of {submit['executors']} refused: {refused.message}")
                return EXECUTOR_RETRY_SECONDS
        return None

    def executors(self, driver):
        selector = driver["metadata"]["labels"]["spark-app-selector"]
        pods, _ = self.api.pods.list(driver["metadata"]["namespace"], labels=f"spark-app-selector={selector},spark-role=executor")
        return pods

    def end_executors(self, driver, clean):
        """A driver that ends well deletes them first; those of one that dies notice it and fail."""
        for pod in self.executors(driver):
            if clean or pod["metadata"].get("deletionTimestamp"):
                self.api.pods.delete(pod, now=True)
            elif not is_over(pod):
                self.report(pod, "Failed", terminated(1, "Error", None, self.started(pod)))

    # Drivers

    def driver(self, pod):
        uid, going = pod["metadata"]["uid"], pod["metadata"].get("deletionTimestamp")
        container = self.containers.get(uid) or self.adopt(pod)
        if is_over(pod):
            if container and container.alive():
                container.stop(0)
                return LOOK_AGAIN_SECONDS
            if going:
                self.api.pods.delete(pod, now=True)
            self.forget(uid)
            return None
        if container is None:
            if going:
                self.api.pods.delete(pod, now=True)
                self.forget(uid)
                return None
            if pod.get("status", {}).get("phase") == "Running":
                self.finish(pod, *LOST)
                return None
            return self.start(pod)
        if not container.alive():
            self.ended(pod, container)
            for known in list(self.queued.values())[:max(self.free(), 0)]:
                self.changed(*known)
            return None
        if going:
            container.stop(pod["metadata"].get("deletionGracePeriodSeconds", 30))
            return LOOK_AGAIN_SECONDS
        return self.running(pod, container)

    def adopt(self, pod):
        """The process that an earlier runner started, if there is one."""
        folder = Path(self.options.state_dir) / pod["metadata"]["uid"]
        if not folder.exists():
            return None
        container = self.container(pod)
        if container.alive():
            self.log(pod, "found again, its driver still runs")
            container.watch()
        return container

    def container(self, pod):
        namespace, name, uid = (pod["metadata"][key] for key in ("namespace", "name", "uid"))
        container = Container(Path(self.options.state_dir) / uid, lambda: self.changed(namespace, name))
        self.containers[uid], self.names[uid] = container, (namespace, name)
        return container

    def running(self, pod, container):
        started = container.started_at()
        if started is None:
            return LOOK_AGAIN_SECONDS
        if pod.get("status", {}).get("phase") == "Pending":
            self.log(pod, "driver runs")
            self.report(pod, "Running", {"running": {"startedAt": started}})
        return self.ensure_executors(pod, self.submit_of(pod))

    def free(self):
        return self.options.max_running - sum(container.alive() for container in self.containers.values())

    def start(self, pod):
        uid, submit = pod["metadata"]["uid"], self.submit_of(pod)
        if self.free() <= 0:
            if uid not in self.queued:
                self.log(pod, f"driver waits: {self.options.max_running} run already (--max-running)")
                self.queued[uid] = (pod["metadata"]["namespace"], pod["metadata"]["name"])
            return None
        self.queued.pop(uid, None)
        try:
            values = self.environment(pod)
        except MissingSecret as missing:
            since = self.waits_for_secret.setdefault(uid, time.monotonic())
            if time.monotonic() - since >= self.options.secret_seconds >= 0:
                self.finish(pod, NOT_STARTED_EXIT, "CreateContainerConfigError", str(missing))
                return None
            waiting = {"waiting": {"reason": "CreateContainerConfigError", "message": str(missing)}}
            if pod.get("status", {}).get("containerStatuses", [{}])[0].get("state") != waiting:
                self.log(pod, f"driver waits: {missing}")
                self.report(pod, "Pending", waiting)
            return 1
        container = self.container(pod)
        log_path = Path(self.options.log_dir) / f"{pod['metadata']['namespace']}.{pod['metadata']['name']}.log"
        container.start(self.command(pod, submit, values, container.folder), {**self.base_environment(container), **values},
                        submit["limitMib"], log_path)
        return LOOK_AGAIN_SECONDS / 4

    @staticmethod
    def submit_of(pod):
        return json.loads(pod["metadata"]["annotations"][spark_pods.SUBMIT])

    def environment(self, pod):
        """The container's variables; values of Secrets are read now, as kubelet does."""
        values = {}
        for entry in pod["spec"]["containers"][0].get("env", []):
            reference = entry.get("valueFrom", {}).get("secretKeyRef")
            if reference is None:
                values[entry["name"]] = expand(entry.get("value", ""), values)
                continue
            secret = self.api.secrets.get(pod["metadata"]["namespace"], reference["name"])
            if secret is None:
                raise MissingSecret(f"secret \"{reference['name']}\" not found")
            if reference["key"] not in secret.get("data", {}):
                raise MissingSecret(f"couldn't find key {reference['key']} in Secret "
                                    f"{pod['metadata']['namespace']}/{reference['name']}")
            values[entry["name"]] = base64.b64decode(secret["data"][reference["key"]]).decode()
        return values

    def base_environment(self, container):
        """What an image would set; nothing of the runner's own environment but where its programs are."""
        work = container.folder / "work"
        kept = {name: os.environ[name] for name in ("PATH", "JAVA_HOME", "LANG", "LC_ALL") if name in os.environ}
        return {"LANG": "C.UTF-8", **kept, "HOME": str(work), "TMPDIR": str(work), "SPARK_LOCAL_DIRS": str(work),
                "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": self.options.python,
                "PYSPARK_DRIVER_PYTHON": self.options.python,
                "PYTHONDONTWRITEBYTECODE": "1", "SPARKINGEST_TERMINATION_LOG": str(container.folder / "termination-log")}

    def command(self, pod, submit, values, folder):
        _, main, *arguments = (expand(text, values) for text in pod["spec"]["containers"][0]["args"])
        java = f"-Djava.io.tmpdir={folder}/work {submit['conf'].get('spark.driver.extraJavaOptions', '')}".strip()
        conf = {**submit["conf"], "spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1",
                "spark.driver.bindAddress": "127.0.0.1", "spark.driver.extraJavaOptions": java}
        jars = [*self.options.jars, *map(self.local, submit["jars"])]
        heap = min(submit["heapMib"], self.options.max_heap_mib)
        return [self.options.spark_submit, "--master", f"local[{submit['cores']}]", "--name", submit["name"],
                "--driver-memory", f"{heap}m", *(["--jars", ",".join(jars)] if jars else []),
                *(word for key, value in sorted(conf.items()) for word in ("--conf", f"{key}={value}")),
                self.local(main), *arguments]

    def local(self, uri):
        """The file here that stands for one of the image's."""
        return self.options.map.get(uri, uri.removeprefix("local://"))

    def ended(self, pod, container):
        result = container.result()
        if result is None:
            self.finish(pod, *LOST, started=container.started_at())
            return
        code = result["exitCode"]
        reason = "OOMKilled" if result["oom"] else "Completed" if code == 0 else "Error"
        self.finish(pod, code, reason, container.message(), result["startedAt"], result["finishedAt"])

    def finish(self, pod, code, reason, message, started=None, finished=None):
        self.end_executors(pod, clean=code == 0)
        finished = finished or now()
        self.log(pod, f"driver ended: {reason}, exit code {code}")
        self.report(pod, "Succeeded" if code == 0 else "Failed", terminated(code, reason, message, started or finished, finished))

    @staticmethod
    def started(pod):
        for status in pod.get("status", {}).get("containerStatuses", []):
            return status["state"].get("running", {}).get("startedAt") or now()
        return now()

    def report(self, pod, phase, state, reason=None, message=None):
        container = pod["spec"]["containers"][0]
        ready = "running" in state
        status = {"phase": phase, "startTime": pod.get("status", {}).get("startTime") or now(),
                  "reason": reason, "message": message,
                  "containerStatuses": [{"name": container["name"], "image": container["image"], "imageID": "",
                                         "restartCount": 0, "ready": ready, "started": ready, "state": state}]}
        self.api.pods.patch_status(pod["metadata"]["namespace"], pod["metadata"]["name"], status)

    def shut_down(self, seconds):
        """Stops every process and reports the pods as a node that shuts down does."""
        deadline = time.monotonic() + seconds
        running = {uid: container for uid, container in self.containers.items() if container.alive()}
        while any(container.alive() for container in running.values()):
            for container in running.values():
                if container.alive():
                    container.stop(max(0, min(seconds / 2, deadline - time.monotonic())))
            time.sleep(0.05)
        for uid, container in running.items():
            pod = self.api.pods.get(*self.names[uid])
            if pod and pod["metadata"]["uid"] == uid and not is_over(pod):
                self.end_executors(pod, clean=False)
                end = terminated(SIGTERM_EXIT, "Error", container.message(), container.started_at() or now())
                self.report(pod, "Failed", end, "Terminated", "Pod was terminated in response to imminent node shutdown.")
                self.log(pod, "driver stopped with the runner")
