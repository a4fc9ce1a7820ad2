"""The part of the Spark operator: turns SparkApplications into driver pods and follows those in status.

The states and their order are those of the Kubeflow operator 2.x (internal/controller/sparkapplication/controller.go), for
restartPolicy Never, the only one that sparkingest posts. Status is a level: each look decides from the objects alone, so
that the runner may stop and start at any point.
"""
import calendar
import time

import spark_pods
from api import Refused
from shim import now

POD_GRACE_SECONDS = 10  # so long may the driver's pod be missing after its creation
APP_LABEL = f"{spark_pods.GROUP}/app-name"


def seconds_since(text):
    return time.time() - calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def terminated(pod):
    for status in pod.get("status", {}).get("containerStatuses", []):
        if "terminated" in status.get("state", {}):
            return status["state"]["terminated"]
    return None


def driver_state(pod):
    """Application state and error message that a driver's pod stands for."""
    phase, end = pod.get("status", {}).get("phase"), terminated(pod)
    if phase == "Pending":
        return "SUBMITTED", None
    if phase == "Running" and end is None:
        return "RUNNING", None
    if phase == "Succeeded" or (end and end["exitCode"] == 0):
        return "SUCCEEDING", None
    if phase in ("Failed", "Running"):
        return "FAILING", (f"driver container failed with ExitCode: {end['exitCode']}, Reason: {end.get('reason', '')}" if end
                           else "driver container status missing")
    return "UNKNOWN", None


def executor_state(pod):
    return {"Pending": "PENDING", "Running": "RUNNING", "Succeeded": "COMPLETED", "Failed": "FAILED"}.get(
        pod.get("status", {}).get("phase"), "UNKNOWN")


class Operator:
    def __init__(self, api, node, log):
        self.api, self.node, self.log = api, node, log

    def reconcile(self, namespace, name):
        """One look; returns the seconds until the next, None = when something changes."""
        app = self.api.apps.get(namespace, name)
        if app is None or app["metadata"].get("deletionTimestamp"):
            self.release(namespace, name)
            return None
        state = app.get("status", {}).get("applicationState", {}).get("state", "")
        if state == "":
            self.submit(app)
        elif state in ("SUBMITTED", "RUNNING", "UNKNOWN"):
            return self.follow(app, state)
        elif state == "SUBMISSION_FAILED":
            self.move(app, "FAILED", app["status"]["applicationState"].get("errorMessage"), terminationTime=now())
        elif state == "SUCCEEDING":
            self.move(app, "COMPLETED")
        elif state == "FAILING":
            self.move(app, "FAILED", app["status"]["applicationState"].get("errorMessage"))
        elif state in ("COMPLETED", "FAILED"):
            return self.expire(app, state)
        return None

    def move(self, app, state, error=None, **more):
        application_state = {"state": state, "errorMessage": error or None}
        if self.api.apps.patch_status(app["metadata"]["namespace"], app["metadata"]["name"],
                                      {"applicationState": application_state, **more}):
            self.log(app, state + (f": {error}" if error else ""))

    def submit(self, app):
        submission, error = spark_pods.new_submission(), None
        status = app.get("status", {})
        more = {"submissionID": submission, "driverInfo": {"podName": spark_pods.driver_name(app)},
                "lastSubmissionAttemptTime": now(), "terminationTime": None,
                "submissionAttempts": status.get("submissionAttempts", 0) + 1}
        try:
            self.api.pods.create(spark_pods.driver_pod(app, submission, self.node))
        except Refused as refused:
            if not refused.final:
                raise
            error = refused.message
            if refused.reason == "AlreadyExists":
                there = self.api.pods.get(app["metadata"]["namespace"], spark_pods.driver_name(app))
                # Ours when we ended between its creation and the status.
                if there and spark_pods.owned_by(there, app["metadata"]["uid"]):
                    error, more["submissionID"] = None, there["metadata"]["labels"][f"{spark_pods.GROUP}/submission-id"]
                else:
                    error = "driver pod already exist"
        except (KeyError, ValueError, spark_pods.Problem) as problem:
            error = f"{type(problem).__name__}: {problem}"
        if error:
            error = f"failed to submit spark application: failed to run spark-submit: {error}"
            self.move(app, "SUBMISSION_FAILED", error, **more)
        else:
            self.move(app, "SUBMITTED", executionAttempts=status.get("executionAttempts", 0) + 1, **more)

    def follow(self, app, state):
        namespace, status = app["metadata"]["namespace"], app["status"]
        pod = self.api.pods.get(namespace, status["driverInfo"]["podName"])
        if pod is None:
            left = POD_GRACE_SECONDS - seconds_since(status["lastSubmissionAttemptTime"])
            if state == "SUBMITTED" and left > 0:
                return left
            self.move(app, "FAILING", "driver pod not found", terminationTime=now())
            return None
        new, error = driver_state(pod)
        more = {"sparkApplicationId": pod["metadata"]["labels"].get("spark-app-selector", "")}
        executors = self.executors(app, new)
        if executors != status.get("executorState", {}):
            more["executorState"] = executors
        if new in ("SUCCEEDING", "FAILING"):
            more["terminationTime"] = now()
        if new != state:
            self.move(app, new, error, **more)
        elif "executorState" in more:
            self.api.apps.patch_status(namespace, app["metadata"]["name"], more)
        return None

    def executors(self, app, state):
        """State by name of the executors' pods; one that vanished counts as the operator counts it."""
        pods, _ = self.api.pods.list(app["metadata"]["namespace"],
                                     labels=f"{APP_LABEL}={app['metadata']['name']},spark-role=executor")
        found = {pod["metadata"]["name"]: executor_state(pod) for pod in pods}
        for name, old in app.get("status", {}).get("executorState", {}).items():
            if name not in found and old not in ("COMPLETED", "FAILED"):
                found[name] = {"COMPLETED": "COMPLETED", "SUCCEEDING": "COMPLETED", "RUNNING": "UNKNOWN"}.get(state, "FAILED")
            else:
                found.setdefault(name, old)
        return found

    def expire(self, app, state):
        """What is left to do for an application that has ended."""
        executors = self.executors(app, state)
        if executors != app["status"].get("executorState", {}):
            self.api.apps.patch_status(app["metadata"]["namespace"], app["metadata"]["name"], {"executorState": executors})
        lifetime, ended = app["spec"].get("timeToLiveSeconds"), app["status"].get("terminationTime")
        if not lifetime or not ended:
            return None
        left = lifetime - seconds_since(ended)
        if left <= 0:
            self.log(app, "deleted: older than its timeToLiveSeconds")
            self.api.apps.delete(app)
        return max(left, 1)

    def release(self, namespace, name):
        """The application is gone: its driver goes too. (The garbage collector does the same, a little later.)"""
        pods, _ = self.api.pods.list(namespace, labels=f"{APP_LABEL}={name},spark-role=driver")
        for pod in pods:
            if not pod["metadata"].get("deletionTimestamp"):
                self.log(pod, "deleted with its application")
                self.api.pods.delete(pod)
