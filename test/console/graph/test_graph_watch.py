"""Watched nodes are subscribed while they are on the graph, and again when they return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from odyssey_ros.msg import StreamStatus

from foreign_nodes import LATCHED
from odyssey_ros.console.graph.graph_watch import GraphWatch
from odyssey_ros.console.graph.node_directory import NodeDirectory
from waiting import wait_until

if TYPE_CHECKING:
    from foreign_nodes import ForeignNodes
    from observer import Observer
    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls
    from odyssey_ros.console.graph.graph_nodes import GraphNode


class Seen:
    """Keeps what the graph watch says."""

    def __init__(self) -> None:
        self.nodes: list[tuple[str, ...]] = []
        self.came_and_went: list[str] = []
        self.status: list[Any] = []

    def nodes_changed(self, nodes: tuple[GraphNode, ...]) -> None:
        self.nodes.append(tuple(node.name for node in nodes))

    def arrived(self, node: GraphNode) -> None:
        self.came_and_went.append(f"+{node.topics['status']}")

    def left(self, name: str) -> None:
        self.came_and_went.append(f"-{name}")

    def reported(self, name: str, kind: str, value: Any) -> None:
        if kind == "status":
            self.status.append((name, value["prompt"]))


def test_follows_a_node_that_leaves_and_returns(
    observer: Observer, executor: ExecutorCalls, others: ForeignNodes
) -> None:
    """Also under the same name with other topics. Nothing is subscribed or timed before and after."""
    seen = Seen()
    directory = NodeDirectory(observer.node, executor)
    watch = GraphWatch(observer.node, directory, seen)
    (timer,) = observer.node.timers
    observer.run(watch.open)
    observer.run(lambda: watch.watch("/odyssey"))
    first = others.bridge("odyssey")
    wait_until(lambda: seen.came_and_went == ["+/odyssey/status"])
    first.end()
    wait_until(lambda: seen.came_and_went[1:] == ["-/odyssey"])
    assert list(observer.node.subscriptions) == []
    second = others.node("odyssey")
    second.publisher(StreamStatus, "/moved/status", LATCHED).publish(StreamStatus(prompt="sea"))
    wait_until(lambda: seen.status == [("/odyssey", "sea")])
    assert seen.came_and_went[2:] == ["+/moved/status"]
    assert any("/odyssey" in names for names in seen.nodes)
    observer.run(lambda: watch.unwatch("/odyssey"))
    observer.run(watch.close)
    assert list(observer.node.subscriptions) == []
    assert timer.is_canceled()
