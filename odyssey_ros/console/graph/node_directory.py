"""The nodes that the console can operate at present, followed while a page is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rclpy.clock import Clock, ClockType

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph.graph_nodes import find_graph_nodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.node import Node

    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls
    from odyssey_ros.console.graph.graph_nodes import GraphNode

POLL_S: Final = 1.0


class NodeDirectory:
    """Looks at the graph once a second while somebody follows it.

    For the executor's thread, except `get` and `nodes`, which any thread may use.

    Args:
        node: The node of the console.
        executor: Runs calls on the thread that spins the node.
    """

    def __init__(self, node: Node, executor: ExecutorCalls) -> None:
        self._node = node
        self._executor = executor
        self._nodes: tuple[GraphNode, ...] = ()
        self._observers: set[Callable[[tuple[GraphNode, ...]], None]] = set()
        # Not the clock of the node: a simulation that is paused does not stop the graph.
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(POLL_S, self._look, clock=clock, autostart=False)

    @property
    def nodes(self) -> tuple[GraphNode, ...]:
        """The nodes that were found last, in the order of their names."""
        return self._nodes

    def get(self, name: str) -> GraphNode:
        """Return a node by its fully qualified name.

        Raises:
            OdysseyError: `NOT_FOUND`: there is no such node.
        """
        for node in self._nodes:
            if node.name == name:
                return node
        raise OdysseyError(f"The node {name} is not on the graph", code=ErrorCode.NOT_FOUND)

    def follow(self, observer: Callable[[tuple[GraphNode, ...]], None]) -> None:
        """Call an observer now and once a second, on the executor's thread."""
        self._observers.add(observer)
        self._timer.reset()
        self._look()

    def unfollow(self, observer: Callable[[tuple[GraphNode, ...]], None]) -> None:
        """Stop calling an observer."""
        self._observers.discard(observer)
        if not self._observers:
            self._timer.cancel()

    def _look(self) -> None:
        self._nodes = find_graph_nodes(self._node, {node.name for node in self._nodes})
        for observer in tuple(self._observers):
            observer(self._nodes)
