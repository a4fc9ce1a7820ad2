"""Sources: what is read from a database, and how it is asked for; and files."""

import datetime
import re
import urllib.parse
from decimal import Decimal

from ingest_errors import BAD_SPEC, OTHER, Failure, gateway, is_java, shown
from ingest_spec import bad

# --- values of cursors and bounds -------------------------------------------------------------------------------------

TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?")
NUMBERS = ("int", "decimal", "float")
TIMES = ("date", "timestamp", "timestamptz")


def parse_number(kind, text):
    try:
        number = int(text) if kind == "int" else Decimal(text)
    except (ValueError, ArithmeticError):
        return None
    return number if kind == "int" or number.is_finite() else None


def parse_value(kind, text):
    """int, Decimal, date or datetime (in UTC for timestamptz) of a kind of column; None when it is none, such as infinity."""
    text = text.strip()
    if kind in NUMBERS:
        return parse_number(kind, text)
    match = TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    micros = int((match[7] or "")[:6].ljust(6, "0"))
    try:
        if kind == "date":
            return datetime.date(year, month, day)
        value = datetime.datetime(year, month, day, hour, minute, second, micros)
        if kind == "timestamp":
            return value
        zone = (match[8] or "Z").replace(":", "").replace("Z", "+00").ljust(5, "0")
        offset = datetime.timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
        return (value + offset if zone[0] == "-" else value - offset).replace(tzinfo=datetime.timezone.utc)
    except (ValueError, OverflowError):
        return None


