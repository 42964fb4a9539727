"""The latched topic `~/status`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rclpy.qos import DurabilityPolicy, QoSProfile

from odyssey_ros.bridge.conversions import capabilities_message, text_field
from odyssey_ros.client import ConnectionStatus
from odyssey_ros.msg import StreamStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.node import Node

    from odyssey_ros.bridge.frames.frame_counters import FrameCounters
    from odyssey_ros.bridge.live.stream_state import SessionState
    from odyssey_ros.client import ClientStatistics

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
CONNECTIONS = {
    ConnectionStatus.DISCONNECTED: StreamStatus.DISCONNECTED,
    ConnectionStatus.AUTHENTICATING: StreamStatus.AUTHENTICATING,
    ConnectionStatus.CONNECTING: StreamStatus.CONNECTING,
    ConnectionStatus.CONNECTED: StreamStatus.CONNECTED,
    ConnectionStatus.RECONNECTING: StreamStatus.RECONNECTING,
    ConnectionStatus.FAILED: StreamStatus.FAILED,
}


class StatusTopic:
    """Publishes the state of a session and the frame counters. For the executor's thread."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publisher = node.create_publisher(StreamStatus, "~/status", LATCHED)
        self._frame_rate = FrameRate()

    def second_passed(self, statistics: ClientStatistics) -> None:
        """Update the frame rate; call it once a second."""
        self._frame_rate.update(statistics.frames_received)

    def publish(self, state: SessionState, counters: FrameCounters, statistics: ClientStatistics) -> None:
        """Publish the current status."""
        message = status_message(state)
        message.stamp = self._node.get_clock().now().to_msg()
        message.width, message.height = counters.width, counters.height
        message.frame_rate = self._frame_rate.hz
        message.frames_received = statistics.frames_received
        message.frames_decoded = counters.decoded
        message.frames_published = counters.published
        message.frames_passed_through = counters.passed_through
        message.frames_dropped = (
            counters.dropped + counters.failed + counters.unit_dropped + counters.unit_failed
        )
        self._publisher.publish(message)


class FrameRate:
    """The frame rate between two updates, in Hz.

    Args:
        clock: Returns seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.hz = 0.0
        self._clock = clock
        self._count = 0
        self._time = clock()

    def update(self, count: int) -> None:
        """Set the number of frames so far; a smaller number than before means that the count restarted."""
        now = self._clock()
        self.hz = max(0, count - self._count) / max(now - self._time, 1e-3)
        self._count, self._time = count, now


def status_message(state: SessionState) -> StreamStatus:
    """Return the fields of the status that come from the session."""
    return StreamStatus(
        connection=CONNECTIONS[state.connection],
        connection_text=state.connection.value,
        message=text_field(state.message),
        error_code=text_field(state.error_code),
        session_id=text_field(state.session_id),
        capabilities=capabilities_message(state.capabilities),
        streaming=state.streaming,
        stream_id=text_field(state.stream_id),
        prompt=text_field(state.prompt),
        prompts_acknowledged=state.prompts_acknowledged,
        reconnects=state.reconnects,
    )
