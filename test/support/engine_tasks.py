"""Tasks for the tests of engines: other processes import them from here."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError


def double(number: int) -> int:
    """Return twice the number."""
    return 2 * number


def process_id(_: int) -> int:
    """Return the id of the process of the task."""
    return os.getpid()


def fail(number: int) -> int:
    """Raise the error of an episode."""
    raise EpisodeError(ErrorCode.VIDEO_BROKEN, f"task {number} failed", retryable=True)


def die_once(path: Path) -> int:
    """Kill the own process, unless the file exists; return the process id."""
    try:
        path.open("x").close()
    except FileExistsError:
        return os.getpid()
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def die(_: int) -> int:
    """Kill the own process."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def announce_and_wait(path: Path) -> None:
    """Write the process id into a file, and wait for longer than any test."""
    partial = path.with_suffix(".partial")
    partial.write_text(str(os.getpid()))
    partial.rename(path)
    time.sleep(600)


def wait_once(path: Path) -> int:
    """Write the process id into a file and wait; return the id if the file exists already."""
    if path.exists():
        return os.getpid()
    announce_and_wait(path)
    raise AssertionError("unreachable")


def current_folder(_: int) -> str:
    """Return the current folder of the task."""
    return str(Path.cwd())


def environment(_: int) -> str:
    """Return the names and values of the environment of the task."""
    return repr(dict(os.environ))
