"""Puts what sparkingest needs into a cluster: the SparkApplication CRD, the manifests of src/kube/deploy, and a token of
the dispatcher's service account in a kubeconfig that the PostgreSQL server can read."""
import base64
import json
import re
import shutil
import stat
import subprocess
from pathlib import Path

from kube import DEPLOY, HERE, NAMESPACES, SYSTEM_NAMESPACE, Kubectl, Problem, kubeconfig, poll, reader_group, write

CRD = "sparkapplications.sparkoperator.k8s.io"
APPLY = ("apply", "--server-side", "--force-conflicts", "--field-manager=sparkingest-install", "-f")


def tools(folder):
    """kubectl, and a function that gives the file of the CRD: of the cluster in this folder, else what build.sh finds."""
    state = folder / "state.json"
    if state.exists():
        programs = Path(json.loads(state.read_text())["bin"])
    else:
        done = subprocess.run([str(HERE / "build.sh"), "client"], stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise Problem("build.sh client failed; see above")
        programs = Path(done.stdout.splitlines()[-1])
    return programs / "kubectl", programs.parent / "crd" / "sparkoperator.k8s.io_sparkapplications.yaml"


def established(kubectl):
    answer = kubectl.try_run("get", "crd", CRD, "-o", "jsonpath={.status.conditions[?(@.type=='Established')].status}")
    return answer.stdout.strip() == "True"


def with_prefix(text, prefix):
    """The manifests with another name for each namespace."""
    names = "|".join(map(re.escape, (*NAMESPACES, SYSTEM_NAMESPACE)))
    return re.sub(rf"(?<![\w-])({names})(?![\w-])", lambda found: prefix + found[0], text)


def quota_known(kubectl, namespace):
    """Whether the controller has counted: until then admission refuses every pod ("status unknown for quota")."""
    quota = kubectl.json("-n", namespace, "get", "resourcequota", "sparkingest")
    return quota.get("status", {}).get("hard") == quota["spec"]["hard"]


def check_reachable(folder):
    """Warns when another user cannot get to the folder."""
    for parent in (folder, *folder.parents):
        if not parent.stat().st_mode & stat.S_IXOTH:
            print(f"warning: {parent} is closed to other users: a PostgreSQL server that runs as one cannot read "
                  f"{folder}/sparkingest.kubeconfig")
            return


def install(folder, options):
    admin = Path(options.kubeconfig) if options.kubeconfig else folder / "admin.kubeconfig"
    if not admin.exists():
        raise Problem(f"{admin} is not there: start a cluster with cluster.py start --dir {folder}, or give --kubeconfig")
    if not re.fullmatch(r"([a-z0-9][a-z0-9-]*)?", options.prefix):
        raise Problem(f'--prefix "{options.prefix}": lower-case letters, digits and "-" only')
    group = reader_group(options.group)
    folder.mkdir(parents=True, exist_ok=True)
    program, crd = tools(folder)
    if not shutil.which(program):
        raise Problem(f"{program} is not there: run test/cluster/build.sh")
    kubectl = Kubectl(program, admin.resolve(), options.context)
    kubectl("version")

    if kubectl.try_run("get", "crd", CRD).returncode == 0:
        print(f"{CRD}: there already, left as it is")
    else:
        kubectl(*APPLY, str(crd))
        # kubectl wait fails on an object that has no conditions yet.
        poll(lambda: established(kubectl), 60, f"{CRD} to be established")
        print(f"{CRD}: installed")
    for name in ("namespaces.yaml", "rbac.yaml"):
        kubectl(*APPLY, "-", stdin=with_prefix((DEPLOY / name).read_text(), options.prefix))
    namespaces = [options.prefix + name for name in NAMESPACES]
    for namespace in namespaces:
        poll(lambda namespace=namespace: quota_known(kubectl, namespace), 60, f"the quota of namespace {namespace} to be counted")
    print(f"namespaces {', '.join(namespaces)}: quotas and service accounts installed")

    installed = {"kubectl": str(program), "kubeconfig": str(admin.resolve()), "context": options.context,
                 "namespace": options.prefix + SYSTEM_NAMESPACE}
    write(folder / "install.json", json.dumps(installed, indent=2) + "\n")
    write_kubeconfig(folder, kubectl)
    new_token(folder, kubectl, options.prefix + SYSTEM_NAMESPACE, options.duration, group)
    check_reachable(folder)
    print(f"kubeconfig of the dispatcher: {folder}/sparkingest.kubeconfig")


def write_kubeconfig(folder, kubectl):
    """The same server as the administrator's, with the token file beside it."""
    view = kubectl.json("config", "view", "--raw", "--minify", "--flatten")
    cluster = view["clusters"][0]["cluster"]
    ca = None
    if "certificate-authority-data" in cluster:
        ca = folder / "cluster-ca.crt"
        write(ca, base64.b64decode(cluster["certificate-authority-data"]))
    write(folder / "sparkingest.kubeconfig",
          kubeconfig(cluster["server"], ca, {"tokenFile": str(folder / "sparkingest.token")},
                     tls_server_name=cluster.get("tls-server-name"), insecure=cluster.get("insecure-skip-tls-verify", False)))


def new_token(folder, kubectl, namespace, duration, group):
    token = kubectl("create", "token", "sparkingest", "-n", namespace, "--duration", duration)
    write(folder / "sparkingest.token", token.strip(), 0o600 if group is None else 0o640, group)


def renew_token(folder, options):
    try:
        installed = json.loads((folder / "install.json").read_text())
    except FileNotFoundError:
        raise Problem(f"nothing was installed from {folder}: cluster.py install --dir {folder}") from None
    kubectl = Kubectl(installed["kubectl"], installed["kubeconfig"], installed["context"])
    new_token(folder, kubectl, installed["namespace"], options.duration, reader_group(options.group))
    print(f"renewed {folder}/sparkingest.token")
