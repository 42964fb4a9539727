"""The path of a frame: passed on encoded when it is complete, and decoded; the newest is converted."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import numpy as np
from aiortc.mediastreams import MediaStreamError

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import OdysseyConnectionError
from odyssey_ros.client.frame_labels import LabelHistory
from odyssey_ros.client.types import ClientStatistics, DecodedFrame, EncodedFrame, VideoFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.client.observer import ClientObserver
    from odyssey_ros.client.video_receiver import ReceivedFrame, ReceivedUnit

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
        """Return the number of frames that were to be decoded and were not."""
        ...

    @property
    def key_frames_requested(self) -> int:
        """Return the number of requests for a key frame."""
        ...

    def set_decoding(self, *, enabled: bool) -> None:
        """Turn decoding on or off."""
        ...

    def request_key_frame(self) -> None:
        """Ask the sender for a key frame, until one arrives."""
        ...

    async def recv(self) -> ReceivedFrame:
        """Return the next decoded frame.

        Raises:
            MediaStreamError: The track has ended.
        """
        ...


class FramePipeline:
    """Takes all video frames of a client, across tracks, and passes them to an observer.

    Args:
        observer: Receives every encoded frame at once, while decoding is on every decoded frame, and if it
            wants video frames the newest one, converted.
        decoding: Whether frames are decoded at first; None for what the observer wants.
        first_number: Number of the first access unit.
        monotonic_ns: Returns the time in nanoseconds.

    Attributes:
        labels: The labels in force.
        received: Number of access units received.
        lost: Number of access units that were given up because packets were missing.
        passed: Number of access units passed to the observer.
        withheld: Number of access units received and not passed on, because a key frame was awaited.
        decoded: Number of decoded frames passed to the observer.
        last_arrival_ns: Arrival of the last access unit passed on, if any.
        decoding: Whether frames are decoded.
        converter: Converts frames, if the observer wants video frames.
    """

    def __init__(
        self,
        observer: ClientObserver,
        *,
        decoding: bool | None = None,
        first_number: int = 0,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._observer = observer
        self.labels = LabelHistory(monotonic_ns=monotonic_ns)
        self._source: VideoSource | None = None
        self._skipped_before = 0
        self._requested_before = 0
        self._first_number = first_number
        self.received = 0
        self.lost = 0
        self.passed = 0
        self.withheld = 0
        self._awaits_key_frame = False  # whether the last access unit was withheld
        self.decoded = 0
        self.last_arrival_ns: int | None = None
        wanted = observer.wants_decoded_frames or observer.wants_video_frames
        self.decoding = wanted if decoding is None else decoding
        self.converter = NewestFrameConverter(observer) if observer.wants_video_frames else None

    @property
    def skipped(self) -> int:
        """Return the number of frames that were to be decoded and were not, across tracks."""
        return self._skipped_before + (0 if self._source is None else self._source.skipped)

    @property
    def key_frames_requested(self) -> int:
        """Return the number of requests for a key frame, across tracks."""
        return self._requested_before + (0 if self._source is None else self._source.key_frames_requested)

    def set_decoding(self, *, enabled: bool) -> None:
        """Turn decoding on or off, for this and later tracks."""
        self.decoding = enabled
        if self._source is not None:
            self._source.set_decoding(enabled=enabled)

    def request_key_frame(self) -> None:
        """Ask the sender of the present track for a key frame. A later track begins with one."""
        if self._source is not None:
            self._source.request_key_frame()

    async def consume(self, source: VideoSource) -> None:
        """Read a track's decoded frames until it ends. Nothing here may wait: they queue behind it."""
        self._skipped_before, self._requested_before = self.skipped, self.key_frames_requested
        self._source = source
        source.set_decoding(enabled=self.decoding)
        while True:
            try:
                received = await source.recv()
            except MediaStreamError:
                return
            self._take(received)

    def unit_received(self, lost: int) -> int:
        """Count a received access unit, and `lost` ones before it; return its number."""
        self.lost += lost
        self.received += 1
        return self._first_number + self.received + self.lost - 1

    def unit_withheld(self) -> None:
        """Count a received access unit that is not passed on."""
        self.withheld += 1
        self._awaits_key_frame = True

    def unit_passed(self, unit: ReceivedUnit) -> None:
        """Pass an access unit on."""
        arrival, frame = unit.arrival, unit.arrival.frame
        self.passed += 1
        self._awaits_key_frame = False
        self.last_arrival_ns = arrival.arrival_ns
        width, height = unit.size or (None, None)
        self._observer.encoded_frame(
            EncodedFrame(
                codec=unit.codec,
                data=unit.data,
                is_key_frame=unit.is_key_frame,
                width=width,
                height=height,
                arrival_ns=arrival.arrival_ns,
                media_time_ns=_nanoseconds(frame.media_ticks),
                stream_time_ns=_nanoseconds(frame.stream_ticks),
                index=frame.index,
                stream_id=frame.label.stream_id,
                prompt=frame.label.prompt,
                number=arrival.number,
            )
        )

    def frozen(self, timeout_s: float) -> OdysseyConnectionError:
        """Return the failure of a connection that has passed nothing on for `timeout_s` seconds."""
        missing = "key frame" if self._awaits_key_frame else "frame"
        return OdysseyConnectionError(f"No {missing} for {timeout_s:g} s", code=ErrorCode.FROZEN)

    def add_counts(self, past: ClientStatistics) -> ClientStatistics:
        """Return statistics to which the counts of frames are added."""
        converter = self.converter
        return dataclasses.replace(
            past,
            frames_received=past.frames_received + self.received,
            frames_lost=past.frames_lost + self.lost,
            frames_passed=past.frames_passed + self.passed,
            frames_withheld=past.frames_withheld + self.withheld,
            frames_decoded=past.frames_decoded + self.decoded,
            frames_skipped=past.frames_skipped + self.skipped,
            frames_converted=past.frames_converted + (0 if converter is None else converter.converted),
            frames_dropped=past.frames_dropped + (0 if converter is None else converter.dropped),
            key_frames_requested=past.key_frames_requested + self.key_frames_requested,
        )

    def _take(self, received: ReceivedFrame) -> None:
        if not self.decoding:
            return
        arrival, frame = received.arrival, received.arrival.frame
        decoded = DecodedFrame(
            frame=received.frame,
            arrival_ns=arrival.arrival_ns,
            media_time_ns=_nanoseconds(frame.media_ticks),
            stream_time_ns=_nanoseconds(frame.stream_ticks),
            index=frame.index,
            stream_id=frame.label.stream_id,
            prompt=frame.label.prompt,
            number=arrival.number,
        )
        self.decoded += 1
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
