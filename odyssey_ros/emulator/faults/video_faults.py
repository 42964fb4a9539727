"""Which faults spoil the pictures of a stream now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.emulator.faults.kinds import VideoBlack, VideoFreeze, VideoJump, VideoResize, VideoStall
from odyssey_ros.emulator.stream import UNDISTURBED, Disturbance

if TYPE_CHECKING:
    from odyssey_ros.emulator.faults.fault_registry import FaultRegistry, SessionMoments


def disturbance(registry: FaultRegistry, moments: SessionMoments) -> Disturbance:
    """What is wrong with a session's pictures now; may be called from any thread."""
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
