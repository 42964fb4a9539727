"""The position of the frame that a player has published last, a few times a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rclpy.qos import QoSProfile, ReliabilityPolicy

from odyssey_ros.client.service_text import clean_text
from odyssey_ros.console.graph.message_values import seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.msg import FrameInfo

POSITION: Final = "position"
"""The kind of the value."""

BEST_EFFORT: Final = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
"""A player at rate 0 waits for reliable subscribers, and not for this one."""

PERIOD_S: Final = 0.1


class ShownFrames:
    """Reports positions, at most every `PERIOD_S`; a player publishes its state only when that changes.

    Args:
        report: Called with `POSITION` and the value.
        steady_s: The steady clock, in seconds.
    """

    def __init__(self, report: Callable[[str, Any], None], steady_s: Callable[[], float]) -> None:
        self._report = report
        self._steady_s = steady_s
        self._next_s = 0.0

    def __call__(self, frame: FrameInfo) -> None:
        """Handle a frame."""
        now_s = self._steady_s()
        if now_s < self._next_s:
            return
        self._next_s = now_s + PERIOD_S
        self._report(
            POSITION,
            {
                "stream_id": clean_text(frame.stream_id),
                "frame_index": frame.frame_index,
                "position": seconds(frame.media_time),
            },
        )
