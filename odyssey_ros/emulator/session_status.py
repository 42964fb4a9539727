"""Snapshots of a session's streamer, for the control endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from odyssey_ros.emulator.config import Codec


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """A snapshot of a running stream.

    Attributes:
        stream_id: id of the stream and of its recording.
        prompt: the last prompt, as the client sent it.
        portrait: 704 x 1280 rather than 1280 x 704.
        started_at: monotonic time of the first frame.
        frames_made: frames rendered so far.
        frames_skipped: frames left out because their time had passed.
    """

    stream_id: str
    prompt: str
    portrait: bool
    started_at: float
    frames_made: int
    frames_skipped: int


@dataclass(frozen=True, slots=True)
class StreamerStatus:
    """A snapshot of a streamer.

    Attributes:
        codec: the negotiated video codec; the preferred codec before the negotiation.
        frames_sent: frames handed to the client's peer.
        frames_dropped: frames dropped because the client's peer was too slow.
        stream: the running stream, or None.
    """

    codec: Codec
    frames_sent: int
    frames_dropped: int
    stream: StreamStatus | None
