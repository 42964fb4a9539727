"""The way of a frame: out of the decoder at once, stamped, handed on; converted only when the newest."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import av
import numpy as np
from aiortc.mediastreams import MediaStreamError

from odyssey_ros.client.types import DecodedFrame, VideoFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc import MediaStreamTrack

    from odyssey_ros.client.observer import ClientObserver

logger = logging.getLogger(__name__)

_LOOKS = 4
_RTP_WRAP = 1 << 32
_NS_PER_S = 1_000_000_000


async def discard(track: MediaStreamTrack) -> None:
    """Take a track's frames until it ends, for nothing: an unread track piles them up."""
    with contextlib.suppress(MediaStreamError):
        while True:
            await track.recv()


async def standstill(timeout_s: float, look: Callable[[], object]) -> None:
    """Return when `look` has said the same for so long; None means that nothing is expected to move.

    Looks are counted, not seconds: on a machine that stood still, the frames wait to be taken.
    """
    seen, looks = look(), 0
    while looks < _LOOKS:
        await asyncio.sleep(timeout_s / _LOOKS)
        before, seen = seen, look()
        looks = looks + 1 if seen == before and seen is not None else 0


class MediaClock:
    """Presentation times of one track, unwrapped.

    RTP time is 32 bits wide. A step is taken the short way round, so that a wrap goes on and a sender that
    steps back a little does not leap half a day ahead.
    """

    def __init__(self) -> None:
        self._last_pts: int | None = None
        self._ticks = 0

    def media_time_ns(self, frame: av.VideoFrame) -> int:
        """Nanoseconds since the first frame was to be shown; the last answer for one without a time."""
        if frame.pts is not None and frame.time_base is not None:
            if self._last_pts is not None:
                step = (frame.pts - self._last_pts + _RTP_WRAP // 2) % _RTP_WRAP - _RTP_WRAP // 2
                self._ticks += step
            self._last_pts = frame.pts
            self._tick_ns = _NS_PER_S * frame.time_base
        elif self._last_pts is None:
            return 0
        return int(self._ticks * self._tick_ns)


class FramePipeline:
    """Takes every frame of a connection's video, over all its tracks, and hands it on.

    Args:
        observer: Receives every decoded frame at once and, if it wants video frames, the newest, converted.
        monotonic_ns: The clock that stamps arrivals.
    """

    def __init__(
        self, observer: ClientObserver, *, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._observer = observer
        self._monotonic_ns = monotonic_ns
        self._stream_id: str | None = None
        self._prompt: str | None = None
        self._index = 0
        self._last_clock: MediaClock | None = None
        self._stream_is_new = False
        self.decoded = 0
        self.last_arrival_ns: int | None = None
        self.converter = NewestFrameConverter(observer) if observer.wants_video_frames else None

    def begin_stream(self, stream_id: str, prompt: str | None) -> None:
        """Frames from now on belong to this stream."""
        self._stream_id, self._prompt, self._index = stream_id, prompt, 0
        self._stream_is_new = True

    def set_prompt(self, prompt: str) -> None:
        """This prompt is in force from now on."""
        self._prompt = prompt

    def end_stream(self) -> None:
        """Frames from now on belong to no stream."""
        self._stream_id, self._prompt, self._index = None, None, 0

    async def consume(self, track: MediaStreamTrack) -> None:
        """Take a track's frames until it ends. aiortc's queue has no bound, so nothing here may wait."""
        clock = MediaClock()
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, av.VideoFrame):
                self._take(frame, clock)

    def _take(self, frame: av.VideoFrame, clock: MediaClock) -> None:
        arrival_ns, media_time_ns = self._monotonic_ns(), clock.media_time_ns(frame)
        if self._stream_is_new and clock is self._last_clock:
            # aiortc hands a picture out when the packets of the next one come. So the first is the last from
            # before the stream, however soon this one began.
            decoded = DecodedFrame(frame, arrival_ns, media_time_ns, index=0, stream_id=None, prompt=None)
        else:
            decoded = DecodedFrame(
                frame, arrival_ns, media_time_ns, self._index, self._stream_id, self._prompt
            )
            self._index += 1
        self._stream_is_new = False
        self._last_clock = clock
        self.decoded += 1
        self.last_arrival_ns = arrival_ns
        self._observer.decoded_frame(decoded)
        if self.converter is not None:
            self.converter.offer(decoded)


class NewestFrameConverter:
    """Converts the newest frame to RGB on a thread of its own and calls `on_video_frame` on the loop.

    While a frame is being converted, those that come replace each other, and all but the last are dropped and
    counted: a slow consumer sees fewer frames, never old ones.
    """

    def __init__(self, observer: ClientObserver) -> None:
        self._observer = observer
        self._newest: DecodedFrame | None = None
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="odyssey-convert")
        self.converted = 0
        self.dropped = 0

    def offer(self, frame: DecodedFrame) -> None:
        """Put a frame where the next conversion finds it."""
        if self._newest is not None:
            self.dropped += 1
        self._newest = frame
        self._arrived.set()

    async def run(self) -> None:
        """Convert until cancelled, then let the thread go."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                frame, self._newest = self._newest, None
                if frame is not None:
                    try:
                        picture = await loop.run_in_executor(self._thread, to_video_frame, frame)
                    except Exception as error:  # PyAV raises many kinds; the next frame may be better
                        logger.exception("A frame cannot be converted")
                        self._observer.error(error, fatal=False)
                        continue
                    self.converted += 1
                    self._observer.video_frame(picture)
        finally:
            # The thread is idle or some milliseconds from it, and ends by itself.
            self._thread.shutdown(wait=False)


def to_video_frame(decoded: DecodedFrame) -> VideoFrame:
    """Convert to RGB. Takes some milliseconds without the GIL: not for the event loop."""
    data = np.ascontiguousarray(decoded.frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    height, width = data.shape[:2]
    return VideoFrame(data=data, width=width, height=height, timestamp_ms=decoded.media_time_ns // 1_000_000)
