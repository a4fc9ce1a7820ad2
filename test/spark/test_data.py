"""What a run reads and writes: real databases, the application's own Spark session, results counted without Spark."""

import datetime
import json
import threading
import uuid
from decimal import Decimal

import duckdb
import pyarrow
import pyarrow.csv
import pyarrow.dataset
import pytest
import servers

WEIRD = ['a"b', "UPPER", "upper", "sp ace", "ünï😀", "dot.ted", "per%cent", "back`tick", "semi;colon", "it's", "a=b", "select", "c0"]


def values(lake, *columns):
    """Sorted rows of the lake."""
    table = lake.table()
    return sorted(zip(*(table[name].to_pylist() for name in columns)), key=str)


# --- databases


def test_partitioned_read_holds_every_row_once(lake, postgres):
    """NULLs of the partition column included, and one file per range."""
    postgres.sql("CREATE TABLE parted AS SELECT g AS id, CASE WHEN g % 10 > 0 THEN g * 7 % 1000 END AS k FROM generate_series(1, 5000) g")
    told = lake.ok(lake.spec("parted", partition={"column": "k", "num": 4}))
    table = lake.table()
    assert told["rows"] == table.num_rows == 5000
    assert len(set(table["id"].to_pylist())) == 5000 and table["k"].null_count == 500
    files = list(lake.root.rglob("*.parquet"))
    assert told["files"] == len(files) == 4 and told["bytes_out"] == sum(path.stat().st_size for path in files)
    assert told["cursor"] is None and told["error"] is None and told["v"] == 1
    assert told["cpu_ms"] > 0 and told["run_ms"] > 0 and 100 < told["peak_mem_mb"] < 4000
    firsts = [pyarrow.dataset.dataset(path).to_table()["k"] for path in sorted(files)]
    assert [column.null_count for column in firsts] == [500, 0, 0, 0]


@pytest.mark.parametrize("column", ["n", "f", "d", "t", "z"])
def test_partition_columns(lake, postgres, column):
    postgres.sql("""CREATE TABLE IF NOT EXISTS kinds AS SELECT g AS id, (g * 1.5)::numeric AS n, g::float8 / 3 AS f,
        date '2024-01-01' + g AS d, timestamp '2024-03-10 00:00' + g * interval '17 minutes' AS t,
        timestamptz '2024-03-10 00:00' + g * interval '17 minutes' AS z FROM generate_series(1, 300) g""")
    told = lake.ok(lake.spec("kinds", partition={"column": column, "num": 3}))
    assert told["rows"] == 300 and told["files"] == 3
    assert values(lake, "id") == sorted([(i,) for i in range(1, 301)], key=str)


@pytest.mark.parametrize("column", ["n", "f", "d"])
def test_partition_column_without_end(lake, postgres, column):
    """NaN and infinity stop no read, and are in it."""
    postgres.sql("DROP TABLE IF EXISTS endless; CREATE TABLE endless (id int, n numeric, f float8, d date)")
    postgres.sql("INSERT INTO endless VALUES (1, 1, 1, '2024-01-01'), (2, 'NaN', 'NaN', 'infinity'), (3, '-infinity', '-infinity', '-infinity')")
    assert lake.ok(lake.spec("endless", partition={"column": column, "num": 3}))["rows"] == 3
    assert values(lake, "id") == [(1,), (2,), (3,)]


def test_partitions_see_one_snapshot(lake, postgres):
    """Two ranges of three are being read when rows move between the ranges and one appears: none is doubled or lost."""
    postgres.sql("""CREATE TABLE moving AS SELECT g AS id, g AS k FROM generate_series(1, 12) g;
        CREATE FUNCTION gate(k int) RETURNS int STABLE LANGUAGE plpgsql AS $$
        BEGIN IF k < 8 THEN PERFORM pg_advisory_xact_lock_shared(7); END IF; RETURN k; END $$""")
    holder = postgres.connect()
    holder.execute("SELECT pg_advisory_lock(7)")
    spec = lake.spec(query="SELECT id, k, gate(k) AS gated FROM moving", partition={"column": "k", "num": 3})
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(lake.run(spec)))
    thread.start()
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    servers.poll(lambda: postgres.sql(waiting).fetchone()[0] == 2, "two ranges wait, which leaves no core for the third")
    postgres.sql("UPDATE moving SET k = 11 WHERE id = 1; UPDATE moving SET k = 0 WHERE id = 9; INSERT INTO moving VALUES (13, 9)")
    holder.close()
    thread.join(servers.DEADLINE)
    assert outcome[0].code == 0, outcome[0].told
    assert values(lake, "id", "k") == sorted([(i, i) for i in range(1, 13)], key=str)


