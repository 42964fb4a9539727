"""The table of all faults by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.emulator.faults.connection_faults import (
    BadOffer,
    ChannelClose,
    ChannelText,
    ExtraTracks,
    NoChannel,
    NoOffer,
    NoTrack,
    PeerClose,
    PeerKill,
    SocketClose,
    SocketDrop,
    SocketError,
    SocketHang,
    SocketText,
    TrackEnd,
)
from odyssey_ros.emulator.faults.http_faults import (
    ExpiredUrls,
    HttpDelay,
    HttpDrop,
    HttpEcho,
    HttpFlood,
    HttpHang,
    HttpMalformed,
    HttpRedirect,
    HttpStatus,
    HttpUsageError,
)
from odyssey_ros.emulator.faults.job_faults import JobFail, JobHold
from odyssey_ros.emulator.faults.stream_faults import (
    ReplyDelay,
    ReplyDrop,
    RequestClose,
    StreamEnd,
    StreamFail,
    StreamRefusal,
)
from odyssey_ros.emulator.faults.video_faults import (
    FrameLoss,
    PacketDelay,
    PacketLoss,
    ParameterSetsOnce,
    VideoBlack,
    VideoFreeze,
    VideoJump,
    VideoResize,
    VideoStall,
)

if TYPE_CHECKING:
    from odyssey_ros.emulator.faults.fault import Fault

__all__ = ["FAULTS"]

FAULTS: dict[str, type[Fault]] = {
    kind.name: kind
    for kind in (
        HttpStatus, HttpUsageError, HttpDelay, HttpHang, HttpMalformed, HttpRedirect, HttpDrop,
        HttpEcho, HttpFlood, ExpiredUrls,
        BadOffer, NoOffer, NoTrack, ExtraTracks, NoChannel,
        SocketClose, SocketDrop, SocketHang, SocketError, SocketText,
        ChannelClose, ChannelText, PeerClose, PeerKill, TrackEnd,
        StreamEnd, StreamFail, StreamRefusal, RequestClose, ReplyDrop, ReplyDelay,
        VideoFreeze, VideoBlack, VideoStall, VideoResize, VideoJump, PacketLoss, PacketDelay,
        FrameLoss, ParameterSetsOnce,
        JobFail, JobHold,
    )
}  # fmt: skip
"""Every fault class by the fault's name on the wire and on the command line."""
