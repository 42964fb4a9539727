"""A node of a test that observes a graph and calls its services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rclpy
from lifecycle_msgs.srv import GetState
from odyssey_ros.msg import StreamEvent, StreamStatus
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from discovery import wait_until_known
from processes import tell
from spinning import SpinningThread
from waiting import DEFAULT_TIMEOUT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


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

    def call(
        self, service_type: type, name: str, request: Any = None, timeout: float = DEFAULT_TIMEOUT_S
    ) -> Any:
        """Call a service and return its response."""
        # Clients are kept, because destroying one while the executor waits on it is an error.
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = self.node.create_client(service_type, name)
        assert client.wait_for_service(timeout_sec=DEFAULT_TIMEOUT_S), f"there is no service {name}"
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
