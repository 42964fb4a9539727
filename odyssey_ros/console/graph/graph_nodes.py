"""Finds the nodes that the console can operate, and the names of their topics and services."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Final

from rclpy.action.graph import get_action_server_names_and_types_by_node
from rclpy.exceptions import NameValidationException
from rclpy.node import NodeNameNonExistentError
from rclpy.validate_full_topic_name import validate_full_topic_name

from odyssey_ros.bridge.runtime.response_retry import RCLError
from odyssey_ros.client.service_text import is_plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from rclpy.node import Node

MAX_NODES: Final = 64
"""Nodes that are offered; any process on the graph can create more."""

MAX_NAME: Final = 512
"""Characters of the name of a node."""

_PACKAGE: Final = "odyssey_ros"


class NodeKind(Enum):
    """What a node is."""

    BRIDGE = "bridge"
    SPECTATOR = "spectator"
    PLAYER = "player"


_TOPIC_TYPES: Final = {
    "status": f"{_PACKAGE}/msg/StreamStatus",
    "playback": f"{_PACKAGE}/msg/PlaybackStatus",
    "timeline": f"{_PACKAGE}/msg/PlaybackTimeline",
    "events": f"{_PACKAGE}/msg/StreamEvent",
    "frame_info": f"{_PACKAGE}/msg/FrameInfo",
    "transition_event": "lifecycle_msgs/msg/TransitionEvent",
    "video": "foxglove_msgs/msg/CompressedVideo",
    "jpeg": "sensor_msgs/msg/CompressedImage",
}
"""The type of each topic that the console reads, by its role. A node publishes one topic of each type."""

_SERVICE_TYPES: Final = {
    **{
        role: f"{_PACKAGE}/srv/{role.title().replace('_', '')}"
        for role in (
            *("start_stream", "interact", "end_stream"),
            *("get_recording", "list_recordings"),
            *("submit_simulation_job", "get_simulation_job", "list_simulation_jobs", "cancel_simulation_job"),
            "seek",
        )
    },
    "get_state": "lifecycle_msgs/srv/GetState",
    "change_state": "lifecycle_msgs/srv/ChangeState",
    "get_available_transitions": "lifecycle_msgs/srv/GetAvailableTransitions",
    "get_parameters": "rcl_interfaces/srv/GetParameters",
    "set_parameters": "rcl_interfaces/srv/SetParameters",
}
"""The type of each service that the console calls, by its role."""

_TRIGGER_TYPE: Final = "std_srvs/srv/Trigger"
_TRIGGERS: Final = ("pause", "resume", "step")
_ACTION_TYPE: Final = f"{_PACKAGE}/action/RunSimulation"


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node that the console can operate.

    Topics and services are found by their types, so remapped names are found too. Of several services of a
    type, the one with the usual name is preferred.

    Attributes:
        name: The fully qualified name, such as `/odyssey`.
        kind: What it is.
        topics: The name of each topic that it publishes, by role: `status`, `playback`, `timeline`,
            `events`, `frame_info`, `transition_event`, `video` (H.264) and `jpeg`.
        services: The name of each service, by role, such as `start_stream`.
        simulation_action: The name of the action `run_simulation`; empty without one.
    """

    name: str
    kind: NodeKind
    topics: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    simulation_action: str = ""


def find_graph_nodes(node: Node, known: Collection[str] = ()) -> tuple[GraphNode, ...]:
    """Return the bridges, spectators and players of the graph, in the order of their names.

    A node whose services are not known yet, because it is just being discovered, is left out until they are.
    Of more than `MAX_NODES` nodes, those that are known remain. The time that it takes depends on the topics
    of the graph and on the nodes that are found, not on the other nodes. On the executor's thread.

    Args:
        node: The node of the console.
        known: The names of nodes that were found before.
    """
    names = sorted(_publishing_nodes(node), key=lambda pair: (_full_name(*pair) not in known, pair))
    found = (_graph_node(node, namespace, name) for namespace, name in names)
    first = islice((one for one in found if one is not None), MAX_NODES)
    return tuple(sorted(first, key=lambda one: one.name))


def _publishing_nodes(node: Node) -> set[tuple[str, str]]:
    """Return the namespaces and names of the nodes that publish a status."""
    kinds = {_TOPIC_TYPES["status"], _TOPIC_TYPES["playback"]}
    return {
        (publisher.node_namespace, publisher.node_name)
        for topic, types in node.get_topic_names_and_types()
        if not kinds.isdisjoint(types) and _is_valid(topic)
        for publisher in node.get_publishers_info_by_topic(topic)
        if publisher.topic_type in kinds
        and is_sendable_name(_full_name(publisher.node_namespace, publisher.node_name))
    }


def is_sendable_name(name: str) -> bool:
    """Return whether a name of a node can be sent to a page; other programs of DDS can use any name.

    A lone surrogate, for example, cannot be sent.
    """
    return len(name) <= MAX_NAME and is_plain(name)


def _is_valid(name: str) -> bool:
    """Return whether rclpy accepts the name of a topic or service; other programs of DDS can use any name."""
    try:
        validate_full_topic_name(name)
    except NameValidationException:
        return False
    return True


def _full_name(namespace: str, name: str) -> str:
    return f"{namespace.rstrip('/')}/{name}"


def _graph_node(node: Node, namespace: str, name: str) -> GraphNode | None:
    try:
        published = dict(_by_type(node.get_publisher_names_and_types_by_node(name, namespace)))
        served = list(_by_type(node.get_service_names_and_types_by_node(name, namespace)))
        actions = dict(_by_type(get_action_server_names_and_types_by_node(node, name, namespace)))
    except (NodeNameNonExistentError, RCLError):  # it has left, is being discovered, or has an invalid name
        return None
    if not {_TOPIC_TYPES["status"], _TOPIC_TYPES["playback"]} & published.keys() or not served:
        return None
    services = {
        role: min(names, key=lambda service: _last_part(service) != role)
        for role, kind in _SERVICE_TYPES.items()
        if (names := [service for found, service in served if found == kind])
    }
    services |= {
        _last_part(service): service
        for kind, service in served
        if kind == _TRIGGER_TYPE and _last_part(service) in _TRIGGERS
    }
    if _TOPIC_TYPES["playback"] in published:
        kind = NodeKind.PLAYER
    elif "start_stream" in services:
        kind = NodeKind.BRIDGE
    else:
        kind = NodeKind.SPECTATOR
    return GraphNode(
        name=_full_name(namespace, name),
        kind=kind,
        topics={role: published[kind] for role, kind in _TOPIC_TYPES.items() if kind in published},
        services=services,
        simulation_action=actions.get(_ACTION_TYPE, ""),
    )


def _last_part(name: str) -> str:
    return name.rpartition("/")[2]


def _by_type(names_and_types: Iterable[tuple[str, list[str]]]) -> Iterator[tuple[str, str]]:
    for name, kinds in names_and_types:
        if _is_valid(name):
            for kind in kinds:
                yield kind, name
