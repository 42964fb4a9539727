"""The path of a frame: taken from the decoder at once, stamped and passed on; the newest is converted."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import av
import numpy as np
from aiortc.mediastreams import MediaStreamError

from odyssey_ros.client.types import DecodedFrame, VideoFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.client.observer import ClientObserver

logger = logging.getLogger(__name__)

_SAMPLES = 4
_RTP_WRAP = 1 << 32
_NS_PER_S = 1_000_000_000


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


@dataclass(frozen=True, slots=True)
class FrameLabel:
    """What is in force while frames arrive.

    Attributes:
        number: Changes when a stream starts or ends.
        stream_id: The running stream, if any.
        prompt: The prompt in force, if any.
    """

    number: int = 0
    stream_id: str | None = None
    prompt: str | None = None


class VideoSource(Protocol):
    """A received video track."""

    @property
    def skipped(self) -> int:
        """Return the number of frames received that were not decoded."""
        ...

    async def recv(self) -> object:
        """Return the next decoded frame.

        Raises:
            MediaStreamError: The track has ended.
        """
        ...

    def label_of(self, frame: av.VideoFrame) -> FrameLabel:
        """Return the label that was current when the frame arrived. Called once for each frame, in order."""
        ...


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
        self._label = FrameLabel()
        self._index = 0
        self._indexed = self._label.number
        self._source: VideoSource | None = None
        self._skipped_before = 0
        self.decoded = 0
        self.last_arrival_ns: int | None = None
        self.converter = NewestFrameConverter(observer) if observer.wants_video_frames else None

    @property
    def skipped(self) -> int:
        """Return the number of frames received that were not decoded, across tracks."""
        return self._skipped_before + (0 if self._source is None else self._source.skipped)

    def current_label(self) -> FrameLabel:
        """Return the label of frames that arrive now."""
        return self._label

    def start_stream(self, stream_id: str, prompt: str | None) -> None:
        """Label frames that arrive from now on with this stream and prompt."""
        self._label = FrameLabel(self._label.number + 1, stream_id, prompt)

    def set_prompt(self, prompt: str) -> None:
        """Label frames that arrive from now on with this prompt."""
        self._label = FrameLabel(self._label.number, self._label.stream_id, prompt)

    def end_stream(self) -> None:
        """Label frames that arrive from now on with no stream."""
        self._label = FrameLabel(self._label.number + 1)

    async def consume(self, source: VideoSource) -> None:
        """Read a track's frames until it ends. Nothing here may wait: decoded frames queue behind it."""
        clock = MediaClock()
        self._skipped_before, self._source = self.skipped, source
        while True:
            try:
                frame = await source.recv()
            except MediaStreamError:
                return
            if isinstance(frame, av.VideoFrame):
                self._take(frame, clock, source.label_of(frame))

    def _take(self, frame: av.VideoFrame, clock: MediaClock, label: FrameLabel) -> None:
        arrival_ns, media_time_ns = self._monotonic_ns(), clock.media_time_ns(frame)
        if label.number != self._indexed:
            self._indexed, self._index = label.number, 0
        decoded = DecodedFrame(frame, arrival_ns, media_time_ns, self._index, label.stream_id, label.prompt)
        self._index += 1
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
