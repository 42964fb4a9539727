"""The end of a process without clean-up: the status and the output are there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from odyssey_ros.dataset.process_exit import ended

SCRIPT = """
import atexit, sys
from odyssey_ros.dataset.process_exit import ended, skip_clean_up
atexit.register(print, "clean-up")
skip_clean_up()
print("done")
sys.exit(ended(7))
"""


def test_a_process_without_clean_up() -> None:
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (7, "done\n")


def test_other_processes_end_as_always() -> None:
    assert ended(7) == 7
