"""The topic `~/events`, and the log line of each event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rclpy.qos import QoSProfile

from odyssey_ros.bridge.conversions import text_field
from odyssey_ros.bridge.live.stream_state import EventKind
from odyssey_ros.msg import StreamEvent

if TYPE_CHECKING:
    from rclpy.impl.rcutils_logger import RcutilsLogger
    from rclpy.node import Node

    from odyssey_ros.bridge.live.stream_state import Event

KINDS = {kind: getattr(StreamEvent, kind.name) for kind in EventKind}


class EventTopic:
    """Publishes and logs the events of a session. For the executor's thread."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publisher = node.create_publisher(StreamEvent, "~/events", QoSProfile(depth=100))

    def publish(self, event: Event, frame_id: str) -> None:
        """Publish an event, stamped with the current time, and log it."""
        message = event_message(event)
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.header.frame_id = frame_id
        self._publisher.publish(message)
        log_event(self._node.get_logger(), event)


def event_message(event: Event) -> StreamEvent:
    """Return an event as a message without its header."""
    return StreamEvent(
        type=KINDS[event.kind],
        stream_id=text_field(event.stream_id),
        prompt=text_field(event.prompt),
        error_code=text_field(event.error_code),
        message=text_field(event.message),
        fatal=event.fatal,
    )


def log_event(logger: RcutilsLogger, event: Event) -> None:
    """Log an event; connections and fatal failures are logged elsewhere, with the state."""
    if event.kind is EventKind.STARTED:
        logger.info(f"Stream {event.stream_id} started: {event.prompt!r}")
    elif event.kind is EventKind.ENDED:
        logger.info(f"Stream {event.stream_id} ended")
    elif event.kind is EventKind.ACKNOWLEDGED:
        logger.info(f"Prompt in force: {event.prompt!r}")
    elif event.error_code is not None and not event.fatal:
        retry = "; trying again" if event.retried else ""
        logger.warning(f"{event.error_code}: {event.message}{retry}")
