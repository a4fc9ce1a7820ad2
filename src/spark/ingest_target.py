"""Destinations: how output appears all at once, and how rows are written."""

import ctypes
import glob
import os
import shutil

from ingest_errors import BAD_SPEC, CANNOT_WRITE, Failure, gateway, shown

MARKER = "_ingest_run."  # + execution id: a file that tells whose output this is
CLOUD = "org.apache.spark.internal.io.cloud."


def is_data(name):
    """Readers of Spark's kind skip the others."""
    return not name.startswith(("_", "."))


def force(path):
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def exchange(one, other):
    """Swaps two names in one step; False where the file system cannot."""
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    return rename(here, os.fsencode(one), here, os.fsencode(other), swap) == 0


class FileTarget:
    """A directory of a file system: made under a hidden name, then renamed."""

    def __init__(self, spec):
        self.mode, self.run = spec["destination"]["mode"], spec["execution_id"]
        self.root = os.path.realpath(spec["destination"]["uri"].removeprefix("file://"))
        parent, base = os.path.split(self.root)
        self.hidden = os.path.join(parent, f".{base}.")
        if self.mode == "append" and os.path.isdir(self.root):
            # A mount point cannot be renamed into from outside.
            if not os.access(parent, os.W_OK) or os.stat(parent).st_dev != os.stat(self.root).st_dev:
                self.hidden = os.path.join(self.root, ".")
        self.staging = f"{self.hidden}ingest_run={self.run}.{spec['attempt']}"
        self.old = f"{self.hidden}old"

    def is_taken(self):
        """Whether something is there that no attempt of this run has left."""
        if not os.path.lexists(self.root):
            return False
        if not os.path.isdir(self.root):
            return True
        found = os.listdir(self.root)
        return bool(found) and MARKER + self.run not in found

    def prepare(self):
        """Clears what other attempts of this run left behind; returns where to write. Raises OSError, Failure(CANNOT_WRITE)."""
        for path in (*glob.glob(f"{glob.escape(self.hidden)}ingest_run={self.run}.*"), f"{self.old}.{self.run}"):
            shutil.rmtree(path, ignore_errors=True)
        if self.mode != "append" and os.path.isdir(self.old):
            if not os.path.lexists(self.root):
                os.rename(self.old, self.root)  # killed between the two renames of replace()
            shutil.rmtree(self.old, ignore_errors=True)
        if os.path.lexists(self.root) and not os.path.isdir(self.root):
            raise Failure(CANNOT_WRITE, f"{self.root} is not a directory")
        if self.mode == "error" and self.is_taken():
            raise Failure(CANNOT_WRITE, f"{self.root} exists already")
        os.makedirs(self.root if self.mode == "append" else os.path.dirname(self.root), exist_ok=True)
        os.mkdir(self.staging)
        with open(f"{self.staging}/{MARKER}{self.run}", "xb"):
            pass
        return "file://" + self.staging

    def publish(self):
        """Makes the output visible; returns (files, bytes) of it. It is on disk before: the watermark moves next."""
        if not os.path.exists(f"{self.staging}/{MARKER}{self.run}"):
            raise Failure(CANNOT_WRITE, "another attempt of this run has begun")
        files = size = 0
        for top, _, names in os.walk(self.staging):
            for name in names:
                path = os.path.join(top, name)
                force(path)
                if is_data(name):
                    files, size = files + 1, size + os.path.getsize(path)
            force(top)
        waste = self.append() if self.mode == "append" else self.replace()
        force(os.path.dirname(self.staging))
        force(self.root)
        for path in waste:
            shutil.rmtree(path, ignore_errors=True)
        return files, size

    def append(self):
        """Returns what is to be removed."""
        place, former = f"{self.root}/ingest_run={self.run}", f"{self.old}.{self.run}"
        if os.path.lexists(place):
            os.rename(place, former)
        os.rename(self.staging, place)
        return [former]

    def replace(self):
        """Returns what is to be removed."""
        if self.mode == "error" and self.is_taken():
            raise Failure(CANNOT_WRITE, f"{self.root} exists already")
        if not os.path.lexists(self.root):
            os.rename(self.staging, self.root)
            return []
        if exchange(self.staging, self.root):
            return [self.staging]
        os.rename(self.root, self.old)
        os.rename(self.staging, self.root)
        return [self.old]

    def discard(self):
        shutil.rmtree(self.staging, ignore_errors=True)


