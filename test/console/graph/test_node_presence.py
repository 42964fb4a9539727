"""A process that ends is told from one that still runs, by the publishers of its node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.msg import StreamStatus

from odyssey_ros.console.graph.graph_nodes import GraphNode, NodeKind
from odyssey_ros.console.graph.node_presence import NodePresence
from waiting import wait_until

if TYPE_CHECKING:
    from foreign_nodes import ForeignNodes
    from observer import Observer

TOPIC = "/odyssey/status"
TARGET = GraphNode("/odyssey", NodeKind.BRIDGE, topics={"status": TOPIC})


def publishers(observer: Observer) -> list[str]:
    """Return the names of the nodes that publish the status."""
    return sorted(one.node_name for one in observer.node.get_publishers_info_by_topic(TOPIC))


def test_sees_a_process_leave_or_be_replaced(observer: Observer, others: ForeignNodes) -> None:
    """Another node that publishes on the topic is no successor."""

    def look(target: GraphNode = TARGET) -> NodePresence:
        presence: NodePresence = observer.run(lambda: NodePresence(observer.node, target))
        return presence

    unknown = look(GraphNode("/odyssey", NodeKind.BRIDGE))
    early = look()
    first = others.bridge("odyssey")
    wait_until(lambda: publishers(observer) == ["odyssey"])
    known = look()
    assert not observer.run(early.has_left)  # it knows the process from now on
    relay = others.node("relay")
    relay.publisher(StreamStatus, TOPIC)
    wait_until(lambda: publishers(observer) == ["odyssey", "relay"])
    assert not observer.run(known.has_left)
    others.bridge("odyssey")  # as after a process was killed, whose lease has not ended
    wait_until(lambda: observer.run(known.has_left) and observer.run(early.has_left))
    wait_until(lambda: publishers(observer) == ["odyssey", "odyssey", "relay"])
    both = look()
    first.end()
    wait_until(lambda: publishers(observer) == ["odyssey", "relay"])
    assert not observer.run(both.has_left)
    assert not observer.run(unknown.has_left)
