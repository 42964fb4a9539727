"""Checks the package with the other supported Python versions of this machine.

For each version, the set-up, the build, a demo of six seconds and the tests that need no ROS run in a
temporary copy of the sources. A version that is not on this machine is reported as not tested. The Python
that runs this script is left out, since `make test` tests it. This script needs the standard library only.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TOP = Path(__file__).resolve().parent.parent
VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
# In the top folder; scripts/build is a source.
MADE_HERE = frozenset({".git", ".venv", "build", "install", "log", "demo_output", "bench_output"})
PROBE = (
    "import pathlib, sys, sysconfig\n"
    "import ensurepip, venv\n"
    "header = pathlib.Path(sysconfig.get_path('include'), 'Python.h')\n"
    "if not header.is_file(): sys.exit(f'{header} does not exist')\n"
    "print(sys.executable)\n"  # the interpreter itself, where `path` is a shim of pyenv
)
PROBE_SECONDS = 60
ROS_FREE_TESTS = (
    *("test/client", "test/dataset", "test/emulator", "test/pictures", "test/web"),
    *("test/test_number_text.py", "test/test_public_address.py"),
)
# The browser tests run another program, which is the same for every Python.
LEFT_OUT = "--ignore=test/emulator/browser"


@dataclass(frozen=True)
class Interpreter:
    """A Python of this machine, or the reason why it cannot be used.

    Attributes:
        version: "3.12", for example.
        path: The executable; None if it cannot be used.
        reason: Why it cannot be used; empty if it can.
    """

    version: str
    path: Path | None
    reason: str = ""


def candidates(version: str) -> Iterator[Path]:
    """Yield the executables that may be this Python: on the PATH, then those of pyenv, newest first."""
    name = f"python{version}"
    for folder in os.get_exec_path():
        yield Path(folder) / name
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    releases = (pyenv / "versions").glob(f"{version}.*/bin/{name}")
    yield from sorted(releases, key=lambda path: release_number(path.parts[-3]), reverse=True)


def release_number(name: str) -> int:
    """Return 13 for "3.10.13", and 0 for a name without a number there."""
    last = name.rsplit(".", 1)[-1]
    return int(last) if last.isdigit() else 0


def find(version: str) -> Interpreter:
    """Return the first Python of this version that can build the package."""
    if os.environ.get("ROS_DISTRO"):
        return Interpreter(version, None, "ROS_DISTRO is set, and a sourced ROS has one Python")
    reason = "not found"
    for path in candidates(version):
        if not os.access(path, os.X_OK):
            continue
        check = f"import sys\nassert sys.version_info[:2] == {tuple(map(int, version.split('.')))}\n{PROBE}"
        try:
            probe = subprocess.run(
                [path, "-c", check], capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = f"{path} cannot be used: {error}"
            continue
        if probe.returncode == 0:
            return Interpreter(version, Path(probe.stdout.strip()))
        last_line = (probe.stderr.strip().splitlines() or [f"exit status {probe.returncode}"])[-1]
        reason = f"{path} cannot be used: {last_line}"
    return Interpreter(version, None, reason)


def steps(python: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the command of each step."""
    make = ["make", f"PYTHON={python}"]
    yield "set-up", [*make, "env"]
    yield "build", [*make, "build"]
    yield "demo", [*make, "demo", "DURATION=6"]
    yield "tests", ["scripts/test", *ROS_FREE_TESTS, LEFT_OUT, "-q"]


def check(python: Path) -> list[str]:
    """Run all steps with one Python in a copy of the sources; stop at the first that fails.

    Returns:
        A text for each step that ran: its name, its result and its duration.
    """
    results = []
    with tempfile.TemporaryDirectory(prefix="odyssey-ros-") as folder:
        copy = Path(folder) / "odyssey_ros"
        shutil.copytree(TOP, copy, ignore=made_here, symlinks=True)
        for name, command in steps(python):
            print(f"== {python}: {name}", flush=True)
            started = time.monotonic()
            status = subprocess.run(command, cwd=copy, env=clean_environment(), check=False).returncode
            seconds = time.monotonic() - started
            if status != 0:
                results.append(f"{name} FAILED (exit status {status}, {seconds:.0f} s)")
                break
            results.append(f"{name} passed ({seconds:.0f} s)")
    return results


def made_here(folder: str, names: list[str]) -> set[str]:
    """Return the names in a folder that are not sources."""
    caches = set(fnmatch.filter(names, "__pycache__")) | set(fnmatch.filter(names, ".*_cache"))
    return caches | (MADE_HERE.intersection(names) if Path(folder) == TOP else set())


def clean_environment() -> dict[str, str]:
    """Return the environment of a command that uses another virtual environment than this process."""
    dropped = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHON", "VIRTUAL_ENV", "_ROS_WHEELS_BOOTSTRAP_COMPLETE")
    return {name: value for name, value in os.environ.items() if name not in dropped}


def arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description="Check the package with the other Pythons of this machine.")
    parser.add_argument("versions", nargs="*", metavar="VERSION", help="such as 3.12; default: all others")
    parser.add_argument("--list", action="store_true", help="list the interpreters and end")
    chosen = parser.parse_args()
    for version in chosen.versions:
        if version not in VERSIONS:
            parser.error(f"{version} is not a supported version; choose from {', '.join(VERSIONS)}")
    return chosen


def main() -> int:
    """Check each version; print a table. Return 1 if a step failed."""
    chosen = arguments()
    default = ".".join(map(str, sys.version_info[:2]))
    versions = chosen.versions or [version for version in VERSIONS if version != default]
    rows, failed = [], False
    for interpreter in map(find, versions):
        if interpreter.path is None:
            rows.append(f"Python {interpreter.version}: not tested ({interpreter.reason})")
        elif chosen.list:
            rows.append(f"Python {interpreter.version}: {interpreter.path}")
        else:
            results = check(interpreter.path)
            failed = failed or "FAILED" in results[-1]
            rows.append(f"Python {interpreter.version}: {', '.join(results)}")
    print(*rows, sep="\n", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the temporary folder is removed
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
