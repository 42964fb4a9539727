"""Positions of a player, at a limited rate."""

from __future__ import annotations

from typing import Any

from builtin_interfaces.msg import Duration
from odyssey_ros.msg import FrameInfo

from odyssey_ros.console.graph.shown_frames import PERIOD_S, POSITION, ShownFrames


def test_positions_are_reported_at_most_once_in_a_period() -> None:
    """The frames in between are left out."""
    reported: list[tuple[str, Any]] = []
    times = iter([0.0, 0.4 * PERIOD_S, 0.9 * PERIOD_S, 1.1 * PERIOD_S])
    shown = ShownFrames(lambda kind, value: reported.append((kind, value)), lambda: next(times))
    for index in range(4):
        media_time = Duration(sec=index, nanosec=500_000_000)
        shown(FrameInfo(stream_id="a", frame_index=index, media_time=media_time))
    assert reported == [
        (POSITION, {"stream_id": "a", "frame_index": 0, "position": 0.5}),
        (POSITION, {"stream_id": "a", "frame_index": 3, "position": 3.5}),
    ]
