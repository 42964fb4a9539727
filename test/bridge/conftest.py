"""A real graph for each test: a domain, emulator and bridge as processes, and a node that observes them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import rclpy
from ament_index_python.packages import get_package_prefix
from lifecycle_msgs.srv import GetState
from odyssey_ros.msg import StreamEvent, StreamStatus
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from discovery import wait_until_known
from spinning import SpinningThread
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "ody_test_key"
READY = "odyssey emulator ready at "
WAIT_S = 80.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def executable(name: str) -> str:
    """Return the installed path of an executable of this package."""
    return str(Path(get_package_prefix("odyssey_ros")) / "lib" / "odyssey_ros" / name)


@dataclass
class Process:
    """A process and its output."""

    popen: subprocess.Popen[str]
    output: list[str] = field(default_factory=list)
    _reader: threading.Thread | None = None

    def read_output(self) -> None:
        """Collect the output in the background."""

        def read() -> None:
            assert self.popen.stdout is not None
            for line in self.popen.stdout:
                self.output.append(line.rstrip("\n"))

        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        """The output so far."""
        return "\n".join(self.output)

    def stop(self, number: int = signal.SIGINT, timeout: float = 15.0) -> int:
        """End the process with a signal; return its exit status."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        try:
            status = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            pytest.fail(f"the process did not end within {timeout} s; it said:\n{self.text}")
        if self._reader is not None:
            self._reader.join(5)
        assert self.popen.stdout is not None
        self.popen.stdout.close()
        return status

    def end(self) -> None:
        """End the process and tell what it said."""
        try:
            self.stop()
        finally:
            tell(f"$ {' '.join(map(str, self.popen.args))}\n{self.text}")


def tell(text: str) -> None:
    """Print a text that helps to find out why a test failed; pytest shows it only then."""
    print(text)  # noqa: T201 -- captured by pytest


def start_process(command: list[str], environment: dict[str, str]) -> Process:
    """Start a process and collect its output."""
    popen = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    process = Process(popen)
    process.read_output()
    return process


@dataclass
class EmulatorProcess:
    """A running emulator."""

    process: Process
    url: str

    def state(self) -> dict[str, Any]:
        """Return the state from the emulator's control endpoint."""
        response = httpx.get(f"{self.url}/control/state", timeout=10)
        response.raise_for_status()
        return dict(response.json())

    def fault(self, **fault: Any) -> None:
        """Inject a fault."""
        response = httpx.post(f"{self.url}/control/faults", json=fault, timeout=10)
        assert response.is_success, response.text

    def clear_faults(self) -> None:
        """Remove all faults."""
        httpx.delete(f"{self.url}/control/faults", timeout=10).raise_for_status()


@pytest.fixture
def start_emulator() -> Iterator[Callable[..., EmulatorProcess]]:
    """Starts emulators: `start_emulator("--fps", "10")`."""
    with ExitStack() as stack:

        def start(*options: str, port: int = 0) -> EmulatorProcess:
            process = start_process(
                [
                    executable("emulator"),
                    "--host",
                    "127.0.0.1",
                    "--port",
                    str(port),
                    "--api-key",
                    KEY,
                    *options,
                ],
                {**os.environ, "PYTHONUNBUFFERED": "1"},
            )
            stack.callback(process.end)
            line = wait_until(
                lambda: next((line for line in process.output if line.startswith(READY)), None),
                lambda: f"an emulator that is ready; its output:\n{process.text}",
            )
            return EmulatorProcess(process, line.removeprefix(READY).strip())

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
            command = [executable(name), "--ros-args", *options]
            for parameter, value in (parameters or {}).items():
                text = str(value).lower() if isinstance(value, bool) else str(value)
                command += ["-p", f"{parameter}:={text}"]
            inherited = {key: value for key, value in os.environ.items() if not key.startswith("ODYSSEY_")}
            process = start_process(
                command,
                {
                    **inherited,
                    "ROS_DOMAIN_ID": str(domain),
                    "RCUTILS_LOGGING_BUFFERED_STREAM": "0",
                    "PYTHONUNBUFFERED": "1",
                    **(environment or {}),
                },
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


class Probe:
    """A node of its own context on the test's domain; it spins in the background."""

    def __init__(self, domain: int) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = Node("probe", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self._clients: dict[str, Any] = {}
        self._received: list[tuple[str, list[Any]]] = []
        self._spinning = SpinningThread(self.executor)

    def do(self, act: Callable[[], Any]) -> Any:
        """Call `act` on the spinning thread and return its result, as rclpy's action client requires.

        It loses an answer that comes before the call that asks for it has returned.
        """
        task = self.executor.create_task(act)
        wait_until(task.done, "the executor")
        return task.result()

    def listen(self, message_type: type, topic: str, qos: QoSProfile | int = 10) -> list[Any]:
        """Return a list to which every message of the topic is appended."""
        messages: list[Any] = []
        self._received.append((topic, messages))
        self.node.create_subscription(message_type, topic, messages.append, qos)
        return messages

    def statuses(self, bridge: str = "/odyssey") -> list[StreamStatus]:
        """Return a list to which the bridge's statuses are appended."""
        return self.listen(StreamStatus, f"{bridge}/status", LATCHED)

    def events(self, bridge: str = "/odyssey") -> list[StreamEvent]:
        """Return a list to which the bridge's events are appended."""
        return self.listen(StreamEvent, f"{bridge}/events", QoSProfile(depth=100))

    def publisher(self, message_type: type, topic: str, qos: QoSProfile | int = 10) -> Any:
        """Return a publisher whose subscriber is discovered, and knows the subscriptions of this node."""
        publisher = self.node.create_publisher(message_type, topic, qos)
        wait_until(lambda: publisher.get_subscription_count() > 0, f"a subscriber of {topic}")
        self._wait_until_known(lambda: self.node.get_subscriptions_info_by_topic(topic))
        return publisher

    def call(self, service_type: type, name: str, request: Any = None, timeout: float = WAIT_S) -> Any:
        """Call a service and return its response."""
        # Clients are kept, because destroying one while the executor waits on it is an error.
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = self.node.create_client(service_type, name)
        assert client.wait_for_service(timeout_sec=WAIT_S), f"there is no service {name}"
        future = client.call_async(request if request is not None else service_type.Request())
        wait_until(future.done, f"an answer of {name}", timeout)
        return future.result()

    def wait_for_taking(self, bridge: str = "/odyssey") -> None:
        """Wait until the node has received earlier messages: it answers calls after them."""
        self.call(GetState, f"{bridge}/get_state")

    def wait_for_publisher(self, topic: str) -> None:
        """Wait until the publisher of a topic knows the subscriptions of this node, and sends to them."""
        self._wait_until_known(lambda: self.node.get_publishers_info_by_topic(topic))

    def _wait_until_known(self, endpoints: Callable[[], list[Any]]) -> None:
        """Wait until the node of an endpoint knows the subscriptions of this node."""

        def named() -> list[str]:
            pairs = [(one.node_namespace.rstrip("/"), one.node_name) for one in endpoints()]
            return [f"{folder}/{name}" for folder, name in pairs if "_UNKNOWN_" not in name]

        wait_until_known(self.node, wait_until(named)[0])

    def close(self) -> None:
        """End the spinning, then the executor and the node; tell what was seen."""
        for topic, messages in self._received:
            publishers = self.node.count_publishers(topic)
            tell(f"{topic}: {len(messages)} messages received, {publishers} publishers in the graph")
        self._spinning.end()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)


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
