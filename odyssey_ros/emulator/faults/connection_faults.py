"""Faults of a session's connection: the offer, the signaling socket, the data channels and the peer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from odyssey_ros.emulator.faults.fault import Fault

__all__ = [
    "BadOffer",
    "ChannelClose",
    "ChannelText",
    "ExtraTracks",
    "NoChannel",
    "NoOffer",
    "NoTrack",
    "PeerClose",
    "PeerKill",
    "SocketClose",
    "SocketDrop",
    "SocketError",
    "SocketHang",
    "SocketText",
    "TrackEnd",
]


@dataclass(frozen=True, kw_only=True)
class BadOffer(Fault):
    """The service sends an unusable offer.

    Attributes:
        variant: `garbage` is text that is not SDP, `empty` an empty string, `missing` an offer without `sdp`,
            and `wrong_fingerprint` an offer whose DTLS handshake fails.
    """

    name = "bad_offer"
    mode = "answer"
    after_connected = False
    variant: Literal["garbage", "empty", "missing", "wrong_fingerprint"] = "garbage"


@dataclass(frozen=True, kw_only=True)
class NoOffer(Fault):
    """The signaling socket opens, and the service sends no offer."""

    name = "no_offer"
    mode = "answer"
    after_connected = False


@dataclass(frozen=True, kw_only=True)
class NoTrack(Fault):
    """The offer has no video."""

    name = "no_track"
    mode = "answer"
    after_connected = False


@dataclass(frozen=True, kw_only=True)
class ExtraTracks(Fault):
    """The offer has further video tracks, on which nothing is sent.

    Attributes:
        tracks: the number of further tracks, 1 to 200.
    """

    name = "extra_tracks"
    mode = "answer"
    after_connected = False
    tracks: int = 100


@dataclass(frozen=True, kw_only=True)
class NoChannel(Fault):
    """The service does not open one of the data channels."""

    name = "no_channel"
    mode = "answer"
    after_connected = False
    label: Literal["clientToStreamer", "streamerToClient"] = "clientToStreamer"


@dataclass(frozen=True, kw_only=True)
class SocketClose(Fault):
    """The service closes the signaling socket."""

    name = "socket_close"
    mode = "act"
    code: int = 1011
    reason: str = "Injected fault"


@dataclass(frozen=True, kw_only=True)
class SocketDrop(Fault):
    """The TCP connection of the signaling socket breaks without a close frame."""

    name = "socket_drop"
    mode = "act"


@dataclass(frozen=True, kw_only=True)
class SocketHang(Fault):
    """The signaling socket stays open, and the service no longer reads from it, so pings get no answer."""

    name = "socket_hang"
    mode = "act"


@dataclass(frozen=True, kw_only=True)
class SocketError(Fault):
    """The service sends an `error` over the signaling socket.

    Attributes:
        reason: for example `streamer_disconnected`.
        close: whether the service closes the socket after the message.
    """

    name = "socket_error"
    mode = "act"
    reason: str = "streamer_disconnected"
    close: bool = True


@dataclass(frozen=True, kw_only=True)
class SocketText(Fault):
    """The service sends a text over the signaling socket, by default one that is not JSON."""

    name = "socket_text"
    mode = "act"
    text: str = "{not json"


@dataclass(frozen=True, kw_only=True)
class ChannelClose(Fault):
    """The service closes a data channel."""

    name = "channel_close"
    mode = "act"
    label: Literal["clientToStreamer", "streamerToClient"] = "clientToStreamer"


@dataclass(frozen=True, kw_only=True)
class ChannelText(Fault):
    """The service sends a text over `streamerToClient`, by default one that is not JSON."""

    name = "channel_text"
    mode = "act"
    text: str = "{not json"


@dataclass(frozen=True, kw_only=True)
class PeerClose(Fault):
    """The streamer's peer closes with notice (DTLS close); the signaling socket stays open."""

    name = "peer_close"
    mode = "act"


@dataclass(frozen=True, kw_only=True)
class PeerKill(Fault):
    """The streamer's peer stops sending without notice; the signaling socket stays open."""

    name = "peer_kill"
    mode = "act"


@dataclass(frozen=True, kw_only=True)
class TrackEnd(Fault):
    """The video track ends (RTCP BYE); everything else stays open."""

    name = "track_end"
    mode = "act"
