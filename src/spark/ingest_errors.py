"""How a run can fail: exit codes (explained in ingest.py), and what an exception from Python, Spark or a driver means."""

import json
import re

OK, BAD_SPEC, UNREACHABLE, OTHER, CANNOT_WRITE, OUT_OF_MEMORY, TERMINATED = 0, 64, 69, 70, 73, 137, 143
CLASSES = {
    BAD_SPEC: "bad_spec",
    UNREACHABLE: "source_unreachable",
    OTHER: "other",
    CANNOT_WRITE: "cannot_write",
    OUT_OF_MEMORY: "out_of_memory",
    TERMINATED: "terminated",
}
SECRETS = ("SPARKINGEST_SOURCE_PASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class Failure(Exception):
    """Ends the run with one of the exit codes."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Terminated(BaseException):
    """SIGTERM arrived."""


def shown(name):
    """A name as it appears in a message: in quotes."""
    return json.dumps(name, ensure_ascii=False)


def gateway():
    """py4j's way to the JVM."""
    from pyspark import SparkContext

    return SparkContext._gateway


def is_instance(java_object, class_name):
    from py4j.java_gateway import is_instance_of

    return is_instance_of(gateway(), java_object, class_name)


def throwable(error):
    """The Java exception behind a Python one, or None."""
    return getattr(error, "java_exception", None) or getattr(error, "_origin", None)


def is_java(error, class_name):
    found = throwable(error)
    return found is not None and is_instance(found, class_name)


def chain(error):
    """The Java exception and its causes, outermost first."""
    found, out = throwable(error), []
    while found is not None and len(out) < 30:
        out.append(found)
        found = found.getCause()
    return out


def summary(java_error):
    text = java_error.getMessage() or java_error.toString()
    return re.split(r"\n\s+at |\nDriver stacktrace:|\nJVM stacktrace:", text)[0].strip()


def sql_code(java_error):
    """Exit code of an SQLException: by its class, which not every driver chooses well, and by SQLSTATE."""
    state = java_error.getSQLState() or ""
    passing = ("SQLTransient", "SQLNonTransientConnection", "SQLRecoverable", "SQLInvalidAuthorizationSpec")
    if state[:2] in ("08", "28", "40", "53", "57", "58") or any(is_instance(java_error, f"java.sql.{name}Exception") for name in passing):
        return UNREACHABLE
    return BAD_SPEC if state[:2] in ("3D", "3F", "42") else OTHER


def java_code(error, causes, phase):
    """(exit code, the cause that tells most)."""
    texts = "\n".join(cause.toString() for cause in causes)
    if re.search(r"OutOfMemoryError|OOMKilled|exit code:? (137|52)\b", texts):
        return OUT_OF_MEMORY, causes[-1]
    for cause in causes:
        if is_instance(cause, "java.sql.SQLException"):
            return sql_code(cause), cause
    condition = getattr(error, "getCondition", lambda: None)() or ""
    if condition.startswith(("PATH_NOT_FOUND", "UNABLE_TO_INFER_SCHEMA")):
        return BAD_SPEC, causes[-1]
    if "MALFORMED_RECORD" in texts or not any(is_instance(cause, "java.io.IOException") for cause in causes):
        return OTHER, causes[-1]
    is_reading = phase == "source" or "FAILED_READ_FILE" in texts
    return UNREACHABLE if is_reading else CANNOT_WRITE, causes[-1]


def classify(error, phase):
    """(exit code, message) of an exception. phase: see Report in ingest.py."""
    if isinstance(error, Failure):
        return error.code, str(error)
    try:
        causes = chain(error)
        if causes:
            code, cause = java_code(error, causes, phase)
            return code, summary(cause)
    except Exception as second:
        return OTHER, f"{type(error).__name__}, and the JVM does not answer: {type(second).__name__}"
    if isinstance(error, OSError) and phase in ("target", "write", "publish"):
        return CANNOT_WRITE, f"cannot write: {error}"
    return OTHER, f"{type(error).__name__}: {error}"


def clean(text, environ):
    """Fit for a log line and for jsonb, which has no NUL, and without the secrets in the environment."""
    for secret in sorted(filter(None, map(environ.get, SECRETS)), key=len, reverse=True):
        text = text.replace(secret, "***")
    text = "".join(" " if ord(c) < 0x20 or ord(c) == 0x7F or 0xD800 <= ord(c) <= 0xDFFF else c for c in text)
    return re.sub(" {2,}", " ", text).strip()
