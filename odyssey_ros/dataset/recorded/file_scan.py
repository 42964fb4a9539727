"""The first reading of a file of a recorded bag: labels, events, and the stamps of all pictures.

Pictures are not kept, so a scan of an hour at 30 Hz has about 5 MB.
"""

from __future__ import annotations

import os
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.service_text import clean_text
from odyssey_ros.dataset.episode_failures import containing
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.manifest import crc32_of
from odyssey_ros.dataset.reading.message_reader import (
    CAMERA_INFO,
    FRAME_INFO,
    STREAM_EVENT,
    CalibrationError,
    MessageError,
    camera_info_message,
    event_message,
    frame_info_message,
)
from odyssey_ros.dataset.recorded.recorded_messages import recorded_messages, unreadable_bag
from odyssey_ros.dataset.recorded.recorded_pictures import PICTURE_TYPES, stamp_and_kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from odyssey_ros.dataset.recorded.recorded_messages import RecordedMessage

_MAX_ROWS: Final = 20_000_000
"""Messages of a topic in one file: a week at 30 Hz."""

_MAX_EVENTS: Final = 100_000
_MAX_TEXT: Final = 64 * 1024 * 1024
_MAX_STAMP_NS: Final = 2**31 * 10**9 - 1
_TYPES: Final = frozenset((*PICTURE_TYPES, FRAME_INFO, STREAM_EVENT, CAMERA_INFO))


@dataclass(frozen=True, slots=True)
class ScanTask:
    """A file to be scanned.

    Attributes:
        path: The file.
        bag: Number of its bag. Pictures belong to labels of the same bag only: in simulated time, two bags
            may have the same stamps.
        name: Name for the provenance: that of the bag's folder and of the file.
        scratch: Folder for unpacked files.
    """

    path: Path
    bag: int
    name: str
    scratch: Path


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """The labels on one topic, in the order of the file: one value of each column for each label.

    Attributes:
        stamps_ns: Stamps in nanoseconds since the epoch.
        indexes: Numbers of the frames in their streams.
        media_times_ns: Presentation times since the first frames of the streams.
        prompts: Places in the prompts of the scan.
        streams: Places in the stream ids of the scan.
    """

    stamps_ns: NDArray[np.int64]
    indexes: NDArray[np.int64]
    media_times_ns: NDArray[np.int64]
    prompts: NDArray[np.int64]
    streams: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PictureColumns:
    """The pictures on one topic, in the order of the file: stamps, and numbers of `PictureKind`."""

    type_name: str
    stamps_ns: NDArray[np.int64]
    kinds: NDArray[np.uint8]


@dataclass(frozen=True, order=True, slots=True)
class RecordedEvent:
    """An event: its stamp, the number of its kind (`messages.STREAM_STARTED`, ...), stream and prompt."""

    stamp_ns: int
    kind: int
    stream_id: str
    prompt: str


@dataclass(frozen=True, slots=True, eq=False)
class FileScan:
    """What a file contains.

    Attributes:
        task: The file.
        size: Its size in bytes.
        crc32: Its CRC-32, eight hexadecimal digits.
        topics: All topics with their types.
        labels: The labels by topic.
        pictures: The stamps of the pictures by topic.
        events: The events of streams, in the order of the file.
        texts: The prompts of the labels.
        stream_ids: The streams of the labels; an empty one is that of frames outside of a stream.
        is_calibrated: Whether a `camera_info` has a calibration.
        losses: What of the file cannot be read, and which prompts were cleaned.
    """

    task: ScanTask
    size: int
    crc32: str
    topics: Mapping[str, str]
    labels: Mapping[str, LabelColumns]
    pictures: Mapping[str, PictureColumns]
    events: tuple[RecordedEvent, ...]
    texts: tuple[str, ...]
    stream_ids: tuple[str, ...]
    is_calibrated: bool
    losses: Mapping[Loss, int] = field(default_factory=dict)


def scan_file(task: ScanTask) -> FileScan:
    """Scan a file. Blocks; a task of an engine.

    Raises:
        EpisodeError: The file cannot be read, or exceeds a limit.
    """
    with containing(task.name):
        scan = _Scan(task.path)
        topics: dict[str, str] = {}
        for message in recorded_messages(task.path, task.scratch, scan.losses, types=_TYPES, known=topics):
            try:
                scan.add(message)
            except MessageError:  # noqa: PERF203 -- counted one by one
                scan.losses[Loss.UNREADABLE_MESSAGES] += 1
        try:
            size, crc32 = task.path.stat().st_size, crc32_of(task.path)
        except OSError as error:
            raise unreadable_bag(task.path, error.strerror or os.strerror(error.errno or 0)) from error
        return FileScan(
            task,
            size,
            crc32,
            topics,
            {topic: rows.columns() for topic, rows in scan.labels.items()},
            {topic: rows.columns() for topic, rows in scan.pictures.items()},
            tuple(scan.events),
            tuple(scan.prompts.values),
            tuple(scan.streams.values),
            scan.is_calibrated,
            dict(+scan.losses),
        )