def test_incremental(lake, postgres):
    """(after - overlap, upper], upper fixed at the start; rows without cursor come with the first read only."""
    postgres.sql("""CREATE TABLE events (id int, at timestamptz); INSERT INTO events VALUES
        (1, '2024-01-01 00:00+00'), (2, '2024-01-01 10:00:00.25+00'), (3, NULL), (4, '2024-01-01 09:59:59.5+00')""")
    spec = lake.spec("events", incremental={"column": "at", "overlap": 0, "after": None})

    def run(after, overlap=0):
        spec["execution_id"] = str(uuid.uuid4())
        spec["source"]["incremental"].update(after=after, overlap=overlap)
        told = lake.ok(spec)
        found = pyarrow.dataset.dataset(lake.root / f"ingest_run={spec['execution_id']}", format="parquet").to_table()
        assert told["rows"] == found.num_rows
        return sorted(found["id"].to_pylist()), told["cursor"]

    ids, first = run(None)
    assert ids == [1, 2, 3, 4] and first == "2024-01-01 10:00:00.250000+00:00"
    assert run(first) == ([], first)
    assert run(first, 0.5) == ([2], first)
    assert run(first, 0.75) == ([2], first)
    assert run(first, 0.76) == ([2, 4], first)
    assert run(first, 10**12)[0] == [1, 2, 4]
    postgres.sql("INSERT INTO events VALUES (5, '2024-01-01 05:00-06'), (6, NULL)")
    ids, second = run(first)
    assert ids == [5] and second == "2024-01-01 11:00:00+00:00"
    postgres.sql("DELETE FROM events WHERE id IN (2, 5)")
    assert run(second) == ([], second)
    postgres.sql("TRUNCATE events")
    assert run(second) == ([], second)
    assert run(None) == ([], None)
    postgres.sql("INSERT INTO events VALUES (7, NULL)")
    assert run(None) == ([7], None)


def test_incremental_numbers_dates_and_ranges(lake, postgres):
    postgres.sql("""CREATE TABLE counted AS SELECT g AS id, g / 10.0 AS n, date '2024-01-01' + g AS d, timestamp '2024-01-01' + g * interval '1 h' AS t
        FROM generate_series(1, 100) g""")
    for column, after, overlap, rows, cursor in (
        ("id", "90", 5, 15, "100"),
        ("n", "9.5", 0.5, 10, "10.0000000000000000"),
        ("d", "2024-04-09", 3600, 2, "2024-04-10"),
        ("t", "2024-01-05 03:00:00", 0, 1, "2024-01-05 04:00:00"),
    ):
        spec = lake.spec("counted", incremental={"column": column, "after": after, "overlap": overlap}, partition={"column": "id", "num": 3})
        told = lake.ok(spec)
        assert (told["rows"], told["cursor"]) == (rows, cursor), column


def test_infinite_cursor_is_refused(lake, postgres):
    postgres.sql("CREATE TABLE forever AS SELECT 'infinity'::timestamptz AS at")
    assert "cannot be a cursor" in lake.fails(70, lake.spec("forever", incremental={"column": "at"}))["msg"]


