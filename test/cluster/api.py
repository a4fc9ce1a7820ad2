"""The Kubernetes API as plain dictionaries, over the official client's dynamic part. Every call has a time limit."""
import json

import urllib3
from kubernetes import client, config, dynamic, watch
from kubernetes.dynamic.exceptions import ResourceNotFoundError

from kube import Problem

TIMEOUT = (5, 15)  # seconds to connect, and between bytes of an answer
MERGE = "application/merge-patch+json"


class Unreachable(Exception):
    """No answer came."""


class Refused(Exception):
    """The API answered with an error."""

    def __init__(self, error):
        self.code = error.status
        try:
            status = json.loads(error.body)
            self.reason, self.message = status.get("reason", ""), status.get("message", "")
        except (TypeError, ValueError):
            self.reason, self.message = error.reason or "", str(error.body or error.reason)
        super().__init__(f"{self.code} {self.reason}: {self.message}")

    @property
    def final(self):
        """Whether the same request would be refused again."""
        return self.code in (400, 403, 404, 405, 409, 413, 422)


class Kind:
    """The objects of one kind."""

    def __init__(self, dynamic_client, version, kind):
        try:
            self.resource = dynamic_client.resources.get(api_version=version, kind=kind)
        except ResourceNotFoundError:
            raise Problem(f"the cluster does not know {version} {kind}: cluster.py install puts in what is needed") from None

    @staticmethod
    def call(function, *arguments, **options):
        try:
            answer = function(*arguments, _request_timeout=TIMEOUT, **options)
            return answer.to_dict()
        except client.ApiException as error:
            raise Refused(error) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(str(error)) from None

    def get(self, namespace, name):
        """None when there is no such object."""
        try:
            return self.call(self.resource.get, name=name, namespace=namespace)
        except Refused as refused:
            if refused.code == 404:
                return None
            raise

    def list(self, namespace=None, labels=None, fields=None):
        """The objects and the version of the list."""
        answer = self.call(self.resource.get, namespace=namespace, label_selector=labels, field_selector=fields)
        return answer.get("items", []), answer["metadata"]["resourceVersion"]

    def create(self, body):
        return self.call(self.resource.create, body=body, namespace=body["metadata"].get("namespace"))

    def patch(self, namespace, name, body):
        return self.call(self.resource.patch, body=body, name=name, namespace=namespace, content_type=MERGE)

    def patch_status(self, namespace, name, status):
        """False when the object is gone."""
        try:
            self.call(self.resource.status.patch, body={"status": status}, name=name, namespace=namespace, content_type=MERGE)
            return True
        except Refused as refused:
            if refused.code == 404:
                return False
            raise

    def delete(self, item, now=False):
        """Deletes this very object, not another of its name; now = without waiting for its end, as kubelet confirms one."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": item["metadata"]["uid"]}}
        if now:
            options["gracePeriodSeconds"] = 0
        try:
            self.call(self.resource.delete, name=item["metadata"]["name"], namespace=item["metadata"].get("namespace"),
                      body=options)
        except Refused as refused:
            if refused.code not in (404, 409):
                raise

    def watch(self, version, seconds, namespace=None, fields=None):
        """Yields (type, object) until the server ends the watch, after `seconds` at most."""
        stream = watch.Watch().stream(self.resource.get, serialize=False, namespace=namespace, field_selector=fields,
                                      resource_version=version, timeout_seconds=seconds, allow_watch_bookmarks=True,
                                      _request_timeout=(5, seconds + 10))
        try:
            for event in stream:
                yield event["type"], event["object"]
        except client.ApiException as error:
            raise Refused(error) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(str(error)) from None


class Api:
    def __init__(self, kubeconfig, context, cache_file):
        try:
            self.client = config.new_client_from_config(config_file=kubeconfig, context=context)
        except config.ConfigException as error:
            raise Problem(f"{kubeconfig or 'KUBECONFIG'} cannot be used: {error}") from None
        try:
            # The discovery cache is ours: one by the server's address would outlive a cluster on the same port.
            self.dynamic = dynamic.DynamicClient(self.client, cache_file=str(cache_file))
            self.apps = Kind(self.dynamic, "sparkoperator.k8s.io/v1beta2", "SparkApplication")
            self.pods = Kind(self.dynamic, "v1", "Pod")
            self.secrets = Kind(self.dynamic, "v1", "Secret")
            self.nodes = Kind(self.dynamic, "v1", "Node")
            self.leases = Kind(self.dynamic, "coordination.k8s.io/v1", "Lease")
        except client.ApiException as error:
            raise Problem(f"the API refuses us: {Refused(error)}") from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Problem(f"the API cannot be reached: {error}") from None
