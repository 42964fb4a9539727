"""The interpreter for tests that need `lerobot`, which is too large for the environment of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).resolve().parents[2]
VARIABLE = "ODYSSEY_LEROBOT_PYTHON"


def lerobot_python() -> str:
    """Return the path of an interpreter that has `lerobot`; skip the test if there is none."""
    if path := os.environ.get(VARIABLE):
        return path
    if find_spec("lerobot") is None:
        pytest.skip(f"lerobot is not installed, and {VARIABLE} names no interpreter that has it")
    return sys.executable


def run_python(interpreter: str, *arguments: Any) -> str:
    """Run a program with the modules of this package and of the tests, offline, and return its output."""
    ended = subprocess.run(
        [interpreter, *map(str, arguments)],
        env={
            **os.environ,
            "PYTHONPATH": f"{TOP}{os.pathsep}{TOP / 'test' / 'support'}",
            "HF_HUB_OFFLINE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
