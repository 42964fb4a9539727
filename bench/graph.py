"""A node that observes bridges, prompts them and changes their lifecycle state, as an operator does."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import rclpy
from cases import cpu_seconds, use_shipped_profile
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from odyssey_ros.msg import StreamStatus
from rclpy.context import Context
from rclpy.exceptions import InvalidHandle
from rclpy.executors import ExternalShutdownException, ShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_S = 40.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@dataclass(frozen=True)
class Mark:
    """The counters of a bridge at one moment; differences of two marks describe the time between them."""

    time: float
    cpu_s: float
    received: int
    published: int
    dropped: int


class Operator:
    """A node of its own context that spins in the background.

    Args:
        domain: The ROS domain.
        names: The bridges.
        prompt: The prompt that `start_streams` sends.
    """

    def __init__(self, domain: int, names: list[str], prompt: str = "") -> None:
        use_shipped_profile()
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = Node("operator", context=self._context)
        self.statuses: dict[str, StreamStatus] = {}
        self._prompt = prompt
        self._closing = False
        for name in names:
            self.node.create_subscription(
                StreamStatus, f"/{name}/status", lambda status, name=name: self._status(name, status), LATCHED
            )
        self._prompts = {name: self.node.create_publisher(String, f"/{name}/prompt", 10) for name in names}
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _status(self, name: str, status: StreamStatus) -> None:
        self.statuses[name] = status

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except (ExternalShutdownException, ShutdownException):
            return
        except InvalidHandle:
            if not self._closing:  # else the executor was shut down within a callback
                raise

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = TIMEOUT_S) -> None:
        """Wait until `condition()` is true.

        Raises:
            TimeoutError: The condition was not true within the limit.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not true within {seconds:.0f} s: {what}")
            time.sleep(0.02)

    def send_prompt(self, name: str, prompt: str) -> None:
        """Publish on the prompt topic of a bridge, once the bridge has subscribed."""
        publisher = self._prompts[name]
        self.wait(lambda: publisher.get_subscription_count() > 0, "the bridge's subscription")
        publisher.publish(String(data=prompt))

    def start_streams(self) -> None:
        """Wait for the connections, then send the prompt and wait for the streams."""
        connected = StreamStatus.CONNECTED
        self.wait(
            lambda: (
                len(self.statuses) == len(self._prompts)
                and all(status.connection == connected for status in self.statuses.values())
            ),
            "a connection",
        )
        for name in self._prompts:
            self.send_prompt(name, self._prompt)
        self.wait(lambda: all(status.streaming for status in self.statuses.values()), "streams")

    def stop_streams(self) -> None:
        """Deactivate the bridges, and wait until the counters do not change any more."""
        for name in self._prompts:
            self.change_state(name, Transition.TRANSITION_DEACTIVATE)
        time.sleep(1.5)  # messages on the way arrive, and one more status

    def mark(self, name: str, pid: int) -> Mark:
        """Return the counters of a bridge, from its next status."""
        last = self.statuses[name]
        self.wait(lambda: self.statuses[name] is not last, "a status")
        status = self.statuses[name]
        return Mark(
            time.monotonic(),
            cpu_seconds(pid),
            status.frames_received,
            status.frames_published,
            status.frames_dropped,
        )

    def listen_to_diagnostics(self, values: dict[str, str]) -> None:
        """Keep the last values of `/diagnostics` in `values`."""

        def store(message: DiagnosticArray) -> None:
            values.update({pair.key: pair.value for status in message.status for pair in status.values})

        self.node.create_subscription(DiagnosticArray, "/diagnostics", store, 10)

    def change_state(self, name: str, transition: int) -> bool:
        """Request a lifecycle transition of a bridge; return whether it succeeded."""
        request = ChangeState.Request(transition=Transition(id=transition))
        return bool(self._call(ChangeState, f"/{name}/change_state", request).success)

    def lifecycle_state(self, name: str) -> str:
        """Return the lifecycle state of a bridge."""
        return str(self._call(GetState, f"/{name}/get_state", GetState.Request()).current_state.label)

    def _call(self, kind: type, name: str, request: Any) -> Any:
        return self.call_all(kind, name, [request])[0]

    def call_all(self, kind: type, name: str, requests: list[Any]) -> list[Any]:
        """Call a service several times at once; return the responses."""
        qos = QoSProfile(depth=max(10, len(requests)))  # so that no answer of a burst is lost
        client = self.node.create_client(kind, name, qos_profile=qos)
        try:
            client.wait_for_service(timeout_sec=TIMEOUT_S)
            futures = [client.call_async(request) for request in requests]
            self.wait(lambda: all(future.done() for future in futures), name)
            return [future.result() for future in futures]
        finally:
            self.node.destroy_client(client)

    def close(self) -> None:
        """Destroy the node."""
        self._closing = True
        self._executor.shutdown()
        self._thread.join(5)
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)
