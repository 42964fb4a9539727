"""Failing on command: what can go wrong.

A fault is one of three modes:

- `answer`: spoils what the service is about to do (an HTTP answer, an offer, a reply), each time it is due.
- `act`: happens to an open session at a moment.
- `state`: holds for as long as it is due.

`fault_registry` says when a fault is due and how often it happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Mode = Literal["answer", "act", "state"]
Request = Literal["start", "update", "end"]
JobStep = Literal["dispatched", "processing", "completed"]

ENDPOINTS = (
    "auth_token", "regions", "ping", "sessions_request", "sessions_token", "config", "signaling", "telemetry",
    "recordings_get", "recordings_list", "files", "jobs_submit", "jobs_list", "jobs_get", "jobs_cancel",
    "whep_offer", "whep_delete",
)  # fmt: skip
"""Names of the endpoints; `signaling` is the handshake of the socket, `files` are the presigned URLs."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong; see the subclasses.

    Attributes:
        name: on the wire.
        mode: see the module.
        in_session: whether it happens within a session, which a schedule can then name.
        after_meeting: whether it can happen after the peers have met, so that a schedule can count from then.
    """

    name: ClassVar[str]
    mode: ClassVar[Mode]
    in_session: ClassVar[bool] = True
    after_meeting: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class HttpFault(Fault):
    """Something about an HTTP answer.

    Attributes:
        endpoint: one of `ENDPOINTS`, or `*` for each.
    """

    mode = "answer"
    in_session = False
    after_meeting = False
    endpoint: str = "*"


@dataclass(frozen=True, kw_only=True)
class HttpStatus(HttpFault):
    """Answer with an error status, without doing what was asked."""

    name = "http_status"
    status: int
    detail: str = "Injected fault"


@dataclass(frozen=True, kw_only=True)
class HttpUsageError(HttpFault):
    """Answer 429 with the body of a usage error.

    Attributes:
        code: for example `MONTHLY_LIMIT_REACHED`.
        legacy: the older shape: `code` instead of `error`, not wrapped in `detail`.
    """

    name = "http_usage_error"
    endpoint: str = "sessions_request"
    code: str = "RATE_LIMITED"
    legacy: bool = False


@dataclass(frozen=True, kw_only=True)
class HttpDelay(HttpFault):
    """Answer as usual, but late."""

    name = "http_delay"
    delay_seconds: float


@dataclass(frozen=True, kw_only=True)
class HttpHang(HttpFault):
    """Take the request and never answer."""

    name = "http_hang"


@dataclass(frozen=True, kw_only=True)
class HttpMalformed(HttpFault):
    """Answer with a body that is not what it says; `status` 200 by default."""

    name = "http_malformed"
    status: int = 200
    body: str = '{"access_token": '


@dataclass(frozen=True, kw_only=True)
class HttpDrop(HttpFault):
    """Close the TCP connection instead of answering."""

    name = "http_drop"


@dataclass(frozen=True, kw_only=True)
class ExpiredUrls(Fault):
    """Presigned URLs are handed out expired."""

    name = "expired_urls"
    mode = "state"
    in_session = False
    after_meeting = False


@dataclass(frozen=True, kw_only=True)
class BadOffer(Fault):
    """The offer cannot be used.

    Attributes:
        variant: `garbage` is no SDP at all, `empty` an empty string, `missing` an offer without `sdp`, and
            `wrong_fingerprint` an offer whose DTLS handshake fails.
    """

    name = "bad_offer"
    mode = "answer"
    after_meeting = False
    variant: Literal["garbage", "empty", "missing", "wrong_fingerprint"] = "garbage"


@dataclass(frozen=True, kw_only=True)
class NoOffer(Fault):
    """The socket opens and no offer comes."""

    name = "no_offer"
    mode = "answer"
    after_meeting = False


@dataclass(frozen=True, kw_only=True)
class NoTrack(Fault):
    """The offer has no video."""

    name = "no_track"
    mode = "answer"
    after_meeting = False


@dataclass(frozen=True, kw_only=True)
class NoChannel(Fault):
    """A data channel is never opened."""

    name = "no_channel"
    mode = "answer"
    after_meeting = False
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
    """The signaling socket's TCP connection breaks without a close frame."""

    name = "socket_drop"
    mode = "act"


@dataclass(frozen=True, kw_only=True)
class SocketHang(Fault):
    """The signaling socket stays open, and nothing that the client sends is heard or answered any more."""

    name = "socket_hang"
    mode = "act"


@dataclass(frozen=True, kw_only=True)
class SocketError(Fault):
    """The service sends an `error` over the signaling socket, and closes it unless `close` is false."""

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
    """The streamer's peer closes and says so (DTLS close); the signaling socket stays open."""

    name = "peer_close"
    mode = "act"


