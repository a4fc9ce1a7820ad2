"""The ingestion application: what every sparkingest manifest runs.

    spark-submit ingest.py --spec-b64 SPEC

Its modules (ingest_*.py) lie in the same directory, in an image too. SPEC is base64url without padding of a JSON object; a key that is not listed is an error:

    execution_id  UUID of the run: the same for all its attempts, so that one replaces what another left
    attempt       integer >= 1
    source        type postgres | mysql | jdbc | s3 | file
      postgres, mysql: host, port, database, schema (postgres)        jdbc: url, driver (a Java class)
      these three: table or query, partition {column, num 1..1000}, fetchsize (10000),
                   incremental {column, overlap (0), after (text or null)}
      s3: uri, or bucket and path; file: uri; both: format
    destination   type s3 | file, uri or bucket and path, format, mode append | overwrite | error, partition_by [column, ...]

Formats are parquet, orc, csv, json. Secrets come from the environment alone: SPARKINGEST_SOURCE_USERNAME and _PASSWORD, and
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which Hadoop reads by itself. They are struck out of every message.

Source. Names are taken as they are, case and all. Without `schema`, dots in `table` separate schema (or database) and table.
A partitioned read makes `num` queries over ranges of a number, date or time column; the bounds, from one min/max query, set
the stride only, and NULLs go with the first range. In PostgreSQL all of them see one snapshot. Incremental: `upper` is
max(column) at the start, rows in (after - overlap, upper] are read, and `upper` is reported as the cursor, which never goes
back. Without `after` all rows up to `upper` are read, and those with NULL: no later run could find them. The column is of
whole or decimal numbers, dates or timestamps without infinity; overlap is in seconds, for numbers in the column's own unit.

Values arrive exactly or the run fails. What Spark has no exact type for arrives as the database's text: numeric without
precision (or beyond 38 digits), time, interval, money, ranges, composite types and whatever else is not known here; cast in a
query for another type. Timestamps without zone stay so; those with one are instants. infinity and -infinity become
9999-12-31 23:59:59.999999 and 0001-01-01. Arrays keep their type; those declared with more dimensions than one arrive as
JSON text, and an undeclared dimension or an infinity inside fails the run. Java's calendar skips 5 to 14 October 1582: these
days arrive as ten days later. ORC's one kind of timestamp holds both, in UTC. CSV sources are read as text, RFC 4180 with a
header; CSV output holds binary as base64, and arrays and structs as JSON.

Destination. append writes the directory uri/ingest_run=<execution_id>/, so that an attempt replaces what an earlier one of the
same run left; overwrite and error write uri itself, and error accepts what an attempt of this run left there. On a file system
(one that driver and executors share) the output is made in a hidden directory beside uri (inside it, for append to a place
whose parent cannot be written), forced to disk, and renamed: readers see all of a run or nothing, and an attempt that lives on
while another has begun cannot write any more. An object store has no rename: files appear as the job commits (at once with the S3A magic committer, used where spark-hadoop-cloud is on
the class path), _SUCCESS last; overwrite deletes the former files after that. Empty input makes a valid empty output.

At the end one JSON object of at most 4,096 bytes goes to the file named by SPARKINGEST_TERMINATION_LOG, else to
/dev/termination-log, and to standard error; null = not known:

    v 1, rows, bytes_out, files, cursor (text), cpu_ms and peak_mem_mb (MiB of resident memory; both: driver and executors,
    summed), run_ms, error null | {class, msg}

Exit codes and error classes:
      0
     64 bad_spec            spec malformed, or not as the source is: no such table, column, database, file; no permission
     69 source_unreachable  network, login, server going down or out of resources: another attempt may succeed
     70 other
     73 cannot_write
    137 out_of_memory       Java heap exhausted, or an executor killed for its memory
    143 terminated          SIGTERM, to Python or to the JVM
"""

import json
import os
import re
import resource
import signal
import sys
import threading
import time

from ingest_errors import CLASSES, OK, OUT_OF_MEMORY, TERMINATED, Terminated, classify, clean, gateway
from ingest_source import read_database, read_files
from ingest_spec import parse_spec
from ingest_target import FileTarget, ObjectTarget, write

METRICS_BYTES = 4096
VERDICT_SECONDS = 10
SETTINGS = {
    "spark.app.name": "sparkingest",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "true",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
    "spark.executor.processTreeMetrics.enabled": "true",
}


def log(text):
    print(f"ingest: {text}", file=sys.stderr, flush=True)


