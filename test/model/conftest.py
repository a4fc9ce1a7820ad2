"""A server of its own for the models, unless PGHOST names one. SEED makes a run again what it was."""
import os
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

SERVER = Path(__file__).resolve().parent.parent / "server.sh"
SEED = int(os.environ.get("SEED", random.randrange(10**6)))


def pytest_report_header():
    return f"models: SEED={SEED}"


def pytest_configure(config):
    config.option.hypothesis_seed = str(SEED)


@pytest.fixture(scope="session", autouse=True)
def server():
    if "PGHOST" in os.environ:
        yield
        return
    directory = tempfile.mkdtemp(prefix="sparkingest-model.")
    os.chmod(directory, 0o755)
    # No worker comes near the database of the models.
    told = subprocess.run([SERVER, "start", f"{directory}/server", "--fast", "--database", "home"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    for setting in told.removeprefix("export ").split():
        name, value = setting.split("=", 1)
        os.environ[name] = value
    yield
    subprocess.run([SERVER, "stop", f"{directory}/server"], check=True)
    shutil.rmtree(directory)
