"""Faults of a stream's video: its frames, their timestamps and the media packets."""

from __future__ import annotations

from dataclasses import dataclass

from odyssey_ros.emulator.faults.fault import Fault

__all__ = [
    "PacketDelay",
    "PacketLoss",
    "VideoBlack",
    "VideoFreeze",
    "VideoJump",
    "VideoResize",
    "VideoStall",
]


@dataclass(frozen=True, kw_only=True)
class VideoFreeze(Fault):
    """The service sends the same frame again and again."""

    name = "video_freeze"
    mode = "state"


@dataclass(frozen=True, kw_only=True)
class VideoBlack(Fault):
    """The service sends black frames."""

    name = "video_black"
    mode = "state"


@dataclass(frozen=True, kw_only=True)
class VideoStall(Fault):
    """The service sends no frames, though the stream runs."""

    name = "video_stall"
    mode = "state"


@dataclass(frozen=True, kw_only=True)
class VideoResize(Fault):
    """Frames have another size, in pixels; both sides are even, from 16 to 8192."""

    name = "video_resize"
    mode = "state"
    width: int = 640
    height: int = 352


@dataclass(frozen=True, kw_only=True)
class VideoJump(Fault):
    """Media timestamps are shifted by `jump_seconds`, which may be negative."""

    name = "video_jump"
    mode = "state"
    jump_seconds: float = 10.0


@dataclass(frozen=True, kw_only=True)
class PacketLoss(Fault):
    """A share of the media packets is lost.

    Attributes:
        fraction: share of the packets, 0 to 1.
    """

    name = "packet_loss"
    mode = "state"
    fraction: float = 0.05


@dataclass(frozen=True, kw_only=True)
class PacketDelay(Fault):
    """Media packets arrive late and out of order.

    Attributes:
        delay_seconds: delay of every packet.
        jitter_seconds: largest further delay of a packet.
    """

    name = "packet_delay"
    mode = "state"
    delay_seconds: float = 0.1
    jitter_seconds: float = 0.0
