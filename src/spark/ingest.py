"""The ingestion application: what every sparkingest manifest runs.

    spark-submit ingest.py --spec-b64 SPEC

SPEC is base64url without padding of a JSON object; a key that is not listed is an error:

    execution_id  UUID, attempt  integer >= 1
    replaces      optional list of at most 1,000 UUIDs: executions whose output does not count (earlier attempts of the same
                  run that failed or were lost after they had written). It is removed as this run's appears.
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
9999-12-31 23:59:59.999999 and 0001-01-01. Arrays keep their type; those of more than one dimension must be declared so.
CSV sources are read as text, RFC 4180 with a header; CSV output holds binary as base64, and arrays and structs as JSON.

Destination. append writes the directory uri/ingest_run=<execution_id>/, so that a repeated run replaces its own output;
overwrite and error write uri itself, and error accepts what an execution of this run (own id, replaces) left there. On a
file system (one that driver and executors share) the output is made in a hidden directory beside uri (inside it, for
append to a place whose parent cannot be written), forced to disk, and renamed: readers see all of a run or nothing. An object
store has no rename: files appear as the job commits (at once with the S3A magic committer, used where spark-hadoop-cloud is on
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

import base64
import binascii
import ctypes
import datetime
import json
import os
import re
import resource
import shutil
import signal
import sys
import threading
import time
import urllib.parse
import uuid
from decimal import Decimal

OK, BAD_SPEC, UNREACHABLE, OTHER, CANNOT_WRITE, OUT_OF_MEMORY, TERMINATED = 0, 64, 69, 70, 73, 137, 143
CLASSES = {
    BAD_SPEC: "bad_spec",
    UNREACHABLE: "source_unreachable",
    OTHER: "other",
    CANNOT_WRITE: "cannot_write",
    OUT_OF_MEMORY: "out_of_memory",
    TERMINATED: "terminated",
}
METRICS_BYTES = 4096
FORMATS = ("parquet", "orc", "csv", "json")


class Failure(Exception):
    """Ends the run with one of the exit codes above."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Terminated(BaseException):
    """SIGTERM arrived."""


def log(text):
    print(f"ingest: {text}", file=sys.stderr, flush=True)


# --- spec -------------------------------------------------------------------------------------------------------------

READING = {"table": str, "query": str, "partition": dict, "fetchsize": int, "incremental": dict}
SOURCE_KEYS = {
    "postgres": {"host": str, "port": int, "database": str, "schema": str, **READING},
    "mysql": {"host": str, "port": int, "database": str, **READING},
    "jdbc": {"url": str, "driver": str, **READING},
    "s3": {"uri": str, "bucket": str, "path": str, "format": str},
    "file": {"uri": str, "format": str},
}
DESTINATION_KEYS = {
    "s3": {"uri": str, "bucket": str, "path": str, "format": str, "mode": str, "partition_by": list},
    "file": {"uri": str, "format": str, "mode": str, "partition_by": list},
}


def bad(message):
    return Failure(BAD_SPEC, f"bad spec: {message}")


def check(obj, path, keys, required=()):
    """The object without nulls. Raises bad_spec for unknown or missing keys, wrong types and empty strings."""
    if not isinstance(obj, dict):
        raise bad(f"{path} must be an object")
    for key, value in obj.items():
        if key not in keys:
            raise bad(f"{path} has the unknown key {json.dumps(key)}")
        kinds = (int, Decimal) if keys[key] is Decimal else keys[key]
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds) or value == ""):
            raise bad(f"{path}.{key} has a value of the wrong type or none")
    obj = {key: value for key, value in obj.items() if value is not None}
    for key in required:
        if key not in obj:
            raise bad(f"{path}.{key} is missing")
    return obj


def in_range(obj, path, key, low, high, default=None):
    value = obj.setdefault(key, default)
    if value is not None and not low <= value <= high:
        raise bad(f"{path}.{key} must be from {low} to {high}")


def one_of(obj, path, key, words, default=None):
    if obj.setdefault(key, default) not in words:
        raise bad(f"{path}.{key} must be one of {', '.join(words)}")


def check_uuid(value, path):
    try:
        if str(uuid.UUID(value)) == value:
            return value
    except (ValueError, AttributeError, TypeError):
        pass
    raise bad(f"{path} must be a UUID in lower case")


def check_location(obj, path, s3):
    """Replaces bucket and path by uri; s3:// by s3a://."""
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
    kind = check(source, "source", {"type": str, **{k: object for k in source}}, ["type"])["type"] if isinstance(source, dict) else None
    if kind not in SOURCE_KEYS:
        raise bad(f"source.type must be one of {', '.join(SOURCE_KEYS)}")
    required = {"postgres": ["host", "database"], "mysql": ["host", "database"], "jdbc": ["url"]}.get(kind, [])
    source = check(source, "source", {"type": str, **SOURCE_KEYS[kind]}, required)
    if kind in ("s3", "file"):
        check_location(source, "source", kind == "s3")
        one_of(source, "source", "format", FORMATS, "parquet")
        return source
    if ("table" in source) == ("query" in source):
        raise bad("source needs either table or query")
    in_range(source, "source", "port", 1, 65535)
    in_range(source, "source", "fetchsize", 1, 1000000, 10000)
    if "partition" in source:
        path = "source.partition"
        source["partition"] = check(source["partition"], path, {"column": str, "num": int}, ["column", "num"])
        in_range(source["partition"], path, "num", 1, 1000)
    if "incremental" in source:
        path = "source.incremental"
        keys = {"column": str, "overlap": Decimal, "after": str}
        source["incremental"] = check(source["incremental"], path, keys, ["column"])
        in_range(source["incremental"], path, "overlap", 0, 10**12, 0)
    return source


