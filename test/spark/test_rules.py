"""What needs neither Spark nor a server: the spec, cursors and ranges, the metrics, how output becomes visible."""

import datetime
import json
import os
import uuid
from decimal import Decimal

import pytest
from conftest import encode
from hypothesis import given
from hypothesis import strategies as st

import ingest
import ingest_errors
import ingest_spec
import ingest_target
from ingest_source import boundaries, format_value, parse_value, ranges, step_back

RUN, FORMER = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
GOOD = {
    "execution_id": RUN,
    "attempt": 1,
    "source": {"type": "postgres", "host": "db", "database": "d", "table": "t"},
    "destination": {"type": "file", "uri": "file:///lake/t"},
}


def changed(path, value):
    """GOOD with one value set; path such as source.partition."""
    spec = json.loads(json.dumps(GOOD))
    *way, last = path.split(".")
    inner = spec
    for key in way:
        inner = inner[key]
    inner[last] = value
    return spec


def parse(spec):
    return ingest_spec.parse_spec(["--spec-b64", encode(spec)])


# --- spec


def test_defaults():
    spec = parse(GOOD)
    assert spec["source"]["fetchsize"] == 10000
    assert spec["destination"] == {"type": "file", "uri": "file:///lake/t", "format": "parquet", "mode": "append", "partition_by": []}


def test_what_manifest_c_sends():
    """null after, decimal overlap, a bucket with a path."""
    spec = changed("source.incremental", {"column": "c", "overlap": 3600.5, "after": None})
    spec["destination"] = {"type": "s3", "bucket": "lake", "path": "/a/b/", "format": "orc", "mode": "error", "partition_by": ["m"]}
    spec = parse(spec)
    assert spec["source"]["incremental"] == {"column": "c", "overlap": Decimal("3600.5")}
    assert spec["destination"]["uri"] == "s3a://lake/a/b"


@pytest.mark.parametrize(
    "path, value",
    [
        ("color", 1), ("source.password", "x"), ("source.url", "jdbc:x:y"), ("source.partition", {"column": "a", "num": 2, "low": 1}),
        ("source.incremental", {"column": "a", "before": "x"}), ("destination.color", 1), ("destination.bucket", "b"),
        ("execution_id", "x"), ("execution_id", RUN.upper().replace("0", "A")), ("execution_id", "../" + RUN), ("execution_id", None),
        ("attempt", 0), ("attempt", True), ("attempt", "1"), ("attempt", 1.5), ("source", None), ("source", []), ("source", "x"), ("source.type", "oracle"), ("source.type", 5),
        ("source.type", []), ("source.type", None), ("source.host", None), ("source.host", ""), ("source.host", 5),
        ("source.port", 0), ("source.port", 65536), ("source.port", "5432"), ("source.query", "SELECT 1"), ("source.table", None),
        ("source.fetchsize", 0), ("source.fetchsize", 10.5), ("source.partition", {"column": "a"}), ("source.partition", "a"),
        ("source.partition", {"column": "a", "num": 0}), ("source.partition", {"column": "a", "num": 1001}),
        ("source.incremental", {"column": "a", "overlap": -1}), ("source.incremental", {"column": "a", "overlap": "1"}),
        ("source.incremental", {"column": "a", "after": 5}), ("destination", None), ("destination.type", "hdfs"),
        ("destination.type", {}), ("destination.uri", "file://host/x"), ("destination.uri", "file:///"), ("destination.uri", "/x"),
        ("destination.uri", None), ("destination.format", "avro"), ("destination.mode", "ignore"), ("destination.partition_by", "m"),
        ("destination.partition_by", ["m", "m"]), ("destination.partition_by", [""]), ("destination.partition_by", [1]),
    ],
)  # fmt: skip
def test_bad_spec_is_refused(path, value):
    with pytest.raises(ingest_errors.Failure) as caught:
        parse(changed(path, value))
    assert caught.value.code == 64