@pytest.mark.parametrize("file_format", ["parquet", "orc", "csv", "json"])
def test_empty_table(lake, postgres, file_format):
    postgres.sql("CREATE TABLE IF NOT EXISTS nothing (id int, month text, at timestamp)")
    told = lake.ok(lake.spec("nothing", {"format": file_format}, incremental={"column": "at"}))
    assert (told["rows"], told["cursor"], told["files"]) == (0, None, 1)
    spec = lake.spec("nothing", {"format": file_format, "partition_by": ["month"]}, partition={"column": "id", "num": 4})
    told = lake.ok(spec)
    assert told["rows"] == 0 and told["files"] == 1
    if file_format in ("parquet", "orc"):
        # Types of directory keys: pyarrow guesses them from values, of which there are none.
        keys = pyarrow.dataset.partitioning(pyarrow.schema([("ingest_run", pyarrow.string()), ("month", pyarrow.string())]), flavor="hive")
        table = pyarrow.dataset.dataset(lake.root, format=file_format, partitioning=keys).to_table()
        assert table.num_rows == 0 and {"id", "at", "month"} <= set(table.schema.names)
    if file_format == "parquet":
        place = f"{lake.root}/ingest_run={spec['execution_id']}/**/*.parquet"
        assert duckdb.sql(f"SELECT id, month FROM read_parquet('{place}', hive_partitioning = true)").fetchall() == []
    if file_format == "csv":
        assert sorted(path.read_text() for path in lake.root.rglob("*.csv")) == ["id,at\n", "id,month,at\n"]


def test_partition_by(lake, postgres):
    postgres.sql("CREATE TABLE monthly AS SELECT g AS id, nullif(g % 13, 0) AS month, 'a/b' AS place FROM generate_series(1, 130) g")
    assert lake.ok(lake.spec("monthly", {"partition_by": ["month", "place"]}))["files"] == 13
    rows = duckdb.sql(f"SELECT month, count(*), count(DISTINCT id) FROM read_parquet('{lake.root}/**/*.parquet', hive_partitioning = true) GROUP BY 1")
    assert sorted(rows.fetchall(), key=str) == sorted([(m, 10, 10) for m in [None, *range(1, 13)]], key=str)
    for wrong in (["Month"], ["id", "month", "place"]):
        assert "partition_by" in lake.fails(64, lake.spec("monthly", {"partition_by": wrong}))["msg"]


TYPES = """n numeric, n2 numeric(10,3), huge numeric(50,2), i8 int8, f8 float8, t text, c char(3), d date, ts timestamp, tz timestamptz, tm time,
    iv interval, u uuid, j jsonb, by bytea, ip inet, bits bit(5), mo money, o oid, rg int4range, ai int[], at text[], an numeric(6,2)[], au numeric[],
    aa int[][], z timestamptz[], b bool"""
EXACT = {
    "n": "12345678901234567890.12345678901234567890",
    "n2": Decimal("1234567.891"),
    "huge": "123456789012345678901234567890123456789012345678.12",
    "i8": 2**63 - 1,
    "f8": 0.1,
    "t": 'a"b,\n\'é😀\\',
    "c": "x  ",
    "d": datetime.date(1500, 2, 28),
    "ts": datetime.datetime(2024, 3, 10, 2, 30, 0, 123456),  # not in New York
    "tz": datetime.datetime(2024, 11, 3, 5, 30, 0, 654321, tzinfo=datetime.timezone.utc),
    "tm": "23:59:59.999999",
    "iv": "1 year 2 mons 04:05:06.789",
    "u": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "j": '{"b": [1, null]}',
    "by": b"\x00\xff\x10",
    "ip": "10.0.0.1/8",
    "bits": "10101",
    "mo": "1234.50",
    "o": Decimal(4294967295),
    "rg": "[1,5)",
    "ai": [1, None, 3],
    "at": ["a", None, "b c"],
    "an": [Decimal("1.50")],
    "au": "{1.50,NaN}",
    "aa": "[[1,2],[3,4]]",
    "z": [datetime.datetime(2024, 11, 3, 6, 30, tzinfo=datetime.timezone.utc)],
    "b": True,
}
ROW = r"""'12345678901234567890.12345678901234567890', 1234567.891, '123456789012345678901234567890123456789012345678.12', 9223372036854775807,
    0.1, E'a"b,\n''é😀\\', 'x', '1500-02-28', '2024-03-10 02:30:00.123456', '2024-11-03 01:30:00.654321-04', '23:59:59.999999',
    '1 year 2 mons 04:05:06.789', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"b":[1,null]}', '\x00ff10', '10.0.0.1/8', B'10101', '$1,234.50',
    4294967295, '[1,5)', '{1,NULL,3}', '{a,NULL,"b c"}', '{1.50}', '{1.50,NaN}', '{{1,2},{3,4}}', '{2024-11-03 01:30:00-05}', true"""


