"""The Node that the runner plays: where it is missing, a cluster's controllers remove pods that claim to be on it."""
import os
import time

from api import Refused

BEAT_SECONDS = 10


def micro_now():
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())


class Node:
    def __init__(self, api, name):
        self.api, self.name, self.next_beat = api, name, 0

    def beat(self, now):
        """Says that the node lives; creates it if need be. To be called often, acts every BEAT_SECONDS."""
        if now < self.next_beat:
            return
        self.next_beat = now + BEAT_SECONDS
        if self.api.nodes.get(None, self.name) is None:
            self.create()
        time_now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        ready = {"type": "Ready", "status": "True", "reason": "RunnerReady", "message": "processes of test/cluster/runner.py",
                 "lastHeartbeatTime": time_now, "lastTransitionTime": time_now}
        self.api.nodes.patch_status(None, self.name, {"conditions": [ready]})
        self.renew_lease()

    def create(self):
        memory_kib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
        size = {"cpu": str(os.cpu_count()), "memory": f"{memory_kib}Ki", "pods": "1000"}
        try:
            self.api.nodes.create({
                "apiVersion": "v1", "kind": "Node", "metadata": {"name": self.name, "labels": {"sparkingest.io/runner": "true"}},
                "spec": {"taints": [{"key": "sparkingest.io/runner", "effect": "NoSchedule"}]},  # nothing else is to come here
                "status": {"capacity": size, "allocatable": size},
            })
        except Refused as refused:
            if refused.reason != "AlreadyExists":
                raise

    def renew_lease(self):
        spec = {"holderIdentity": self.name, "leaseDurationSeconds": 4 * BEAT_SECONDS, "renewTime": micro_now()}
        if self.api.leases.get("kube-node-lease", self.name) is None:
            try:
                self.api.leases.create({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                                        "metadata": {"name": self.name, "namespace": "kube-node-lease"}, "spec": spec})
                return
            except Refused as refused:
                if refused.reason != "AlreadyExists":
                    raise
        self.api.leases.patch("kube-node-lease", self.name, {"spec": spec})