def format_value(value):
    """Text that parse_value and databases read: 17, 0.5, 2013-01-31, 2013-01-31 23:00:00.500000+00:00."""
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    if isinstance(value, datetime.date):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def step_back(value, overlap):
    """value - overlap (seconds; for numbers the column's own unit), or None when the type ends before that."""
    if not isinstance(value, datetime.date):
        return value - overlap
    try:
        delta = datetime.timedelta(microseconds=int(overlap * 1000000))
        if isinstance(value, datetime.datetime):
            return value - delta
        return value + datetime.timedelta(days=-delta // datetime.timedelta(days=1))
    except OverflowError:
        return None


def boundaries(low, high, num):
    """At most num - 1 different values above low, rising to high in even steps."""
    if isinstance(low, datetime.date):
        unit = datetime.timedelta(microseconds=1) if isinstance(low, datetime.datetime) else datetime.timedelta(days=1)
        span = (high - low) // unit
        found = {low + span * i // num * unit for i in range(1, num)}
    elif isinstance(low, int):
        found = {low + (high - low) * i // num for i in range(1, num)}
    else:
        found = {low + (high - low) * i / num for i in range(1, num)}
    return sorted(value for value in found if value > low)


def ranges(expression, literals):
    """Conditions that together hold every row exactly once, NULLs in the first; none without literals."""
    if not literals:
        return []
    inner = [f"{expression} >= {a} AND {expression} < {b}" for a, b in zip(literals, literals[1:])]
    return [f"{expression} < {literals[0]} OR {expression} IS NULL", *inner, f"{expression} >= {literals[-1]}"]


# --- databases --------------------------------------------------------------------------------------------------------

# PostgreSQL's types that Spark reads exactly, also in arrays (there with "_" before) where ARRAYS lists them.
ARRAYS = set("bool int2 int4 int8 float4 float8 text varchar bpchar name date timestamp timestamptz uuid".split())
EXACT = ARRAYS | set("bytea oid json jsonb xml smallserial serial bigserial".split())
DRIVERS = {
    "postgres": ["org.postgresql.Driver"],
    "mysql": ["org.mariadb.jdbc.Driver", "com.mysql.cj.jdbc.Driver"],
}
POSTGRES_OPTIONS = {"ApplicationName": "sparkingest", "tcpKeepAlive": "true"}
# Both drivers: times in UTC, small integers and years as numbers, rows by fetch size.
MYSQL_OPTIONS = {
    "permitMysqlScheme": "true",
    "connectionTimeZone": "UTC",
    "forceConnectionTimeZoneToSession": "true",
    "tinyInt1isBit": "false",
    "yearIsDateType": "false",
    "useCursorFetch": "true",
}
# java.sql.Types
KINDS = {
    **dict.fromkeys((-6, -5, 4, 5), "int"),
    **dict.fromkeys((2, 3), "decimal"),
    **dict.fromkeys((6, 7, 8), "float"),
    91: "date",
    93: "timestamp",
    2014: "timestamptz",
}


# What PostgreSQL's infinite dates and timestamps become, as Spark does it for some of them.
LAST = {"date": "9999-12-31", "timestamp": "9999-12-31 23:59:59.999999", "timestamptz": "9999-12-31 23:59:59.999999+00"}
FIRST = {"date": "0001-01-01", "timestamp": "0001-01-01", "timestamptz": "0001-01-01 00:00:00+00"}


class Column:
    """
    name; type as the database calls it, in lower case; kind: one of NUMBERS and TIMES, None for other types; origin:
    (schema, table, column) of a PostgreSQL array that comes from a table as it is.
    """

    def __init__(self, data, i, is_postgres):
        self.name, self.type = data.getColumnLabel(i), data.getColumnTypeName(i).lower()
        self.precision, self.scale = data.getPrecision(i), data.getScale(i)
        self.kind = "timestamptz" if self.type == "timestamptz" else KINDS.get(data.getColumnType(i))
        self.origin = self.is_nested = None
        if is_postgres and self.type.startswith("_") and data.getBaseTableName(i):
            self.origin = data.getBaseSchemaName(i), data.getBaseTableName(i), data.getBaseColumnName(i)


DIMENSIONS = """SELECT max(a.attndims) FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = {} AND c.relname = {} AND a.attname = {}"""


def text_literal(text):
    """PostgreSQL's, whatever standard_conforming_strings says."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Database:
    """A JDBC source: how it is reached, how it quotes, and the relation that is read."""

    def __init__(self, source, environ):
        self.source = source
        kind = source["type"]
        self.url = source.get("url") or self.make_url(kind, source)
        dialect = self.url.split(":")[1].lower()
        self.is_postgres = dialect == "postgresql"
        self.is_mysql = dialect in ("mysql", "mariadb")
        self.properties = dict(POSTGRES_OPTIONS if self.is_postgres else MYSQL_OPTIONS if self.is_mysql else {})
        for key, variable in (("user", "SPARKINGEST_SOURCE_USERNAME"), ("password", "SPARKINGEST_SOURCE_PASSWORD")):
            if environ.get(variable):
                self.properties[key] = environ[variable]
        self.driver = self.find_driver([source["driver"]] if "driver" in source else DRIVERS.get(kind))

    @staticmethod
    def make_url(kind, source):
        host, port = source["host"], source.get("port")
        place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
        name = urllib.parse.quote(source["database"], safe="")
        # MariaDB's driver looks into the URL alone to see whether this one is for it.
        return f"jdbc:postgresql://{place}/{name}" if kind == "postgres" else f"jdbc:mysql://{place}/{name}?permitMysqlScheme=true"

    def find_driver(self, names):
        """A driver object: of the first of these classes that is there; without names any that takes the URL."""
        jvm, new_array = gateway().jvm, gateway().new_array
        loader = jvm.Thread.currentThread().getContextClassLoader()
        for name in names or []:
            try:
                constructor = loader.loadClass(name).getDeclaredConstructor(new_array(jvm.Class, 0))
                return constructor.newInstance(new_array(jvm.Object, 0))
            except Exception as error:
                if not is_java(error, "java.lang.ReflectiveOperationException"):
                    raise
        if names is None:
            found = jvm.java.util.ServiceLoader.load(loader.loadClass("java.sql.Driver"), loader).iterator()
            while found.hasNext():
                driver = found.next()
                if driver.acceptsURL(self.url):
                    return driver
        raise Failure(BAD_SPEC, "the class path has no JDBC driver for this source" + (f": {' or '.join(names)}" if names else ""))

    def connect(self):
        properties = gateway().jvm.java.util.Properties()
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
        if not isinstance(value, datetime.date):
            return format_value(value)
        if self.is_postgres or self.is_mysql or self.url.startswith("jdbc:sqlserver:"):
            return f"'{format_value(value)}'"  # takes the type of what it is compared with
        return f"{'DATE' if column.kind == 'date' else 'TIMESTAMP'} '{format_value(value)}'"

    def relation(self):
        """What stands in FROM, under the alias q."""
        if "query" in self.source:
            return f"({self.source['query']}\n) q"
        table, schema = self.source["table"], self.source.get("schema")
        return ".".join(self.quote(part) for part in ([schema, table] if schema else table.split("."))) + " q"

    def ask(self, connection, sql):
        """The one row that sql returns, as texts."""
        statement = connection.createStatement()
        try:
            result = statement.executeQuery(sql)
            result.next()
            return [result.getString(i) for i in range(1, result.getMetaData().getColumnCount() + 1)]
        finally:
            statement.close()

    def columns(self, connection):
        statement = connection.createStatement()
        try:
            data = statement.executeQuery(f"SELECT * FROM {self.relation()} WHERE 1 = 0").getMetaData()
            found = [Column(data, i, self.is_postgres) for i in range(1, data.getColumnCount() + 1)]
        finally:
            statement.close()
        for column in found:
            if column.origin:
                column.is_nested = int(self.ask(connection, DIMENSIONS.format(*map(text_literal, column.origin)))[0]) > 1
        names = [column.name for column in found]
        if not names:
            raise Failure(BAD_SPEC, "the source has no columns")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise Failure(BAD_SPEC, f"the source has two columns named {shown(twice)}")
        return found

    def select(self, column):
        """SQL that yields the column in a type that Spark reads exactly."""
        sql, kind = "q." + self.quote(column.name), column.type
        if self.is_mysql:
            return f"CAST({sql} AS CHAR)" if kind == "time" else sql
        if not self.is_postgres:
            return sql
        if column.is_nested:
            return f"pg_catalog.array_to_json({sql})::text"
        if kind in LAST:
            return f"CASE {sql} WHEN 'infinity' THEN '{LAST[kind]}' WHEN '-infinity' THEN '{FIRST[kind]}' ELSE {sql} END"
        if kind in EXACT or (kind[:1] == "_" and kind[1:] in ARRAYS):
            return sql
        if kind in ("numeric", "_numeric") and 0 < column.precision <= 38 and 0 <= column.scale <= column.precision:
            return sql
        # money's text depends on a locale
        return f"{sql}::numeric::text" if kind == "money" else f"{sql}::text"


def need(columns, name, role, kinds):
    """The column of that name; bad_spec when there is none, or none of such a kind."""
    column = next((column for column in columns if column.name == name), None)
    if column is None:
        raise Failure(BAD_SPEC, f"the source has no column {shown(name)}, which source.{role}.column names")
    if column.kind not in kinds:
        raise Failure(BAD_SPEC, f"column {shown(name)} of type {column.type} cannot be source.{role}.column: {', '.join(kinds)} can")
    return column


def window(database, connection, columns):
    """(SQL condition or None, cursor or None) of what this run reads."""
    incremental = database.source.get("incremental")
    if incremental is None:
        return None, None
    column = need(columns, incremental["column"], "incremental", ("int", "decimal", *TIMES))
    sql = "q." + database.quote(column.name)
    after = upper = None
    if "after" in incremental:
        after = parse_value(column.kind, incremental["after"])
        if after is None:
            raise bad(f"source.incremental.after is no {column.kind}: {incremental['after'][:100]}")
    [text] = database.ask(connection, f"SELECT max({sql}) FROM {database.relation()}")
    if text is not None:
        upper = parse_value(column.kind, text)
        if upper is None or len(text) > 200:
            raise Failure(OTHER, f"the greatest value of column {shown(column.name)} cannot be a cursor: {text[:100]}")
    if upper is None:
        return "1 = 0" if "after" in incremental else f"{sql} IS NULL", None if after is None else format_value(after)
    condition = f"{sql} <= {database.literal(column, upper)}"
    if after is None:
        return f"({condition} OR {sql} IS NULL)", format_value(upper)
    lower = step_back(after, incremental["overlap"])
    if lower is not None:
        condition = f"{sql} > {database.literal(column, lower)} AND {condition}"
    return condition, format_value(max(after, upper))


def export_snapshot(database, connection):
    """SQL that makes other sessions see what this one sees, while its transaction lasts; None where the database cannot."""
    connection.setAutoCommit(False)
    statement = connection.createStatement()
    try:
        statement.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        statement.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        [snapshot] = database.ask(connection, "SELECT pg_catalog.pg_export_snapshot()")
    except Exception as error:
        if not is_java(error, "java.sql.SQLException"):
            raise
        connection.rollback()
        connection.setAutoCommit(True)
        return None
    finally:
        statement.close()
    return f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '{snapshot}'"


def partition_ranges(database, connection, columns, from_where):
    """(SQL of the partition column, conditions on it under the name p)."""
    partition = database.source["partition"]
    column = need(columns, partition["column"], "partition", (*NUMBERS, *TIMES))
    sql = "q." + database.quote(column.name)
    bounds = database.ask(connection, f"SELECT min({sql}), max({sql}) {from_where}")
    low, high = (text if text is None else parse_value(column.kind, text) for text in bounds)
    if low is None or high is None:
        return sql, []
    return sql, ranges("p", [database.literal(column, value) for value in boundaries(low, high, partition["num"])])


def read_database(spark, source, environ, keep):
    """(DataFrame, cursor). keep: list to which connections are added that must stay open until all has been read."""
    database = Database(source, environ)
    connection = database.connect()
    keep.append(connection)
    properties = {
        **database.properties,
        "driver": database.driver.getClass().getName(),
        "fetchsize": str(source["fetchsize"]),
        "preferTimestampNTZ": "true",
    }
    if database.is_postgres and source.get("partition", {}).get("num", 1) > 1:
        snapshot = export_snapshot(database, connection)
        if snapshot:
            properties["sessionInitStatement"] = snapshot
    columns = database.columns(connection)
    condition, cursor = window(database, connection, columns)
    from_where = f"FROM {database.relation()}" + (f" WHERE {condition}" if condition else "")
    # Names of our own inside: Spark does not quote every name that a column can have.
    selected = [f"{database.select(column)} AS c{i}" for i, column in enumerate(columns)]
    predicates = []
    if "partition" in source:
        sql, predicates = partition_ranges(database, connection, columns, from_where)
        selected.append(f"{sql} AS p")
    table = f"(SELECT {', '.join(selected)} {from_where}) si"
    if predicates:
        frame = spark.read.jdbc(database.url, table, predicates=predicates, properties=properties)
    else:
        frame = spark.read.jdbc(database.url, table, properties=properties)
    return frame.select(*[f"c{i}" for i in range(len(columns))]).toDF(*[column.name for column in columns]), cursor


# --- files ------------------------------------------------------------------------------------------------------------

FILE_OPTIONS = {
    "csv": {"header": "true", "escape": '"', "multiLine": "true", "mode": "FAILFAST"},
    "json": {"mode": "FAILFAST", "prefersDecimal": "true"},
}


def read_files(spark, source):
    """DataFrame of all files; the directory key of a dataset that sparkingest appended to is no column."""
    frame = spark.read.format(source["format"]).options(**FILE_OPTIONS.get(source["format"], {})).load(source["uri"])
    return frame.drop("ingest_run")