@pytest.mark.parametrize("text", ["", "!", "e30=x", "bnVsbA", "W10", "eyJhIjpOYU59", "_w", "{}", "e30 "])
def test_what_is_no_json_object_is_refused(text):
    with pytest.raises(ingest_errors.Failure):
        ingest_spec.parse_spec(["--spec-b64", text])


@pytest.mark.parametrize("argv", [[], ["--spec-b64"], ["--spec", "x"], ["--spec-b64", "e30", "more"]])
def test_usage(argv):
    with pytest.raises(ingest_errors.Failure):
        ingest_spec.parse_spec(argv)


# --- cursors and ranges

UTC = datetime.timezone.utc


@pytest.mark.parametrize(
    "kind, text, value",
    [
        ("int", "-17", -17), ("int", "1.5", None), ("decimal", "0.10", Decimal("0.10")), ("decimal", "NaN", None),
        ("float", "1e+20", Decimal("1e20")), ("float", "Infinity", None), ("date", "2024-02-29", datetime.date(2024, 2, 29)),
        ("date", "2023-02-29", None), ("date", "infinity", None), ("timestamp", "infinity", None),
        ("timestamp", "2013-01-31 23:00:00.5", datetime.datetime(2013, 1, 31, 23, 0, 0, 500000)),
        ("timestamp", "2013-01-31 23:00:00.123456789", datetime.datetime(2013, 1, 31, 23, 0, 0, 123456)),
        ("timestamptz", "2013-01-31 23:30:00+05:30", datetime.datetime(2013, 1, 31, 18, 0, tzinfo=UTC)),
        ("timestamptz", "2013-01-31 23:30:00-05", datetime.datetime(2013, 2, 1, 4, 30, tzinfo=UTC)),
        ("timestamptz", "2013-01-31T23:30Z", datetime.datetime(2013, 1, 31, 23, 30, tzinfo=UTC)),
        ("timestamp", "2013-01-31 23:00:00' OR 1=1", None), ("date", "0044-03-15 BC", None), ("timestamp", "12024-01-01 00:00:00", None),
    ],
)  # fmt: skip
def test_values(kind, text, value):
    found = parse_value(kind, text)
    assert found == value and type(found) is type(value)
    assert value is None or parse_value(kind, format_value(value)) == value


@pytest.mark.parametrize(
    "value, overlap, lower",
    [
        (datetime.datetime(2024, 3, 1, 0, 0, 1), Decimal("1.5"), datetime.datetime(2024, 2, 29, 23, 59, 59, 500000)),
        (datetime.datetime(2024, 3, 1), 10**12, None),
        (datetime.date(2024, 3, 1), 0, datetime.date(2024, 3, 1)),
        # A date stands for its midnight: an hour before it is the day before.
        (datetime.date(2024, 3, 1), 3600, datetime.date(2024, 2, 29)),
        (datetime.date(2024, 3, 1), 86400, datetime.date(2024, 2, 29)),
        (datetime.date(2024, 3, 1), 86401, datetime.date(2024, 2, 28)),
        (datetime.date(1, 1, 1), 1, None),
        (100, 30, 70),
        (100, Decimal("0.5"), Decimal("99.5")),
        (Decimal("1.25"), 1, Decimal("0.25")),
    ],
)
def test_overlap(value, overlap, lower):
    assert step_back(value, overlap) == lower


numbers = st.integers(-(10**30), 10**30)
days = st.dates()
moments = st.datetimes()
decimals = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**20), max_value=10**20)


@given(st.one_of(*(st.tuples(values, values, values) for values in (numbers, days, moments, decimals))), st.integers(1, 1000))
def test_ranges_hold_every_value_once(values, num):
    low, value, high = sorted(values)
    between = boundaries(low, high, num)
    assert between == sorted(set(between)) and len(between) < num and all(low < b <= high for b in between)
    conditions = ranges("p", [f"b[{i}]" for i in range(len(between))])
    assert len(conditions) in (0, len(between) + 1)
    if conditions:
        for p, expected in ((value, 1), (low, 1), (high, 1)):
            scope = {"p": p, "b": between}
            asked = [c.replace(" OR p IS NULL", "").replace("AND", "and") for c in conditions]
            assert sum(eval(c, scope) for c in asked) == expected
        assert [c for c in conditions if "IS NULL" in c] == conditions[:1]


