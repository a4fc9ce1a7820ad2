"""Runs one container's command and outlives the runner, as a container runtime's shim outlives kubelet.

  shim.py FOLDER MEMORY_MIB COMMAND...

Writes FOLDER/process.json {pid, startedAt} when the command has started and FOLDER/result.json {exitCode, oom, startedAt,
finishedAt} when it has ended. The command leads a process group of its own. Above MEMORY_MIB of resident memory over all
its processes it is killed, as the kernel does in a container. Whoever gave it the lock on FOLDER/lock knows by that lock
whether it still lives.
"""
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 1048576
LOOK_SECONDS = 0.5


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def write(path, content):
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content))
    new.replace(path)


def members(session):
    """The processes of a session with their resident memory in MiB."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == session and fields[0] != "Z":
                yield int(entry.name), int(fields[21]) * PAGE_MIB
        except (OSError, IndexError):
            continue  # it has just ended


def kill_all(session):
    """Returns when none is left: nothing of a container outlives its end."""
    while True:
        left = [pid for pid, _ in members(session)]
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def main():
    folder, limit, command = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    started, oom = now(), False
    try:
        process = subprocess.Popen(command, cwd=folder / "work", start_new_session=True)
    except OSError as error:
        print(f"cannot start {command[0]}: {error}", file=sys.stderr)
        write(folder / "result.json", {"exitCode": 128, "oom": False, "startedAt": started, "finishedAt": started})
        return
    write(folder / "process.json", {"pid": process.pid, "startedAt": started})
    while True:
        try:
            process.wait(LOOK_SECONDS)
            break
        except subprocess.TimeoutExpired:
            pass
        if not oom and sum(memory for _, memory in members(process.pid)) > limit:
            oom = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    kill_all(process.pid)
    code = process.returncode if process.returncode >= 0 else 128 - process.returncode
    write(folder / "result.json", {"exitCode": 137 if oom else code, "oom": oom, "startedAt": started, "finishedAt": now()})


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which the command would inherit
    main()
