"""Handing encoded pictures to WebRTC peers: one encode, any number of tracks."""

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
    """A video track of pictures that are already encoded; silent while nobody pushes any.

    A peer that cannot take pictures at the pace they come loses some: the backlog is dropped, a keyframe is
    asked for, and the track goes on with that.

    Belongs to one event loop.

    Args:
        request_keyframe: called when decoding can only go on from a keyframe.
    """

    kind = "video"

    def __init__(self, request_keyframe: Callable[[], None]) -> None:
        super().__init__()
        self.request_keyframe = request_keyframe
        self.frames_dropped = 0
        self.frames_sent = 0
        self._backlog: deque[EncodedFrame] = deque()
        self._changed = asyncio.Event()
        self._needs_keyframe = True

    def push(self, frame: EncodedFrame) -> None:
        """Queue one picture for the peer; nothing once the track has ended."""
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
        """The peer cannot decode; ask for a keyframe wherever the pictures come from now."""
        self.request_keyframe()

    def interrupt(self) -> None:
        """The sequence of pictures ends here; the next one must be a keyframe."""
        self._backlog.clear()
        self._needs_keyframe = True

    async def recv(self) -> av.Packet[av.stream.Stream]:
        """The next encoded picture; called by the peer's sender.

        Raises:
            MediaStreamError: the track has ended.
        """
        while self.readyState == "live" and not self._backlog:
            self._changed.clear()
            await self._changed.wait()
        if self.readyState != "live":
            raise MediaStreamError
        frame = self._backlog.popleft()
        self.frames_sent += 1
        packet = av.Packet(frame.data)
        packet.pts = frame.timestamp
        packet.time_base = Fraction(1, RTP_CLOCK)
        return packet

    def stop(self) -> None:
        """End the track."""
        super().stop()
        self._changed.set()


class VideoFanout:
    """The pictures of one stream, for every track that is attached. Belongs to one event loop."""

    def __init__(self, request_keyframe: Callable[[], None]) -> None:
        self._request_keyframe = request_keyframe
        self._tracks: list[EncodedVideoTrack] = []

    def attach(self, track: EncodedVideoTrack) -> None:
        """Send the pictures to `track` as well, from the next keyframe on."""
        track.interrupt()
        track.request_keyframe = self._request_keyframe
        self._tracks.append(track)
        self._request_keyframe()

    def detach(self, track: EncodedVideoTrack) -> None:
        """Send no more pictures to `track`; it stays alive."""
        if track in self._tracks:
            self._tracks.remove(track)

    def push(self, frame: EncodedFrame) -> None:
        """Send one picture to everybody."""
        for track in self._tracks:
            track.push(frame)