@pytest.fixture(scope="module")
def typed(postgres):
    postgres.sql(f"CREATE TABLE typed (id int, {TYPES}); INSERT INTO typed VALUES (1, {ROW}); INSERT INTO typed (id) VALUES (2)")
    postgres.sql("INSERT INTO typed (id, f8, t, d, ts, tz) VALUES (3, 'NaN', '', 'infinity', '-infinity', 'infinity')")
    return "typed"


@pytest.mark.parametrize("file_format", ["parquet", "orc"])
def test_values_are_exact(lake, typed, file_format):
    # pyarrow cannot read ORC's timestamps of the year 9999
    source = {"table": typed} if file_format == "parquet" else {"query": "SELECT * FROM typed WHERE id < 3"}
    lake.ok(lake.spec(destination={"format": file_format}, **source))
    rows = pyarrow.dataset.dataset(lake.root, format=file_format, partitioning="hive").to_table().sort_by("id").to_pylist()
    if file_format == "orc":  # pyarrow reads ORC's instants as UTC without saying so
        for row in rows:
            row["tz"] = row["tz"] and row["tz"].replace(tzinfo=datetime.timezone.utc)
            row["z"] = row["z"] and [value.replace(tzinfo=datetime.timezone.utc) for value in row["z"]]
        rows[0]["d"] = EXACT["d"]  # of the year 1500, which it counts in another calendar
    assert {name: rows[0][name] for name in EXACT} == EXACT
    assert {name for name in EXACT if rows[1][name] is not None} == set()
    if file_format == "orc":
        return
    assert (str(rows[2]["f8"]), rows[2]["t"], rows[2]["d"]) == ("nan", "", datetime.date(9999, 12, 31))
    assert rows[2]["ts"] == datetime.datetime(1, 1, 1) and rows[2]["tz"].replace(tzinfo=None) == datetime.datetime.max


def test_values_in_csv(lake, typed):
    """By the rules of RFC 4180, NULL apart from the empty string, microseconds kept."""
    lake.ok(lake.spec(typed, {"format": "csv"}))
    [path] = lake.root.rglob("*.csv")
    options = pyarrow.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""],
                                         column_types={name: pyarrow.string() for name in EXACT})  # fmt: skip
    rows = pyarrow.csv.read_csv(path, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True), convert_options=options).to_pylist()
    assert {name: rows[0][name] for name in ("n", "huge", "i8", "t", "c", "ts", "tz", "by", "ai", "at", "an", "z", "aa")} == {
        "n": EXACT["n"], "huge": EXACT["huge"], "i8": "9223372036854775807", "t": EXACT["t"], "c": "x  ", "ts": "2024-03-10T02:30:00.123456",
        "tz": "2024-11-03T05:30:00.654321Z", "by": "AP8Q", "ai": "[1,null,3]", "at": '["a",null,"b c"]', "an": "[1.50]",
        "z": '["2024-11-03T06:30:00.000000Z"]', "aa": EXACT["aa"],
    }  # fmt: skip
    assert rows[1]["t"] is None and rows[2]["t"] == ""


def test_values_in_json(lake, typed):
    lake.ok(lake.spec(typed, {"format": "json"}))
    [path] = lake.root.rglob("*.json")
    rows = [json.loads(line, parse_float=Decimal) for line in path.read_text().splitlines()]
    assert {name: rows[0][name] for name in ("n", "n2", "i8", "t", "ts", "tz", "by", "ai", "z")} == {
        "n": EXACT["n"], "n2": EXACT["n2"], "i8": EXACT["i8"], "t": EXACT["t"], "ts": "2024-03-10T02:30:00.123456",
        "tz": "2024-11-03T05:30:00.654321Z", "by": "AP8Q", "ai": EXACT["ai"], "z": ["2024-11-03T06:30:00.000000Z"],
    }  # fmt: skip
    assert set(rows[1]) == {"id", *EXACT} and set(rows[1].values()) == {2, None}


