"""Fixtures: real servers, one Spark in this process for what a run does, spark-submit for how it starts and ends."""

import base64
import json
import os
import signal
import sys
import uuid
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SOURCES = HERE.parent.parent / "src" / "spark"
sys.path.insert(0, str(SOURCES))
sys.path.insert(0, str(HERE))

import servers  # noqa: E402

# This Python is the one that packages.sh made, and the drivers lie beside its environment.
JARS = sorted((Path(sys.prefix).parent / "jars").glob("*.jar"))
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
# Servers are stopped then, too.
signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 143))


def encode(spec):
    return base64.urlsafe_b64encode(json.dumps(spec).encode()).decode().rstrip("=")


@pytest.fixture(scope="session")
def postgres():
    server = servers.Postgres()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def mariadb():
    server = servers.MariaDB()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    """The application's own Spark session, kept over all tests of this process."""
    work = tmp_path_factory.mktemp("spark")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYSPARK_SUBMIT_ARGS"] = (
        f"--master local[2] --driver-memory 1g --jars {','.join(map(str, JARS))} "
        f"--conf spark.local.dir={work} --conf spark.sql.warehouse.dir={work}/warehouse pyspark-shell"
    )
    import ingest

    session = ingest.start_spark()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


class Lake:
    """A destination, and specs and runs of it."""

    def __init__(self, spark, server, root):
        self.spark, self.server, self.root = spark, server, root
        self.environ = {
            "SPARKINGEST_SOURCE_USERNAME": "reader",
            "SPARKINGEST_SOURCE_PASSWORD": server.password if server else "",
            "SPARKINGEST_TERMINATION_LOG": str(root.parent / "termination-log"),
        }

    def spec(self, table=None, destination=None, run=None, **source):
        kind = source.pop("type", "postgres" if isinstance(self.server, servers.Postgres) else "mysql")
        if kind in ("postgres", "mysql"):
            source = {"host": "127.0.0.1", "port": self.server.port, "database": {"postgres": "postgres", "mysql": "shop"}[kind], **source}
        if table:
            source["table"] = table
        return {
            "execution_id": run or str(uuid.uuid4()),
            "attempt": 1,
            "source": {"type": kind, **source},
            "destination": {"type": "file", "uri": f"file://{self.root}", **(destination or {})},
        }

    def run(self, spec, **more):
        """Runs it in this process; returns the report, whose metrics were read back from the termination log."""
        import ingest

        report = ingest.Report(self.environ)
        try:
            ingest.ingest(self.spark(), ingest.parse_spec(["--spec-b64", encode({**spec, **more})]), report)
        except Exception as error:
            report.end(*ingest.classify(error, report.phase))
        report.told = json.loads(Path(self.environ["SPARKINGEST_TERMINATION_LOG"]).read_bytes())
        return report

    def ok(self, spec, **more):
        report = self.run(spec, **more)
        assert report.code == 0, report.told
        return report.told

    def fails(self, code, spec, **more):
        report = self.run(spec, **more)
        assert report.code == code, report.told
        return report.told["error"]

    def table(self):
        """All that a reader of Parquet sees, counted without Spark."""
        import pyarrow.dataset

        return pyarrow.dataset.dataset(self.root, format="parquet", partitioning="hive").to_table()

    def names(self):
        """Names in the directories of the lake and beside it."""
        return sorted(path.name for top in (self.root, self.root.parent) if top.is_dir() for path in top.iterdir())


@pytest.fixture
def lake(request, postgres, tmp_path):
    return Lake(lambda: request.getfixturevalue("spark"), postgres, tmp_path / "lake")


@pytest.fixture
def mysql_lake(request, mariadb, tmp_path):
    return Lake(lambda: request.getfixturevalue("spark"), mariadb, tmp_path / "lake")
