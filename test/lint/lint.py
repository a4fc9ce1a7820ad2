"""What the checks in this folder share: files, C without comments, the Python that has pglast, and how problems are told."""
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = os.path.abspath(sys.argv[0])
os.chdir(ROOT)


def files(*patterns):
    """Files of the repository that match any of the globs (all when there is none): those of git and new ones, not what is ignored."""
    try:
        listed = subprocess.run(
            ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True
        ).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):  # an archive without .git
        listed = [str(path) for path in pathlib.Path(".").rglob("*") if path.is_file()]
    paths = sorted({pathlib.Path(name) for name in listed})
    return [path for path in paths if path.is_file() and (not patterns or any(path.match(pattern) for pattern in patterns))]


def c_code(text):
    """C without comments; strings are emptied. Lines stay where they are."""

    def blank(match):
        kept = '""' if match.group(0).startswith('"') else " "
        return kept + "\n" * match.group(0).count("\n")

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def c_strings(text):
    """(line, text) of the string literals of C outside comments; neighbours are joined as the compiler does."""
    literal = r'"(?:\\.|[^"\\\n])*"'
    for match in re.finditer(rf"/\*.*?\*/|//[^\n]*|{literal}(?:\s*{literal})*", text, flags=re.S):
        if match.group(0).startswith('"'):
            joined = "".join(re.findall(r'"((?:\\.|[^"\\\n])*)"', match.group(0)))
            yield text.count("\n", 0, match.start()) + 1, joined


def with_pglast():
    """Goes on in the Python of the cache, which has pglast (test/cluster/packages.sh), unless this one has it."""
    try:
        import pglast  # noqa: F401
    except ImportError:
        script = ". test/cluster/cache.sh && printf %s \"$SPARKINGEST_CACHE/venv/bin/python\""
        python = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
        if os.environ.get("LINT_VENV") or not os.access(python, os.X_OK):
            sys.exit(f"pglast is missing in {python}: run test/cluster/packages.sh")
        os.environ["LINT_VENV"] = "1"
        os.execv(python, [python, SCRIPT, *sys.argv[1:]])


def tell(problems):
    """Prints the problems; the script's exit status says whether there were any."""
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
