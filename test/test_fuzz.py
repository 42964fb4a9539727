"""Every fuzz target handles some malformed inputs as documented; `make fuzz` gives them thousands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).resolve().parent.parent / "fuzz"
INPUTS = 150


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(FUZZ / "fuzz_run.py"), *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def groups() -> list[str]:
    return re.findall(r'^    "(\w+)": "\w+_targets",$', (FUZZ / "fuzz_targets.py").read_text(), re.MULTILINE)


@pytest.mark.parametrize("chosen", [groups()[:2], groups()[2:]], ids="+".join)
def test_targets_handle_malformed_inputs(chosen: list[str]):
    """Two halves, because every process imports and prepares for longer than a target takes."""
    arguments = [argument for group in chosen for argument in ("--group", group)]
    ended = run(*arguments, "--count", str(INPUTS), "--quick")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(ended.stdout.splitlines()) > 20


def test_all_targets_are_listed_once():
    """`--list` imports all groups together, as `make fuzz` does."""
    ended = run("--list")
    names = ended.stdout.split()
    assert ended.returncode == 0, ended.stderr
    assert len(names) == len(set(names)) > 40


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("raise KeyError('x')", "not documented"),
        ("import os; os.abort()", "SIGABRT"),
        ("b'x' * (300 << 20)", "MiB of memory"),
        ("bytearray(1 << 40)", "not documented"),
        ("raise ValueError('a\\nb')", "holds a control character"),
        ("import logging; logging.getLogger('odyssey_ros.x').warning('a\\x1b[31m')", "a log line holds"),
        ("from oracle import check; check(False, 'out of range')", "out of range"),
        ("import time; time.sleep(3600)", "no end within"),
    ],
)
def test_failures_are_found_and_saved(tmp_path: Path, body: str, found: str):
    """The runner itself: a parser that fails in each of the ways that the page describes."""
    limit_s = 1.0 if "sleep" in body else 300.0  # on a busy machine, even a failure at once can take a second
    (tmp_path / "failing_targets.py").write_text(
        "from hypothesis import strategies as st\n"
        "from fuzz_target import FuzzTarget\n"
        "def parse(data):\n"
        "    if len(data) > 3:\n"
        f"        {body}\n"
        "TARGETS = [FuzzTarget('failing', st.binary(min_size=4, max_size=9), parse, (ValueError,))]\n"
    )
    (tmp_path / "main.py").write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(FUZZ)!r})\n"
        "import fuzz_run, fuzz_targets\n"
        "from pathlib import Path\n"
        "fuzz_targets.GROUPS = {'failing': 'failing_targets'}\n"
        f"fuzz_run.INPUT_LIMIT_S = {limit_s}\n"
        f"fuzz_run.OUTPUT = Path({str(tmp_path / 'output')!r})\n"
        "sys.exit(fuzz_run.main())\n"
    )
    command = [sys.executable, str(tmp_path / "main.py"), "--count", "5"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "FAILED failing: input 1" in ended.stdout
    assert found in ended.stdout
    assert len((tmp_path / "output" / "failing.bin").read_bytes()) >= 4
