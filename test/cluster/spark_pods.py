"""The pods of a SparkApplication, as the Spark operator and Spark ask for them: names, labels, resources, environment."""
import json
import os
import uuid

from kube import Problem

GROUP = "sparkoperator.k8s.io"
SUBMIT = "runner.sparkingest.io/submit"  # annotation: what spark-submit is to be told, for kubelet.py
DRIVER_CONTAINER = "spark-kubernetes-driver"
EXECUTOR_CONTAINER = "spark-kubernetes-executor"
UNITS = {"b": 1 / 1048576, "k": 1 / 1024, "m": 1, "g": 1024, "t": 1048576}
OVERHEAD_FACTOR, LEAST_OVERHEAD = 0.4, 384  # of Python applications


def mib(text):
    """Spark's memory strings: "512m", "2g"; a number alone is MiB."""
    text = str(text).strip().lower().removesuffix("b") or "0"
    number, unit = (text[:-1], text[-1]) if text[-1] in UNITS else (text, "m")
    try:
        return int(float(number) * UNITS[unit])
    except ValueError:
        raise Problem(f'memory "{text}" is not a number with a unit') from None


def heap_mib(role):
    return mib(role.get("memory", "1g"))


def pod_mib(role):
    heap = heap_mib(role)
    overhead = mib(role["memoryOverhead"]) if "memoryOverhead" in role else max(int(heap * OVERHEAD_FACTOR), LEAST_OVERHEAD)
    return heap + overhead


def resources(role):
    memory = f"{pod_mib(role)}Mi"
    cpu = str(role.get("coreRequest") or role.get("cores", 1))
    wanted = {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}
    if role.get("coreLimit"):
        wanted["limits"]["cpu"] = str(role["coreLimit"])
    return wanted


def environment(role):
    entries = [{"name": name, "value": value} for name, value in role.get("envVars", {}).items()]
    for name, reference in role.get("envSecretKeyRefs", {}).items():
        entries.append({"name": name, "valueFrom": {"secretKeyRef": {"name": reference["name"], "key": reference["key"]}}})
    return entries


def labels(app, role, submission, more):
    name = app["metadata"]["name"]
    return {**app["metadata"].get("labels", {}), **role.get("labels", {}),
            "spark-app-name": name[:63], "spark-app-selector": f"spark-{submission.replace('-', '')}",
            "spark-version": app["spec"]["sparkVersion"], f"{GROUP}/app-name": name,
            f"{GROUP}/launched-by-spark-operator": "true", f"{GROUP}/submission-id": submission, **more}


def owner(item):
    return {"apiVersion": item["apiVersion"], "kind": item["kind"], "name": item["metadata"]["name"],
            "uid": item["metadata"]["uid"], "controller": True}


def owned_by(pod, uid):
    return any(reference["uid"] == uid for reference in pod["metadata"].get("ownerReferences", []))


def driver_name(app):
    return app["spec"]["driver"].get("podName") or app["metadata"]["name"] + "-driver"


def instances(app):
    return int(app["spec"]["executor"].get("instances", 1))


def local_conf(app):
    """The application's Spark properties without those that only mean something to Kubernetes."""
    hadoop = {f"spark.hadoop.{key}": value for key, value in app["spec"].get("hadoopConf", {}).items()}
    conf = {**app["spec"].get("sparkConf", {}), **hadoop}
    unfit = ("spark.kubernetes.", "spark.submit.", "spark.master", "spark.driver.memory", "spark.executor.",
             "spark.dynamicAllocation.")
    return {key: value for key, value in conf.items() if not key.startswith(unfit)}


def pod(app, role, container, name, its_labels, node):
    spec = {
        "nodeName": node,  # no scheduler: the runner is the node
        "restartPolicy": "Never",
        "containers": [{"name": container, "image": role.get("image") or app["spec"].get("image", "spark"),
                        "imagePullPolicy": app["spec"].get("imagePullPolicy", "IfNotPresent"),
                        "env": environment(role), "resources": resources(role)}],
    }
    if role.get("serviceAccount"):
        spec["serviceAccountName"] = role["serviceAccount"]
    return {"apiVersion": "v1", "kind": "Pod", "spec": spec,
            "metadata": {"name": name, "namespace": app["metadata"]["namespace"], "labels": its_labels}}


def driver_pod(app, submission, node):
    """The driver's pod. One process plays driver and executors (local mode): it gets the memory of all of them."""
    spec = app["spec"]
    driver, executor, count = spec["driver"], spec["executor"], instances(app)
    role = {"serviceAccount": driver.get("serviceAccount"), **executor}
    template = pod(app, role, EXECUTOR_CONTAINER, "", labels(app, executor, submission, {"spark-role": "executor"}), node)
    submit = {
        "name": app["metadata"]["name"], "conf": local_conf(app), "jars": spec.get("deps", {}).get("jars", []),
        "heapMib": heap_mib(driver) + count * heap_mib(executor), "limitMib": pod_mib(driver) + count * pod_mib(executor),
        "cores": max(1, min(count * int(executor.get("cores", 1)), len(os.sched_getaffinity(0)))),
        "executors": count, "executor": template,
    }
    made = pod(app, driver, DRIVER_CONTAINER, driver_name(app), labels(app, driver, submission, {"spark-role": "driver"}), node)
    made["metadata"]["ownerReferences"] = [owner(app)]
    made["metadata"]["annotations"] = {**driver.get("annotations", {}), SUBMIT: json.dumps(submit)}
    made["spec"]["containers"][0]["args"] = ["driver", spec["mainApplicationFile"], *spec.get("arguments", [])]
    return made


def executor_pod(driver, submit, number):
    """Executor number 1, 2, ... of a driver's pod, which owns it."""
    made = json.loads(json.dumps(submit["executor"]))
    prefix = driver["metadata"]["name"].removesuffix("-driver")
    made["metadata"]["name"] = f"{prefix}-{driver['metadata']['uid'].replace('-', '')[:16]}-exec-{number}"
    made["metadata"]["labels"]["spark-exec-id"] = str(number)
    made["metadata"]["ownerReferences"] = [owner(driver)]
    return made


def new_submission():
    return str(uuid.uuid4())