@pytest.mark.parametrize("file_format", ["parquet", "orc", "csv", "json"])
def test_names_are_taken_as_they_are(lake, postgres, file_format):
    quoted = ['"' + name.replace('"', '""') + '"' for name in WEIRD]
    postgres.sql(f"""CREATE SCHEMA IF NOT EXISTS "S é"; DROP TABLE IF EXISTS "S é"."Ta""b.le's"; CREATE TABLE "S é"."Ta""b.le's"
        AS SELECT {', '.join(f'g * {i} AS {name}' for i, name in enumerate(quoted, 1))}, ARRAY[g] AS "a's" FROM generate_series(1, 20) g""")
    destination = {"format": file_format, "partition_by": ["ünï😀"] if file_format == "parquet" else []}
    told = lake.ok(lake.spec("Ta\"b.le's", destination, schema="S é", partition={"column": 'a"b', "num": 2},
                             incremental={"column": "UPPER", "after": "20"}))  # fmt: skip
    assert told["rows"] == 10
    if file_format != "json":
        rows = pyarrow.dataset.dataset(sorted(map(str, lake.root.rglob(f"*.{file_format}"))), format=file_format).to_table().to_pylist()
    else:
        rows = [json.loads(line) for path in lake.root.rglob("*.json") for line in path.read_text().splitlines()]
    expected = [name for name in WEIRD if file_format != "parquet" or name != "ünï😀"]
    assert sorted(tuple(int(row[name]) for name in expected) for row in rows) == [
        tuple(g * (WEIRD.index(name) + 1) for name in expected) for g in range(11, 21)
    ]


def test_table_with_schema_in_one_and_query(lake, postgres):
    postgres.sql("CREATE SCHEMA sales; CREATE TABLE sales.orders AS SELECT 1 AS id")
    assert lake.ok(lake.spec("sales.orders"))["rows"] == 1
    assert lake.ok(lake.spec(query="WITH o AS (SELECT * FROM sales.orders) SELECT id + 1 AS id FROM o -- all"))["rows"] == 1
    assert values(lake, "id") == [(1,), (2,)]


@pytest.mark.parametrize(
    "source, part",
    [
        ({"table": "no_such_table"}, "no_such_table"),
        ({"table": "nothing_here.t"}, "nothing_here"),
        ({"query": "SELEC 1"}, "syntax"),
        ({"query": "SELECT 1 AS a, 2 AS a"}, 'two columns named "a"'),
        ({"table": "plain", "database": "no_such_database"}, "no_such_database"),
        ({"table": "plain", "partition": {"column": "nope", "num": 2}}, "nope"),
        ({"table": "plain", "partition": {"column": "t", "num": 2}}, "cannot be source.partition.column"),
        ({"table": "plain", "incremental": {"column": "t"}}, "cannot be source.incremental.column"),
        ({"table": "plain", "incremental": {"column": "id", "after": "x"}}, "source.incremental.after"),
        ({"query": "SELECT 1 AS ingest_run"}, "ingest_run"),
    ],
)
def test_spec_that_is_not_as_the_source_is(lake, postgres, source, part):
    postgres.sql("CREATE TABLE IF NOT EXISTS plain AS SELECT 1 AS id, 'x' AS t")
    error = lake.fails(64, lake.spec(**source))
    assert error["class"] == "bad_spec" and part in error["msg"]
    assert lake.names() in (["lake", "termination-log"], ["termination-log"]) and (not lake.root.exists() or not any(lake.root.iterdir()))


def test_no_permission(lake, postgres):
    postgres.sql("CREATE TABLE secret_table AS SELECT 1 AS id; CREATE ROLE nobody_much LOGIN PASSWORD 'pw-of-nobody'")
    lake.environ.update(SPARKINGEST_SOURCE_USERNAME="nobody_much", SPARKINGEST_SOURCE_PASSWORD="pw-of-nobody")
    assert "permission denied" in lake.fails(64, lake.spec("secret_table"))["msg"]


