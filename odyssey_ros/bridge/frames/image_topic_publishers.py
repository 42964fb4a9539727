"""Publishers of the topics beside an image topic: their names, and their overridable quality of service."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from rclpy.event_handler import UnsupportedEventTypeError

from odyssey_ros.bridge.runtime.qos_events import publisher_events
from odyssey_ros.bridge.runtime.qos_overrides import OVERRIDE_ERRORS, OverrideError, overridable

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.event_handler import QoSPublisherMatchedInfo
    from rclpy.node import Node
    from rclpy.publisher import Publisher
    from rclpy.qos import QoSProfile


def topic_beside(node: Node, name: str, beside: str) -> str:
    """Return the name of a topic that follows another, remapped topic unless it is remapped itself.

    Args:
        node: The node.
        name: Its name without remapping.
        beside: Its name beside the other topic.
    """
    remapped = node.resolve_topic_name(name) != node.resolve_topic_name(name, only_expand=True)
    return name if remapped else beside


def create_publisher(
    node: Node,
    message_type: type,
    name: str,
    qos: QoSProfile,
    beside: str | None = None,
    matched: Callable[[QoSPublisherMatchedInfo], None] | None = None,
) -> Publisher:
    """Create a publisher whose quality of service parameters can override. On the executor's thread.

    Args:
        node: The node.
        message_type: The class of the messages.
        name: The name of the topic without remapping, which is also its name in overrides.
        qos: The quality of service without overrides.
        beside: The name of the topic beside a remapped one, see `topic_beside`.
        matched: Called on the executor's thread when subscriptions have appeared or gone.

    Raises:
        OverrideError: The overrides are invalid.
        UnsupportedEventTypeError: The middleware has no event for `matched`.
    """
    topic = name if beside is None else topic_beside(node, name, beside)
    events = publisher_events(node, message_type, topic)
    events.matched = matched
    try:
        return node.create_publisher(
            message_type,
            topic,
            copy.copy(qos),  # because rclpy writes the overrides of the topic into the profile
            event_callbacks=events,
            qos_overriding_options=overridable(node, name, topic),
        )
    except UnsupportedEventTypeError:
        raise
    except OVERRIDE_ERRORS as error:
        raise OverrideError(f"{node.resolve_topic_name(topic)}: {error}") from None
