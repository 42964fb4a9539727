"""The subscriptions of the console to the topics of one node."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import TransitionEvent
from rcl_interfaces.msg import ParameterEvent
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

import odyssey_ros.msg
from odyssey_ros.console.graph.graph_nodes import NodeKind
from odyssey_ros.console.graph.message_values import (
    diagnostics_values,
    event_value,
    playback_value,
    status_value,
    timeline_value,
)
from odyssey_ros.console.graph.shown_frames import BEST_EFFORT, ShownFrames

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.node import Node
    from rclpy.subscription import Subscription

    from odyssey_ros.console.graph.graph_nodes import GraphNode

EVENTS: Final = "events"
CHANGED: Final = "changed"
"""The kinds of reports that are no value: an event, and that the lifecycle or a parameter has changed."""

_EVENTS_DEPTH: Final = 100
_DIAGNOSTICS_TOPIC: Final = "/diagnostics"
_PARAMETERS_TOPIC: Final = "/parameter_events"
_DEPTH: Final = 10
_PARAMETERS_DEPTH: Final = 100
_MAX_DIAGNOSTICS: Final = 64


class NodeTopics:
    """Subscribes to the topics of a node while it exists. For the executor's thread.

    Args:
        node: The node of the console.
        watched: The node whose topics are subscribed.
        report: Called with the kind and the value of each message.
    """

    def __init__(self, node: Node, watched: GraphNode, report: Callable[[str, Any], None]) -> None:
        self._node = node
        self._name = watched.name
        self._report = report
        self._diagnostics: dict[str, Any] = {}
        self._subscriptions: list[Subscription] = []
        self._matched: list[_Matched] = []
        messages = odyssey_ros.msg
        for role, kind, convert, depth in (
            ("status", messages.StreamStatus, status_value, 1),
            ("playback", messages.PlaybackStatus, playback_value, 1),
            ("timeline", messages.PlaybackTimeline, timeline_value, 1),
            (EVENTS, messages.StreamEvent, event_value, _EVENTS_DEPTH),
        ):
            if role in watched.topics:
                self._subscribe(kind, watched.topics[role], depth, partial(self._received, role, convert))
        if watched.kind is NodeKind.PLAYER and "frame_info" in watched.topics:
            shown = ShownFrames(report, time.monotonic)
            self._create(messages.FrameInfo, watched.topics["frame_info"], shown, BEST_EFFORT)
        if "transition_event" in watched.topics:
            self._subscribe(TransitionEvent, watched.topics["transition_event"], _DEPTH, self._changed)
        # Every node publishes on these, so their publishers are not looked at.
        self._create(DiagnosticArray, _DIAGNOSTICS_TOPIC, self._diagnosed, QoSProfile(depth=_DEPTH))
        parameters = QoSProfile(depth=_PARAMETERS_DEPTH)
        self._create(ParameterEvent, _PARAMETERS_TOPIC, self._parameter_changed, parameters)

    def destroy(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()

    def match(self) -> bool:
        """Return whether the subscriptions have the quality of service that the publishers offer now."""
        return all(
            matching_qos(self._node, one.kind, one.topic, one.qos.depth) == one.qos for one in self._matched
        )

    def _subscribe(self, kind: type, topic: str, depth: int, callback: Callable[[Any], None]) -> None:
        qos = matching_qos(self._node, kind, topic, depth)
        self._create(kind, topic, callback, qos)
        self._matched.append(_Matched(kind, topic, qos))

    def _create(self, kind: type, topic: str, callback: Callable[[Any], None], qos: QoSProfile) -> None:
        subscription = self._node.create_subscription(
            kind,
            topic,
            callback,
            qos,
            # Each event would be one more entity to wait for.
            event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
        )
        self._subscriptions.append(subscription)

    def _changed(self, _: object) -> None:
        self._report(CHANGED, None)

    def _parameter_changed(self, message: ParameterEvent) -> None:
        if message.node == self._name and message.changed_parameters:
            self._report(CHANGED, None)

    def _received(self, role: str, convert: Callable[[Any], Any], message: Any) -> None:
        self._report(role, convert(message))

    def _diagnosed(self, message: DiagnosticArray) -> None:
        statuses = diagnostics_values(message, self._name)
        for status in statuses:
            if status["name"] in self._diagnostics or len(self._diagnostics) < _MAX_DIAGNOSTICS:
                self._diagnostics[status["name"]] = status
        if statuses:
            self._report("diagnostics", list(self._diagnostics.values()))


@dataclass(frozen=True, slots=True)
class _Matched:
    """A subscription whose quality of service follows its publishers."""

    kind: type
    topic: str
    qos: QoSProfile


def matching_qos(node: Node, kind: type, topic: str, depth: int) -> QoSProfile:
    """Return the best quality of service that every publisher of a topic offers.

    Args:
        node: The node of the console.
        kind: The class of the messages; publishers of other types are left out.
        topic: The name of the topic.
        depth: Messages that wait for the executor.
    """
    type_name = f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}"
    publishers = node.get_publishers_info_by_topic(topic)
    offered = [one.qos_profile for one in publishers if one.topic_type == type_name]
    latched = offered and all(one.durability == DurabilityPolicy.TRANSIENT_LOCAL for one in offered)
    reliable = all(one.reliability == ReliabilityPolicy.RELIABLE for one in offered)
    return QoSProfile(
        depth=depth,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
    )
