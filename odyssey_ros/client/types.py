"""The value types of the client: the SDK's types, as frozen dataclasses."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import jwt

from odyssey_ros.client.errors import OdysseyArgumentError
from odyssey_ros.client.json_object import JsonObject, MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import av
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)


class ConnectionStatus(str, Enum):
    """The state of a connection."""

    AUTHENTICATING = "authenticating"
    CONNECTING = "connecting"
    RECONNECTING = "reconnecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    FAILED = "failed"

    def __str__(self) -> str:
        return self.value


class SimulationJobStatus(str, Enum):
    """The state of a simulation job. `UNKNOWN` is a state that this client does not know."""

    PENDING = "pending"
    DISPATCHED = "dispatched"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    def __str__(self) -> str:
        return self.value

    @property
    def is_terminal(self) -> bool:
        """Whether the job is completed, failed or cancelled, so that its state changes no more."""
        return self in {
            SimulationJobStatus.COMPLETED,
            SimulationJobStatus.FAILED,
            SimulationJobStatus.CANCELLED,
        }

    @classmethod
    def _missing_(cls, value: object) -> SimulationJobStatus:
        logger.warning("Unknown job status %.40r from the service; using UNKNOWN", value)
        return cls.UNKNOWN


# Compared by identity: comparing arrays gives an array, not a bool.
@dataclass(frozen=True, slots=True, eq=False)
class VideoFrame:
    """An RGB frame.

    Attributes:
        data: RGB, uint8, shape (height, width, 3), C-contiguous.
        width: Width in pixels.
        height: Height in pixels.
        timestamp_ms: Presentation time in milliseconds since the track's first frame.
    """

    data: NDArray[np.uint8]
    width: int
    height: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class DecodedFrame:
    """A decoded frame, not converted.

    Attributes:
        frame: The picture, usually in yuv420p.
        arrival_ns: `time.monotonic_ns()` when the encoded frame was complete, before it was decoded.
        media_time_ns: Presentation time in nanoseconds since the track's first frame, unwrapped.
        stream_time_ns: Presentation time in nanoseconds since the stream's first frame; the frame with the
            same time in the recording is the same frame.
        index: Number of earlier frames of the same stream of which at least one packet arrived, decoded or
            not; without a running stream, of frames since the last stream ended.
        stream_id: The stream of the frame; None when no stream is running.
        prompt: The applied prompt in force when the frame's first packet arrived; None when there is none.
        number: The number of the `EncodedFrame` of the same picture.
    """

    frame: av.VideoFrame
    arrival_ns: int
    media_time_ns: int
    stream_time_ns: int
    index: int
    stream_id: str | None
    prompt: str | None
    number: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class EncodedFrame:
    """A frame as the service encoded it: one access unit. The labels are those of `DecodedFrame`.

    The first frame after the beginning of a track or after a loss is a key frame, so that what is passed on
    can be decoded.

    Attributes:
        codec: `h264` or `vp8`.
        data: The access unit: of H.264 in Annex B form, with SPS and PPS before each IDR picture; one VP8
            frame.
        is_key_frame: Whether a decoder can begin with this frame.
        width: Width in pixels, from the last key frame; None if its header does not tell.
        height: Height in pixels, as `width`.
        arrival_ns: `time.monotonic_ns()` when the access unit was complete.
        media_time_ns: Presentation time in nanoseconds since the track's first frame, unwrapped.
        stream_time_ns: Presentation time in nanoseconds since the stream's first frame.
        index: Number of earlier frames of the same stream of which at least one packet arrived; without a
            running stream, of frames since the last stream ended.
        stream_id: The stream of the frame; None when no stream is running.
        prompt: The applied prompt in force when the frame's first packet arrived; None when there is none.
        number: Number of the access unit since the client was created, across connections. It always rises;
            it leaves out access units that were lost or withheld.
    """

    codec: str
    data: bytes = field(repr=False)
    is_key_frame: bool
    width: int | None
    height: int | None
    arrival_ns: int
    media_time_ns: int
    stream_time_ns: int
    index: int
    stream_id: str | None
    prompt: str | None
    number: int


@dataclass(frozen=True, slots=True)
class Recording:
    """The artifacts of a recorded stream. The URLs are secrets and valid for about an hour."""

    stream_id: str
    video_url: str | None = field(default=None, repr=False)
    events_url: str | None = field(default=None, repr=False)
    thumbnail_url: str | None = field(default=None, repr=False)
    preview_url: str | None = field(default=None, repr=False)
    frame_count: int | None = None
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class StreamRecordingInfo:
    """A row of a list of recordings. Times are ISO 8601."""

    stream_id: str
    width: int | None
    height: int | None
    started_at: str
    ended_at: str | None = None
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class StreamRecordingsList:
    """A page of recordings, newest first."""

    recordings: list[StreamRecordingInfo]
    total: int
    limit: int
    offset: int

    @property
    def ignored(self) -> int:
        """Number of rows that could not be read and are left out."""
        return 0


@dataclass(frozen=True, slots=True)
class PartialRecordingsList(StreamRecordingsList):
    """A page of which some rows could not be read; their number is not a field of the SDK."""

    ignored: int = 0


@dataclass(frozen=True, slots=True)
class SimulationStream:
    """A stream that a simulation job produced. The URLs are secrets and valid for about an hour."""

    stream_id: str
    video_url: str | None = field(default=None, repr=False)
    events_url: str | None = field(default=None, repr=False)
    thumbnail_url: str | None = field(default=None, repr=False)
    preview_url: str | None = field(default=None, repr=False)
    frame_count: int | None = None
    duration_seconds: float | None = None
    script_index: int = 0


@dataclass(frozen=True, slots=True)
class SimulationJobInfo:
    """A row of a list of simulation jobs. Times are ISO 8601."""

    job_id: str
    status: SimulationJobStatus
    priority: str
    created_at: str
    completed_at: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class SimulationJobDetail:
    """A simulation job with its streams. Times are ISO 8601."""

    job_id: str
    status: SimulationJobStatus
    priority: str
    created_at: str
    dispatched_at: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    error_message: str | None = None
    assigned_region: str | None = None
    retry_count: int = 0
    streams: list[SimulationStream] = field(default_factory=list)
    estimated_wait_minutes: float | None = None


@dataclass(frozen=True, slots=True)
class SimulationJobsList:
    """A page of simulation jobs, newest first."""

    jobs: list[SimulationJobInfo]
    total: int
    limit: int
    offset: int

    @property
    def ignored(self) -> int:
        """Number of rows that could not be read and are left out."""
        return 0


@dataclass(frozen=True, slots=True)
class PartialJobsList(SimulationJobsList):
    """A page of which some rows could not be read; their number is not a field of the SDK."""

    ignored: int = 0


@dataclass(frozen=True, slots=True)
class StreamerCapabilities:
    """The capabilities of a streamer."""

    image_to_video: bool = False

    def to_dict(self) -> dict[str, bool]:
        """Return the JSON form."""
        return {"image_to_video": self.image_to_video}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> StreamerCapabilities:
        """Read the JSON form; a missing capability reads as False."""
        return cls(image_to_video=data.get("image_to_video") is True)


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """Credentials that let a client without an API key connect to one session. A bearer secret.

    Attributes:
        signaling_url: Base URL of the signaling server.
        session_token: JWT for the session; omitted from the `repr`.
        expires_in: Lifetime of the token in seconds, counted from its creation.
        capabilities: Capabilities of the streamer; None when the service did not report them.
        session_id: The session that the token names. Not an argument.

    Raises:
        OdysseyArgumentError: The token is not a JWT with a `session_id`.
    """

    signaling_url: str
    session_token: str = field(repr=False)
    expires_in: int
    capabilities: StreamerCapabilities | None = None
    session_id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "session_id", session_id_of(self.session_token))

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form, which includes the token. Give it only to the program that is to connect."""
        data: dict[str, object] = {
            "session_id": self.session_id,
            "signaling_url": self.signaling_url,
            "session_token": self.session_token,
            "expires_in": self.expires_in,
        }
        if self.capabilities is not None:
            data["capabilities"] = self.capabilities.to_dict()
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> ClientCredentials:
        """Read the JSON form. Its `session_id` is ignored; the token names the session.

        Raises:
            OdysseyArgumentError: A field is missing or of the wrong type.
        """
        url, token = data.get("signaling_url"), data.get("session_token")
        expires, capabilities = data.get("expires_in"), data.get("capabilities")
        if not isinstance(url, str) or not url:
            raise OdysseyArgumentError("Credentials need a signaling_url")
        if not isinstance(token, str) or not token:
            raise OdysseyArgumentError("Credentials need a session_token")
        if (
            not isinstance(expires, (int, float))
            or isinstance(expires, bool)
            or not 0 <= expires < float("inf")
        ):
            raise OdysseyArgumentError("Credentials need expires_in, in seconds")
        if capabilities is not None and not isinstance(capabilities, dict):
            raise OdysseyArgumentError("The capabilities of credentials must be an object")
        return cls(
            signaling_url=url,
            session_token=token,
            expires_in=int(expires),
            capabilities=None if capabilities is None else StreamerCapabilities.from_dict(capabilities),
        )