def encode_metrics(metrics):
    """JSON in UTF-8 of at most METRICS_BYTES bytes: error.msg gives way, whole characters at a time."""
    while True:
        data = json.dumps(metrics, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        excess = len(data) - METRICS_BYTES
        if excess <= 0:
            return data
        text = metrics["error"]["msg"].removesuffix("...")
        # A character takes at most four bytes: never too few are left, and few rounds are needed.
        short = text[: -max(1, excess // 4)] + "..."
        metrics = {**metrics, "error": {**metrics["error"], "msg": short}}


class Report:
    """The metrics, written once. Output becomes visible under the lock, so that an end by SIGTERM comes before or after."""

    def __init__(self, environ):
        self.environ = environ
        self.began = time.monotonic()
        self.lock = threading.RLock()
        self.ended = threading.Event()
        self.phase = "start"  # what is being done: start, target, source, write, publish
        self.code = None  # the exit code, once the metrics are written
        self.metrics = dict.fromkeys(("rows", "bytes_out", "files", "cursor", "cpu_ms", "run_ms", "peak_mem_mb"))

    def end(self, code, message=""):
        """Writes the metrics unless that is done already; returns the exit code that stands."""
        with self.lock:
            if self.code is not None:
                return self.code
            self.code = code
            self.metrics["run_ms"] = int((time.monotonic() - self.began) * 1000)
            error = {"class": CLASSES[code], "msg": clean(message, self.environ)} if code != OK else None
            data = encode_metrics({"v": 1, **self.metrics, "error": error})
            log("metrics " + data.decode("utf-8"))
            try:
                with open(self.environ.get("SPARKINGEST_TERMINATION_LOG") or "/dev/termination-log", "wb") as file:
                    file.write(data)
            except OSError as problem:
                log(f"cannot write the termination log: {problem.strerror}")
            self.ended.set()
            return code


def measure_executors(spark):
    """(CPU seconds, bytes) of the executors as Spark knows them; in local mode they are the driver."""
    if spark.sparkContext.master.startswith("local"):
        return 0, 0
    store = spark._jsc.sc().statusStore()
    cpu = peak = 0
    stages = store.stageList(None, False, False, gateway().new_array(gateway().jvm.double, 0), None)
    for i in range(stages.size()):
        cpu += stages.apply(i).executorCpuTime() / 1e9
    executors = store.executorList(False)
    for i in range(executors.size()):
        found = executors.apply(i).peakMemoryMetrics()
        if executors.apply(i).id() != "driver" and found.isDefined():
            value = found.get().getMetricValue
            peak += value("ProcessTreeJVMRSSMemory") or value("JVMHeapMemory") + value("JVMOffHeapMemory")
    return cpu, peak


def measure(spark, metrics):
    """Sets cpu_ms and peak_mem_mb: of the driver's JVM, this process and the executors."""
    cpu, peak = measure_executors(spark)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    pid = gateway().jvm.java.lang.ProcessHandle.current().pid()
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        ticks = file.read().rsplit(")", 1)[1].split()[11:13]
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        peak += int(re.search(r"VmHWM:\s*(\d+)", file.read())[1]) * 1024
    cpu += usage.ru_utime + usage.ru_stime + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    peak += usage.ru_maxrss * 1024
    metrics.update(cpu_ms=int(cpu * 1000), peak_mem_mb=-(-peak // 2**20))


def start_spark():
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

    SparkContext._ensure_initialized()
    # JDBC drivers make dates and times in the JVM's zone: in UTC no hour is missing or doubled.
    zones = gateway().jvm.java.util.TimeZone
    zones.setDefault(zones.getTimeZone("UTC"))
    conf = SparkConf()
    conf.setIfMissing("spark.ui.enabled", "false")
    options = conf.get("spark.executor.extraJavaOptions", "")
    conf.set("spark.executor.extraJavaOptions", f"{options} -Duser.timezone=UTC".strip())
    for key, value in SETTINGS.items():
        conf.set(key, value)
    return SparkSession.builder.config(conf=conf).getOrCreate()


class ShutdownHook:
    """In a pod SIGTERM reaches the JVM, this process's parent, which runs this before it ends."""

    def __init__(self, report):
        from pyspark.java_gateway import ensure_callback_server_started

        self.report = report
        ensure_callback_server_started(gateway())
        self.runtime = gateway().jvm.java.lang.Runtime.getRuntime()
        self.thread = gateway().jvm.java.lang.Thread(self)
        self.runtime.addShutdownHook(self.thread)

    def run(self):
        traces = gateway().jvm.Thread.getAllStackTraces()
        if any(thread.getName().startswith("SIG") for thread in traces.keySet()):  # such as "SIGTERM handler"
            self.report.end(TERMINATED, "the JVM was terminated")
        elif any("SparkUncaughtExceptionHandler" in frame.toString() for trace in traces.values() for frame in trace):
            self.report.end(OUT_OF_MEMORY, "the JVM ended itself after a fatal error, as it does when its heap is too small")

    def remove(self):
        """False when the JVM is ending already."""
        try:
            return self.runtime.removeShutdownHook(self.thread)
        except Exception:
            return False

    class Java:
        implements = ["java.lang.Runnable"]


def read(spark, source, report, keep):
    if source["type"] in ("s3", "file"):
        return read_files(spark, source), None
    return read_database(spark, source, report.environ, keep)


def ingest(spark, spec, report):
    """Does what the spec says, and ends the report when the output is visible. Raises whatever goes wrong before that."""
    report.phase = "target"
    target = FileTarget(spec) if spec["destination"]["type"] == "file" else ObjectTarget(spec, spark)
    connections = []
    try:
        uri = target.prepare()
        report.phase = "source"
        frame, cursor = read(spark, spec["source"], report, connections)
        report.phase = "write"
        rows = write(frame, spec["destination"], uri)
        measure(spark, report.metrics)
        with report.lock:
            if report.code is not None:
                raise Terminated
            report.phase = "publish"
            files, size = target.publish()
            report.metrics.update(rows=rows, files=files, bytes_out=size, cursor=cursor)
            report.end(OK)
    except BaseException:
        target.discard()
        raise
    for connection in connections:
        connection.close()


def main(argv, environ):
    """Runs the application; returns its exit code."""
    report = Report(environ)
    spark = hook = None

    def on_sigterm(signum, frame):
        if report.phase != "publish":
            raise Terminated

    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        spec = parse_spec(argv)
        spark = start_spark()
        hook = ShutdownHook(report)
        ingest(spark, spec, report)
    except Terminated:
        report.end(TERMINATED, "terminated")
    except Exception as error:
        code, message = classify(error, report.phase)
        if "SparkContext was shut down" in message:
            report.ended.wait(VERDICT_SECONDS)  # the shutdown hook knows why
        report.end(code, message)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if report.code == TERMINATED or (hook and not hook.remove()):
        os._exit(report.code)  # Spark goes with the JVM
    if spark:
        spark.stop()
    return report.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
