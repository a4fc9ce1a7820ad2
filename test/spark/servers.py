"""Throw-away database servers on loopback, run by an ordinary user."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

POSTGRES = Path("/usr/lib/postgresql/15/bin")
DEADLINE = 180  # seconds, for a machine that does much else


def poll(condition, what, deadline=DEADLINE):
    """The first true result of condition(). Raises after so many seconds."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {deadline} s: {what}")


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Server:
    """directory, port and password; start and stop one process, as user postgres when we are root."""

    stop_signal = signal.SIGTERM

    def __init__(self, name):
        self.directory = Path(tempfile.mkdtemp(prefix=f"sparkingest-{name}-"))
        self.port = free_port()
        self.password = "pw-" + secrets.token_hex(12)
        self.process = None
        self.user = pwd.getpwnam("postgres") if os.getuid() == 0 else None
        if self.user:
            os.chown(self.directory, self.user.pw_uid, self.user.pw_gid)

    def as_user(self):
        if not self.user:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": [], "cwd": self.directory}

    def run(self, *command):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **self.as_user())
        assert done.returncode == 0, f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"

    def start(self, *command):
        log = open(self.directory / "log", "ab")
        self.process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, **self.as_user())
        poll(self.answers, f"{command[0]} is ready (log: {self.directory / 'log'})")

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError((self.directory / "log").read_text()[-4000:])
        return self.ready()

    def stop(self):
        if self.process:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Postgres(Server):
    session = None
    stop_signal = signal.SIGINT  # waits for no client

    def __init__(self):
        super().__init__("postgres")
        password = self.directory / "password"
        password.write_text(self.password)
        password.chmod(0o644)
        data = self.directory / "data"
        self.run(POSTGRES / "initdb", "-D", data, "-U", "reader", "-A", "scram-sha-256", "--pwfile", password,
                 "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        # A zone with summer time, so that nothing right depends on UTC.
        self.start(POSTGRES / "postgres", "-D", data, "-p", self.port, "-k", self.directory, "-c", "listen_addresses=127.0.0.1",
                   "-c", "fsync=off", "-c", "timezone=America/New_York", "-c", "max_connections=50")

    def connect(self, **options):
        import psycopg

        return psycopg.connect(host="127.0.0.1", port=self.port, user="reader", password=self.password, dbname="postgres",
                               autocommit=True, **options)

    def ready(self):
        import psycopg

        try:
            self.connect().close()
            return True
        except psycopg.OperationalError:
            return False

    def sql(self, text):
        if self.session is None:
            self.session = self.connect()
        return self.session.execute(text)


class MariaDB(Server):
    def __init__(self):
        super().__init__("mariadb")
        data = self.directory / "data"
        self.run("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
                 "--skip-test-db")
        self.socket = self.directory / "socket"
        self.start("mariadbd", "--no-defaults", f"--datadir={data}", f"--port={self.port}", f"--socket={self.socket}",
                   "--bind-address=127.0.0.1", "--default-time-zone=-05:00", f"--pid-file={self.directory / 'pid'}")
        self.sql(f"CREATE USER reader@'127.0.0.1' IDENTIFIED BY '{self.password}'; GRANT ALL ON *.* TO reader@'127.0.0.1'; "
                 "CREATE DATABASE shop CHARACTER SET utf8mb4")

    def client(self, text):
        return subprocess.run(["mariadb", "--no-defaults", f"--socket={self.socket}", "-u", "root", "--default-character-set=utf8mb4",
                               "-e", text], capture_output=True, text=True)

    def ready(self):
        return self.client("SELECT 1").returncode == 0

    def sql(self, text):
        done = self.client(text)
        assert done.returncode == 0, done.stderr
