"""How the application starts, ends and dies: spark-submit of the real script, as a driver's pod runs it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import servers
from conftest import JARS, SOURCES, encode

SUBMIT = Path(sys.executable).parent / "spark-submit"
GATED = """SELECT g AS id, repeat(md5(g::text), 20) AS pad, CASE WHEN g = 19999 THEN hold(g) ELSE g END AS k FROM generate_series(1, 20000) g"""


class Application:
    """One spark-submit. Its output and termination message are files of the lake's parent."""

    def __init__(self, lake, spec, master="local[2]", as_postgres=False, termination_log=None, **environ):
        self.output = lake.root.parent / "output"
        self.message = Path(lake.environ["SPARKINGEST_TERMINATION_LOG"])
        self.message.unlink(missing_ok=True)
        environ = {**os.environ, **lake.environ, "PYSPARK_PYTHON": sys.executable, **environ}
        environ["SPARKINGEST_TERMINATION_LOG"] = str(termination_log or self.message)
        command = [SUBMIT, "--master", master, "--driver-memory", "1g", "--jars", ",".join(map(str, JARS)), SOURCES / "ingest.py",
                   "--spec-b64", encode(spec) if isinstance(spec, dict) else spec]  # fmt: skip
        who = lake.server.as_user() if as_postgres else {}
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(list(map(str, command)), stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environ,
                                            start_new_session=True, **who)  # fmt: skip

    def wait(self):
        """(exit code, metrics)."""
        code = self.process.wait(servers.DEADLINE)
        return code, json.loads(self.message.read_bytes()) if self.message.exists() else None

    def python(self):
        """Process id of the application's Python, a child of the JVM."""
        children = Path(f"/proc/{self.process.pid}/task")
        found = [int(pid) for task in children.iterdir() for pid in (task / "children").read_text().split()]
        return next(pid for pid in found if b"--spec-b64" in Path(f"/proc/{pid}/cmdline").read_bytes())

    def kill(self):
        """All of it, as a node that loses its power."""
        os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait(30)


@pytest.fixture
def start(lake):
    started = []

    def start(spec, **options):
        started.append(Application(lake, spec, **options))
        return started[-1]

    yield start
    for application in started:
        if application.process.poll() is None:
            application.kill()


@pytest.fixture
def gate(postgres):
    """A lock that stops GATED in its last but one row, while the other range is written."""
    postgres.sql("""CREATE OR REPLACE FUNCTION hold(k int) RETURNS int STABLE LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock_shared(11); RETURN k; END $$""")
    holder = postgres.connect()
    holder.execute("SELECT pg_advisory_lock(11)")
    yield holder
    holder.close()


def in_mid_write(lake, postgres, application):
    """Waits until a range is complete, and the other one stands still with its file open; returns the complete files."""

    def complete():
        assert application.process.poll() is None, application.output.read_text()[-3000:]
        stopped = postgres.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone()[0]
        found = [path for path in lake.root.parent.rglob("*.parquet") if path.stat().st_size > 10000]
        return found if stopped and len(list(lake.root.parent.rglob("*.parquet"))) == 2 else None

    return servers.poll(complete, "one range is written and the other waits")


def test_run_as_in_a_pod(lake, postgres, start):
    """Exit 0, metrics, and no secret in anything that the application prints."""
    postgres.sql("CREATE TABLE podded AS SELECT g AS id, g % 12 + 1 AS month FROM generate_series(1, 1000) g")
    application = start(lake.spec("podded", {"partition_by": ["month"]}, incremental={"column": "id"}), AWS_SECRET_ACCESS_KEY="aws-s3cret")
    code, told = application.wait()
    output = application.output.read_text()
    assert code == 0, output[-3000:]
    assert (told["rows"], told["files"], told["cursor"], told["error"]) == (1000, 12, "1000", None)
    assert lake.table().num_rows == 1000 and len(application.message.read_bytes()) <= 4096
    assert '"rows":1000' in output
    assert postgres.password not in output and "aws-s3cret" not in output


