"""Fixtures and settings of all tests."""

from __future__ import annotations

import fcntl
import itertools
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

_COUNTER = itertools.count()

# Fast DDS numbers its shared memory ports across all domains. When two processes open a port at the same
# time, one of them never receives anything through it.
os.environ.setdefault("FASTDDS_BUILTIN_TRANSPORTS", "UDPv4")

# No deadline, because other load can slow an example down. The same commit always gets the same examples.
settings.register_profile(
    "odyssey_ros", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("odyssey_ros")


@pytest.fixture
def domain_id() -> Iterator[int]:
    """A ROS domain that no other test on this machine uses, in any process."""
    while True:
        number = 1 + (os.getpid() * 7 + next(_COUNTER)) % 100
        with Path(tempfile.gettempdir(), f"odyssey_ros_test_domain_{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield number
            return
