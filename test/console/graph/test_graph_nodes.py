"""Nodes that the console can operate, found on a real graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foxglove_msgs.msg import CompressedVideo
from odyssey_ros.msg import PlaybackStatus, StreamStatus
from odyssey_ros.srv import ListRecordings, Seek
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import String
from std_srvs.srv import Trigger

from odyssey_ros.console.graph import graph_nodes
from odyssey_ros.console.graph.graph_nodes import GraphNode, NodeKind, find_graph_nodes
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from foreign_nodes import ForeignNodes
    from observer import Observer


def wait_for(observer: Observer, condition: Callable[[dict[str, GraphNode]], object]) -> dict[str, GraphNode]:
    """Look at the graph until a condition on the nodes by name is true; return them."""

    def found() -> dict[str, GraphNode]:
        return {node.name: node for node in observer.run(lambda: find_graph_nodes(observer.node))}

    wait_until(lambda: condition(found()), lambda: f"other nodes than {found()}")
    return found()


def test_finds_kinds_topics_and_services(observer: Observer, others: ForeignNodes) -> None:
    """Names that are remapped or in a namespace are found by their types."""
    bridge = others.bridge("cam", "/robot/front")
    bridge.publisher(CompressedVideo, "/robot/video", 1)
    bridge.publisher(CompressedImage, "~/image_raw/compressed", 1)
    bridge.serve(Trigger, "~/step")
    spectator = others.node("spectator")
    spectator.publisher(StreamStatus, "/elsewhere/state")
    player = others.node("player")
    player.publisher(PlaybackStatus, "~/status")
    player.serve(Trigger, "~/pause")
    player.serve(Trigger, "~/reload")
    player.serve(Seek, "/jump")
    quiet = others.node("quiet")
    quiet.serve(ListRecordings, "~/list_recordings")
    found = wait_for(
        observer,
        lambda nodes: (
            {"/robot/front/cam", "/spectator", "/player"} <= set(nodes)
            and "seek" in nodes["/player"].services
            and "step" in nodes["/robot/front/cam"].services
        ),
    )
    assert "/quiet" not in found
    front = found["/robot/front/cam"]
    assert front.kind is NodeKind.BRIDGE
    assert front.topics["status"] == "/robot/front/cam/status"
    assert front.topics["video"] == "/robot/video"
    assert front.topics["jpeg"] == "/robot/front/cam/image_raw/compressed"
    assert front.services["get_available_transitions"] == "/robot/front/cam/get_available_transitions"
    assert front.services["step"] == "/robot/front/cam/step"
    assert found["/spectator"].kind is NodeKind.SPECTATOR
    assert found["/spectator"].topics["status"] == "/elsewhere/state"
    assert found["/player"].kind is NodeKind.PLAYER
    assert found["/player"].services["seek"] == "/jump"
    assert found["/player"].services["pause"] == "/player/pause"
    assert "reload" not in found["/player"].services


def test_ignores_other_types_under_the_names_of_the_topics(observer: Observer, others: ForeignNodes) -> None:
    """A node is known by types alone; a topic may have publishers of several types."""
    others.bridge("odyssey")
    liar = others.node("liar")
    liar.publisher(String, "/odyssey/status")
    liar.publisher(String, "/liar/status")
    wait_until(lambda: observer.node.count_publishers("/odyssey/status") > 1)
    wait_until(lambda: observer.node.count_publishers("/liar/status"))
    assert set(wait_for(observer, lambda nodes: "/odyssey" in nodes)) == {"/odyssey"}


def test_keeps_known_nodes_when_there_are_too_many(
    observer: Observer, others: ForeignNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes that come later, under whatever names, do not displace those that an operator works with."""
    for name in ("a", "b", "z"):
        others.bridge(name)
    wait_for(observer, lambda nodes: {"/a", "/b", "/z"} <= set(nodes))
    monkeypatch.setattr(graph_nodes, "MAX_NODES", 2)
    found = observer.run(lambda: find_graph_nodes(observer.node, {"/z"}))
    assert [node.name for node in found] == ["/a", "/z"]


def test_ignores_names_that_ros_does_not_allow(
    observer: Observer, others: ForeignNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program of DDS can publish on a topic whose name rclpy refuses; the other nodes are found."""
    others.bridge("odyssey")
    wait_for(observer, lambda nodes: "/odyssey" in nodes)
    node = observer.node
    topics, services = node.get_topic_names_and_types, node.get_service_names_and_types_by_node
    status, interact = "odyssey_ros/msg/StreamStatus", "odyssey_ros/srv/Interact"
    monkeypatch.setattr(node, "get_topic_names_and_types", lambda: [("/1bad", [status]), *topics()])
    monkeypatch.setattr(
        node,
        "get_service_names_and_types_by_node",
        lambda *names: [("/a b/interact", [interact]), *services(*names)],
    )
    found = wait_for(observer, lambda nodes: "/odyssey" in nodes)
    assert "/a b/interact" not in found["/odyssey"].services.values()


def test_forgets_nodes_that_left(observer: Observer, others: ForeignNodes) -> None:
    """A node that leaves is not found any more."""
    bridge = others.bridge("passing")
    wait_for(observer, lambda nodes: "/passing" in nodes)
    bridge.end()
    wait_for(observer, lambda nodes: "/passing" not in nodes)
