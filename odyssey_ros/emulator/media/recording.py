"""The metadata and the files of one recording, and a writer for them.

A recording is a folder:

    video.mp4       H.264, plays in a browser
    preview.mp4     the first 4 seconds
    thumbnail.jpg   the first frame, scaled down
    events.jsonl    one `StreamEvent` per line
    metadata.json   the `Recording`; written last

An event has the same fields as an entry of a simulation script, in one flat object:

    {"timestamp_ms": 0, "type": "start", "prompt": "a fox", "applied_prompt": "a fox, ...", "image": false}
    {"timestamp_ms": 5200, "type": "interact", "prompt": "it rains", "applied_prompt": "it rains, ..."}
    {"timestamp_ms": 9000, "type": "end", "reason": "client"}
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

import av
from PIL import Image

from odyssey_ros.emulator.http.json_fields import Fields, InvalidFieldError
from odyssey_ros.emulator.media.mp4 import Mp4Writer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Artifact", "Origin", "Recording", "RecordingWriter", "StreamEvent"]

_PREVIEW_MS = 4000
_THUMBNAIL_SIDE = 320
_METADATA = "metadata.json"


class Artifact(Enum):
    """The downloadable files of a recording; the value is the name of the file."""

    VIDEO = "video.mp4"
    EVENTS = "events.jsonl"
    THUMBNAIL = "thumbnail.jpg"
    PREVIEW = "preview.mp4"

    @property
    def content_type(self) -> str:
        """The media type of the file."""
        return _CONTENT_TYPES[self]


_CONTENT_TYPES = {
    Artifact.VIDEO: "video/mp4",
    Artifact.EVENTS: "application/x-ndjson",
    Artifact.THUMBNAIL: "image/jpeg",
    Artifact.PREVIEW: "video/mp4",
}


class Origin(Enum):
    """The source of a recording."""

    STREAM = "stream"
    SIMULATION = "simulation"


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """An event of a stream.

    Attributes:
        timestamp_ms: stream time, in milliseconds.
        type: `start`, `interact` or `end`.
        prompt: the prompt that the client sent, for `start` and `interact`.
        applied_prompt: the expanded prompt.
        image: whether a `start` had an input image.
        reason: why the stream ended, for `end`.
    """

    timestamp_ms: int
    type: str
    prompt: str | None = None
    applied_prompt: str | None = None
    image: bool | None = None
    reason: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return the JSON object of the events file; fields that are None are omitted."""
        values = {
            "timestamp_ms": self.timestamp_ms,
            "type": self.type,
            "prompt": self.prompt,
            "applied_prompt": self.applied_prompt,
            "image": self.image,
            "reason": self.reason,
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The metadata of a recording.

    Attributes:
        stream_id: id of the stream and its recording.
        owner: name of the account.
        width: width of the frames, in pixels.
        height: height of the frames, in pixels.
        started_at: start of the stream, with time zone.
        origin: a live stream or a simulation.
        ended_at: end of the stream, with time zone; None while the stream runs, when no files exist yet.
        frame_count: number of frames in the video; None while the stream runs.
        duration_seconds: length of the video, in seconds; None while the stream runs.
    """

    stream_id: str
    owner: str
    width: int
    height: int
    started_at: datetime
    origin: Origin = Origin.STREAM
    ended_at: datetime | None = None
    frame_count: int | None = None
    duration_seconds: float | None = None

    def to_json(self) -> dict[str, object]:
        """Return the JSON object of the metadata file."""
        return {
            "stream_id": self.stream_id,
            "owner": self.owner,
            "width": self.width,
            "height": self.height,
            "started_at": self.started_at.isoformat(),
            "origin": self.origin.value,
            "ended_at": self.ended_at.isoformat() if self.ended_at else None,
            "frame_count": self.frame_count,
            "duration_seconds": self.duration_seconds,
        }

    @classmethod
    def read(cls, directory: Path) -> Recording:
        """Read the metadata file of a finished recording.

        Raises:
            OSError: the file is missing or not readable.
            ValueError: the contents are invalid.
        """
        path = directory / _METADATA
        if path.exists() and not path.is_file():  # opening a pipe or a device could block
            raise ValueError(f"{_METADATA} is not a regular file")
        fields = Fields.parse(path.read_bytes())
        recording = cls(
            stream_id=fields.string("stream_id"),
            owner=fields.string("owner"),
            width=fields.integer("width"),
            height=fields.integer("height"),
            started_at=datetime.fromisoformat(fields.string("started_at")),
            origin=Origin(fields.string("origin")),
            ended_at=datetime.fromisoformat(fields.string("ended_at")),
            frame_count=fields.integer("frame_count"),
            duration_seconds=fields.number("duration_seconds"),
        )
        if recording.stream_id != directory.name:
            raise InvalidFieldError(("stream_id",), "must be the name of the folder")
        return recording


class RecordingWriter:
    """Writes the files of one recording into a new folder.

    All methods block on the disk and raise `OSError` when a file cannot be written. Not thread-safe.

    Args:
        directory: the folder; must not exist.
        recording: metadata of the recording.
        fps: nominal frames per second.

    Raises:
        OSError: the folder or a file in it cannot be created.
    """

    def __init__(self, directory: Path, recording: Recording, fps: float) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self._recording = recording
        self._fps = fps
        self._events = (directory / Artifact.EVENTS.value).open("w", encoding="utf-8")
        self._video: Mp4Writer | None = None
        self._preview: Mp4Writer | None = None
        self._first_frame = b""

    def add_event(self, event: StreamEvent) -> None:
        """Write one line of the events file."""
        # ASCII with escapes, because prompts can contain lone surrogates, which UTF-8 cannot encode.
        self._events.write(json.dumps(event.to_json()) + "\n")

    def add_packet(self, data: bytes, time_ms: float, *, keyframe: bool) -> None:
        """Write one frame.

        Args:
            data: an H.264 access unit, Annex B; the first one is a keyframe.
            time_ms: presentation time, in milliseconds.
            keyframe: whether decoding can start at this frame.

        Raises:
            ValueError: the first frame has no parameter sets.
        """
        if self._video is None:
            self._first_frame = data
            self._video = Mp4Writer(self._directory / Artifact.VIDEO.value, data, self._fps)
            self._preview = Mp4Writer(self._directory / Artifact.PREVIEW.value, data, self._fps)
        self._video.write(data, time_ms, keyframe=keyframe)
        if self._preview is not None:
            if time_ms < _PREVIEW_MS:
                self._preview.write(data, time_ms, keyframe=keyframe)
            else:
                self._close_preview()

    def finish(self, ended_at: datetime) -> Recording | None:
        """Complete all files.

        Args:
            ended_at: end of the stream, with time zone.

        Returns:
            The finished recording, or None when no frame was written and the folder is not a recording.
        """
        self._events.close()
        self._close_preview()
        if self._video is None:
            return None
        self._video.close()
        _write_thumbnail(self._first_frame, self._directory / Artifact.THUMBNAIL.value)
        finished = replace(
            self._recording,
            ended_at=ended_at,
            frame_count=self._video.frame_count,
            duration_seconds=round(self._video.duration_seconds, 3),
        )
        (self._directory / _METADATA).write_text(json.dumps(finished.to_json()), encoding="utf-8")
        return finished

    def abandon(self) -> None:
        """Close the files; has no effect after `finish`. Without `finish`, the folder is not a recording."""
        self._events.close()
        self._close_preview()
        if self._video is not None:
            self._video.close()

    def _close_preview(self) -> None:
        if self._preview is not None:
            self._preview.close()
            self._preview = None


def _write_thumbnail(keyframe: bytes, path: Path) -> None:
    decoder = av.CodecContext.create("h264", "r")
    # With several threads, the decoder would return the frame only after further frames.
    decoder.thread_count = 1
    frame = next(iter([*decoder.decode(av.Packet(keyframe)), *decoder.decode(None)]))
    image = Image.fromarray(frame.to_ndarray(format="rgb24"))
    image.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    image.save(path, "JPEG", quality=85)
