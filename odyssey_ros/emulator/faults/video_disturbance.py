"""Combines the video faults that hold now into one disturbance of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.emulator.faults.video_faults import (
    VideoBlack,
    VideoFreeze,
    VideoJump,
    VideoResize,
    VideoStall,
)
from odyssey_ros.emulator.stream import UNDISTURBED, Disturbance

if TYPE_CHECKING:
    from odyssey_ros.emulator.faults.fault_registry import FaultRegistry
    from odyssey_ros.emulator.faults.schedule import SessionMoments

__all__ = ["video_disturbance"]


def video_disturbance(registry: FaultRegistry, moments: SessionMoments) -> Disturbance:
    """Return the disturbance of a session's video that holds now; may be called from any thread."""
    if not registry.armed():
        return UNDISTURBED
    size = registry.state(VideoResize, moments)
    jump = registry.state(VideoJump, moments)
    return Disturbance(
        frozen=registry.state(VideoFreeze, moments) is not None,
        black=registry.state(VideoBlack, moments) is not None,
        stalled=registry.state(VideoStall, moments) is not None,
        size=None if size is None else (size.width, size.height),
        jump_seconds=0.0 if jump is None else jump.jump_seconds,
    )
