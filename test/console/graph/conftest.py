"""A node of the console that spins in the test process, and other nodes on its graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from domain_reservation import reserved_domain
from foreign_nodes import ForeignNodes
from observer import Observer
from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def domain() -> Iterator[int]:
    """A ROS domain for the file."""
    with reserved_domain() as number:
        yield number


@pytest.fixture(scope="module")
def observer(domain: int) -> Iterator[Observer]:
    """The node of the console, on a thread that spins."""
    with Observer(domain) as one:
        yield one


@pytest.fixture(scope="module")
def executor(observer: Observer) -> ExecutorCalls:
    """Runs calls on the thread that spins."""
    calls: ExecutorCalls = observer.run(lambda: ExecutorCalls(observer.node))
    return calls


@pytest.fixture
def others(domain: int) -> Iterator[ForeignNodes]:
    """Starts other nodes, which leave at the end of the test."""
    with ForeignNodes(domain) as nodes:
        yield nodes
