"""Steps of a script that a person watches: titles with elapsed time, a log per step, waiting with a deadline."""
import os
import re
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path


class Failed(Exception):
    """A step did not do what it is for; the text says what, and what to look at."""


class Steps:
    """Runs steps one after the other. folder: where their logs go, made when missing."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.began = time.monotonic()
        self.number = 0
        self.title = ""
        self.log_path = None
        self._progress = ""

    def step(self, title, work):
        """Runs work(). Raises Failed, also for any other error, whose trace goes to the log."""
        self.number += 1
        self.title = title
        # A step may remove the folder that an earlier run left.
        self.folder.mkdir(parents=True, exist_ok=True)
        slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
        self.log_path = self.folder / f"{self.number:02}-{slug[:40]}.log"
        self.log_path.write_text("")
        print(f"\n[{time.monotonic() - self.began:5.0f} s] {self.number}. {title}", flush=True)
        try:
            work()
        except Failed:
            raise
        except Exception as error:
            self.log(traceback.format_exc())
            raise Failed(f"{type(error).__name__}: {str(error).strip()}") from error

    def say(self, text):
        print(f"          {text}", flush=True)

    def log(self, text):
        with self.log_path.open("a") as log:
            log.write(text.rstrip("\n") + "\n")

    def show_sql(self, statement, values):
        """Prints a statement with its values in place."""
        for name, value in (values or {}).items():
            statement = statement.replace(f"%({name})s", f"'{value}'")
        self.log(statement)
        for i, line in enumerate(statement.splitlines()):
            self.say(("sql> " if i == 0 else "     ") + line)

    def progress(self, text):
        """Prints a state when it changes."""
        if text != self._progress:
            self._progress = text
            print(f"[{time.monotonic() - self.began:5.0f} s]   {text}", flush=True)

    def command(self, arguments, cwd=None, show=False):
        """Runs a program to its end and returns its output. Raises Failed with its last words."""
        self.log("$ " + " ".join(arguments))
        process = subprocess.Popen(arguments, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=None if show else subprocess.STDOUT, text=True)
        lines = []
        for line in process.stdout:
            lines.append(line)
            self.log(line)
            if show:
                self.say(line.rstrip())
        if process.wait() != 0:
            words = "".join(lines[-5:]).strip() or "it said nothing"
            raise Failed(f"{Path(arguments[0]).name} ended with status {process.returncode}: {words}")
        return "".join(lines)

    def background(self, arguments, pid_path, name):
        """Starts a program that goes on after us. Its process id is kept in pid_path."""
        self.log("$ " + " ".join(arguments))
        with (self.folder / f"{name}.log").open("w") as log:
            process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                       start_new_session=True)
        pid_path.write_text(str(process.pid))
        time.sleep(1)  # a program that cannot start says so at once
        if process.poll() is not None:
            raise Failed(f"{name} ended with status {process.returncode}: see {self.folder}/{name}.log")

    def stop_background(self, pid_path):
        """Ends a program started by background(), if it is still that program."""
        try:
            pid = int(pid_path.read_text())
            if b"runner.py" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                return
            os.kill(pid, signal.SIGTERM)
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return
        deadline = time.monotonic() + 20
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        if Path(f"/proc/{pid}").exists():
            os.kill(pid, signal.SIGKILL)

    def wait(self, what, seconds, condition):
        """Polls until condition() is true and returns it. Raises Failed after `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = condition()
            if value:
                return value
            time.sleep(0.25)
        raise Failed(f"waited {seconds} s for {what}")


if __name__ == "__main__":
    sys.exit("steps.py is a module of quickstart.py")