# --- metrics


@pytest.mark.parametrize("text", ["", "short", "x" * 9000, "é" * 9000, "😀" * 9000, '"\\' * 9000, "x" * 3900 + "😀" * 50])
def test_metrics_fit_the_termination_message(text):
    metrics = {"v": 1, "cursor": "c" * 1000, "error": {"class": "other", "msg": text}}
    data = ingest.encode_metrics(metrics)
    read = json.loads(data.decode("utf-8"))
    assert len(data) <= 4096 and read["cursor"] == metrics["cursor"]
    assert read["error"]["msg"] == text or (text.startswith(read["error"]["msg"].removesuffix("...")) and len(data) > 3500)


def test_messages_are_fit_for_jsonb_and_hold_no_secret():
    environ = {"SPARKINGEST_SOURCE_PASSWORD": "s3cret", "AWS_SECRET_ACCESS_KEY": "s3cret/longer"}
    assert ingest_errors.clean("a\x00b\n\tc s3cret/longer s3cret \ud800", environ) == "a b c *** ***"


def test_metrics_are_written_once(tmp_path):
    report = ingest.Report({"SPARKINGEST_TERMINATION_LOG": str(tmp_path / "log")})
    assert report.end(143, "terminated") == 143
    assert report.end(0) == 143
    told = json.loads((tmp_path / "log").read_text())
    assert told["error"] == {"class": "terminated", "msg": "terminated"} and told["rows"] is None and told["run_ms"] >= 0


def test_unwritable_termination_log_ends_nothing(tmp_path, capsys):
    assert ingest.Report({"SPARKINGEST_TERMINATION_LOG": str(tmp_path / "no" / "log")}).end(0) == 0
    assert '{"v":1,' in capsys.readouterr().err


# --- targets


def target(root, mode="append", run=RUN, attempt=1):
    return ingest_target.FileTarget({"execution_id": run, "attempt": attempt, "destination": {"mode": mode, "uri": f"file://{root}"}})


def write(place, content, **options):
    """One run that writes content as its only file."""
    made = target(place, **options)
    staging = made.prepare().removeprefix("file://")
    with open(f"{staging}/part-0", "w") as file:
        file.write(content)
    open(f"{staging}/_SUCCESS", "w").close()
    return made.publish()


def contents(root):
    return sorted(path.read_text() for path in root.rglob("*") if path.is_file() and ingest_target.is_data(path.name))


def hidden(root):
    return [path for top in (root.parent, root) if top.is_dir() for path in top.iterdir() if path.name.startswith(".")]


@pytest.fixture
def root(tmp_path):
    return tmp_path / "parent" / "lake"


def test_append_adds_runs_and_a_repeated_run_replaces_its_own(root):
    assert write(root, "one", run=RUN) == (1, 3)
    write(root, "two", run=FORMER)
    write(root, "three", run=RUN)
    assert contents(root) == ["three", "two"] and not hidden(root)
    assert {path.name for path in root.iterdir()} == {f"ingest_run={RUN}", f"ingest_run={FORMER}"}


def test_output_of_an_earlier_attempt_goes_as_the_next_appears(root):
    write(root, "former")
    made = target(root, attempt=2)
    made.prepare()
    assert contents(root) == ["former"]
    made.discard()
    write(root, "ours", attempt=2)
    assert contents(root) == ["ours"] and not hidden(root)


