"""The latched topic ``~/status``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rclpy.qos import DurabilityPolicy, QoSProfile

from odyssey_ros.bridge.conversions import status_message
from odyssey_ros.msg import StreamStatus

if TYPE_CHECKING:
    from rclpy.node import Node

    from odyssey_ros.bridge.frames.image_topics import FrameCounters
    from odyssey_ros.bridge.live.stream_state import SessionState

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class StatusTopic:
    """Publishes where a session stands and what became of its frames. For the executor's thread."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publisher = node.create_publisher(StreamStatus, "~/status", LATCHED)
        self._frame_rate = FrameRate()

    def second_passed(self, counters: FrameCounters) -> None:
        """Take the counts from which the frame rate follows; to be called once a second."""
        self._frame_rate.update(counters.received)

    def publish(self, state: SessionState, counters: FrameCounters) -> None:
        """Publish the status as it is now."""
        message = status_message(state)
        message.stamp = self._node.get_clock().now().to_msg()
        message.width, message.height = counters.width, counters.height
        message.frame_rate = self._frame_rate.hz
        message.frames_received = counters.received
        message.frames_published = counters.published
        message.frames_dropped = counters.dropped + counters.failed
        self._publisher.publish(message)


class FrameRate:
    """Frames a second, between two updates."""

    def __init__(self) -> None:
        self.hz = 0.0
        self._count = 0
        self._time = time.monotonic()

    def update(self, count: int) -> None:
        """Take the count of frames so far; one that fell began anew."""
        now = time.monotonic()
        self.hz = max(0, count - self._count) / max(now - self._time, 1e-3)
        self._count, self._time = count, now
