"""The process of one driver pod: started through shim.py, found again after a restart of the runner."""
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

from kube import HERE

MESSAGE_BYTES = 4096  # what kubelet keeps of a termination message, from its end


class Container:
    """`folder` belongs to one pod (its name is the pod's uid). ended() is called from another thread at its end."""

    def __init__(self, folder, ended):
        self.folder = folder
        self.ended = ended
        self.kill_at = None

    def start(self, command, environment, memory_mib, log_path):
        (self.folder / "work").mkdir(parents=True)
        (self.folder / "termination-log").touch()
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            with open(log_path, "ab") as log:
                subprocess.Popen([sys.executable, str(HERE / "shim.py"), str(self.folder), str(memory_mib), *command],
                                 stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, pass_fds=(lock,),
                                 start_new_session=True)
        finally:
            os.close(lock)  # the shim holds it now, until it ends
        self.watch()

    def watch(self):
        threading.Thread(target=self.wait, daemon=True).start()

    def wait(self):
        with open(self.folder / "lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
        self.ended()

    def alive(self):
        try:
            with open(self.folder / "lock") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False

    def read(self, name):
        try:
            return json.loads((self.folder / name).read_text())
        except FileNotFoundError:
            return None

    def started_at(self):
        process = self.read("process.json")
        return process["startedAt"] if process else None

    def result(self):
        """None while it runs, and when it was lost with the machine."""
        return self.read("result.json")

    def message(self):
        try:
            data = (self.folder / "termination-log").read_bytes()
        except FileNotFoundError:
            return ""
        return data[-MESSAGE_BYTES:].decode(errors="replace")

    def stop(self, grace_seconds):
        """Asks it to end; after the grace, kills it. To be called again until it is gone."""
        process = self.read("process.json")
        if process is None:
            return
        now = time.monotonic()
        if self.kill_at is None:
            self.kill_at = now + grace_seconds
            numbers = (signal.SIGTERM, signal.SIGCONT)
        elif now >= self.kill_at:
            numbers = (signal.SIGKILL,)
        else:
            return
        for number in numbers:
            try:
                os.killpg(process["pid"], number)
            except ProcessLookupError:
                pass

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)