@dataclass(frozen=True, slots=True)
class BroadcastInfo:
    """The addresses at which spectators can watch a stream.

    Attributes:
        webrtc_url: Base URL of the WHEP endpoint.
        spectator_token: Bearer token of spectators; omitted from the `repr`.
        hls_url: HLS playlist; None when the service offers none. Omitted from the `repr`, since it may carry
            a signature.
    """

    webrtc_url: str
    spectator_token: str = field(repr=False)
    hls_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ClientStatistics:
    """The counters of a client since its creation.

    Attributes:
        frames_received: Access units received: encoded frames, whole or damaged.
        frames_lost: Frames of which packets arrived that were given up because others were missing. Frames
            of which no packet arrived are unknown.
        frames_passed: Received frames passed to `on_encoded_frame`, and to the decoder while decoding is on.
        frames_withheld: Received frames not passed on, because a key frame was awaited: at the beginning of a
            track, and after a loss. `frames_received` is the sum of these two.
        key_frames_requested: Requests for a key frame that were sent.
        frames_decoded: Decoded frames.
        frames_converted: Frames converted to RGB for `on_video_frame`.
        frames_dropped: Frames that a newer frame replaced before their conversion.
        frames_skipped: Frames that were to be decoded and were not: the decoder was late, or they were
            damaged. Frames that arrive while decoding is off are not counted.
        streams_started: Streams that the service started.
        reconnects: Successful reconnections after a loss.
        packets_received: Video packets received on the current connection.
        packets_lost: Video packets lost on the current connection, also those that were sent again.
        jitter_s: Interarrival jitter of the current connection's video, in seconds (RFC 3550, 6.4.1).
    """

    frames_decoded: int = 0
    frames_converted: int = 0
    frames_dropped: int = 0
    frames_skipped: int = 0
    streams_started: int = 0
    reconnects: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    jitter_s: float = 0.0
    frames_received: int = 0
    frames_lost: int = 0
    frames_passed: int = 0
    frames_withheld: int = 0
    key_frames_requested: int = 0


def session_id_of(session_token: str) -> str:
    """Return the session that a token names. The server checks the signature; this function does not.

    Raises:
        OdysseyArgumentError: The token is not a JWT with a `session_id`.
    """
    try:
        claims = jwt.decode(session_token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise OdysseyArgumentError("The session token is not a JWT") from None
    try:
        return JsonObject(claims).identifier("session_id")
    except MalformedError:
        raise OdysseyArgumentError("The session token has no session_id") from None
