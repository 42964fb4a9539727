"""Records a live stream without blocking the stream."""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
from typing import TYPE_CHECKING

import av

from odyssey_ros.emulator.media.encoding import RTP_CLOCK, VideoEncoder
from odyssey_ros.emulator.media.key_frame_schedule import MAX_RECORDED_SECONDS, KeyFrameSchedule
from odyssey_ros.emulator.media.recording import Recording, RecordingWriter, StreamEvent

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

__all__ = ["Recorder"]

logger = logging.getLogger(__name__)

_PACKET_BACKLOG = 600
_FRAME_BACKLOG = 6
_NICENESS = 10


class Recorder:
    """Writes the frames and events of a stream on a thread with low priority.

    Only `finish` and `abandon` block. A stream that is encoded as H.264 passes its packets (`add_packet`),
    which costs 0.04 ms per frame. Other streams pass their frames (`add_frame`), which the recorder encodes.
    When the disk or the encoder is too slow, frames are dropped from the recording and counted. When the disk
    fails, the recording is abandoned with a warning, and the stream continues.

    Attributes:
        recording: the metadata of the recording.
        dropped: number of frames dropped because writing was too slow or a keyframe was missing.

    Args:
        directory: folder to write into; must not exist.
        recording: metadata of the recording.
        fps: nominal frames per second.
        bitrate: bit rate of frames that the recorder encodes, in bits per second.
        on_closed: called on the recorder's thread at the end: with the finished recording, or with None when
            the recording was abandoned.
    """

    def __init__(
        self,
        directory: Path,
        recording: Recording,
        fps: float,
        *,
        bitrate: int = 2_500_000,
        on_closed: Callable[[Recording | None], None] = lambda _: None,
    ) -> None:
        self.recording = recording
        self.dropped = 0
        self._directory = directory
        self._fps = fps
        self._bitrate = bitrate
        self._on_closed = on_closed
        self._tasks: queue.SimpleQueue[Callable[[RecordingWriter], None] | None] = queue.SimpleQueue()
        self._needs_keyframe = True
        self._encoder: VideoEncoder | None = None
        self._key_frames = KeyFrameSchedule(fps, MAX_RECORDED_SECONDS)
        self._ended_at: datetime | None = None
        self._thread = threading.Thread(target=self._run, name="odyssey-recorder", daemon=True)
        self._thread.start()

    def add_event(self, event: StreamEvent) -> None:
        """Record an event."""
        self._tasks.put(lambda writer: writer.add_event(event))

    def add_packet(self, data: bytes, stream_time_ms: float, *, keyframe: bool) -> None:
        """Record an H.264 frame (Annex B)."""
        if self._tasks.qsize() >= _PACKET_BACKLOG:
            self._needs_keyframe = True
        if self._needs_keyframe and not keyframe:
            self.dropped += 1
            return
        self._needs_keyframe = False
        self._tasks.put(lambda writer: writer.add_packet(data, stream_time_ms, keyframe=keyframe))

    def add_frame(self, frame: av.VideoFrame, stream_time_ms: float) -> None:
        """Record a yuv420p frame; its pixels must not change afterwards."""
        if self._tasks.qsize() >= _FRAME_BACKLOG:
            self.dropped += 1
            return
        self._tasks.put(lambda writer: self._encode(writer, frame, stream_time_ms))

    def finish(self, ended_at: datetime) -> None:
        """End the recording; blocks for tens of milliseconds until its files are complete.

        Args:
            ended_at: end of the stream, with time zone.
        """
        self._ended_at = ended_at
        self._tasks.put(None)
        self._thread.join()

    def abandon(self) -> None:
        """Stop recording and keep nothing; has no effect after `finish`."""
        self._tasks.put(None)
        self._thread.join()

    # The methods below run on the recorder's thread.

    def _run(self) -> None:
        if sys.platform == "linux":
            # On Linux, each thread has a niceness of its own.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        finished = None
        try:
            finished = self._write_all()
        except (OSError, ValueError, av.FFmpegError) as error:
            logger.warning(
                "Cannot record stream %s, which continues without a recording; check the disk: %s",
                self.recording.stream_id,
                error,
            )
        finally:
            self._on_closed(finished)

    def _write_all(self) -> Recording | None:
        writer = RecordingWriter(self._directory, self.recording, self._fps)
        try:
            while (task := self._tasks.get()) is not None:
                task(writer)
            return None if self._ended_at is None else writer.finish(self._ended_at)
        finally:
            writer.abandon()

    def _encode(self, writer: RecordingWriter, frame: av.VideoFrame, stream_time_ms: float) -> None:
        if self._encoder is None:
            self._encoder = VideoEncoder("h264", self._fps, self._bitrate)
        ticks = round(stream_time_ms * RTP_CLOCK / 1000)
        encoded = self._encoder.encode(frame, ticks, keyframe=self._key_frames.is_due(ticks))
        if encoded is not None:
            if encoded.keyframe:
                self._key_frames.key_frame_made(ticks)
            writer.add_packet(encoded.data, stream_time_ms, keyframe=encoded.keyframe)