def check_destination(destination):
    kind = destination.get("type") if isinstance(destination, dict) else None
    if not isinstance(kind, str) or kind not in DESTINATION_KEYS:
        raise bad("destination.type must be one of s3, file")
    destination = check(destination, "destination", {"type": str, **DESTINATION_KEYS[kind]})
    check_location(destination, "destination", kind == "s3")
    one_of(destination, "destination", "format", FORMATS, "parquet")
    one_of(destination, "destination", "mode", ("append", "overwrite", "error"), "append")
    columns = destination.setdefault("partition_by", [])
    if any(not isinstance(name, str) or name == "" for name in columns) or len(set(columns)) < len(columns):
        raise bad("destination.partition_by must be a list of different column names")
    return destination


def parse_spec(argv):
    """{execution_id, attempt, replaces, source, destination}, complete with defaults and without nulls. Raises bad_spec."""

    def refuse(text):
        raise ValueError(f"{text} is not JSON")

    if len(argv) != 2 or argv[0] != "--spec-b64":
        raise bad("usage: ingest.py --spec-b64 SPEC")
    try:
        raw = base64.b64decode(argv[1] + "=" * (-len(argv[1]) % 4), altchars=b"-_", validate=True)
        spec = json.loads(raw.decode("utf-8"), parse_float=Decimal, parse_constant=refuse)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise bad(f"not base64url of JSON: {error}") from None
    keys = {"execution_id": str, "attempt": int, "replaces": list, "source": dict, "destination": dict}
    spec = check(spec, "spec", keys, ["execution_id", "attempt", "source", "destination"])
    check_uuid(spec["execution_id"], "execution_id")
    in_range(spec, "spec", "attempt", 1, 2**31)
    spec["replaces"] = [check_uuid(value, "replaces") for value in spec.get("replaces", [])]
    if len(spec["replaces"]) > 1000 or spec["execution_id"] in spec["replaces"]:
        raise bad("replaces must be at most 1000 other executions")
    spec["source"] = check_source(spec["source"])
    spec["destination"] = check_destination(spec["destination"])
    return spec


# --- values of cursors and bounds -------------------------------------------------------------------------------------

TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?")
NUMBER = re.compile(r"[+-]?\d{1,1000}(?:\.\d{1,1000})?")


def parse_value(kind, text):
    """int, Decimal, date or datetime (aware for timestamptz) of a column kind; None when it is none, such as infinity."""
    text = text.strip()
    if kind in ("int", "decimal", "float"):
        if not NUMBER.fullmatch(text):
            try:
                number = Decimal(text) if kind == "float" else None
            except ArithmeticError:
                return None
            return number if number is not None and number.is_finite() else None
        return int(text) if kind == "int" and "." not in text else Decimal(text)
    match = TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        if kind == "date":
            return datetime.date(int(year), int(month), int(day))
        micros = int((fraction or "0")[:6].ljust(6, "0"))
        value = datetime.datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micros)
        if kind == "timestamp":
            return value
        offset = 0
        if zone and zone != "Z":
            digits = zone[1:].replace(":", "").ljust(4, "0")
            offset = (int(digits[:2]) * 60 + int(digits[2:])) * (-1 if zone[0] == "-" else 1)
        utc = value - datetime.timedelta(minutes=offset)
        return utc.replace(tzinfo=datetime.timezone.utc)
    except (ValueError, OverflowError):
        return None


def format_value(value):
    """Text that parse_value reads and that databases take as a literal: 2013-01-31 23:00:00.5+00:00, 2013-01-31, 17."""
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, datetime.date) else format(value, "f") if isinstance(value, Decimal) else str(value)