class ObjectTarget:
    """A prefix of an object store: written in place, since nothing can be renamed there."""

    def __init__(self, spec, spark):
        self.mode, self.run, self.spark = spec["destination"]["mode"], spec["execution_id"], spark
        self.root = spec["destination"]["uri"]
        self.prefix = f"{self.root}/ingest_run={self.run}" if self.mode == "append" else self.root
        self.former = set()
        self.fs = self.path(self.root).getFileSystem(spark._jsc.hadoopConfiguration())

    @staticmethod
    def path(uri):
        return gateway().jvm.org.apache.hadoop.fs.Path(uri)

    def list(self):
        """{uri: bytes} of all files below the prefix."""
        if not self.fs.exists(self.path(self.prefix)):
            return {}
        found, out = self.fs.listFiles(self.path(self.prefix), True), {}
        while found.hasNext():
            status = found.next()
            out[status.getPath().toString()] = status.getLen()
        return out

    def prepare(self):
        """As FileTarget's; Java's exceptions."""
        if self.mode == "append":
            self.fs.delete(self.path(self.prefix), True)
        marker = f"{self.prefix}/{MARKER}{self.run}"
        self.former = set(self.list())
        if self.mode == "error" and self.former and marker not in self.former:
            raise Failure(CANNOT_WRITE, f"{self.root} exists already")
        self.fs.create(self.path(marker), True).close()
        self.former.difference_update({marker, f"{self.prefix}/_SUCCESS"})  # these are written anew
        if gateway().jvm.org.apache.spark.util.Utils.classIsLoadable(CLOUD + "PathOutputCommitProtocol"):
            self.spark.conf.set("spark.sql.sources.commitProtocolClass", CLOUD + "PathOutputCommitProtocol")
            self.spark.conf.set("spark.sql.parquet.output.committer.class", CLOUD + "BindingParquetOutputCommitter")
            self.spark._jsc.hadoopConfiguration().set("fs.s3a.committer.name", "magic")
        return self.prefix

    def publish(self):
        for uri in self.former:
            self.fs.delete(self.path(uri), False)
        sizes = [size for uri, size in self.list().items() if is_data(uri.rsplit("/", 1)[1])]
        return len(sizes), sum(sizes)

    def discard(self):
        """Nothing: it may have failed for want of access, and the next attempt clears the prefix."""


# --- rows -------------------------------------------------------------------------------------------------------------

# Spark's defaults would cut microseconds off, and spaces at the ends of a text.
TIMES = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX", "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS"}
FORMAT_OPTIONS = {
    "csv": {"header": "true", "escape": '"', "ignoreLeadingWhiteSpace": "false", "ignoreTrailingWhiteSpace": "false", **TIMES},
    "json": {"ignoreNullFields": "false", **TIMES},
}
NULL_DIRECTORY = "__HIVE_DEFAULT_PARTITION__"


def check_columns(names, destination):
    columns = destination["partition_by"]
    for name in columns:
        if name not in names:
            raise Failure(BAD_SPEC, f"the source has no column {shown(name)}, which destination.partition_by names")
    if len(columns) == len(names):
        raise Failure(BAD_SPEC, "destination.partition_by leaves no column to write")
    if destination["mode"] == "append" and "ingest_run" in names:
        raise Failure(BAD_SPEC, 'the source has a column "ingest_run", the name that tells appended runs apart')


def for_csv(column, kind):
    """What CSV cannot hold as text: binary as base64, arrays, maps and structs as JSON."""
    from pyspark.sql import functions, types

    if isinstance(kind, types.BinaryType):
        return functions.base64(column)
    return functions.to_json(column, TIMES) if isinstance(kind, (types.ArrayType, types.MapType, types.StructType)) else column


def for_orc(column, kind):
    """ORC's timestamp has no zone; Spark would write its own kind without zone as a number, and the other in UTC as it is."""
    text = kind.simpleString()
    return column.cast(text.replace("timestamp_ntz", "timestamp")) if "timestamp_ntz" in text else column


def fit(frame, convert):
    """The frame with each column converted by its type."""
    from pyspark.sql import functions

    names = frame.columns
    frame = frame.toDF(*[f"c{i}" for i in range(len(names))])
    return frame.select(*[convert(functions.col(field.name), field.dataType) for field in frame.schema.fields]).toDF(*names)


CONVERSIONS = {"csv": for_csv, "orc": for_orc}


def save(frame, destination, uri, partition_by=()):
    writer = frame.write.format(destination["format"]).options(**FORMAT_OPTIONS.get(destination["format"], {})).mode("append")
    writer.partitionBy(*partition_by).save(uri)


def write(frame, destination, uri):
    """Writes all rows below uri and returns their number, which Spark counts as they pass."""
    from pyspark.sql import Observation, functions

    names, columns = frame.columns, destination["partition_by"]
    check_columns(names, destination)
    if destination["format"] in CONVERSIONS:
        frame = fit(frame, CONVERSIONS[destination["format"]])
    passing = Observation("rows")
    save(frame.observe(passing, functions.count(functions.lit(1)).alias("rows")), destination, uri, columns)
    rows = passing.get["rows"]
    if rows == 0 and columns:
        # A partitioned write of nothing makes no file; one without rows, where readers expect it, carries the schema.
        escaped = ["`" + name.replace("`", "``") + "`" for name in names if name not in columns]
        empty = frame.limit(0).select(*escaped).coalesce(1)
        save(empty, destination, "/".join([uri, *(f"{name}={NULL_DIRECTORY}" for name in columns)]))
    return rows