class _LabelRows:
    def __init__(self) -> None:
        self.rows = tuple(array("q") for _ in range(5))

    def columns(self) -> LabelColumns:
        return LabelColumns(*(np.array(row, np.int64) for row in self.rows))


class _PictureRows:
    def __init__(self, type_name: str) -> None:
        self.type_name = type_name
        self.stamps, self.kinds = array("q"), array("B")

    def columns(self) -> PictureColumns:
        return PictureColumns(self.type_name, np.array(self.stamps, np.int64), np.array(self.kinds, np.uint8))


class _Texts:
    """Texts by number. The number of characters is limited."""

    def __init__(self, path: Path, *, is_prompt: bool) -> None:
        self.values: list[str] = []
        self.cleaned = 0
        self._path = path
        self._is_prompt = is_prompt
        self._numbers: dict[str, int] = {}
        self._size = 0

    def number(self, text: str) -> int:
        number = self._numbers.get(text)
        if number is None:
            self._size += len(text) + 100
            if self._size > _MAX_TEXT:
                raise _too_large(self._path, "prompts and stream ids of more than 64 MiB")
            cleaned = clean_text(text, is_prompt=self._is_prompt)
            self.cleaned += cleaned != text
            number = self._numbers[text] = len(self.values)
            self.values.append(cleaned)
        return number


class _Scan:
    def __init__(self, path: Path) -> None:
        self.labels: dict[str, _LabelRows] = {}
        self.pictures: dict[str, _PictureRows] = {}
        self.events: list[RecordedEvent] = []
        self.prompts = _Texts(path, is_prompt=True)
        self.streams = _Texts(path, is_prompt=False)
        self.is_calibrated = False
        self.losses: Counter[Loss] = Counter()
        self._path = path
        self._cameras: set[str] = set()

    def add(self, message: RecordedMessage) -> None:
        """Add a message.

        Raises:
            MessageError: It cannot be parsed.
            EpisodeError: The file has too much.
        """
        if message.type_name == FRAME_INFO:
            self._add_label(message)
        elif message.type_name == STREAM_EVENT:
            self._add_event(message)
        elif message.type_name == CAMERA_INFO:
            self._add_camera(message)
        else:
            stamp_ns, kind = stamp_and_kind(message.type_name, message.data)
            rows = self.pictures.setdefault(message.topic, _PictureRows(message.type_name))
            _check_times(stamp_ns)
            self._check_length(rows.stamps)
            rows.stamps.append(stamp_ns)
            rows.kinds.append(kind)

    def _add_label(self, message: RecordedMessage) -> None:
        label = frame_info_message(message.data, whole=False)
        _check_times(label.stamp_ns, label.media_time_ns)
        if label.frame_index >= 2**63:
            raise MessageError("the frame_index is larger than any stream is long")
        before = self.prompts.cleaned
        values = (
            label.stamp_ns,
            label.frame_index,
            label.media_time_ns,
            self.prompts.number(label.prompt),
            self.streams.number(label.stream_id),
        )
        self.losses[Loss.CLEANED_PROMPTS] += self.prompts.cleaned - before
        rows = self.labels.setdefault(message.topic, _LabelRows()).rows
        self._check_length(rows[0])
        for row, value in zip(rows, values, strict=True):
            row.append(value)

    def _add_event(self, message: RecordedMessage) -> None:
        event = event_message(message.data, whole=False)
        _check_times(event.stamp_ns)
        if not event.stream_id:
            return  # of the connection
        if len(self.events) >= _MAX_EVENTS:
            raise _too_large(self._path, f"more than {_MAX_EVENTS} events")
        prompt = clean_text(event.prompt, is_prompt=True)
        self.events.append(RecordedEvent(event.stamp_ns, event.kind, clean_text(event.stream_id), prompt))

    def _add_camera(self, message: RecordedMessage) -> None:
        if message.topic in self._cameras:
            return  # a node rarely changes its calibration
        self._cameras.add(message.topic)
        try:
            camera_info_message(message.data, whole=False)
        except CalibrationError:
            self.is_calibrated = True

    def _check_length(self, row: array[int]) -> None:
        if len(row) >= _MAX_ROWS:
            raise _too_large(self._path, f"more than {_MAX_ROWS} messages of one topic")


def _check_times(*times_ns: int) -> None:
    if not all(0 <= time_ns <= _MAX_STAMP_NS for time_ns in times_ns):
        raise MessageError("a time is before 1970 or after 2038")


def _too_large(path: Path, what: str) -> EpisodeError:
    return EpisodeError(ErrorCode.BAG_BROKEN, f"{clean_text(str(path))} has {what}, which is too much")
