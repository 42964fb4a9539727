"""Video tracks that send already encoded frames to any number of WebRTC peers."""

from __future__ import annotations

import asyncio
from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from odyssey_ros.emulator.media.encoding import RTP_CLOCK, EncodedFrame

if TYPE_CHECKING:
    from collections.abc import Callable

_BACKLOG = 10


class EncodedVideoTrack(MediaStreamTrack):
    """A video track of encoded frames; it sends nothing while no frames are pushed.

    When a peer is too slow, the track drops its backlog, requests a keyframe and continues with the keyframe.

    All methods are called on one event loop.

    Attributes:
        request_keyframe: called when the track needs a keyframe.
        prepare: returns the frame to send instead of a queued one.
        sending: the frame that the peer's sender sends now; None before the first one.
        frames_dropped: number of frames dropped so far.
        frames_sent: number of frames sent so far.

    Args:
        request_keyframe: initial value of the attribute.
    """

    kind = "video"

    def __init__(self, request_keyframe: Callable[[], None]) -> None:
        super().__init__()
        self.request_keyframe = request_keyframe
        self.prepare: Callable[[EncodedFrame], EncodedFrame] = _unchanged
        self.sending: EncodedFrame | None = None
        self.frames_dropped = 0
        self.frames_sent = 0
        self._backlog: deque[EncodedFrame] = deque()
        self._changed = asyncio.Event()
        self._needs_keyframe = True

    def push(self, frame: EncodedFrame) -> None:
        """Queue one frame for the peer; has no effect once the track has ended."""
        if self.readyState != "live":
            return
        if self._needs_keyframe and not frame.keyframe:
            self.frames_dropped += 1
            self.request_keyframe()
            return
        if len(self._backlog) >= _BACKLOG:
            self.frames_dropped += len(self._backlog) + 1
            self._backlog.clear()
            self._needs_keyframe = True
            self.request_keyframe()
            return
        self._needs_keyframe = False
        self._backlog.append(frame)
        self._changed.set()

    def need_keyframe(self) -> None:
        """Request a keyframe from the current source, because the peer cannot decode."""
        self.request_keyframe()

    def interrupt(self) -> None:
        """End the current sequence of frames; the next frame must be a keyframe."""
        self._backlog.clear()
        self._needs_keyframe = True

    async def recv(self) -> av.Packet[av.stream.Stream]:
        """Return the next encoded frame; called by the peer's sender.

        Raises:
            MediaStreamError: the track has ended.
        """
        while self.readyState == "live" and not self._backlog:
            self._changed.clear()
            await self._changed.wait()
        if self.readyState != "live":
            raise MediaStreamError
        frame = self.sending = self.prepare(self._backlog.popleft())
        self.frames_sent += 1
        packet = av.Packet(frame.data)
        packet.pts = frame.timestamp
        packet.time_base = Fraction(1, RTP_CLOCK)
        return packet

    def stop(self) -> None:
        """End the track."""
        super().stop()
        self._changed.set()


def _unchanged(frame: EncodedFrame) -> EncodedFrame:
    return frame


class VideoFanout:
    """Sends the frames of one stream to all attached tracks.

    All methods are called on one event loop.

    Args:
        request_keyframe: called when a track needs a keyframe.
    """

    def __init__(self, request_keyframe: Callable[[], None]) -> None:
        self._request_keyframe = request_keyframe
        self._tracks: list[EncodedVideoTrack] = []

    def attach(self, track: EncodedVideoTrack) -> None:
        """Send frames to `track` too, from the next keyframe on."""
        track.interrupt()
        track.request_keyframe = self._request_keyframe
        self._tracks.append(track)
        self._request_keyframe()

    def detach(self, track: EncodedVideoTrack) -> None:
        """Stop sending frames to `track`; the track stays open. Has no effect if `track` is not attached."""
        if track in self._tracks:
            self._tracks.remove(track)

    def push(self, frame: EncodedFrame) -> None:
        """Send one frame to all attached tracks."""
        for track in self._tracks:
            track.push(frame)
