"""A real graph for each test: a domain, emulator and bridge as processes, and a node that observes them."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor

from probe import Probe
from processes import KEY, node_command, node_environment, start_emulator_process, start_process
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rclpy.node import Node

    from processes import EmulatorProcess, Process


@pytest.fixture
def start_emulator() -> Iterator[Callable[..., EmulatorProcess]]:
    """Starts emulators: `start_emulator("--fps", "10")`."""
    with ExitStack() as stack:

        def start(*options: str, port: int = 0) -> EmulatorProcess:
            emulator = start_emulator_process(*options, port=port)
            stack.callback(emulator.process.end)
            return emulator

        yield start


@pytest.fixture
def emulator(start_emulator: Callable[..., EmulatorProcess]) -> EmulatorProcess:
    """An emulator at ten frames a second."""
    return start_emulator("--fps", "10")


@pytest.fixture
def start_node(domain_id: int) -> Iterator[Callable[..., Process]]:
    """Starts an executable of this package as a process: `start_node("bridge", {"prompt": "sea"})`."""
    with ExitStack() as stack:

        def start(
            name: str,
            parameters: dict[str, Any] | None = None,
            *options: str,
            environment: dict[str, str] | None = None,
            domain: int = domain_id,
        ) -> Process:
            process = start_process(
                node_command(name, parameters, *options), node_environment(domain, environment)
            )
            stack.callback(process.end)
            return process

        yield start


@pytest.fixture
def start_command(domain_id: int) -> Iterator[Callable[..., Process]]:
    """Starts any command on the test's domain: `start_command(["ros2", ...], VARIABLE="value")`."""
    with ExitStack() as stack:

        def start(command: list[str], **environment: str) -> Process:
            inherited = {key: value for key, value in os.environ.items() if not key.startswith("ODYSSEY_")}
            graph = {"ROS_DOMAIN_ID": str(domain_id), "PYTHONUNBUFFERED": "1"}
            process = start_process(command, {**inherited, **graph, **environment})
            stack.callback(process.end)
            return process

        yield start


@pytest.fixture
def start_bridge(start_node: Callable[..., Process], emulator: EmulatorProcess) -> Callable[..., Process]:
    """Starts a bridge that is connected to the emulator."""

    def start(parameters: dict[str, Any] | None = None, *options: str, **environment: str) -> Process:
        return start_node(
            "bridge",
            {"api_url": emulator.url, **(parameters or {})},
            *options,
            environment={"ODYSSEY_API_KEY": KEY, **environment},
        )

    return start


@pytest.fixture
def probe(domain_id: int) -> Iterator[Probe]:
    """A node that subscribes, calls services and waits."""
    one = Probe(domain_id)
    yield one
    one.close()


class LocalGraph:
    """Nodes of one context on the test's domain; they spin in the test's own thread while `until` waits."""

    def __init__(self, domain: int) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.executor = SingleThreadedExecutor(context=self.context)
        self._nodes: list[Node] = []

    def add(self, node: Any) -> Any:
        """Spin a node of this context, and destroy it at the end of the test; return it."""
        self._nodes.append(node)
        self.executor.add_node(node)
        return node

    def until(self, condition: Callable[[], Any]) -> Any:
        """Spin until a condition is true; return its value."""
        return wait_until(condition, pause=lambda: self.executor.spin_once(timeout_sec=0.05))

    def close(self) -> None:
        """Destroy the nodes, and end the executor and the context."""
        for node in self._nodes:
            node.destroy_node()
        self.executor.shutdown()
        rclpy.try_shutdown(context=self.context)


@pytest.fixture
def local_graph(domain_id: int) -> Iterator[LocalGraph]:
    """Spins nodes in the test's own thread."""
    one = LocalGraph(domain_id)
    yield one
    one.close()


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., Any]:
    """The wait for conditions, as a fixture."""
    return wait_until


@pytest.fixture(scope="session", autouse=True)
def _own_interpreter() -> None:
    """Tests run against the installed package, not against the sources."""
    import odyssey_ros.msg

    assert "install" in Path(odyssey_ros.msg.__file__).parts, sys.path