@pytest.mark.parametrize("mode", ["append", "overwrite", "error"])
@pytest.mark.parametrize("ended", [True, False])
def test_an_attempt_that_lives_on_changes_nothing(root, mode, ended):
    """Thought dead, it goes on writing while the next attempt writes, or has ended, and ends itself."""
    first, second = target(root, mode, attempt=1), target(root, mode, attempt=2)
    places = [made.prepare().removeprefix("file://") for made in (first, second)]
    for place, content in zip(places, ("part of it", "all")):
        os.makedirs(place, exist_ok=True)  # as a task does that goes on
        with open(f"{place}/part-0", "w") as file:
            file.write(content)
    if ended:
        second.publish()
    with pytest.raises(ingest_errors.Failure):
        first.publish()
    if not ended:
        second.publish()
    assert contents(root) == ["all"]


def test_nothing_is_visible_before_the_run_is_complete(root):
    staging = target(root).prepare().removeprefix("file://")
    open(f"{staging}/part-0", "w").close()
    assert contents(root) == []


@pytest.mark.parametrize("mode", ["append", "overwrite", "error"])
def test_what_a_killed_run_left_is_cleared(root, mode):
    staging = target(root, mode).prepare().removeprefix("file://")
    open(f"{staging}/part-0", "w").close()
    write(root, "again", mode=mode, attempt=2)
    assert contents(root) == ["again"] and not hidden(root)


@pytest.mark.parametrize("swaps", [True, False])
def test_overwrite_replaces_all(root, swaps, monkeypatch):
    if not swaps:
        monkeypatch.setattr(ingest_target, "exchange", lambda one, other: False)
    write(root, "old", mode="overwrite", run=FORMER)
    inode = os.stat(root).st_ino
    assert write(root, "new", mode="overwrite") == (1, 3)
    assert contents(root) == ["new"] and not hidden(root) and os.stat(root).st_ino != inode


def test_exchange_is_one_step_here(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert ingest_target.exchange(str(tmp_path / "a"), str(tmp_path / "b"))
    assert (tmp_path / "a" / "b").exists() and (tmp_path / "b" / "a").exists()


def test_overwrite_killed_between_two_renames_loses_nothing(root):
    write(root, "old", mode="overwrite", run=FORMER)
    os.rename(root, root.parent / ".lake.old")
    made = target(root, "overwrite")
    made.prepare()
    assert contents(root) == ["old"]
    made.discard()


def test_error_mode_refuses_what_others_wrote(root):
    write(root, "old", mode="error", run=FORMER)
    with pytest.raises(ingest_errors.Failure) as caught:
        target(root, "error").prepare()
    assert caught.value.code == 73 and contents(root) == ["old"]
    write(root, "again", mode="error", run=FORMER, attempt=2)
    assert contents(root) == ["again"]


def test_error_mode_takes_an_empty_directory(root):
    root.mkdir(parents=True)
    write(root, "one", mode="error")
    assert contents(root) == ["one"]


def test_error_mode_looks_again_before_it_publishes(root):
    made = target(root, "error")
    made.prepare()
    write(root, "other", mode="overwrite", run=FORMER)
    with pytest.raises(ingest_errors.Failure):
        made.publish()
    assert contents(root) == ["other"]


def test_append_into_a_place_whose_parent_cannot_be_written(root, monkeypatch):
    root.mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, how: str(path) != str(root.parent))
    assert target(root).prepare().startswith(f"file://{root}/.")
    write(root, "one")
    assert contents(root) == ["one"] and not hidden(root)


def test_a_link_is_followed(root):
    place = root.parent / "real" / "lake"
    place.mkdir(parents=True)
    root.symlink_to(place)
    write(root, "one", mode="overwrite")
    assert root.is_symlink() and contents(place) == ["one"]


@pytest.mark.parametrize("mode", ["append", "overwrite", "error"])
def test_a_file_in_the_way_is_refused(root, mode):
    root.parent.mkdir()
    root.write_text("precious")
    with pytest.raises(ingest_errors.Failure) as caught:
        target(root, mode).prepare()
    assert caught.value.code == 73 and root.read_text() == "precious"
