"""The path of a frame: taken from the decoder at once, stamped and passed on; the newest is converted."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import numpy as np
from aiortc.mediastreams import MediaStreamError

from odyssey_ros.client.frame_labels import LabelHistory
from odyssey_ros.client.types import DecodedFrame, VideoFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.client.observer import ClientObserver
    from odyssey_ros.client.video_receiver import ReceivedFrame

logger = logging.getLogger(__name__)

_SAMPLES = 4
_NS_PER_S = 1_000_000_000
_RTP_CLOCK = 90_000


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


class VideoSource(Protocol):
    """A received video track."""

    @property
    def skipped(self) -> int:
        """Return the number of frames received that were not decoded."""
        ...

    async def recv(self) -> ReceivedFrame:
        """Return the next decoded frame.

        Raises:
            MediaStreamError: The track has ended.
        """
        ...


class FramePipeline:
    """Reads all video frames of a client, across tracks, and passes them to an observer.

    Args:
        observer: Receives every decoded frame at once and, if it wants video frames, the newest converted.
        monotonic_ns: Returns the arrival time in nanoseconds.

    Attributes:
        labels: The labels in force.
        decoded: Number of decoded frames.
        last_arrival_ns: Arrival of the last frame, if any.
        converter: Converts frames, if the observer wants video frames.
    """

    def __init__(
        self, observer: ClientObserver, *, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._observer = observer
        self._monotonic_ns = monotonic_ns
        self.labels = LabelHistory(monotonic_ns=monotonic_ns)
        self._source: VideoSource | None = None
        self._skipped_before = 0
        self.decoded = 0
        self.last_arrival_ns: int | None = None
        self.converter = NewestFrameConverter(observer) if observer.wants_video_frames else None

    @property
    def skipped(self) -> int:
        """Return the number of frames received that were not decoded, across tracks."""
        return self._skipped_before + (0 if self._source is None else self._source.skipped)

    async def consume(self, source: VideoSource) -> None:
        """Read a track's frames until it ends. Nothing here may wait: decoded frames queue behind it."""
        self._skipped_before, self._source = self.skipped, source
        while True:
            try:
                received = await source.recv()
            except MediaStreamError:
                return
            self._take(received)

    def _take(self, received: ReceivedFrame) -> None:
        arrival_ns, arrival = self._monotonic_ns(), received.arrival
        decoded = DecodedFrame(
            frame=received.frame,
            arrival_ns=arrival_ns,
            media_time_ns=_nanoseconds(arrival.media_ticks),
            stream_time_ns=_nanoseconds(arrival.stream_ticks),
            index=arrival.index,
            stream_id=arrival.label.stream_id,
            prompt=arrival.label.prompt,
        )
        self.decoded += 1
        self.last_arrival_ns = arrival_ns
        self._observer.decoded_frame(decoded)
        if self.converter is not None:
            self.converter.offer(decoded)


def _nanoseconds(ticks: int) -> int:
    return ticks * _NS_PER_S // _RTP_CLOCK


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
