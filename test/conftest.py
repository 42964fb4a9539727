"""What tests of every folder share."""

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

# Fast DDS counts its shared memory ports across all domains, and when two processes open one at the same time
# one of them hears nothing through it, for as long as it lives.
os.environ.setdefault("FASTDDS_BUILTIN_TRANSPORTS", "UDPv4")

# On a machine that has other work an example may take long; and the same commit gets the same examples.
settings.register_profile(
    "odyssey_ros", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("odyssey_ros")


@pytest.fixture
def domain_id() -> Iterator[int]:
    """A ROS domain that no other test on this machine has, whoever runs it."""
    while True:
        number = 1 + (os.getpid() * 7 + next(_COUNTER)) % 100
        with Path(tempfile.gettempdir(), f"odyssey_ros_test_domain_{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield number
            return