def test_executors_of_their_own(lake, postgres, start):
    """The same with an executor in another JVM: it gets the drivers, and asking Spark for its CPU and memory works."""
    postgres.sql("CREATE TABLE apart AS SELECT g AS id, timestamp '2024-03-10 02:30' AS at FROM generate_series(1, 100) g")
    application = start(lake.spec("apart", partition={"column": "id", "num": 2}), master="local-cluster[1,1,1024]")
    code, told = application.wait()
    assert code == 0 and told["rows"] == 100, application.output.read_text()[-3000:]
    assert set(map(str, lake.table()["at"].to_pylist())) == {"2024-03-10 02:30:00"}
    assert told["peak_mem_mb"] > 300 and told["cpu_ms"] > 1000


def test_bad_spec(lake, start):
    code, told = start(lake.spec("t", color="red")).wait()
    assert code == 64 and told["error"] == {"class": "bad_spec", "msg": 'bad spec: source has the unknown key "color"'}


def test_wrong_password(lake, start):
    lake.environ["SPARKINGEST_SOURCE_PASSWORD"] = "pw-that-is-wrong"
    application = start(lake.spec("t"))
    code, told = application.wait()
    assert code == 69 and told["error"]["class"] == "source_unreachable"
    assert "pw-that-is-wrong" not in application.output.read_text() + json.dumps(told)


def test_unwritable_target_and_termination_log(lake, postgres, start):
    """As a user who may not write there; the metrics are on standard error then."""
    lake.root.parent.chmod(0o755)
    for parent in lake.root.parents[:3]:
        parent.chmod(0o755)
    application = start(lake.spec("t"), as_postgres=True, termination_log=lake.root.parent / "no" / "log")
    code, told = application.wait()
    assert code == 73 and told is None
    assert '"class":"cannot_write"' in application.output.read_text()


def test_killed_in_mid_write_and_run_again(lake, postgres, start, gate):
    """Nothing is visible after SIGKILL; the same execution again has every row once and leaves nothing else behind."""
    spec = lake.spec(query=GATED, fetchsize=1000, partition={"column": "id", "num": 2})
    application = start(spec)
    written = in_mid_write(lake, postgres, application)
    assert application.kill() == -signal.SIGKILL
    assert written and all(path.exists() for path in written), "killed before anything was written"
    assert application.message.exists() is False and list(lake.root.iterdir()) == []
    gate.close()
    code, told = start({**spec, "attempt": 2}).wait()
    ids = lake.table()["id"].to_pylist()
    assert code == 0 and told["rows"] == len(ids) == 20000 and sorted(ids) == list(range(1, 20001))
    assert lake.names() == sorted([f"ingest_run={spec['execution_id']}", "lake", "output", "termination-log"])


@pytest.mark.parametrize("whom", ["JVM", "Python"])
def test_terminated_in_mid_write(lake, postgres, start, gate, whom):
    """kubelet tells the JVM; 143, said in the metrics, and nothing visible."""
    application = start(lake.spec(query=GATED, fetchsize=1000, partition={"column": "id", "num": 2}))
    in_mid_write(lake, postgres, application)
    os.kill(application.process.pid if whom == "JVM" else application.python(), signal.SIGTERM)
    code, told = application.wait()
    assert code == 143 and told["error"]["class"] == "terminated", application.output.read_text()[-3000:]
    assert list(lake.root.iterdir()) == []


def test_out_of_memory(lake, postgres, start):
    """Java's heap is not enough for a row of this size: the control plane gives the next attempt more."""
    application = start(lake.spec(query="SELECT g AS id, repeat('x', 300000000) AS big FROM generate_series(1, 4) g"))
    code, told = application.wait()
    assert code in (52, 137) and told["error"]["class"] == "out_of_memory", told  # 52: Spark ended the JVM before Python could
