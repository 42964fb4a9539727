"""Nodes of other processes, as a console sees them: each has a context of its own, and spins on a thread."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import rclpy
from lifecycle_msgs.srv import GetAvailableTransitions, GetState
from odyssey_ros.msg import StreamEvent, StreamStatus
from odyssey_ros.srv import StartStream
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from spinning import SpinningThread
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class ForeignNode:
    """A node with publishers and services.

    Args:
        domain: The ROS domain.
        name: The name of the node.
        namespace: Its namespace.

    Attributes:
        node: The node.
        name: Its fully qualified name.
    """

    def __init__(self, domain: int, name: str, namespace: str = "/") -> None:
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = Node(name, namespace=namespace, context=self._context)
        self.name = self.node.get_fully_qualified_name()
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._spinning: SpinningThread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def publisher(self, kind: type, topic: str, qos: QoSProfile | int = LATCHED) -> Any:
        """Create a publisher."""
        return self.node.create_publisher(kind, topic, qos)

    def serve(self, kind: Any, name: str, answer: Callable[[Any, Any], Any] | None = None) -> None:
        """Serve a service; without a function, every response has its default values."""
        self.node.create_service(kind, name, answer or (lambda _, response: response))

    def spin(self) -> Self:
        """Answer calls from now on."""
        self._spinning = SpinningThread(self._executor)
        return self

    def end(self) -> None:
        """Leave the graph. Idempotent."""
        if not self._context.ok():
            return
        if self._spinning is not None:
            self._spinning.end()
        else:
            self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)


class ForeignNodes:
    """Starts nodes on a domain, and ends them when the `with` block ends."""

    def __init__(self, domain: int) -> None:
        self._domain = domain
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def node(self, name: str, namespace: str = "/") -> ForeignNode:
        """Start a node that does not spin yet."""
        return self._stack.enter_context(ForeignNode(self._domain, name, namespace))

    def bridge(self, name: str, namespace: str = "/") -> ForeignNode:
        """Start a node with the main topics and services of a bridge, which does not spin yet."""
        one = self.node(name, namespace)
        one.publisher(StreamStatus, "~/status")
        one.publisher(StreamEvent, "~/events", QoSProfile(depth=100))
        one.serve(StartStream, "~/start_stream")
        one.serve(GetState, "~/get_state")
        one.serve(GetAvailableTransitions, "~/get_transition_graph")
        one.serve(GetAvailableTransitions, "~/get_available_transitions")
        return one


def subscribers(node: Node, topic: str, name: str = "console") -> int:
    """Return how many subscriptions of nodes of a name a topic has, as another node sees it."""
    return sum(one.node_name == name for one in node.get_subscriptions_info_by_topic(topic))


def wait_for_subscribers(node: Node, topics: tuple[str, ...], number: int, name: str = "console") -> None:
    """Wait until each topic has a number of subscriptions of nodes of a name."""
    for topic in topics:
        wait_until(
            lambda topic=topic: subscribers(node, topic, name) == number, f"{number} subscribers of {topic}"
        )