def test_unreachable(lake, postgres):
    assert lake.fails(69, lake.spec("t", port=servers.free_port()))["class"] == "source_unreachable"
    assert lake.fails(69, lake.spec("t", host="no-such-host.invalid"))["class"] == "source_unreachable"
    lake.environ["SPARKINGEST_SOURCE_PASSWORD"] = "pw-that-is-wrong"
    error = lake.fails(69, lake.spec("t"))
    assert "password authentication failed" in error["msg"] and "pw-that-is-wrong" not in error["msg"]


def test_session_ended_by_the_server_in_the_middle(lake, postgres):
    """Another attempt may succeed: 69; a value that cannot be computed will not: 70."""
    query = "SELECT g, pg_terminate_backend(CASE WHEN g = 50000 THEN pg_backend_pid() END) FROM generate_series(1, 60000) g"
    assert lake.fails(69, lake.spec(query=query))["class"] == "source_unreachable"
    assert "division by zero" in lake.fails(70, lake.spec(query="SELECT 1 / (g - 500) AS x FROM generate_series(1, 1000) g"))["msg"]
    assert lake.names() == ["lake", "termination-log"] and not any(lake.root.iterdir())


def test_jdbc_by_url(lake, postgres):
    postgres.sql("CREATE TABLE by_url AS SELECT g AS id, timestamp '2024-01-01' + g * interval '1 s' AS at FROM generate_series(1, 50) g")
    url = f"jdbc:postgresql://127.0.0.1:{postgres.port}/postgres"
    spec = lake.spec("by_url", type="jdbc", url=url, incremental={"column": "at", "after": "2024-01-01 00:00:40"})
    assert lake.ok(spec)["rows"] == 10
    assert "driver" in lake.fails(64, lake.spec("t", type="jdbc", url="jdbc:oracle:thin:@h:1/x"))["msg"]
    assert "org.h2.Driver" in lake.fails(64, lake.spec("t", type="jdbc", url=url, driver="org.h2.Driver"))["msg"]


def test_attempts_and_runs(lake, postgres):
    """Attempts of one run have every row once; another run adds its own."""
    postgres.sql("CREATE TABLE again AS SELECT g AS id FROM generate_series(1, 10) g")
    first = lake.spec("again")
    lake.ok(first)
    lake.ok(first, attempt=2)
    assert values(lake, "id") == sorted([(i,) for i in range(1, 11)], key=str)
    lake.ok(lake.spec("again"))
    assert lake.table().num_rows == 20


def test_overwrite_and_error(lake, postgres):
    postgres.sql("CREATE TABLE small AS SELECT 1 AS id")
    for _ in range(2):
        lake.ok(lake.spec("small", {"mode": "overwrite"}))
    assert values(lake, "id") == [(1,)]
    error = lake.fails(73, lake.spec("small", {"mode": "error"}))
    assert error["class"] == "cannot_write" and "exists" in error["msg"]
    spec = lake.spec(query="SELECT 1 / (g - 500) AS id FROM generate_series(1, 1000) g", destination={"mode": "overwrite"})
    lake.fails(70, spec)
    assert values(lake, "id") == [(1,)] and lake.names() == sorted(["lake", "termination-log", *(p.name for p in lake.root.iterdir())])


def test_unwritable(lake, postgres):
    postgres.sql("CREATE TABLE IF NOT EXISTS small2 AS SELECT 1 AS id")
    (lake.root.parent / "file").touch()
    for uri in (f"file://{lake.root.parent}/file/lake", f"file://{lake.root.parent}/file", "file:///proc/lake"):
        assert lake.fails(73, lake.spec("small2", {"uri": uri}))["class"] == "cannot_write"


def test_place_with_a_strange_name(lake, postgres):
    postgres.sql("CREATE TABLE IF NOT EXISTS small3 AS SELECT 1 AS id")
    lake.root = lake.root.parent / "la ke%20é#1:2+,;'\"&=$"
    lake.ok(lake.spec("small3"))
    assert values(lake, "id") == [(1,)]


# --- MySQL and MariaDB


