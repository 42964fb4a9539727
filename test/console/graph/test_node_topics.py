"""The topics of a node are subscribed with the quality of service of their publishers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import TransitionEvent
from odyssey_ros.msg import StreamEvent, StreamStatus
from rcl_interfaces.msg import Parameter, ParameterEvent
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import String

from foreign_nodes import LATCHED
from odyssey_ros.console.graph.graph_nodes import GraphNode, NodeKind
from odyssey_ros.console.graph.node_topics import CHANGED, NodeTopics, matching_qos
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from foreign_nodes import ForeignNodes
    from observer import Observer

WATCHED = GraphNode(
    "/odyssey",
    NodeKind.BRIDGE,
    topics={
        "status": "/odyssey/status",
        "events": "/odyssey/events",
        "transition_event": "/odyssey/transition_event",
    },
)


class Reports:
    """Subscribes, and keeps what is reported."""

    def __init__(self, observer: Observer) -> None:
        self.all: list[tuple[str, Any]] = []
        self.topics: NodeTopics = observer.run(
            lambda: NodeTopics(observer.node, WATCHED, lambda kind, value: self.all.append((kind, value)))
        )

    def of(self, kind: str) -> list[Any]:
        """Return the values of a kind."""
        return [value for one, value in self.all if one == kind]


@pytest.fixture
def reports(observer: Observer) -> Iterator[Reports]:
    """Subscriptions that end with the test."""
    waited_for = len(list(observer.node.waitables))
    one = Reports(observer)
    yield one
    assert len(list(observer.node.waitables)) == waited_for  # no event needs another entity
    observer.run(one.topics.destroy)
    assert list(observer.node.subscriptions) == []


def publish(reports: Reports, publisher: Any, message: Any, kind: str) -> None:
    """Publish a message until it is reported."""

    def reported() -> list[Any]:
        publisher.publish(message)
        return reports.of(kind)

    wait_until(reported)


def test_reports_what_the_topics_say(reports: Reports, others: ForeignNodes) -> None:
    """Diagnostics and parameters of other nodes are left out."""
    node = others.node("odyssey")
    publish(reports, node.publisher(StreamEvent, "~/events", 100), StreamEvent(type=2), "events")
    assert reports.of("events")[0]["kind"] == "ended"
    diagnostics = node.publisher(DiagnosticArray, "/diagnostics", 10)
    other = DiagnosticStatus(name="other: stream")
    for part in ("stream", "connection"):
        array = DiagnosticArray(status=[other, DiagnosticStatus(name=f"odyssey: {part}", level=b"\x00")])
        wait_until(
            lambda array=array, part=part: (
                diagnostics.publish(array) or any(part in str(value) for value in reports.of("diagnostics"))
            )
        )
    assert [status["name"] for status in reports.of("diagnostics")[-1]] == ["stream", "connection"]
    assert reports.of(CHANGED) == []
    publish(reports, node.publisher(TransitionEvent, "~/transition_event", 10), TransitionEvent(), CHANGED)
    count = len(reports.of(CHANGED))
    events = node.publisher(ParameterEvent, "/parameter_events", 10)
    changed = [Parameter(name="max_prompt_length")]
    events.publish(ParameterEvent(node="/other", changed_parameters=changed))
    events.publish(ParameterEvent(node="/odyssey", new_parameters=changed))
    publish(reports, events, ParameterEvent(node="/odyssey", changed_parameters=changed), CHANGED)
    wait_until(lambda: len(reports.of(CHANGED)) > count)


def test_gets_the_latched_status_of_a_node_that_was_there_before(
    observer: Observer, others: ForeignNodes
) -> None:
    """A publisher of another type under the name of the topic changes nothing."""
    liar = others.node("liar")
    liar.publisher(String, "/odyssey/status", 1)
    node = others.node("odyssey")
    node.publisher(StreamStatus, "~/status", LATCHED).publish(StreamStatus(prompt="sea"))
    wait_until(lambda: observer.node.count_publishers("/odyssey/status") == 2)
    reports = Reports(observer)
    wait_until(lambda: reports.of("status"))
    assert reports.of("status")[0]["prompt"] == "sea"
    assert observer.run(reports.topics.match)
    observer.run(reports.topics.destroy)


def test_follows_the_quality_of_service(observer: Observer, reports: Reports, others: ForeignNodes) -> None:
    """A publisher that came back with another one needs new subscriptions."""
    topic = "/odyssey/status"

    def qos() -> QoSProfile:
        return matching_qos(observer.node, StreamStatus, topic, 1)

    assert observer.run(reports.topics.match)
    assert qos().durability == DurabilityPolicy.VOLATILE
    assert qos().reliability == ReliabilityPolicy.RELIABLE
    node = others.node("odyssey")
    node.publisher(StreamStatus, topic, LATCHED)
    wait_until(lambda: not observer.run(reports.topics.match))
    assert qos().durability == DurabilityPolicy.TRANSIENT_LOCAL
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    others.node("relay").publisher(StreamStatus, topic, best_effort)
    wait_until(lambda: qos().reliability == ReliabilityPolicy.BEST_EFFORT)
    assert qos().durability == DurabilityPolicy.VOLATILE
