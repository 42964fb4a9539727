"""Reserves ROS domains for tests."""

from __future__ import annotations

import fcntl
import itertools
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_COUNTER = itertools.count()


@contextmanager
def reserved_domain() -> Iterator[int]:
    """Reserve a domain that no other test or demo on this machine uses, in any process (see demo/run.py)."""
    while True:
        number = 1 + (os.getpid() * 7 + next(_COUNTER)) % 100
        with Path(tempfile.gettempdir(), f"odyssey_ros_domain_{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield number
            return
