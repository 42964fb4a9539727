"""Faults of a stream's video: its frames, their timestamps and the media packets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from odyssey_ros.emulator.faults.fault import Fault

__all__ = [
    "FrameLoss",
    "PacketDelay",
    "PacketLoss",
    "ParameterSetsOnce",
    "Receiver",
    "VideoBlack",
    "VideoFreeze",
    "VideoJump",
    "VideoResize",
    "VideoStall",
]

Receiver = Literal["client", "spectators"]


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
        receiver: who loses packets.
    """

    name = "packet_loss"
    mode = "state"
    fraction: float = 0.05
    receiver: Receiver = "client"


@dataclass(frozen=True, kw_only=True)
class FrameLoss(Fault):
    """A frame, or one packet of it, is lost with all of its retransmissions; it happens once for each frame.

    Attributes:
        frames: which frames may be lost: `key` frames, `delta` frames (all others), or `any`.
        every: of these frames, each one with a number divisible by this value is lost, counted from the start
            of the connection.
        packets: `all` packets of the frame; its `first` one; its `last` one, which marks the frame's end; or
            a `middle` one, in frames of three packets and more.
        receiver: who loses the frame.
    """

    name = "frame_loss"
    mode = "answer"
    frames: Literal["any", "key", "delta"] = "any"
    every: int = 1
    packets: Literal["all", "first", "middle", "last"] = "all"
    receiver: Receiver = "client"


@dataclass(frozen=True, kw_only=True)
class PacketDelay(Fault):
    """Media packets arrive late and out of order.

    Attributes:
        delay_seconds: delay of every packet.
        jitter_seconds: largest further delay of a packet.
        receiver: to whom packets arrive late.
    """

    name = "packet_delay"
    mode = "state"
    delay_seconds: float = 0.1
    jitter_seconds: float = 0.0
    receiver: Receiver = "client"


@dataclass(frozen=True, kw_only=True)
class ParameterSetsOnce(Fault):
    """H.264 key frames come without SPS and PPS, unless these have changed.

    The first key frame that a receiver is sent has them in any case.
    """

    name = "parameter_sets_once"
    mode = "state"
