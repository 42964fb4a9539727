"""Fixtures and settings of all tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from domain_reservation import reserved_domain
from scheduling import same_scheduling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker_groups import GroupScheduling

# All graphs of the tests, also those of the processes that they start, are on loopback UDP.
_PROFILE = str(Path(__file__).parent / "support" / "loopback_udp.xml")
os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] = os.environ["FASTDDS_DEFAULT_PROFILES_FILE"] = _PROFILE
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "SYSTEM_DEFAULT"

# No deadline, because other load can slow an example down. The same commit always gets the same examples.
settings.register_profile(
    "odyssey_ros", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("odyssey_ros")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling | None:
    """Keep tests together that share processes, with `--dist loadgroup`."""
    from worker_groups import GroupScheduling  # imports pytest-xdist, which may be missing

    return GroupScheduling(config, log) if config.getoption("dist") == "loadgroup" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the longest tests, where several workers run the tests."""
    if hasattr(config, "workerinput"):
        from worker_groups import place_of

        items.sort(key=lambda item: place_of(item.nodeid))


@pytest.fixture(autouse=True)
def _same_scheduling() -> Iterator[None]:
    """Fail a test that leaves its thread with another scheduling, which all later tests would inherit."""
    before = os.sched_getscheduler(0)
    with same_scheduling():
        yield
        after = os.sched_getscheduler(0)
    assert after == before, "this test changed the scheduling of its thread (see scheduling.py)"


@pytest.fixture
def shared_memory() -> dict[str, str]:
    """The variables of a process whose graph also uses the shared memory of this machine, as for a user."""
    return {
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "FASTRTPS_DEFAULT_PROFILES_FILE": "",
        "FASTDDS_DEFAULT_PROFILES_FILE": "",
    }


@pytest.fixture
def domain_id() -> Iterator[int]:
    """A ROS domain that no other test or demo on this machine uses, in any process (see demo/run.py)."""
    with reserved_domain() as number:
        yield number
