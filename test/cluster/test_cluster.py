"""cluster.py: start, stop, install; what the dispatcher's service account may do."""
import json
import os
import signal

import pytest
from conftest import NAMESPACE, cluster_py
from kube import NAMESPACES, Kubectl

# Per namespace, and nothing else anywhere.
RIGHTS = {
    "sparkapplications.sparkoperator.k8s.io": {"create", "get", "list", "watch", "delete"},
    "pods": {"get", "list"},
    "resourcequotas": {"get", "create", "patch"},
    "leases.coordination.k8s.io": {"get", "create", "update"},
}


def rights(kubectl, namespace):
    """What the user of this kubeconfig may do beyond what every service account may."""
    lines = kubectl("-n", namespace, "auth", "can-i", "--list").splitlines()[1:]
    rows = [line.split("[") for line in lines if not line.startswith(" ") and "selfsubject" not in line]
    return {row[0].strip(): set(row[-1].rstrip("]").split()) for row in rows}


@pytest.fixture(scope="module")
def second(setting, tmp_path_factory):
    """Another cluster beside the session's."""
    folder = tmp_path_factory.mktemp("second")
    cluster_py("start", "--dir", folder)
    yield folder
    cluster_py("stop", "--dir", folder, "--delete")
    assert not folder.exists()


def test_dispatcher_may_do_what_it_needs_and_nothing_else(setting):
    dispatcher = Kubectl(setting.kubectl.base[0], setting.cluster / "sparkingest.kubeconfig")
    for namespace in NAMESPACES:
        assert rights(dispatcher, namespace) == RIGHTS
    for namespace in ("default", "kube-system", "sparkingest-system"):
        assert rights(dispatcher, namespace) == {}


def test_spark_driver_may_manage_its_executors(setting):
    for resource in ("pods", "services", "configmaps", "persistentvolumeclaims"):
        who = f"--as=system:serviceaccount:{NAMESPACE}:spark"
        assert setting.kubectl("-n", NAMESPACE, "auth", "can-i", "create", resource, who).strip() == "yes"
        assert setting.kubectl.try_run("-n", "vcpu-hours-ns", "auth", "can-i", "create", resource, who).stdout.strip() == "no"


def test_quotas_are_those_of_the_extension(setting):
    for namespace, cores, memory in (("dedicated-cpu-ns", "400", "800Gi"), ("vcpu-hours-ns", "2k", "4000Gi"),
                                     ("draft-ingestion-ns", "200", "400Gi")):
        hard = setting.kubectl.json("-n", namespace, "get", "resourcequota", "sparkingest")["spec"]["hard"]
        assert hard == {"requests.cpu": cores, "limits.cpu": cores, "requests.memory": memory, "limits.memory": memory}


def test_install_again_changes_nothing(setting):
    before = setting.kubectl.json("-n", NAMESPACE, "get", "resourcequota", "sparkingest")["metadata"]["resourceVersion"]
    assert "left as it is" in cluster_py("install", "--dir", setting.cluster).stdout
    assert setting.kubectl.json("-n", NAMESPACE, "get", "resourcequota", "sparkingest")["metadata"]["resourceVersion"] == before


def test_second_start_is_refused_and_says_how_to_stop(setting):
    done = cluster_py("start", "--dir", setting.cluster, check=False)
    assert done.returncode == 1 and f"cluster.py stop --dir {setting.cluster}" in done.stderr


def test_install_with_prefix_into_a_cluster_by_its_kubeconfig(second, tmp_path):
    """As into a user's own cluster: all that is known of it is a kubeconfig."""
    folder = tmp_path / "own"
    cluster_py("install", "--dir", folder, "--kubeconfig", second / "admin.kubeconfig", "--prefix", "t1-")
    dispatcher = Kubectl(json.loads((folder / "install.json").read_text())["kubectl"], folder / "sparkingest.kubeconfig")
    assert rights(dispatcher, "t1-vcpu-hours-ns") == RIGHTS
    assert rights(dispatcher, "vcpu-hours-ns") == {}
    first = (folder / "sparkingest.token").read_text()
    cluster_py("token", "--dir", folder)
    assert (folder / "sparkingest.token").read_text() != first
    assert rights(dispatcher, "t1-vcpu-hours-ns") == RIGHTS


def test_stopped_cluster_starts_again_with_its_data(second):
    admin = Kubectl(json.loads((second / "state.json").read_text())["bin"] + "/kubectl", second / "admin.kubeconfig")
    admin("create", "namespace", "kept")
    os.kill(int((second / "kube-apiserver.pid").read_text()), signal.SIGSTOP)  # also a hanging one is stopped
    assert "stopped kube-controller-manager, kube-apiserver, etcd" in cluster_py("stop", "--dir", second).stdout
    assert cluster_py("status", "--dir", second, check=False).returncode == 1
    cluster_py("start", "--dir", second)
    admin("get", "namespace", "kept")
    assert cluster_py("status", "--dir", second).stdout.count("running, pid") == 3


def test_api_server_alone_is_stopped_and_started(second):
    cluster_py("stop", "--dir", second, "--only", "kube-apiserver")
    assert "not ready" in cluster_py("status", "--dir", second, check=False).stdout
    cluster_py("start", "--dir", second, "--only", "kube-apiserver")
    cluster_py("status", "--dir", second)


def test_failing_start_shows_the_log(tmp_path):
    (tmp_path / "etcd").write_text("not a folder")
    done = cluster_py("start", "--dir", tmp_path, check=False)
    assert done.returncode == 1 and "etcd ended with exit code 1; the end of" in done.stderr and "not a directory" in done.stderr
    assert cluster_py("stop", "--dir", tmp_path).stdout.startswith("nothing ran")
