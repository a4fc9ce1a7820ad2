"""The runner does what Spark operator and kubelet do: on a real API, with real Spark."""
import os
import signal

import pytest
from conftest import NAMESPACE, is_running
from kube import poll

SPARK = """
import json, os, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
rows = spark.range(1000).count()
with open(os.environ["SPARKINGEST_TERMINATION_LOG"], "w") as file:
    json.dump({"rows": rows, "arguments": sys.argv[1:], "password": os.environ.get("PASSWORD")}, file)
"""
FAILING = """
import os, sys
open(os.environ["SPARKINGEST_TERMINATION_LOG"], "w").write("no such table")
sys.exit(64)
"""
# Runs until it is stopped, or until the file beside it says how to go on.
WAITING = """
import os, sys, time
base = sys.argv[0][:-3]
open(base + ".new", "w").write(str(os.getpid()))
os.rename(base + ".new", base + ".pid")
while not os.path.exists(base + ".go"):
    time.sleep(0.05)
exec(open(base + ".go").read())
"""
GREEDY = """
block = []
while True:
    block.append(bytearray(b"x") * (64 << 20))
"""


def go(setting, name, script="pass"):
    (setting.folder / f"{name}.tmp").write_text(script)
    (setting.folder / f"{name}.tmp").rename(setting.folder / f"{name}.go")


@pytest.fixture
def waiting(setting):
    """An application that waits, and the process id of its script."""
    name = setting.post(WAITING)
    pid = setting.wait_pid(name)
    setting.wait_for(name, "RUNNING")
    return name, pid


def test_completes_with_its_message_and_secret(setting):
    setting.kubectl("-n", NAMESPACE, "create", "secret", "generic", "shop", "--from-literal=password=s3cret")
    name = setting.post(SPARK, executors=2, arguments=["--a", "b c", "$(HOME)", "$(PASSWORD)"],
                        secrets={"PASSWORD": {"name": "shop", "key": "password"}})
    setting.wait_for(name, "COMPLETED")
    end = setting.end(name)
    assert (end["exitCode"], end["reason"]) == (0, "Completed")
    assert end["message"] == '{"rows": 1000, "arguments": ["--a", "b c", "$(HOME)", "s3cret"], "password": "s3cret"}'
    status = setting.get("sparkapplication", name)["status"]
    assert status["driverInfo"]["podName"] == f"{name}-driver"
    assert status["executionAttempts"] == 1
    assert status["lastSubmissionAttemptTime"] <= end["startedAt"] <= end["finishedAt"] <= status["terminationTime"]
    assert set(status["executorState"].values()) == {"COMPLETED"}


def test_pods_hold_what_the_manifest_asks_for(setting):
    before = setting.quota_used()
    assert before["requests.cpu"] == "0", before
    name = setting.post(WAITING, executors=3, cores=2)
    poll(lambda: len(setting.pods(name)) == 4, 20, "driver and executors")
    pods = setting.pods(name)
    assert all(pod["metadata"]["labels"]["sparkingest.io/execution"] == name for pod in pods)
    assert sorted(pod["metadata"]["labels"]["spark-role"] for pod in pods) == ["driver"] + ["executor"] * 3
    used = setting.quota_used()
    assert (used["requests.cpu"], used["limits.cpu"], used["requests.memory"]) == ("8", "8", f"{4 * (512 + 384)}Mi")
    setting.wait_pid(name)
    go(setting, name)
    setting.wait_for(name, "COMPLETED")
    poll(lambda: setting.quota_used()["requests.cpu"] == "0", 20, "the quota to be free again")


def test_failure_is_reported_with_exit_code_and_message(setting):
    name = setting.post(FAILING)
    assert setting.wait_for(name, "FAILED") == "driver container failed with ExitCode: 64, Reason: Error"
    end = setting.end(name)
    assert (end["exitCode"], end["reason"], end["message"]) == (64, "Error", "no such table")
    assert setting.get("pod", f"{name}-driver")["status"]["phase"] == "Failed"


def test_deletion_ends_process_and_pods(setting, waiting):
    name, pid = waiting
    setting.kubectl("-n", NAMESPACE, "delete", "sparkapplication", name)
    poll(lambda: not setting.pods(name), 20, "the pods to be gone")
    assert not is_running(pid), "the pods were gone before the process"


