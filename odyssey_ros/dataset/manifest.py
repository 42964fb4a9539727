"""The list of a dataset's episodes: one JSON object a line, in the order of their names.

What a line holds follows from the recording and the settings alone, so that the lists which several machines
wrote make, put together, the list that one machine would have written.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.dataset.durable import replace_file
from odyssey_ros.dataset.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_BLOCK: Final = 1 << 20


class ManifestError(DatasetError):
    """A manifest cannot be read, or contradicts another; or a file is not what it says."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a bag.

    Attributes:
        path: From the dataset's folder.
        size: Bytes.
        crc32: Eight hexadecimal digits.
    """

    path: str
    size: int
    crc32: str


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One episode.

    Attributes:
        episode: Its name.
        bag: Its bag's folder, from the dataset's folder.
        files: The files of the bag.
        stream_id: The recording.
        images: How the bag holds the pictures: raw, jpeg or h264.
        frames: Pictures.
        width: Pixels.
        height: Pixels.
        start_time_ns: Stamp of the first message, in nanoseconds since the epoch.
        duration_ns: From the first message to the last.
        prompts: What was in force from when on: `time_ns` since the stream's start, and `prompt` as applied.
        video: `size` and `sha256` of the service's video file.
        events: `size` and `sha256` of the service's events log; None when it kept none.
        provenance: How the episode was made: its script, variables and job, as far as there are any.
    """

    episode: str
    bag: str
    files: tuple[FileEntry, ...]
    stream_id: str
    images: str
    frames: int
    width: int
    height: int
    start_time_ns: int
    duration_ns: int
    prompts: tuple[Mapping[str, Any], ...]
    video: Mapping[str, Any]
    events: Mapping[str, Any] | None
    provenance: Mapping[str, Any]

    def to_line(self) -> str:
        """The entry as JSON, with a newline."""
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"

    @classmethod
    def from_line(cls, line: str) -> ManifestEntry:
        """Read what `to_line` wrote.

        Raises:
            ManifestError: It is not that.
        """
        try:
            data = json.loads(line)
            if "making" in data:  # the name of `provenance` in manifests of the first version
                data["provenance"] = data.pop("making")
            files = tuple(FileEntry(**file) for file in data.pop("files"))
            return cls(files=files, prompts=tuple(data.pop("prompts")), **data)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ManifestError(f"not an entry of a manifest: {line[:80]!r}") from error


def read_manifest(path: Path) -> list[ManifestEntry]:
    """Read a manifest.

    Raises:
        ManifestError: It cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path}: cannot be read: {error}") from error
    entries: list[ManifestEntry] = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            entries.append(ManifestEntry.from_line(line))
        except ManifestError as error:  # noqa: PERF203 - the error names the line
            raise ManifestError(f"{path}, line {number}: {error}") from error
    return entries


def write_manifest(path: Path, entries: Iterable[ManifestEntry]) -> None:
    """Write a manifest in place of the one that may be there.

    Raises:
        OSError: The disk failed.
    """
    ordered = sorted(entries, key=lambda entry: entry.episode)
    replace_file(path, "".join(entry.to_line() for entry in ordered).encode())


def merged(manifests: Iterable[Iterable[ManifestEntry]]) -> list[ManifestEntry]:
    """Put the manifests of several machines together.

    Raises:
        ManifestError: Two say different things of one episode.
    """
    found: dict[str, ManifestEntry] = {}
    for entries in manifests:
        for entry in entries:
            if found.setdefault(entry.episode, entry) != entry:
                raise ManifestError(f"the manifests contradict each other about {entry.episode}")
    return sorted(found.values(), key=lambda entry: entry.episode)


def check_files(folder: Path, entries: Iterable[ManifestEntry]) -> Iterator[str]:
    """Compare a dataset's files with its manifest; yield a sentence for each that is not as it should be."""
    for entry in entries:
        for file in entry.files:
            path = folder / file.path
            try:
                size = path.stat().st_size
                if size != file.size:
                    yield f"{file.path}: {size} bytes instead of {file.size}"
                elif crc32_of(path) != file.crc32:
                    yield f"{file.path}: the checksum is wrong"
            except OSError as error:
                yield f"{file.path}: {error.strerror}"


def crc32_of(path: Path) -> str:
    """CRC-32 of a file, as a manifest has it. Blocks."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            crc = zlib.crc32(block, crc)
    return f"{crc:08x}"