def test_mysql(mysql_lake, mariadb):
    mariadb.sql("""CREATE TABLE shop.`od``d` (id bigint unsigned, tiny tinyint(1), n decimal(20,5), dt datetime(6), ts timestamp(6) NULL, d date,
        tm time(3), y year, t text, b varbinary(10), e enum('a','b'), bt bit(1), `select` int, j json, f float);
        INSERT INTO shop.`od``d` VALUES (18446744073709551615, 5, 123456789012345.12345, '2024-03-10 02:30:00.123456', '2024-03-10 02:30:00.654321',
        '2024-02-29', '-12:34:56.789', 2024, 'é😀\\'"', x'00ff', 'b', b'1', 7, '{"a": 1}', 0.5)""")
    mysql_lake.ok(mysql_lake.spec("od`d", partition={"column": "id", "num": 2}, incremental={"column": "ts"}))
    [row] = mysql_lake.table().to_pylist()
    del row["ingest_run"]
    assert row == {
        "id": Decimal(18446744073709551615), "tiny": 5, "n": Decimal("123456789012345.12345"), "select": 7, "j": '{"a": 1}', "f": 0.5,
        "dt": datetime.datetime(2024, 3, 10, 2, 30, 0, 123456), "d": datetime.date(2024, 2, 29), "tm": "-12:34:56.789", "y": 2024,
        "ts": datetime.datetime(2024, 3, 10, 7, 30, 0, 654321, tzinfo=datetime.timezone.utc), "t": "é😀'\"", "b": b"\x00\xff", "e": "b", "bt": True,
    }  # fmt: skip


def test_mysql_reads(mysql_lake, mariadb):
    mariadb.sql("USE shop; CREATE TABLE parted AS SELECT seq AS id, nullif(seq % 100, 0) AS k, timestampadd(second, seq, timestamp '2024-01-01 00:00:00') AS at FROM seq_1_to_2000")
    assert mysql_lake.ok(mysql_lake.spec("parted", partition={"column": "k", "num": 3}))["files"] == 3
    assert values(mysql_lake, "id") == sorted([(i,) for i in range(1, 2001)], key=str)
    told = mysql_lake.ok(mysql_lake.spec("shop.parted", incremental={"column": "at", "after": "2024-01-01 00:33:00", "overlap": 10}))
    assert (told["rows"], told["cursor"]) == (30, "2024-01-01 00:33:20")
    assert "no_such" in mysql_lake.fails(64, mysql_lake.spec("no_such"))["msg"]
    mysql_lake.fails(64, mysql_lake.spec("parted", database="no_such"))
    mysql_lake.fails(69, mysql_lake.spec("parted", port=servers.free_port()))
    mysql_lake.environ["SPARKINGEST_SOURCE_PASSWORD"] = "pw-that-is-wrong"
    error = mysql_lake.fails(69, mysql_lake.spec("parted"))
    assert "pw-that-is-wrong" not in error["msg"]


# --- files


def test_files(lake, postgres, tmp_path):
    """What was appended as Parquet, to CSV, and back: text from CSV, nothing lost."""
    postgres.sql("CREATE TABLE filed AS SELECT g AS id, 'a\"b,' || chr(10) || g AS t, g % 2 AS half FROM generate_series(1, 100) g")
    lake.ok(lake.spec("filed", {"partition_by": ["half"]}))
    place = f"file://{tmp_path}/csv"
    spec = lake.spec(type="file", uri=f"file://{lake.root}", destination={"uri": place, "format": "csv", "mode": "overwrite"})
    assert lake.ok(spec)["rows"] == 100
    lake.root = tmp_path / "back"
    assert lake.ok(lake.spec(type="file", uri=place, format="csv"))["rows"] == 100
    assert values(lake, "id", "t", "half") == sorted([(str(i), f'a"b,\n{i}', str(i % 2)) for i in range(1, 101)], key=str)
    assert lake.ok(lake.spec(type="file", uri=f"file://{tmp_path}/b*ck", destination={"format": "orc", "uri": f"file://{tmp_path}/orc"}))["rows"] == 100
    assert lake.fails(64, lake.spec(type="file", uri=f"file://{tmp_path}/nothing"))["class"] == "bad_spec"
    (tmp_path / "bad.json").write_text('{"a": 1}\n{"a": \n')
    lake.fails(70, lake.spec(type="file", uri=f"file://{tmp_path}/bad.json", format="json"))