def test_missing_secret_fails_as_a_container_that_cannot_start(setting):
    name = setting.post(SPARK, secrets={"PASSWORD": {"name": "nowhere", "key": "password"}})
    assert setting.wait_for(name, "FAILED") == "driver container failed with ExitCode: 128, Reason: CreateContainerConfigError"
    assert setting.end(name)["message"] == 'secret "nowhere" not found'


def test_quota_refuses_a_driver_that_is_too_large(setting):
    name = setting.post(SPARK, cores=201)
    message = setting.wait_for(name, "FAILED")
    assert message.startswith("failed to submit spark application") and "exceeded quota: sparkingest" in message
    assert setting.pods(name) == []


def test_quota_refuses_executors_and_the_driver_runs_without(setting):
    name = setting.post(WAITING, executors=2, cores=90)
    setting.wait_pid(name)
    setting.wait_for(name, "RUNNING")
    poll(lambda: f"{name}-driver executor 2 of 2 refused" in setting.runner_log.read_text(), 20, "the quota's refusal")
    assert len(setting.pods(name)) == 2
    go(setting, name)
    setting.wait_for(name, "COMPLETED")


def test_driver_killed_by_a_signal(setting, waiting):
    name, pid = waiting
    os.kill(pid, signal.SIGKILL)
    assert setting.wait_for(name, "FAILED") == "driver container failed with ExitCode: 137, Reason: Error"


def test_more_memory_than_its_limit(setting, waiting):
    name, pid = waiting
    go(setting, name, GREEDY)
    assert setting.wait_for(name, "FAILED") == "driver container failed with ExitCode: 137, Reason: OOMKilled"
    assert not is_running(pid)


def test_pod_deleted_by_hand(setting, waiting):
    name, pid = waiting
    setting.kubectl("-n", NAMESPACE, "delete", "pod", f"{name}-driver")
    message = setting.wait_for(name, "FAILED")
    assert message in ("driver container failed with ExitCode: 143, Reason: Error", "driver pod not found")
    assert not is_running(pid)


def test_pod_removed_by_force(setting, waiting):
    name, pid = waiting
    setting.kubectl("-n", NAMESPACE, "delete", "pod", f"{name}-driver", "--grace-period=0", "--force")
    assert setting.wait_for(name, "FAILED") == "driver pod not found"
    poll(lambda: not is_running(pid), 10, "its process to end")


def test_runner_killed_and_started_again_adopts_what_runs(setting, waiting):
    name, pid = waiting
    setting.stop_runner(signal.SIGKILL)
    assert is_running(pid)
    ended_meanwhile = setting.post(FAILING)
    setting.start_runner()
    go(setting, name, "open(os.environ['SPARKINGEST_TERMINATION_LOG'], 'w').write('done')")
    setting.wait_for(name, "COMPLETED")
    assert setting.end(name)["message"] == "done"
    setting.wait_for(ended_meanwhile, "FAILED")


def test_runner_lost_with_its_processes(setting, waiting):
    name, pid = waiting
    setting.stop_runner(signal.SIGKILL)
    folder = setting.folder / "runner" / setting.get("pod", f"{name}-driver")["metadata"]["uid"]
    session = os.getsid(pid)
    for process in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            words = open(f"/proc/{process}/cmdline").read()
            if str(folder) in words or os.getsid(process) == session:
                os.kill(process, signal.SIGKILL)
        except OSError:
            continue
    (folder / "result.json").unlink(missing_ok=True)
    setting.start_runner()
    assert setting.wait_for(name, "FAILED") == "driver container failed with ExitCode: 137, Reason: ContainerStatusUnknown"


def test_runner_stops_its_applications_on_sigterm(setting, waiting):
    name, pid = waiting
    setting.stop_runner()
    assert not is_running(pid)
    pod = setting.get("pod", f"{name}-driver")
    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "Terminated")
    setting.start_runner()
    assert setting.wait_for(name, "FAILED") == "driver container failed with ExitCode: 143, Reason: Error"


def test_api_server_that_hangs(setting, waiting):
    name, _ = waiting
    pid = int((setting.cluster / "kube-apiserver.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        go(setting, name)
        poll(lambda: any(folder.joinpath("result.json").exists() for folder in (setting.folder / "runner").iterdir()), 20,
             "the driver to end")
    finally:
        os.kill(pid, signal.SIGCONT)
    setting.wait_for(name, "COMPLETED")
