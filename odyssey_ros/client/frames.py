"""The path of a frame: taken from the decoder at once, stamped and passed on; the newest is converted."""

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

_SAMPLES = 4
_RTP_WRAP = 1 << 32
_NS_PER_S = 1_000_000_000


async def discard(track: MediaStreamTrack) -> None:
    """Read and discard a track's frames until it ends. An unread track would queue them without bound."""
    with contextlib.suppress(MediaStreamError):
        while True:
            await track.recv()


async def wait_for_standstill(timeout_s: float, sample: Callable[[], object]) -> None:
    """Return when `sample` has returned the same value for `timeout_s` seconds.

    Samples are counted, not seconds: after a suspension of the machine, frames are still queued.

    Args:
        timeout_s: Seconds without a change.
        sample: Returns the watched value, or None while no change is expected.
    """
    current, unchanged = sample(), 0
    while unchanged < _SAMPLES:
        await asyncio.sleep(timeout_s / _SAMPLES)
        previous, current = current, sample()
        unchanged = unchanged + 1 if current == previous and current is not None else 0


class MediaClock:
    """Unwraps the presentation times of one track.

    RTP time has 32 bits. Each step is the shortest one modulo 2^32: a wrap continues, and a small step back
    stays small.
    """

    def __init__(self) -> None:
        self._last_pts: int | None = None
        self._ticks = 0

    def media_time_ns(self, frame: av.VideoFrame) -> int:
        """Return nanoseconds since the track's first frame; an untimed frame repeats the last value."""
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
    """Reads all video frames of a client, across tracks, and passes them to an observer.

    Args:
        observer: Receives every decoded frame at once and, if it wants video frames, the newest converted.
        monotonic_ns: Returns the arrival time in nanoseconds.
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

    def start_stream(self, stream_id: str, prompt: str | None) -> None:
        """Label frames from now on with this stream and prompt."""
        self._stream_id, self._prompt, self._index = stream_id, prompt, 0
        self._stream_is_new = True

    def set_prompt(self, prompt: str) -> None:
        """Label frames from now on with this prompt."""
        self._prompt = prompt

    def end_stream(self) -> None:
        """Label frames from now on with no stream."""
        self._stream_id, self._prompt, self._index = None, None, 0

    async def consume(self, track: MediaStreamTrack) -> None:
        """Read a track's frames until it ends. aiortc's queue is unbounded, so nothing here may wait."""
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
            # aiortc delivers a frame when the packets of the next frame arrive, so the first frame delivered
            # after the start still belongs to the time before the stream.
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
    """Converts the newest frame to RGB on its own thread and reports `video_frame` on the loop.

    During a conversion, each arriving frame replaces the waiting one, which is dropped and counted: a slow
    consumer receives fewer frames, never old ones.
    """

    def __init__(self, observer: ClientObserver) -> None:
        self._observer = observer
        self._newest: DecodedFrame | None = None
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="odyssey-convert")
        self.converted = 0
        self.dropped = 0

    def offer(self, frame: DecodedFrame) -> None:
        """Make a frame the next one to convert."""
        if self._newest is not None:
            self.dropped += 1
        self._newest = frame
        self._arrived.set()

    async def run(self) -> None:
        """Convert until cancelled, then release the thread."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                frame, self._newest = self._newest, None
                if frame is not None:
                    try:
                        picture = await loop.run_in_executor(self._thread, to_video_frame, frame)
                    except Exception as error:  # PyAV raises many kinds; the next frame may convert
                        logger.exception("Cannot convert a frame to RGB; skipping it")
                        self._observer.error(error, fatal=False)
                        continue
                    self.converted += 1
                    self._observer.video_frame(picture)
        finally:
            # The thread ends within milliseconds.
            self._thread.shutdown(wait=False)


def to_video_frame(decoded: DecodedFrame) -> VideoFrame:
    """Convert to RGB. Takes some milliseconds, without the GIL; do not call it on the event loop."""
    data = np.ascontiguousarray(decoded.frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    height, width = data.shape[:2]
    return VideoFrame(data=data, width=width, height=height, timestamp_ms=decoded.media_time_ns // 1_000_000)
