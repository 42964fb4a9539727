"""Recording a live stream without holding it up."""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
from typing import TYPE_CHECKING

import av

from odyssey_ros.emulator.media.encoding import RTP_CLOCK, VideoEncoder
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
    """Takes a stream's pictures and events and writes them on a thread of low priority.

    Nothing but the end of a recording ever waits. A stream that is encoded as H.264 hands over its packets
    (`add_packet`), which costs 0.04 ms a frame; any other hands over its frames (`add_frame`), which are
    encoded here. When the disk or the encoder cannot keep up, pictures are left out of the recording and
    counted. When the disk fails, the recording is given up with a warning; the stream goes on.

    Attributes:
        recording: what is known of the recording so far.
        dropped: pictures left out because writing was behind.
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
        """Begin to record into ``directory``, which must not exist.

        Args:
            directory: folder to write into.
            recording: the recording to be.
            fps: nominal frames per second.
            bitrate: of frames that are encoded here, bits per second.
            on_closed: called on the recorder's thread at the end, with the recording when its files are
                complete, with None when there will be none.
        """
        self.recording = recording
        self.dropped = 0
        self._directory = directory
        self._fps = fps
        self._bitrate = bitrate
        self._on_closed = on_closed
        self._work: queue.SimpleQueue[Callable[[RecordingWriter], None] | None] = queue.SimpleQueue()
        self._needs_keyframe = True
        self._encoder: VideoEncoder | None = None
        self._ended_at: datetime | None = None
        self._thread = threading.Thread(target=self._run, name="odyssey-recorder", daemon=True)
        self._thread.start()

    def add_event(self, event: StreamEvent) -> None:
        """Record that something happened."""
        self._work.put(lambda writer: writer.add_event(event))

    def add_packet(self, data: bytes, stream_time_ms: int, *, keyframe: bool) -> None:
        """Record a picture that is H.264 (Annex B) already."""
        if self._work.qsize() >= _PACKET_BACKLOG:
            self._needs_keyframe = True
        if self._needs_keyframe and not keyframe:
            self.dropped += 1
            return
        self._needs_keyframe = False
        self._work.put(lambda writer: writer.add_packet(data, stream_time_ms, keyframe=keyframe))

    def add_frame(self, frame: av.VideoFrame, stream_time_ms: int) -> None:
        """Record a yuv420p picture; its pixels must not change any more, its other fields may."""
        if self._work.qsize() >= _FRAME_BACKLOG:
            self.dropped += 1
            return
        self._work.put(lambda writer: self._encode(writer, frame, stream_time_ms))

    def finish(self, ended_at: datetime) -> None:
        """End the recording and wait until its files are complete, some tens of milliseconds."""
        self._ended_at = ended_at
        self._work.put(None)
        self._thread.join()

    def abandon(self) -> None:
        """Stop recording; there will be no recording. Harmless after `finish`."""
        self._work.put(None)
        self._thread.join()

    # Below: on the recorder's thread.

    def _run(self) -> None:
        if sys.platform == "linux":
            # There the niceness belongs to the thread.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        finished = None
        try:
            finished = self._write_all()
        except (OSError, ValueError, av.FFmpegError) as error:
            logger.warning("recording of %s was given up: %s", self.recording.stream_id, error)
        finally:
            self._on_closed(finished)

    def _write_all(self) -> Recording | None:
        writer = RecordingWriter(self._directory, self.recording, self._fps)
        try:
            while (work := self._work.get()) is not None:
                work(writer)
            return None if self._ended_at is None else writer.finish(self._ended_at)
        finally:
            writer.abandon()

    def _encode(self, writer: RecordingWriter, frame: av.VideoFrame, stream_time_ms: int) -> None:
        if self._encoder is None:
            self._encoder = VideoEncoder("h264", self._fps, self._bitrate)
        encoded = self._encoder.encode(frame, stream_time_ms * RTP_CLOCK // 1000, keyframe=False)
        if encoded is not None:
            writer.add_packet(encoded.data, stream_time_ms, keyframe=encoded.keyframe)
