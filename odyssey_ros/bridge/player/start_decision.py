"""Decides when a frame has to be read again, because it lacks what the subscribers need.

Needs no thread and no ROS.
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, Final

from odyssey_ros.bridge.player.frame_demand import FrameStart
from odyssey_ros.bridge.player.group_encoder import can_encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.bridge.player.frame_demand import FrameDemand
    from odyssey_ros.bridge.player.playable_frames import PlayableFrame

KEY_FRAME_WAIT_NS: Final = 500_000_000
"""How long a new subscriber of packets waits for a key frame of the file, in ns of playing."""


class StartDecision:
    """Decides whether the next frame has what the subscribers need. Not thread-safe."""

    def __init__(self) -> None:
        self._joined = 0  # the subscribers that have begun with a key frame

    def start_for(
        self,
        frame: PlayableFrame,
        demand: FrameDemand,
        times_ns: Sequence[int],
        key_frames: Sequence[int],
        rate: float,
    ) -> FrameStart | None:
        """Return how to read the frame again, or None to publish it as it is.

        Args:
            frame: The frame that is published next.
            demand: What the subscribers need.
            times_ns: Media times of all frames, in nanoseconds.
            key_frames: Numbers of the frames at which a decoder can start.
            rate: Playback time per second, in seconds; 0 counts as 1.
        """
        packet, first = frame.packet, frame.index
        if packet is not None and packet.is_key_frame:
            self._joined = demand.joined
        needs_key_frame = False
        if demand.packets and demand.joined != self._joined and packet is not None and can_encode(packet):
            wait_ns = time_to_key_frame_ns(first, times_ns, key_frames) / (rate or 1.0)
            needs_key_frame = wait_ns > KEY_FRAME_WAIT_NS
            if needs_key_frame:
                self._joined = demand.joined
        needs_pictures = demand.pictures and not frame.is_decoded
        if not needs_pictures and not needs_key_frame:
            return None
        interrupted = demand.packets and frame.packet_missing
        return FrameStart(first, demand.pictures, key_frame=needs_key_frame or interrupted)


def time_to_key_frame_ns(first: int, times_ns: Sequence[int], key_frames: Sequence[int]) -> float:
    """Return the media time from a frame to the next key frame, in ns; infinite if there is none."""
    place = bisect.bisect_left(key_frames, first)
    if place == len(key_frames):
        return float("inf")
    return times_ns[key_frames[place]] - times_ns[first]


def limit_of(frame: PlayableFrame) -> str | None:
    """Return why subscribers of packets miss frames, as a sentence without an end; None if they miss none."""
    if frame.refusal is not None:
        return (
            f"{frame.refusal} cannot be passed through, so nothing is published on image_raw/ffmpeg and "
            f"image_raw/foxglove: subscribe to image_raw or image_raw/compressed"
        )
    if frame.packet is not None and not can_encode(frame.packet):
        return (
            "no encoder for its pictures is installed, so a subscriber of image_raw/ffmpeg or "
            "image_raw/foxglove waits for a key frame of the file"
        )
    return None