@dataclass(frozen=True, kw_only=True)
class PeerKill(Fault):
    """The streamer's peer falls silent without a word; the signaling socket stays open."""

    name = "peer_kill"
    mode = "act"


@dataclass(frozen=True, kw_only=True)
class TrackEnd(Fault):
    """The video track ends (RTCP BYE); everything else stays."""

    name = "track_end"
    mode = "act"


@dataclass(frozen=True, kw_only=True)
class StreamEnd(Fault):
    """The service ends the stream unasked."""

    name = "stream_end"
    mode = "act"


@dataclass(frozen=True, kw_only=True)
class StreamFail(Fault):
    """A running stream ends with `interactive_stream_error`.

    Attributes:
        reason: for example `quota_exceeded`, `session_timeout`, `lease_denied`, `model_crashed`.
        message: for people.
    """

    name = "stream_fail"
    mode = "act"
    reason: str = "model_crashed"
    message: str = "Injected fault"


@dataclass(frozen=True, kw_only=True)
class StreamRefusal(Fault):
    """A request about a stream is answered by `interactive_stream_error`.

    Attributes:
        request: which request is refused.
        reason: for example `quota_exceeded`, `concurrent_limit_exceeded`, `lease_denied`.
        message: for people.
    """

    name = "stream_refusal"
    mode = "answer"
    request: Request = "start"
    reason: str = "moderation_failed"
    message: str = "Injected fault"


@dataclass(frozen=True, kw_only=True)
class ReplyDrop(Fault):
    """A request about a stream is carried out and never answered."""

    name = "reply_drop"
    mode = "answer"
    request: Request = "start"


@dataclass(frozen=True, kw_only=True)
class ReplyDelay(Fault):
    """A request about a stream is answered late."""

    name = "reply_delay"
    mode = "answer"
    request: Request = "start"
    delay_seconds: float


@dataclass(frozen=True, kw_only=True)
class VideoFreeze(Fault):
    """The same picture is sent again and again."""

    name = "video_freeze"
    mode = "state"


@dataclass(frozen=True, kw_only=True)
class VideoBlack(Fault):
    """Pictures are black."""

    name = "video_black"
    mode = "state"


@dataclass(frozen=True, kw_only=True)
class VideoStall(Fault):
    """No pictures are sent, though the stream runs."""

    name = "video_stall"
    mode = "state"


@dataclass(frozen=True, kw_only=True)
class VideoResize(Fault):
    """Pictures have another size; both sides even, 16 to 1920."""

    name = "video_resize"
    mode = "state"
    width: int = 640
    height: int = 352


@dataclass(frozen=True, kw_only=True)
class VideoJump(Fault):
    """Media timestamps are off by `jump_seconds`, which may be negative."""

    name = "video_jump"
    mode = "state"
    jump_seconds: float = 10.0


@dataclass(frozen=True, kw_only=True)
class PacketLoss(Fault):
    """A share of the media packets is lost.

    Attributes:
        fraction: 0 to 1.
    """

    name = "packet_loss"
    mode = "state"
    fraction: float = 0.05


@dataclass(frozen=True, kw_only=True)
class PacketDelay(Fault):
    """Media packets arrive late: by `delay_seconds`, and by up to `jitter_seconds` more, out of order."""

    name = "packet_delay"
    mode = "state"
    delay_seconds: float = 0.1
    jitter_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class JobFail(Fault):
    """A simulation job fails.

    Attributes:
        before: the state that it does not reach.
        message: the job's `error_message`.
    """

    name = "job_fail"
    mode = "answer"
    in_session = False
    after_meeting = False
    before: JobStep = "completed"
    message: str = "Injected fault"


@dataclass(frozen=True, kw_only=True)
class JobHold(Fault):
    """Simulation jobs wait in the state before `before`."""

    name = "job_hold"
    mode = "state"
    in_session = False
    after_meeting = False
    before: JobStep = "dispatched"


FAULTS: dict[str, type[Fault]] = {
    kind.name: kind
    for kind in (
        HttpStatus, HttpUsageError, HttpDelay, HttpHang, HttpMalformed, HttpDrop, ExpiredUrls,
        BadOffer, NoOffer, NoTrack, NoChannel,
        SocketClose, SocketDrop, SocketHang, SocketError, SocketText,
        ChannelClose, ChannelText, PeerClose, PeerKill, TrackEnd,
        StreamEnd, StreamFail, StreamRefusal, ReplyDrop, ReplyDelay,
        VideoFreeze, VideoBlack, VideoStall, VideoResize, VideoJump, PacketLoss, PacketDelay,
        JobFail, JobHold,
    )
}  # fmt: skip
"""Every fault by its name on the wire."""
