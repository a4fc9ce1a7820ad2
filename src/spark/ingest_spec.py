"""The spec: from the command line to a checked dictionary."""

import base64
import binascii
import json
import uuid
from decimal import Decimal

from ingest_errors import BAD_SPEC, Failure, shown

FORMATS = ("parquet", "orc", "csv", "json")
MODES = ("append", "overwrite", "error")

READING = {"table": str, "query": str, "partition": dict, "fetchsize": int, "incremental": dict}
SOURCE_KEYS = {
    "postgres": {"type": str, "host": str, "port": int, "database": str, "schema": str, **READING},
    "mysql": {"type": str, "host": str, "port": int, "database": str, **READING},
    "jdbc": {"type": str, "url": str, "driver": str, **READING},
    "s3": {"type": str, "uri": str, "bucket": str, "path": str, "format": str},
    "file": {"type": str, "uri": str, "format": str},
}
SOURCE_NEEDS = {"postgres": ["host", "database"], "mysql": ["host", "database"], "jdbc": ["url"], "s3": [], "file": []}
WRITING = {"format": str, "mode": str, "partition_by": list}
DESTINATION_KEYS = {
    "s3": {"type": str, "uri": str, "bucket": str, "path": str, **WRITING},
    "file": {"type": str, "uri": str, **WRITING},
}


def bad(message):
    return Failure(BAD_SPEC, f"bad spec: {message}")


def check(obj, path, keys, needs=()):
    """The object without its nulls. Raises bad_spec for unknown or missing keys, wrong types and empty strings."""
    if not isinstance(obj, dict):
        raise bad(f"{path} must be an object")
    for key, value in obj.items():
        if key not in keys:
            raise bad(f"{path} has the unknown key {shown(key)}")
        kinds = (int, Decimal) if keys[key] is Decimal else keys[key]
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds) or value == ""):
            raise bad(f"{path}.{key} is of the wrong type or empty")
    obj = {key: value for key, value in obj.items() if value is not None}
    for key in needs:
        if key not in obj:
            raise bad(f"{path}.{key} is missing")
    return obj


def check_range(obj, path, key, low, high, default=None):
    value = obj.setdefault(key, default)
    if value is not None and not low <= value <= high:
        raise bad(f"{path}.{key} must be from {low} to {high}")


def check_word(obj, path, key, words, default=None):
    if obj.setdefault(key, default) not in words:
        raise bad(f"{path}.{key} must be one of {', '.join(words)}")


def check_uuid(value, path):
    try:
        if str(uuid.UUID(value)) == value:
            return value
    except (ValueError, AttributeError, TypeError):
        pass
    raise bad(f"{path} must be a UUID in lower case")


def check_location(obj, path):
    """Leaves only uri, which begins with s3a:// or file:/// and has no slash at its end."""
    s3 = obj["type"] == "s3"
    if s3 and ("uri" in obj) == ("bucket" in obj or "path" in obj):
        raise bad(f"{path} needs either uri, or bucket and path")
    if s3 and "uri" not in obj:
        if "bucket" not in obj or "path" not in obj:
            raise bad(f"{path} needs both bucket and path")
        obj["uri"] = f"s3a://{obj.pop('bucket')}/{obj.pop('path').lstrip('/')}"
    uri = obj.get("uri", "")
    if s3 and uri.startswith("s3://"):
        uri = "s3a" + uri[2:]
    if not uri.startswith("s3a://" if s3 else "file:///"):
        raise bad(f"{path}.uri must begin with {'s3a:// or s3://' if s3 else 'file:///'}")
    obj["uri"] = uri.rstrip("/")
    if obj["uri"].count("/") < 3:
        raise bad(f"{path}.uri must name something below the root")


def check_source(source):
    kind = source.get("type")
    if kind not in SOURCE_KEYS:
        raise bad(f"source.type must be one of {', '.join(SOURCE_KEYS)}")
    source = check(source, "source", SOURCE_KEYS[kind], SOURCE_NEEDS[kind])
    if kind in ("s3", "file"):
        check_location(source, "source")
        check_word(source, "source", "format", FORMATS, "parquet")
        return source
    if ("table" in source) == ("query" in source):
        raise bad("source needs either table or query")
    check_range(source, "source", "port", 1, 65535)
    check_range(source, "source", "fetchsize", 1, 1000000, 10000)
    if "partition" in source:
        path = "source.partition"
        source["partition"] = check(source["partition"], path, {"column": str, "num": int}, ["column", "num"])
        check_range(source["partition"], path, "num", 1, 1000)
    if "incremental" in source:
        path = "source.incremental"
        keys = {"column": str, "overlap": Decimal, "after": str}
        source["incremental"] = check(source["incremental"], path, keys, ["column"])
        check_range(source["incremental"], path, "overlap", 0, 10**12, 0)
    return source


def check_destination(destination):
    kind = destination.get("type")
    if kind not in DESTINATION_KEYS:
        raise bad(f"destination.type must be one of {', '.join(DESTINATION_KEYS)}")
    destination = check(destination, "destination", DESTINATION_KEYS[kind])
    check_location(destination, "destination")
    check_word(destination, "destination", "format", FORMATS, "parquet")
    check_word(destination, "destination", "mode", MODES, "append")
    columns = destination.setdefault("partition_by", [])
    if any(not isinstance(name, str) or name == "" for name in columns) or len(set(columns)) < len(columns):
        raise bad("destination.partition_by must be a list of different column names")
    return destination


def decode(text):
    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return json.loads(raw.decode("utf-8"), parse_float=Decimal, parse_constant=refuse)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise bad(f"not base64url of JSON: {error}") from None


def parse_spec(argv):
    """The spec of ingest.py's docstring, with defaults, without nulls, buckets as uri. Raises Failure(BAD_SPEC)."""
    if len(argv) != 2 or argv[0] != "--spec-b64":
        raise bad("usage: ingest.py --spec-b64 SPEC")
    keys = {"execution_id": str, "attempt": int, "source": dict, "destination": dict}
    spec = check(decode(argv[1]), "spec", keys, keys)
    check_uuid(spec["execution_id"], "execution_id")
    check_range(spec, "spec", "attempt", 1, 2**31)
    for part in ("source", "destination"):
        if not isinstance(spec[part].get("type"), str):
            raise bad(f"{part}.type is missing")
    spec["source"] = check_source(spec["source"])
    spec["destination"] = check_destination(spec["destination"])
    return spec