def step_back(value, overlap):
    """value - overlap (seconds; for numbers the column's unit), or None when that is before all that the type can say."""
    if not isinstance(value, datetime.date):
        return value - (overlap if isinstance(overlap, int) or overlap % 1 else int(overlap))
    try:
        delta = datetime.timedelta(microseconds=int(overlap * 1000000))
        if isinstance(value, datetime.datetime):
            return value - delta
        return value + datetime.timedelta(days=-delta // datetime.timedelta(days=1))
    except OverflowError:
        return None


def boundaries(low, high, num):
    """At most num - 1 values that rise from low to high in even steps."""
    if isinstance(low, datetime.datetime):
        unit, origin = datetime.timedelta(microseconds=1), low
    elif isinstance(low, datetime.date):
        unit, origin = datetime.timedelta(days=1), low
    else:
        unit, origin = 1, low
    span = (high - low) // unit if unit != 1 else high - low
    whole = unit != 1 or isinstance(span, int)
    steps = [span * i // num if whole else span * i / num for i in range(1, num)]
    return sorted({origin + step * unit for step in steps} - {low})


def ranges(expression, literals):
    """Conditions that together hold every row exactly once; NULLs are in the first."""
    if not literals:
        return []
    inner = [f"{expression} >= {a} AND {expression} < {b}" for a, b in zip(literals, literals[1:])]
    return [f"{expression} < {literals[0]} OR {expression} IS NULL", *inner, f"{expression} >= {literals[-1]}"]


# --- databases --------------------------------------------------------------------------------------------------------

# PostgreSQL types that Spark reads exactly; arrays of them too, named with "_" before.
EXACT = set("bool int2 int4 int8 float4 float8 text varchar bpchar name date timestamp timestamptz uuid bytea oid".split())
PLAIN_TEXT = {"json", "jsonb", "xml"}
DRIVERS = {
    "postgres": ["org.postgresql.Driver"],
    "mysql": ["org.mariadb.jdbc.Driver", "com.mysql.cj.jdbc.Driver"],
}
MYSQL_OPTIONS = {
    "permitMysqlScheme": "true",
    "connectionTimeZone": "UTC",
    "forceConnectionTimeZoneToSession": "true",
    "tinyInt1isBit": "false",
    "yearIsDateType": "false",
    "useCursorFetch": "true",
}
KINDS = {
    **dict.fromkeys((-6, -5, 4, 5), "int"),
    **dict.fromkeys((2, 3), "decimal"),
    **dict.fromkeys((6, 7, 8), "float"),
    91: "date",
    93: "timestamp",
    2014: "timestamptz",
}


class Column:
    """name; type_name as the database says it; kind: int decimal float date timestamp timestamptz, or None for others."""

    def __init__(self, name, sql_type, type_name, precision, scale):
        self.name, self.type_name, self.precision, self.scale = name, type_name.lower(), precision, scale
        self.kind = "timestamptz" if self.type_name == "timestamptz" else KINDS.get(sql_type)


class Database:
    """A JDBC source: how it is reached, how it quotes, and the relation that is read."""

    def __init__(self, source, environ, jvm):
        self.source, self.jvm = source, jvm
        kind = source["type"]
        host, port = source.get("host", ""), source.get("port")
        place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
        name = urllib.parse.quote(source.get("database", ""), safe="")
        self.url = source.get("url") or {"postgres": "jdbc:postgresql://", "mysql": "jdbc:mysql://"}[kind] + f"{place}/{name}"
        dialect = self.url.split(":")[1].lower()
        self.is_postgres = dialect == "postgresql"
        self.is_mysql = dialect in ("mysql", "mariadb")
        self.properties = {}
        if self.is_postgres:
            self.properties.update(ApplicationName="sparkingest", tcpKeepAlive="true")
        if self.is_mysql:
            self.properties.update(MYSQL_OPTIONS)
            if kind == "mysql":
                self.url += "?" + urllib.parse.urlencode(MYSQL_OPTIONS)
        for key in ("user", "password"):
            value = environ.get("SPARKINGEST_SOURCE_" + {"user": "USERNAME", "password": "PASSWORD"}[key])
            if value:
                self.properties[key] = value
        self.driver = self.find_driver([source["driver"]] if "driver" in source else DRIVERS.get(kind))

    def find_driver(self, names):
        """The driver object: the first of the class names that is there, or any that takes the URL."""
        loader = self.jvm.Thread.currentThread().getContextClassLoader()
        for name in names or []:
            try:
                constructor = loader.loadClass(name).getDeclaredConstructor(self.empty("Class"))
                return constructor.newInstance(self.empty("Object"))
            except Exception as error:  # py4j wraps ClassNotFoundException
                if not is_a(error, "java.lang.ReflectiveOperationException"):
                    raise
        if names is None:
            found = self.jvm.java.util.ServiceLoader.load(loader.loadClass("java.sql.Driver"), loader).iterator()
            while found.hasNext():
                driver = found.next()
                if driver.acceptsURL(self.url):
                    return driver
        raise Failure(BAD_SPEC, f"no JDBC driver for this source on the class path{': ' + ', '.join(names) if names else ''}")

    def empty(self, name):
        return self.jvm._gateway_client and new_array(self.jvm, name)

    def connect(self):
        properties = self.jvm.java.util.Properties()
        for key, value in self.properties.items():
            properties.setProperty(key, value)
        connection = self.driver.connect(self.url, properties)
        if connection is None:
            raise Failure(BAD_SPEC, f"JDBC driver {self.driver.getClass().getName()} does not take this URL")
        return connection

    def quote(self, name):
        mark = "`" if self.is_mysql else '"'
        return mark + name.replace(mark, mark * 2) + mark

    def literal(self, column, value):
        """SQL of a value of the column's kind."""
        text = format_value(value)
        if not isinstance(value, datetime.date):
            return text
        if self.is_postgres or self.is_mysql or self.url.startswith("jdbc:sqlserver:"):
            return f"'{text}'"  # takes the type of what it is compared with
        return f"{'DATE' if column.kind == 'date' else 'TIMESTAMP'} '{text}'"

    def relation(self):
        """What stands in FROM, under the alias q."""
        if "query" in self.source:
            return f"({self.source['query']}\n) q"
        parts = [self.source["table"]]
        if "schema" in self.source:
            parts.insert(0, self.source["schema"])
        else:
            parts = parts[0].split(".")
        return ".".join(self.quote(part) for part in parts) + " q"

    def ask(self, connection, sql):
        """The texts of the one row that sql returns."""
        statement = connection.createStatement()
        try:
            result = statement.executeQuery(sql)
            result.next()
            return [result.getString(i + 1) for i in range(result.getMetaData().getColumnCount())]
        finally:
            statement.close()

    def columns(self, connection):
        statement = connection.createStatement()
        try:
            data = statement.executeQuery(f"SELECT * FROM {self.relation()} WHERE 1 = 0").getMetaData()
            found = [
                Column(data.getColumnLabel(i), data.getColumnType(i), data.getColumnTypeName(i), data.getPrecision(i), data.getScale(i))
                for i in range(1, data.getColumnCount() + 1)
            ]
        finally:
            statement.close()
        names = [column.name for column in found]
        if not names:
            raise Failure(BAD_SPEC, "the source has no columns")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise Failure(BAD_SPEC, f"the source has two columns named {json.dumps(twice, ensure_ascii=False)}")
        return found

    def select(self, column):
        """SQL that yields the column in a type that Spark reads exactly."""
        sql = "q." + self.quote(column.name)
        name = column.type_name
        if self.is_mysql:
            return f"CAST({sql} AS CHAR)" if name == "time" else sql
        if not self.is_postgres or name in EXACT or name in PLAIN_TEXT or (name[:1] == "_" and name[1:] in EXACT - {"bytea", "oid"}):
            return sql
        if name in ("numeric", "_numeric") and 0 < column.precision <= 38 and 0 <= column.scale <= column.precision:
            return sql
        if name in ("smallserial", "serial", "bigserial"):
            return sql
        if name == "money":
            sql += "::numeric"
        return f"{sql}::text"


def need(columns, name, role, kinds):
    """The column of that name; bad_spec when there is none, or none of such a kind."""
    column = next((column for column in columns if column.name == name), None)
    shown = json.dumps(name, ensure_ascii=False)
    if column is None:
        raise Failure(BAD_SPEC, f"the source has no column {shown}, which source.{role}.column names")
    if column.kind not in kinds:
        raise Failure(BAD_SPEC, f"column {shown} of type {column.type_name} cannot be source.{role}.column: {', '.join(kinds)} can")
    return column


class Window:
    """The rows that a run reads, and the cursor that it reports (None = no incremental read, or none known)."""

    condition = None
    cursor = None


def make_window(database, connection, columns):
    incremental = database.source.get("incremental")
    window = Window()
    if incremental is None:
        return window
    column = need(columns, incremental["column"], "incremental", ("int", "decimal", "date", "timestamp", "timestamptz"))
    sql = "q." + database.quote(column.name)
    after = upper = None
    if "after" in incremental:
        after = parse_value(column.kind, incremental["after"])
        if after is None:
            raise bad(f"source.incremental.after is no {column.kind}: {incremental['after'][:100]}")
    [text] = database.ask(connection, f"SELECT max({sql}) FROM {database.relation()}")
    if text is not None:
        upper = parse_value(column.kind, text)
        if upper is None:
            raise Failure(OTHER, f"the greatest value of the incremental column cannot be a cursor: {text[:100]}")
    up_to = None if upper is None else f"{sql} <= {database.literal(column, upper)}"
    if after is None:
        window.condition = f"({up_to} OR {sql} IS NULL)" if up_to else f"{sql} IS NULL"
    elif up_to is None:
        window.condition = "1 = 0"
    else:
        lower = step_back(after, incremental["overlap"])
        window.condition = up_to if lower is None else f"{sql} > {database.literal(column, lower)} AND {up_to}"
    known = [value for value in (after, upper) if value is not None]
    window.cursor = format_value(max(known)) if known else None
    return window


def export_snapshot(database, connection):
    """SQL that makes other sessions see what this one sees; None where the database cannot."""
    connection.setAutoCommit(False)
    statement = connection.createStatement()
    try:
        statement.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        statement.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        [snapshot] = database.ask(connection, "SELECT pg_catalog.pg_export_snapshot()")
    except Exception as error:
        if not is_a(error, "java.sql.SQLException"):
            raise
        log("the source exports no snapshot; partitions are read one by one")
        connection.rollback()
        connection.setAutoCommit(True)
        return None
    finally:
        statement.close()
    return f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '{snapshot}'"


def read_database(spark, source, environ, keep):
    """(DataFrame, cursor). keep: list that holds connections which must stay open until the data has been read."""
    database = Database(source, environ, spark._jvm)
    connection = database.connect()
    keep.append(connection)
    options = {"driver": database.driver.getClass().getName(), "fetchsize": str(source["fetchsize"]), "preferTimestampNTZ": "true"}
    partition = source.get("partition")
    if partition and partition["num"] > 1 and database.is_postgres:
        snapshot = export_snapshot(database, connection)
        if snapshot:
            options["sessionInitStatement"] = snapshot
    columns = database.columns(connection)
    window = make_window(database, connection, columns)
    where = f" WHERE {window.condition}" if window.condition else ""
    # Names of our own inside: Spark does not escape every name that a column can have.
    selected = [f"{database.select(column)} AS c{i}" for i, column in enumerate(columns)]
    predicates = []
    if partition:
        column = need(columns, partition["column"], "partition", ("int", "decimal", "float", "date", "timestamp", "timestamptz"))
        sql = "q." + database.quote(column.name)
        bounds = database.ask(connection, f"SELECT min({sql}), max({sql}) FROM {database.relation()}{where}")
        low, high = (text if text is None else parse_value(column.kind, text) for text in bounds)
        if low is not None and high is not None:
            between = [database.literal(column, value) for value in boundaries(low, high, partition["num"])]
            predicates = ranges("p", between)
        selected.append(f"{sql} AS p")
    table = f"(SELECT {', '.join(selected)} FROM {database.relation()}{where}) si"
    properties = {**database.properties, **options}
    if predicates:
        frame = spark.read.jdbc(database.url, table, predicates=predicates, properties=properties)
    else:
        frame = spark.read.jdbc(database.url, table, properties=properties)
    log(f"reading {len(columns)} columns in {max(1, len(predicates))} ranges")
    return frame.select(*[f"c{i}" for i in range(len(columns))]).toDF(*[column.name for column in columns]), window.cursor


# --- files as a source, and how values are written --------------------------------------------------------------------

TIMES = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX", "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS"}
READ_OPTIONS = {
    "csv": {"header": "true", "escape": '"', "multiLine": "true", "mode": "FAILFAST"},
    "json": {"mode": "FAILFAST", "prefersDecimal": "true"},
}
WRITE_OPTIONS = {
    "csv": {"header": "true", "escape": '"', **TIMES},
    "json": {"ignoreNullFields": "false", **TIMES},
}
DEFAULT_PARTITION = "__HIVE_DEFAULT_PARTITION__"


def read_files(spark, source):
    frame = spark.read.format(source["format"]).options(**READ_OPTIONS.get(source["format"], {})).load(source["uri"])
    if "ingest_run" in frame.columns:  # the directory key of an appended dataset
        frame = frame.drop("ingest_run")
    return frame


def fit_format(frame, file_format):
    """CSV has neither binary nor nested values."""
    from pyspark.sql import functions, types

    if file_format != "csv":
        return frame
    names = frame.columns
    frame = frame.toDF(*[f"c{i}" for i in range(len(names))])
    out = []
    for field in frame.schema.fields:
        value = functions.col(field.name)
        if isinstance(field.dataType, types.BinaryType):
            value = functions.base64(value)
        elif isinstance(field.dataType, (types.ArrayType, types.MapType, types.StructType)):
            value = functions.to_json(value, TIMES)
        out.append(value)
    return frame.select(*out).toDF(*names)


# --- destinations -----------------------------------------------------------------------------------------------------


def is_data(name):
    return not name.startswith(("_", "."))


class FileTarget:
    """A directory of a file system: staged beside, then renamed."""

    def __init__(self, spec):
        destination = spec["destination"]
        self.mode, self.run = destination["mode"], spec["execution_id"]
        self.own = [self.run, *spec["replaces"]]
        self.root = destination["uri"][len("file://") :]
        self.final = f"{self.root}/ingest_run={self.run}" if self.mode == "append" else self.root
        parent, base = os.path.split(self.root)
        self.hidden = f"{parent.rstrip('/')}/.{base}."
        if self.mode == "append" and os.path.isdir(self.root):
            if not os.access(parent, os.W_OK) or os.stat(parent).st_dev != os.stat(self.root).st_dev:
                self.hidden = f"{self.root}/."
        self.staging = f"{self.hidden}ingest_run={self.run}"
        self.trash = f"{self.hidden}old"

    def marked(self, run):
        return os.path.lexists(f"{self.root}/_ingest_run.{run}")

    def prepare(self):
        """Clears what killed runs left behind, and makes sure that the output can be written. Returns where to."""
        for run in self.own:
            shutil.rmtree(f"{self.hidden}ingest_run={run}", ignore_errors=True)
            shutil.rmtree(f"{self.trash}.{run}", ignore_errors=True)
        if self.mode != "append":
            if os.path.isdir(self.trash) and not os.path.lexists(self.root):
                os.rename(self.trash, self.root)  # killed between the two renames
            shutil.rmtree(self.trash, ignore_errors=True)
        if self.mode == "error" and os.path.lexists(self.root):
            if not os.path.isdir(self.root) or (os.listdir(self.root) and not any(map(self.marked, self.own))):
                raise Failure(CANNOT_WRITE, f"{self.root} exists already")
        os.makedirs(self.root if self.mode == "append" else os.path.dirname(self.root), exist_ok=True)
        os.makedirs(self.staging)
        return "file://" + self.staging

    def output(self):
        """(files, bytes) of the data files staged."""
        found = [os.path.join(top, name) for top, _, names in os.walk(self.staging) for name in names if is_data(name)]
        return len(found), sum(os.path.getsize(path) for path in found)

    def force(self, path):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def publish(self):
        """Makes the staged output the visible one."""
        if self.mode != "append":
            open(f"{self.staging}/_ingest_run.{self.run}", "x").close()
        for top, _, names in os.walk(self.staging):
            for name in names:
                self.force(os.path.join(top, name))
            self.force(top)
        trash = []
        if self.mode == "append":
            for run in self.own:
                old = f"{self.root}/ingest_run={run}"
                if os.path.lexists(old):
                    trash.append(f"{self.trash}.{run}")
                    os.rename(old, trash[-1])
            os.rename(self.staging, self.final)
        elif not os.path.lexists(self.root) or (os.path.isdir(self.root) and not os.listdir(self.root)):
            os.rename(self.staging, self.root)
        elif self.mode == "error" and not any(map(self.marked, self.own)):
            raise Failure(CANNOT_WRITE, f"{self.root} exists already")
        elif exchange(self.staging, self.root):
            trash.append(self.staging)
        else:
            trash.append(self.trash)
            os.rename(self.root, self.trash)
            os.rename(self.staging, self.root)
        self.force(os.path.dirname(self.final))
        for path in trash:
            shutil.rmtree(path, ignore_errors=True)

    def discard(self):
        shutil.rmtree(self.staging, ignore_errors=True)


def exchange(one, other):
    """Swaps two names in one step; False where the file system cannot."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return renameat2(here, os.fsencode(one), here, os.fsencode(other), swap) == 0


class ObjectTarget:
    """A prefix of an object store: written in place, since nothing can be renamed."""

    def __init__(self, spec, spark):
        destination = spec["destination"]
        self.mode, self.run, self.spark = destination["mode"], spec["execution_id"], spark
        self.own = [self.run, *spec["replaces"]]
        self.root = destination["uri"]
        self.final = f"{self.root}/ingest_run={self.run}" if self.mode == "append" else self.root
        self.former = []
        self.path = spark._jvm.org.apache.hadoop.fs.Path
        self.fs = self.path(self.root).getFileSystem(spark._jsc.hadoopConfiguration())

    def list(self):
        """(uri, bytes) of all files below the output's prefix."""
        if not self.fs.exists(self.path(self.final)):
            return []
        found, out = self.fs.listFiles(self.path(self.final), True), []
        while found.hasNext():
            status = found.next()
            out.append((status.getPath().toString(), status.getLen()))
        return out

    def prepare(self):
        markers = [f"{self.root}/_ingest_run.{run}" for run in self.own]
        if self.mode == "append":
            for run in self.own:
                self.fs.delete(self.path(f"{self.root}/ingest_run={run}"), True)
        else:
            self.former = [uri for uri, _ in self.list()]
            if self.mode == "error" and self.former and not any(marker in self.former for marker in markers):
                raise Failure(CANNOT_WRITE, f"{self.root} exists already")
        self.fs.create(self.path(f"{self.final}/_ingest_run.{self.run}"), True).close()
        self.former = [uri for uri in self.former if uri != markers[0]]
        if self.spark._jvm.org.apache.spark.util.Utils.classIsLoadable("org.apache.spark.internal.io.cloud.PathOutputCommitProtocol"):
            cloud = "org.apache.spark.internal.io.cloud."
            self.spark.conf.set("spark.sql.sources.commitProtocolClass", cloud + "PathOutputCommitProtocol")
            self.spark.conf.set("spark.sql.parquet.output.committer.class", cloud + "BindingParquetOutputCommitter")
            self.spark._jsc.hadoopConfiguration().set("fs.s3a.committer.name", "magic")
        return self.final

    def output(self):
        found = [size for uri, size in self.list() if uri not in self.former and is_data(uri.rsplit("/", 1)[1])]
        return len(found), sum(found)

    def publish(self):
        for uri in self.former:
            self.fs.delete(self.path(uri), False)

    def discard(self):
        pass  # the next attempt does; one that failed half-way may have failed for want of access


def write(frame, destination, uri):
    """Writes all rows below uri and returns their number, without a second read."""
    from pyspark.sql import Observation, functions

    names = frame.columns
    columns = destination["partition_by"]
    for name in columns:
        if name not in names:
            raise Failure(BAD_SPEC, f"the source has no column {json.dumps(name, ensure_ascii=False)} for destination.partition_by")
    if columns and len(columns) == len(names):
        raise Failure(BAD_SPEC, "destination.partition_by must leave a column to be written")
    if destination["mode"] == "append" and "ingest_run" in names:
        raise Failure(BAD_SPEC, 'the source has a column "ingest_run", the name that tells appended runs apart')
    frame = fit_format(frame, destination["format"])
    options = WRITE_OPTIONS.get(destination["format"], {})
    observation = Observation("written")
    observed = frame.observe(observation, functions.count(functions.lit(1)).alias("rows"))
    observed.write.format(destination["format"]).options(**options).mode("append").partitionBy(*columns).save(uri)
    rows = observation.get["rows"]
    if rows == 0 and columns:
        # A partitioned write of nothing makes no file: one without rows, where readers expect it, carries the schema.
        empty = frame.limit(0).select(*[quoted(name) for name in names if name not in columns]).coalesce(1)
        where = "/".join([uri] + [f"{name}={DEFAULT_PARTITION}" for name in columns])
        empty.write.format(destination["format"]).options(**options).mode("append").save(where)
    return rows


def quoted(name):
    return "`" + name.replace("`", "``") + "`"


# --- what went wrong --------------------------------------------------------------------------------------------------


def throwable(error):
    """The Java exception behind a Python one, or None."""
    return getattr(error, "java_exception", None) or getattr(error, "_origin", None)


def is_instance(java_object, name):
    from py4j.java_gateway import is_instance_of
    from pyspark import SparkContext

    return is_instance_of(SparkContext._gateway, java_object, name)


def is_a(error, name):
    found = throwable(error)
    return found is not None and is_instance(found, name)


def new_array(jvm, name):
    from pyspark import SparkContext

    return SparkContext._gateway.new_array(getattr(jvm.java.lang, name), 0)


def chain(error):
    """The Java exception and its causes, outermost first."""
    found, out = throwable(error), []
    while found is not None and len(out) < 30:
        out.append(found)
        found = found.getCause()
    return out


def sql_code(state, transient):
    """Exit code of an SQLSTATE."""
    if transient or state[:2] in ("08", "28", "40", "53", "57", "58"):
        return UNREACHABLE
    return BAD_SPEC if state[:2] in ("3D", "3F", "42") else OTHER


def summary(java_error):
    text = java_error.getMessage() or java_error.toString()
    return text.split("\n\tat ")[0].split("\nDriver stacktrace:")[0].split("JVM stacktrace:")[0].strip()


def classify(error, phase):
    """(exit code, message). phase: "start", "target", "source" or "write", what was being done."""
    if isinstance(error, Failure):
        return error.code, str(error)
    if isinstance(error, OSError) and not throwable(error):
        return (CANNOT_WRITE if phase in ("target", "write") else OTHER), f"cannot write: {error}"
    try:
        causes = chain(error)
        texts = [found.toString() for found in causes]
        if re.search(r"OutOfMemoryError|OOMKilled|exit code:? (137|52)\b", "\n".join(texts)):
            return OUT_OF_MEMORY, summary(causes[-1])
        for found in causes:
            if is_instance(found, "java.sql.SQLException"):
                transient = any(
                    is_instance(found, f"java.sql.{name}Exception")
                    for name in ("SQLTransient", "SQLNonTransientConnection", "SQLRecoverable", "SQLInvalidAuthorizationSpec")
                )
                return sql_code(found.getSQLState() or "", transient), summary(found)
        message = summary(causes[-1]) if causes else f"{type(error).__name__}: {error}"
        condition = getattr(error, "getCondition", lambda: None)() or ""
        if condition.startswith(("PATH_NOT_FOUND", "UNABLE_TO_INFER_SCHEMA")):
            return BAD_SPEC, message
        if any(is_instance(found, "java.io.IOException") for found in causes):
            if phase == "source" or re.search(r"FAILED_READ_FILE|CANNOT_READ_FILE", "\n".join(texts)):
                return (UNREACHABLE if phase == "source" else OTHER), message
            return CANNOT_WRITE, message
        return OTHER, message
    except Exception as second:  # the JVM is gone
        return OTHER, f"{type(error).__name__}: {error}; then {type(second).__name__}"


def clean(text, secrets):
    """Fit for JSON in PostgreSQL and for a log line, and without secrets."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    text = "".join(" " if ord(c) < 0x20 or 0xD800 <= ord(c) <= 0xDFFF or ord(c) == 0x7F else c for c in text)
    return re.sub(" {2,}", " ", text).strip()


def secrets_of(environ):
    return [environ.get(name) for name in ("SPARKINGEST_SOURCE_PASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")]


# --- metrics ----------------------------------------------------------------------------------------------------------


def encode_metrics(metrics):
    """JSON of at most METRICS_BYTES bytes; error.msg gives way, whole characters at a time."""

    def dump():
        return json.dumps(metrics, ensure_ascii=False, separators=(",", ":")).encode("utf-8")

    while len(dump()) > METRICS_BYTES:
        metrics = {**metrics, "error": dict(metrics["error"])}
        text = metrics["error"]["msg"].removesuffix("...")
        metrics["error"]["msg"] = text[: min(len(text) - 1, max(0, len(text) - (len(dump()) - METRICS_BYTES) // 6))] + "..."
    return dump()


class Report:
    """The metrics, written once. The lock is held while output becomes visible, so that an end by SIGTERM comes before or after."""

    def __init__(self, environ):
        self.environ = environ
        self.began = time.monotonic()
        self.lock = threading.RLock()
        self.publishing = False
        self.code = None
        self.metrics = dict.fromkeys(("rows", "bytes_out", "files", "cursor", "cpu_ms", "run_ms", "peak_mem_mb"))

    def end(self, code, message=None):
        """Writes the metrics unless that is done already; returns the exit code that stands."""
        with self.lock:
            if self.code is not None:
                return self.code
            self.code = code
            self.metrics["run_ms"] = int((time.monotonic() - self.began) * 1000)
            error = None
            if code != OK:
                error = {"class": CLASSES[code], "msg": clean(message or "", secrets_of(self.environ))}
            data = encode_metrics({"v": 1, **self.metrics, "error": error})
            log("metrics " + data.decode("utf-8"))
            try:
                with open(self.environ.get("SPARKINGEST_TERMINATION_LOG") or "/dev/termination-log", "wb") as file:
                    file.write(data)
            except OSError as problem:
                log(f"cannot write the termination log: {problem.strerror}")
            return code


def measure(spark, metrics):
    """Adds cpu_ms and peak_mem_mb: the driver's JVM and this process, and on a cluster the executors as Spark knows them."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    pid = spark._jvm.java.lang.ProcessHandle.current().pid()
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        ticks = file.read().rsplit(")", 1)[1].split()[11:13]
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        peak = int(re.search(r"VmHWM:\s*(\d+)", file.read()).group(1)) * 1024
    cpu = usage.ru_utime + usage.ru_stime + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    peak += usage.ru_maxrss * 1024
    if not spark.sparkContext.master.startswith("local"):
        store = spark._jsc.sc().statusStore()
        summaries = store.executorList(False)
        for i in range(summaries.size()):
            executor = summaries.apply(i)
            found = executor.peakMemoryMetrics()
            if executor.id() != "driver" and found.isDefined():
                value = found.get().getMetricValue
                peak += value("ProcessTreeJVMRSSMemory") or value("JVMHeapMemory") + value("JVMOffHeapMemory")
            if executor.id() != "driver":
                cpu += executor.totalDuration() / 1000
    metrics["cpu_ms"] = int(cpu * 1000)
    metrics["peak_mem_mb"] = -(-peak // 2**20)


# --- the run ----------------------------------------------------------------------------------------------------------

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


def start_spark():
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

    SparkContext._ensure_initialized()
    jvm = SparkContext._gateway.jvm
    # JDBC drivers make dates and timestamps in the JVM's zone: in UTC no hour is missing or doubled.
    jvm.java.util.TimeZone.setDefault(jvm.java.util.TimeZone.getTimeZone("UTC"))
    conf = SparkConf()
    conf.setIfMissing("spark.ui.enabled", "false")
    options = conf.get("spark.executor.extraJavaOptions", "")
    conf.set("spark.executor.extraJavaOptions", f"{options} -Duser.timezone=UTC".strip())
    for key, value in SETTINGS.items():
        conf.set(key, value)
    return SparkSession.builder.config(conf=conf).getOrCreate()


class ShutdownHook:
    """In a pod SIGTERM reaches the JVM, this process's parent; its shutdown waits for run()."""

    def __init__(self, report):
        from pyspark import SparkContext
        from pyspark.java_gateway import ensure_callback_server_started

        self.report = report
        gateway = SparkContext._gateway
        ensure_callback_server_started(gateway)
        self.runtime = gateway.jvm.java.lang.Runtime.getRuntime()
        self.thread = gateway.jvm.java.lang.Thread(self)
        self.runtime.addShutdownHook(self.thread)

    def run(self):
        self.report.end(TERMINATED, "terminated")

    def remove(self):
        try:
            self.runtime.removeShutdownHook(self.thread)
        except Exception:  # the JVM is already going down, or gone
            log("the JVM is shutting down")

    class Java:
        implements = ["java.lang.Runnable"]


def ingest(spark, spec, report):
    """Does what spec says and fills report.metrics. Raises whatever goes wrong, with the phase in report.phase."""
    source, destination = spec["source"], spec["destination"]
    report.phase = "target"
    target = FileTarget(spec) if destination["type"] == "file" else ObjectTarget(spec, spark)
    keep = []
    try:
        uri = target.prepare()
        report.phase = "source"
        cursor = None
        if source["type"] in ("s3", "file"):
            frame = read_files(spark, source)
        else:
            frame, cursor = read_database(spark, source, report.environ, keep)
        report.phase = "write"
        rows = write(frame, destination, uri)
        measure(spark, report.metrics)
        with report.lock:
            if report.code is not None:
                return
            report.publishing = True
            target.publish()
            files, size = target.output_after_publish() if hasattr(target, "output_after_publish") else (0, 0)
            report.metrics.update(rows=rows, files=files, bytes_out=size, cursor=cursor)
            report.end(OK)
    except BaseException:
        target.discard()
        raise
    finally:
        for connection in keep:
            close(connection)


def close(connection):
    try:
        connection.close()
    except Exception:  # it may be what failed
        log("a connection to the source was closed already")


def main(argv, environ):
    report = Report(environ)
    report.phase = "start"
    spark = hook = None

    def on_sigterm(signum, frame):
        if not report.publishing:
            raise Terminated

    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        spec = parse_spec(argv)
        spark = start_spark()
        hook = ShutdownHook(report)
        ingest(spark, spec, report)
        code = report.end(OK)
    except Terminated:
        code = report.end(TERMINATED, "terminated")
    except Exception as error:
        code = report.end(*classify(error, report.phase))
    if code == TERMINATED:
        sys.stderr.flush()
        os._exit(TERMINATED)  # Spark goes down with the JVM, which ends as this process does
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if hook:
        hook.remove()
    if spark:
        spark.stop()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
