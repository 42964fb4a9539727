"""What an export says about the clips of one episode: a file for each episode, and the rows of the tables.

The records make an export resumable: an episode with a record is complete. They depend only on the episode
and the options.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.client.regular_file import RegularFileError, read_regular_file
from odyssey_ros.dataset.errors import StateError
from odyssey_ros.dataset.exports.clips_cuts import Omission
from odyssey_ros.dataset.manifest import encoded

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT: Final = 1
_CLIP: Final = re.compile(r"[A-Za-z0-9_-]+\.mp4")
_DATASET: Final = re.compile(r"([A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)?)?")
_MAX_RECORD_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ClipRow:
    """A clip, as `metadata.jsonl` has it.

    Attributes:
        file_name: Name of the MP4 file, in the folder of the table.
        text: The prompt.
        episode: Name of the episode.
        stream_id: The stream.
        prompt_number: Number of the prompt in the episode, from 0.
        first_frame: Position of the first frame in the bag.
        last_frame: Position of the last frame in the bag.
        frames: Number of frames of the clip.
        fps: Frames per second.
        width: Width in pixels.
        height: Height in pixels.
        stamp_ns: Stamp of the first frame, in nanoseconds since the epoch.
        copied: Whether the frames are the service's H.264, not encoded again.
        repeated_frames: How many frames are shown again, because the episode was resampled.
        dropped_frames: How many frames from the first to the last are not shown.
    """

    file_name: str
    text: str
    episode: str
    stream_id: str
    prompt_number: int
    first_frame: int
    last_frame: int
    frames: int
    fps: int
    width: int
    height: int
    stamp_ns: int
    copied: bool
    repeated_frames: int
    dropped_frames: int

    @property
    def stem(self) -> str:
        """The name of the clip, without the suffix."""
        return self.file_name.removesuffix(".mp4")

    @property
    def caption_name(self) -> str:
        """Name of the file with the prompt."""
        return f"{self.stem}.txt"

    def to_line(self) -> str:
        """Return the row as JSON, with a newline."""
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True)
class OmissionNote:
    """Frames that are in no clip.

    Attributes:
        prompt_number: Number of the prompt in the episode.
        first_frame: Position of the first of these frames in the bag.
        last_frame: Position of the last one.
        reason: A value of `Omission`.
        text: What was found; it may be empty.
    """

    prompt_number: int
    first_frame: int
    last_frame: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """The clips of one episode.

    Attributes:
        episode: Name of the episode.
        crc32: CRC-32 of the episode's MCAP file.
        dataset: Folder of the dataset that has the clips, relative to the output folder; empty for the folder
            itself.
        clips: The clips, in order.
        left_out: The frames that are in no clip.
    """

    episode: str
    crc32: str
    dataset: str
    clips: tuple[ClipRow, ...]
    left_out: tuple[OmissionNote, ...]

    def counts(self) -> Counter[Omission]:
        """Return how many clips were left out, for each reason."""
        return Counter(Omission(note.reason) for note in self.left_out)

    def to_bytes(self) -> bytes:
        """Return the record as a JSON file."""
        return encoded(json.dumps({"format": _FORMAT, **asdict(self)}, ensure_ascii=False, indent=1) + "\n")


def read_record(path: Path) -> EpisodeRecord:
    """Read the file of a record. Blocks.

    Raises:
        StateError: The file cannot be read, or is no record.
    """
    try:
        return parsed_record(read_regular_file(path, _MAX_RECORD_BYTES))
    except RegularFileError as error:
        raise StateError(f"{path} cannot be read: {error.reason}") from error
    except ValueError as error:
        raise StateError(f"{path} is damaged ({error}): export to another folder") from error


def parsed_record(data: bytes) -> EpisodeRecord:
    """Parse a record.

    Raises:
        ValueError: It is no record.
    """
    try:
        found = json.loads(data)
        if found.pop("format") != _FORMAT:
            raise ValueError("another format version")
        clips = tuple(_checked(ClipRow(**each)) for each in found.pop("clips"))
        notes = tuple(_checked(OmissionNote(**each)) for each in found.pop("left_out"))
        record = EpisodeRecord(clips=clips, left_out=notes, **found)
        _check_texts(record.episode, record.crc32, record.dataset)
        if not all(_CLIP.fullmatch(clip.file_name) for clip in clips) or not _DATASET.fullmatch(
            record.dataset
        ):
            raise ValueError("a file name is not one of a clip")
        record.counts()
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError("a field is missing, unknown or of a wrong type") from error
    return record


def _checked(value: Any) -> Any:
    """Return a row whose fields have the types that they are declared with.

    Raises:
        TypeError: A field has another type.
    """
    for name, kind in type(value).__annotations__.items():
        if type(getattr(value, name)).__name__ != kind:
            raise TypeError(f"{name} is not of the type {kind}")
    return value


def _check_texts(*texts: object) -> None:
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text is not a string")
